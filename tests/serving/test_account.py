"""The account for a supervisor: its chain per purpose, its numbers worked by hand, and nobody to be found in it."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from models.board import sign_release
from models.candidate import write_candidate
from models.home import Home
from models.kill_switch import set_kill_switch
from models.promotion import promote_release
from models.purposes import default_purposes, notice_sha256
from models.signing import BOARD, PrivateKey, generate_key, load_private_key
from models.store import complaints
from serving.account.files import write_account
from serving.account.hiding import tell_count, tell_months
from serving.account.page import LANGUAGES, load_texts
from serving.account.permissions import month_ends
from serving.reconciliation import reconcile

NOW = datetime(2026, 11, 22, 11, 0, tzinfo=UTC)
OCTOBER = date(2026, 10, 1)
MARKER = "zq-customer"


@dataclass(frozen=True)
class Promoted:
    """A home whose one candidate the board signed."""

    home: Home
    release: str
    keys: dict[str, PrivateKey]


@pytest.fixture(scope="module")
def promoted_once(tmp_path_factory: pytest.TempPathFactory) -> Promoted:
    home = Home(tmp_path_factory.mktemp("home"))
    keys = {}
    for role in BOARD:
        generate_key(home, role, f"Person {role}", "secret")
        keys[role] = load_private_key(home.keys / f"{role}.pem", "secret")
    files = resources.files("models")
    model = LogisticRegression().fit(np.array([[0.0], [1.0]]), ["none", "move"])
    notice = default_purposes().purpose("model_training").notice_version
    candidate = write_candidate(
        home, classifier=model, detector=model, taxonomy_toml=files.joinpath("taxonomy.toml").read_text("utf-8"),
        screening=files.joinpath("screening.toml").read_text("utf-8"),
        facts={"headline": {"name": "macro_f1", "value": 0.9, "n": 4000}, "fairness": {"findings": []}},
        permission={"snapshot_sha256": "a" * 64, "notice_version": notice, "customers": 812}, created_at=NOW,
    )  # fmt: skip
    for role in BOARD:
        sign_release(home, candidate.id, role, keys[role], "approve", "the <report> is clear", at=NOW)
    promote_release(home, candidate.id, who="Dana", why="first", at=NOW, store=None)
    return Promoted(home, candidate.id, keys)


@pytest.fixture
def promoted(promoted_once: Promoted, tmp_path: Path) -> Promoted:
    """In the folder of the test's bank, whose database then has the promotion in its trail."""
    shutil.copytree(promoted_once.home.path, tmp_path, dirs_exist_ok=True)
    return Promoted(Home(tmp_path), promoted_once.release, promoted_once.keys)


@pytest.fixture
def lived(promoted: Promoted, bank: Any) -> Any:
    """Twelve customers who consented in October, of whom two withdrew in November; ten who were answered."""
    for number in range(12):
        bank.record("consented", customer_id=f"{MARKER}-{number}", at=datetime(2026, 10, 5, 9, tzinfo=UTC))
    for number in range(2):
        bank.record("withdrawn", customer_id=f"{MARKER}-{number}", at=datetime(2026, 11, 2, 9, tzinfo=UTC))
    for number in range(12):
        bank.detector.rows.clear()
        bank.detector.find("child_birth", onset=OCTOBER, customer_id=f"{MARKER}-{number}")
        bank.ask(customer_id=f"{MARKER}-{number}")
    with bank.store.write() as connection:
        connection.execute(
            complaints.insert(),
            [{"customer_id": f"{MARKER}-{n}", "subject": "offer", "at": NOW, "call_back_by": NOW} for n in range(3)],
        )
    set_kill_switch(
        promoted.home, "child_birth", "on", role="owner", private_key=promoted.keys["owner"], reason="looked into",
        at=NOW,
    )  # fmt: skip
    return bank


@pytest.fixture
def account(lived: Any, promoted: Promoted, tmp_path: Path) -> tuple[dict[str, Any], str]:
    reconcile(lived.store, lived.registry, clock=lambda: NOW)
    page = write_account(promoted.home, tmp_path / "out", at=NOW)
    facts: dict[str, Any] = json.loads((tmp_path / "out" / "account.json").read_text())
    return facts, page.read_text("utf-8")


def test_each_purpose_is_a_chain_from_regime_to_numbers(account: Any) -> None:
    facts, _ = account
    purposes = {one["id"]: one for one in facts["purposes"]["list"]}
    assert list(purposes) == [
        "own_product_offers", "overdraft_signal", "model_training", "service_contact", "fairness_audit",
    ]  # fmt: skip
    assert purposes["overdraft_signal"]["compatibility_test"] == "CT-2026-01"
    for one in purposes.values():
        assert one["regime"] in ("opt_in", "opt_out")
        assert "GDPR" in one["lawful_basis"]
        assert len(one["justification"]) > 40
        assert one["notice"]["sha256"] == one["notice"]["sha256_of_text"] == notice_sha256(one["notice"]["text"])
    counted = purposes["own_product_offers"]["permissions"]
    states = counted["customers_by_state_at_month_end"]
    # Twelve at the end of October; now ten, and the two who withdrew are too few to be told.
    assert states == {"consented": {"2026-10": 12, "2026-11": 10}, "withdrawn": {"2026-10": 0, "2026-11": "<10"}}
    assert counted["events_by_month"] == {
        "consented": {"2026-10": 12, "2026-11": 0}, "withdrawn": {"2026-10": 0, "2026-11": "<10"},
    }  # fmt: skip


def test_activity_is_counted_from_the_trail_and_small_counts_are_hidden(account: Any) -> None:
    facts, _ = account
    activity = facts["activity"]
    assert activity["answers"] == {"own_product_offers": {"2026-11": 10}}
    assert activity["offers_made"] == {"own_product_offers": {"2026-11": 10}}
    assert activity["refusals"] == {"permission-refused": {"2026-11": "<10"}}
    assert activity["complaints"] == {"open": {"2026-11": "<10"}}
    assert activity["offers_sent"] == {}


def test_faults_of_ours_are_never_hidden(lived: Any, promoted: Promoted, tmp_path: Path) -> None:
    offer = {"event": "child_birth", "onset_date": "2026-10-01", "product": "child_account", "sent_at": NOW.isoformat()}
    refused = lived.client.post(
        "/v1/offers:sent", json={**offer, "customer_id": f"{MARKER}-0"}, headers={"Idempotency-Key": "k"}
    )
    assert refused.status_code == 403
    reconcile(lived.store, lived.registry, clock=lambda: NOW)
    page = write_account(promoted.home, tmp_path / "out", at=NOW).read_text("utf-8")
    facts = json.loads((tmp_path / "out" / "account.json").read_text())
    assert facts["sent_after_objection"]["sent_after_objection"] == 1
    assert page.count('id="nl-check" aria-labelledby="nl-check-title" class="warning"') == 1


def test_releases_stand_there_with_signatures_stops_and_the_head_of_the_trail(account: Any, promoted: Promoted) -> None:
    facts, page = account
    (release,) = facts["releases"]
    assert (release["release"], release["action"], release["is_champion"]) == (promoted.release, "promote", True)
    assert [(one["role"], one["decision"]) for one in release["signatures"]] == [
        (role, "approve") for role in sorted(BOARD)
    ]
    assert facts["kill_switches"] == [
        {"event": "child_birth", "state": "on", "role": "owner", "at": "2026-11-22T11:00:00Z"}
    ]
    trail = facts["trail"]
    assert (trail["verifies"], trail["findings"]) == (True, [])
    # The promotion, 12 answers and refusals, the stop, the reconciliation.
    assert (trail["rows"], trail["head"]["seq"]) == (15, 15)
    assert trail["head"]["hash"] in page
    assert promoted.release in page


def test_nobody_can_be_found_in_it(account: Any) -> None:
    facts, page = account
    for text in (json.dumps(facts), page):
        assert MARKER not in text
        assert "Person owner" not in text
        assert "Dana" not in text
    counted = [facts["activity"], facts["recalled_offers"], [one["permissions"] for one in facts["purposes"]["list"]]]
    assert [count for count in numbers_in(counted) if 0 < count < 10] == []


def numbers_in(data: Any) -> Iterator[int]:
    if isinstance(data, int):
        yield data
    elif isinstance(data, dict | list):
        for value in data.values() if isinstance(data, dict) else data:
            yield from numbers_in(value)


def test_a_broken_trail_is_told_and_not_hidden(lived: Any, promoted: Promoted, tmp_path: Path) -> None:
    with lived.store.write() as connection:
        connection.exec_driver_sql("DROP TRIGGER trail_no_update")
        connection.exec_driver_sql("UPDATE trail SET kind = 'promotiom' WHERE seq = 1")
    page = write_account(promoted.home, tmp_path / "out", at=NOW).read_text("utf-8")
    assert "row 1 was changed: its hash is not that of its content" in page
    assert 'id="en-trail" aria-labelledby="en-trail-title" class="warning"' in page


def test_an_empty_installation_has_an_account_too(tmp_path: Path) -> None:
    page = write_account(Home(tmp_path / "empty"), tmp_path / "out", at=NOW).read_text("utf-8")
    assert load_texts("nl")("check.never") in page
    assert load_texts("en")("nothing") in page


class _Page(HTMLParser):
    """Collects what a page fetches, its headings and its languages."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.targets: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append(tag)
        self.fetched += [str(given[name]) for name in ("src", "srcset", "action") if name in given]
        self.ids += [str(given["id"])] if "id" in given else []
        self.targets += [str(given["href"])[1:]] if str(given.get("href", "")).startswith("#") else []


def test_page_fetches_nothing_and_its_links_lead_somewhere(account: Any) -> None:
    _, page = account
    read = _Page()
    read.feed(page)
    assert read.fetched == []
    assert not {"script", "link", "iframe", "img"} & set(read.tags)
    assert len(set(read.ids)) == len(read.ids)
    assert set(read.targets) <= set(read.ids)
    assert {"nl", "en"} <= set(read.ids)
    assert "http://" not in page
    assert "https://" not in page


def test_both_languages_have_the_same_words(account: Any) -> None:
    def keys(words: Any, before: str = "") -> set[str]:
        if not isinstance(words, dict):
            return {before}
        return {key for name, inner in words.items() for key in keys(inner, f"{before}.{name}")}

    dutch, english = (keys(load_texts(language).words) for language in LANGUAGES)
    assert dutch == english


@pytest.mark.parametrize(("count", "told"), [(0, 0), (1, "<10"), (9, "<10"), (10, 10), (12_345, 12_345)])
def test_counts_below_ten_are_hidden(count: int, told: int | str) -> None:
    assert tell_count(count) == told


def test_months_without_a_kind_are_zero_and_not_missing() -> None:
    assert tell_months([("a", "2026-10")] * 10 + [("b", "2026-11")]) == {
        "a": {"2026-10": 10, "2026-11": 0},
        "b": {"2026-10": 0, "2026-11": "<10"},
    }


def test_month_ends_are_twelve_and_the_last_is_now() -> None:
    ends = list(month_ends(datetime(2026, 3, 31, 12, tzinfo=UTC)))
    assert [end.strftime("%Y-%m") for end in ends] == [
        "2025-04", "2025-05", "2025-06", "2025-07", "2025-08", "2025-09", "2025-10", "2025-11", "2025-12", "2026-01",
        "2026-02", "2026-03",
    ]  # fmt: skip
    assert ends[-2] == datetime(2026, 3, 1, tzinfo=UTC) - timedelta(microseconds=1)
    assert ends[-1] == datetime(2026, 3, 31, 12, tzinfo=UTC)
