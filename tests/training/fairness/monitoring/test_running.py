"""`levensloop monitor` on a real store, vault and release: permission first, every opening recorded, pages written."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from sklearn.linear_model import LogisticRegression
from typer.testing import CliRunner

from models.candidate import write_candidate
from models.errors import NoReleaseError, PermissionRefusedError, UsageError
from models.home import Home
from models.permission import PermissionEvent, append_permission
from models.purposes import default_purposes
from models.store import complaints, open_store, trail
from models.trail import append_trail, verify_trail
from serving.records import write_run
from training.commands import app
from training.fairness.monitoring.running import Sources, monitor_release
from training.fairness.vault import create_vault
from training.report.source import read_source

WORDS = "secret"
COLUMNS = {
    "origin_class": "dutch", "born_abroad": "false", "religion": "none", "gender": "f", "age_band": "35-54",
    "income_quintile": "3", "household": "single", "language_of_texts": "dutch", "cash_heavy": "false",
    "pay_period": "monthly",
}  # fmt: skip
CUSTOMERS = [f"klant-{at:03d}" for at in range(120)]  # of even number: men; the last twenty do not allow the audit
AT = datetime(2026, 11, 20, 9, tzinfo=UTC)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, Path, str]:
    """A release, a vault, and two months of nightly runs in which men are told of a trip and women of nothing."""
    folder = tmp_path_factory.mktemp("monitor")
    home, key = Home(folder / "home"), folder / "audit" / "vault.key"
    read = resources.files("models").joinpath
    model = LogisticRegression().fit(np.array([[0.0], [1.0], [2.0], [3.0]]), ["none", "none", "move", "move"])
    release = write_candidate(
        home, classifier=model, detector=model, taxonomy_toml=read("taxonomy.toml").read_text("utf-8"),
        screening=read("screening.toml").read_text("utf-8"), permission={"permission_not_shown": True},
        facts={"headline": {"name": "event_macro_f1", "value": None, "n": 0}},
        created_at=datetime(2026, 9, 1, 9, tzinfo=UTC),
    ).id  # fmt: skip
    groups = folder / "groups.csv"
    rows = [{"customer_id": one, **COLUMNS, "gender": "mf"[at % 2]} for at, one in enumerate(CUSTOMERS)]
    pd.DataFrame(rows).to_csv(groups, index=False)
    until = datetime.now(UTC).date() + timedelta(days=30)
    create_vault(home, groups, purpose="fairness_audit", delete_after=until, key_file=key, passphrase=WORDS, who="Dana")
    fill(home, release)
    return home, key, release


def fill(home: Home, release: str) -> None:
    store = open_store(home.database_url)
    registry = default_purposes()
    purpose = registry.purpose("fairness_audit")
    with store.write() as connection:
        for customer in CUSTOMERS[:-20]:
            event = PermissionEvent(
                customer_id=customer, purpose=purpose.id, action="consented", notice_version=purpose.notice_version,
                notice_sha256=purpose.notice_sha256, language="nl", channel="test", actor="customer",
                at=datetime(2026, 9, 1, tzinfo=UTC), regime=purpose.regime,
            )  # fmt: skip
            append_permission(connection, event, registry)
        for day, month in ((date(2026, 9, 30), "2026-09-10"), (date(2026, 10, 31), "2026-10-10")):
            found = pd.DataFrame({"customer_id": CUSTOMERS[::2], "event": "travel_booked", "onset_date": month})
            found = found.assign(detected_on=month, probability=0.9, status="open", offer_class="S", evidence="b1")
            write_run(connection, found, customers=CUSTOMERS, as_of=day, release_id=release, model_version="m")
        write_run(connection, found.head(0), customers=CUSTOMERS, as_of=date(2026, 8, 31), release_id="x" * 64,
                  model_version="another release")  # fmt: skip
        for customer in CUSTOMERS[:50]:
            body = {"release": release, "offers": ["travel_booked/travel_insurance"], "events": ["travel_booked"]}
            append_trail(connection, "events_answered", body, personal={"customer_id": customer},
                         at=datetime(2026, 9, 30, 22, 30, tzinfo=UTC))  # fmt: skip
        connection.execute(complaints.insert(), [
            {"customer_id": "klant-001", "subject": "travel_booked", "at": AT.replace(month=10), "call_back_by": AT}
        ])  # fmt: skip
    store.close()


@pytest.fixture(scope="module")
def facts(served: tuple[Home, Path, str]) -> dict[str, Any]:
    home, key, release = served
    return monitor_release(Sources(), release_id=release, vault_key=key, passphrase=WORDS, who="Dana", home=home, at=AT)


def of_women(facts: dict[str, Any], question: str, month: str) -> dict[str, Any]:
    rows = facts["rates"][question]
    (row,) = [row for row in rows if (row["month"], row["ground"], row["group"]) == (month, "gender", "f")]
    return row


def test_only_customers_who_allow_the_audit_are_counted(facts: dict[str, Any]) -> None:
    assert (facts["months"], facts["customers"]) == (["2026-09", "2026-10"], 100)
    row = of_women(facts, "answers", "2026-10")
    assert (row["n"], row["share"], row["n_against"], row["share_against"]) == (50, 0.0, 50, 1.0)


def test_every_group_has_its_name_in_both_languages(facts: dict[str, Any]) -> None:
    cells = {(row["ground"], row["group"]) for row in (*facts["rates"]["answers"], *facts["drift"])}
    for language, woman in (("nl", "vrouw"), ("en", "woman")):
        named = facts["names"][language]
        assert all(named[ground]["name"] and named[ground]["groups"][group] for ground, group in cells)
        assert named["gender"]["groups"]["f"].lower().startswith(woman[:3])


def test_answers_of_the_trail_are_of_the_month_in_amsterdam(facts: dict[str, Any]) -> None:
    # Half past midnight on 1 October; of the fifty who were asked about, twenty-five are women.
    row = of_women(facts, "offers", "2026-10")
    assert (row["n"], row["share"]) == (25, None)
    assert of_women(facts, "offers", "2026-09")["n"] == 0


def test_one_complaint_is_told_as_few(facts: dict[str, Any]) -> None:
    assert facts["per_event"] == [{"event": "travel_booked", "kind": "complaint", "n": None}]


@pytest.fixture
def rows_of_trail(served: tuple[Home, Path, str], facts: dict[str, Any]) -> Iterator[list[Any]]:
    store = open_store(served[0].database_url)
    with store.read() as connection:
        yield connection.execute(sa.select(trail.c.kind, trail.c.body).order_by(trail.c.seq)).all()
    assert verify_trail(store, None, None).ok
    store.close()


def test_opening_the_vault_and_the_hash_of_the_facts_are_in_the_trail(
    served: tuple[Home, Path, str], rows_of_trail: list[Any]
) -> None:
    kinds = [row.kind for row in rows_of_trail]
    assert "vault_opened" in kinds
    (told,) = [json.loads(row.body)["body"] for row in rows_of_trail if row.kind == "monitored"]
    latest = read_source(served[0], served[2]).monitored
    assert latest is not None
    assert (told["sha256"], told["release"], told["months"]) == (latest.sha256, served[2], 2)
    assert not any("klant-" in row.body for row in rows_of_trail)


def test_no_customer_is_named_in_what_is_kept(served: tuple[Home, Path, str], facts: dict[str, Any]) -> None:
    (kept,) = served[0].monitoring.iterdir()
    assert not any(customer in kept.read_text("utf-8") for customer in CUSTOMERS)


def test_nothing_promoted_and_nobody_allowed_are_said(served: tuple[Home, Path, str], tmp_path: Path) -> None:
    home, key, release = served
    given: dict[str, Any] = {"vault_key": key, "passphrase": WORDS, "who": "Dana"}
    with pytest.raises(NoReleaseError, match="promoted"):
        monitor_release(Sources(), release_id=None, home=Home(tmp_path), **given)
    nobody = tmp_path / "permissions.csv"
    nobody.write_text("customer_id,purpose,action,at,notice_version\n")
    with pytest.raises(UsageError, match="fairness_audit"):
        monitor_release(Sources(permissions=nobody), release_id=release, home=home, at=AT, **given)
    with pytest.raises(UsageError, match="--bookings"):
        monitor_release(Sources(detections=nobody), release_id=release, home=home, at=AT, **given)
    with pytest.raises(PermissionRefusedError):
        monitor_release(Sources(), release_id=release, home=home, at=AT + timedelta(days=100), **given)


def test_the_command_takes_files_and_writes_pages(
    served: tuple[Home, Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, key, release = served
    monkeypatch.setenv("LEVENSLOOP_HOME", str(home.path))
    monkeypatch.setenv("LEVENSLOOP_VAULT_PASSPHRASE", WORDS)
    bookings = [(one, day, f"{one}{day}") for one in CUSTOMERS for day in ("2026-05-02", "2026-07-03")]
    table = pd.DataFrame(bookings, columns=["customer_id", "booking_date", "booking_id"])
    table = table.assign(amount="1.00", credit_debit_indicator="DBIT", counterparty_name="Albert Heijn")
    table.to_csv(tmp_path / "bookings.csv", index=False)
    found = pd.DataFrame({"customer_id": CUSTOMERS[::2], "event": "travel_booked", "onset_date": "2026-06-01"})
    found.assign(detected_on="2026-06-02", probability=0.8).to_csv(tmp_path / "found.csv", index=False)
    command = ["monitor", "--vault-key", str(key), "--release", release, "--out", str(tmp_path / "out")]
    files = ["--detections", str(tmp_path / "found.csv"), "--bookings", str(tmp_path / "bookings.csv")]
    done = CliRunner().invoke(app, [*command, *files, "--who", "Dana"], catch_exceptions=False)
    assert done.exit_code == 0
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {"monitor-nl.html", "monitor-en.html", "monitor-facts.json"}
    told = json.loads((tmp_path / "out" / "monitor-facts.json").read_text("utf-8"))
    assert told["months"] == ["2026-05", "2026-06", "2026-07", "2026-08", "2026-09", "2026-10"][: len(told["months"])]
    assert of_women(told, "answers", "2026-06")["share_against"] == 1.0
    assert of_women(told, "answers", "2026-05")["share_against"] == 0.0
