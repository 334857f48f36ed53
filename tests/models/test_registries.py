"""Purposes change by data that the data protection officer signs: at once, recorded, and never by anything else."""

import json
import tomllib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import tomli_w

from models.errors import IntegrityError, UnreadableDataError, UsageError
from models.home import Home
from models.permission import PermissionEvent, append_permission, current_permission
from models.purposes import PurposeRegistry, default_purposes, notice_sha256
from models.registries import Installation, InstalledPurposes, install_purposes, read_purposes_in_force, read_registries
from models.signing import PrivateKey, generate_key, load_private_key, load_registry
from models.store import Store, open_store, purpose_registries, trail
from models.trail import verify_trail

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
OFFERS = "own_product_offers"
Change = Callable[[dict[str, Any]], None]


@pytest.fixture
def home(tmp_path: Path, database_url: str) -> Home:
    return Home(tmp_path / "home", database_url)


@pytest.fixture
def keys(home: Home) -> dict[str, PrivateKey]:
    for role, person in (("data_protection_officer", "Dana"), ("owner", "Olaf")):
        generate_key(home, role, person, "secret")  # type: ignore[arg-type] # a role by its name
    return {path.stem: load_private_key(path, "secret") for path in home.keys.glob("*.pem")}


@pytest.fixture
def store(home: Home, keys: dict[str, PrivateKey]) -> Iterator[Store]:
    opened = open_store(home.database_url)
    yield opened
    opened.close()


@pytest.fixture
def install(home: Home, keys: dict[str, PrivateKey], store: Store) -> Callable[..., Installation]:
    """Installs the shipped registry after a change of one purpose."""

    def put(change: Change, *, purpose: str = OFFERS, base: str = "", role: str = "data_protection_officer",
            reason: str = "decided on Monday", at: datetime = NOW) -> Installation:  # fmt: skip
        text = _changed(change, purpose=purpose, base=base)
        return install_purposes(home, text, source="new.toml", private_key=keys[role], reason=reason, at=at)

    return put


def _changed(change: Change, *, purpose: str = OFFERS, base: str = "") -> str:
    data = tomllib.loads(base or resources.files("models").joinpath("purposes.toml").read_text("utf-8"))
    (one,) = (one for one in data["purpose"] if one["id"] == purpose)
    change(one)
    data["version"] = "2027.1.0"
    return tomli_w.dumps(data)


def _to_opt_out(purpose: dict[str, Any]) -> None:
    """Opt-out with everything it needs: justification, compatibility test, notice period and a notice that says so."""
    notice = {
        "nl": "Wij kijken in uw boekingen, tenzij u nee zegt.",
        "en": "We look in your bookings unless you say no.",
    }
    purpose |= {
        "regime": "opt_out", "lawful_basis": "legitimate interest, article 6(1)(f) GDPR", "notice": notice,
        "compatibility_test": "CT-2027-01", "notice_version": "2027-01", "notice_from": "2026-12-01",
        "notice_days": 30, "notice_sha256": notice_sha256(notice),
    }  # fmt: skip


def _in_force(home: Home, store: Store, *, allow_demo: bool = False) -> PurposeRegistry:
    with store.read() as connection:
        return InstalledPurposes(home, allow_demo).in_force(connection)


def test_shipped_registry_is_in_force_until_another_is_installed(
    home: Home, store: Store, install: Callable[..., Installation]
) -> None:
    assert _in_force(home, store) is default_purposes()
    held = InstalledPurposes(home, allow_demo=False)
    with store.read() as connection:
        assert held.in_force(connection).purpose(OFFERS).regime == "opt_in"
    install(_to_opt_out)
    with store.read() as connection:
        assert held.in_force(connection).purpose(OFFERS).regime == "opt_out"  # without a restart
    assert read_purposes_in_force(home).purpose(OFFERS).regime == "opt_out"


def test_change_of_regime_is_recorded_with_who_when_why_and_both_hashes(
    store: Store, install: Callable[..., Installation]
) -> None:
    done = install(_to_opt_out)
    with store.read() as connection:
        row = connection.execute(sa.select(trail)).one()
    told = json.loads(row.body)["body"]
    assert (row.kind, row.seq, row.at) == ("purposes_installed", done.row.seq, NOW)
    assert (told["role"], told["person"], told["reason"]) == ("data_protection_officer", "Dana", "decided on Monday")
    assert (told["replaces"], told["sha256"]) == (default_purposes().sha256, done.registry.sha256)
    (change,) = told["changes"]
    assert change["purpose"] == OFFERS
    assert change["fields"]["regime"] == ["opt_in", "opt_out"]
    assert change["fields"]["compatibility_test"] == ["", "CT-2027-01"]
    assert "notice" not in change["fields"]
    assert verify_trail(store, None, None).ok


@pytest.mark.parametrize("role", ["owner", "retired"])
def test_only_the_data_protection_officer_changes_purposes(
    tmp_path: Path, keys: dict[str, PrivateKey], install: Callable[..., Installation], role: str
) -> None:
    other = Home(tmp_path / "other")
    generate_key(other, "data_protection_officer", "Rita", "secret")
    keys["retired"] = load_private_key(other.keys / "data_protection_officer.pem", "secret")
    with pytest.raises(UsageError, match="data_protection_officer"):
        install(_to_opt_out, role=role)


def test_reason_and_change_are_needed(install: Callable[..., Installation]) -> None:
    with pytest.raises(UsageError, match="reason"):
        install(_to_opt_out, reason=" ")
    install(_to_opt_out)
    with pytest.raises(UsageError, match="in force already"):
        install(_to_opt_out)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"compatibility_test": ""}, "compatibility test"),
        ({"justification": ""}, "justification"),
        ({"id": "third_party_sharing"}, "third parties"),
    ],
)
def test_registry_that_may_never_be_is_not_installed(
    home: Home, store: Store, install: Callable[..., Installation], change: dict[str, str], fault: str
) -> None:
    with pytest.raises(UnreadableDataError, match=fault):
        install(lambda purpose: (_to_opt_out(purpose), purpose.update(change)))
    assert _in_force(home, store) is default_purposes()


def _same_version(purpose: dict[str, Any]) -> None:
    purpose |= {"notice": {"nl": "a", "en": "b"}, "notice_sha256": notice_sha256({"nl": "a", "en": "b"})}


def _silent_opt_out(purpose: dict[str, Any]) -> None:
    purpose |= {"regime": "opt_out", "compatibility_test": "CT-1"}


def _backdated(purpose: dict[str, Any]) -> None:
    purpose |= {"notice_version": "2027-01", "notice_from": "2025-01-01"}


def _moved(purpose: dict[str, Any]) -> None:
    purpose["notice_from"] = "2025-01-01"


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (_same_version, "other notice texts under version 2026-01"),
        (_silent_opt_out, "becomes opt_out under a notice that asked for consent"),
        (_backdated, "begins before the one that it replaces"),
        (_moved, "moves the first day"),
    ],
)
def test_other_words_are_another_notice(install: Callable[..., Installation], change: Change, fault: str) -> None:
    with pytest.raises(UsageError, match=fault):
        install(change)


# ---- what a change means for a customer -----------------------------------------------------------------------------


def _tell(store: Store, registry: PurposeRegistry, action: str, at: datetime) -> None:
    purpose = registry.purpose(OFFERS)
    event = PermissionEvent(
        customer_id="ann", purpose=OFFERS, action=action,  # type: ignore[arg-type] # tests name it as text
        notice_version=purpose.notice_version, notice_sha256=purpose.notice_sha256, language="nl", channel="page",
        actor="customer", at=at,
    )  # fmt: skip
    with store.write() as connection:
        append_permission(connection, event, registry)


def _because(home: Home, store: Store, at: datetime) -> str:
    with store.read() as connection:
        registry = InstalledPurposes(home, allow_demo=False).in_force(connection)
        return current_permission(connection, "ann", OFFERS, registry=registry, at=at).because


def test_opt_out_needs_the_new_notice_shown_a_whole_notice_period_ago(
    home: Home, store: Store, install: Callable[..., Installation]
) -> None:
    shown = datetime(2026, 12, 5, 9, tzinfo=UTC)
    _tell(store, default_purposes(), "shown", NOW - timedelta(days=90))
    _tell(store, default_purposes(), "consented", NOW - timedelta(days=90))
    assert _because(home, store, shown) == "consented"
    registry = install(_to_opt_out).registry
    assert _because(home, store, shown) == "notice_not_shown"  # the notice that asked for consent is not this one
    _tell(store, registry, "shown", shown)
    assert _because(home, store, shown + timedelta(days=30, seconds=-1)) == "notice_period_running"
    assert _because(home, store, shown + timedelta(days=30)) == "notice_shown"


def test_new_privacy_statement_starts_a_new_notice_period_and_objections_survive(
    home: Home, store: Store, install: Callable[..., Installation]
) -> None:
    shown, renewed = datetime(2026, 12, 5, 9, tzinfo=UTC), datetime(2027, 3, 1, 9, tzinfo=UTC)
    registry = install(_to_opt_out).registry
    _tell(store, registry, "shown", shown)
    assert _because(home, store, renewed) == "notice_shown"

    def renew(purpose: dict[str, Any]) -> None:
        _to_opt_out(purpose)
        notice = {"nl": "Nieuwe tekst.", "en": "New text."}
        purpose |= {"notice": notice, "notice_sha256": notice_sha256(notice)}
        purpose |= {"notice_version": "2027-02", "notice_from": "2027-02-01"}

    registry = install(renew, at=NOW + timedelta(days=80)).registry
    assert _because(home, store, renewed) == "notice_not_shown"
    _tell(store, registry, "shown", renewed)
    assert _because(home, store, renewed + timedelta(days=29)) == "notice_period_running"
    assert _because(home, store, renewed + timedelta(days=30)) == "notice_shown"
    _tell(store, registry, "objected", renewed + timedelta(days=31))
    install(_to_opt_in_again, at=NOW + timedelta(days=200))
    assert _because(home, store, renewed + timedelta(days=400)) == "objected"


def _to_opt_in_again(purpose: dict[str, Any]) -> None:
    notice = {"nl": "Mogen wij?", "en": "May we?"}
    purpose |= {"notice": notice, "notice_sha256": notice_sha256(notice), "notice_version": "2028-01"}
    purpose["notice_from"] = "2028-01-01"


# ---- fail closed ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE purpose_registries SET text = replace(text, '24', '9999')",
        "UPDATE purpose_registries SET statement = replace(statement, 'Monday', 'Friday')",
        "UPDATE purpose_registries SET signature = repeat('00', 64)",
        "UPDATE purpose_registries SET key_id = 'nobody'",
        "UPDATE purpose_registries SET sha256 = repeat('0', 64)",
        "UPDATE purpose_registries SET text = 'x'",
        "UPDATE purpose_registries SET statement = '[]'",
    ],
)
def test_registry_that_was_changed_is_none_and_an_earlier_one_is_not_taken_instead(
    home: Home, store: Store, install: Callable[..., Installation], tamper: Callable[..., None], damage: str
) -> None:
    install(_to_opt_out)
    tamper(damage.replace("repeat('00', 64)", f"'{'00' * 64}'").replace("repeat('0', 64)", f"'{'0' * 64}'"))
    with pytest.raises(IntegrityError):
        _in_force(home, store)


def test_registry_signed_by_another_role_or_a_demo_key_is_none(
    home: Home,
    store: Store,
    keys: dict[str, PrivateKey],
    install: Callable[..., Installation],
    tamper: Callable[..., None],
) -> None:
    install(_to_opt_out)
    tamper(f"UPDATE purpose_registries SET key_id = '{keys['owner'].id}'")  # noqa: S608 - the test's own words
    with pytest.raises(IntegrityError):
        _in_force(home, store)


def test_demo_key_counts_in_a_demo_only(tmp_path: Path, database_url: str) -> None:
    home = Home(tmp_path / "demo", database_url)
    generate_key(home, "data_protection_officer", "Dana", "secret", demo=True)
    key = load_private_key(home.keys / "data_protection_officer.pem", "secret")
    install_purposes(home, _changed(_to_opt_out), source="x", private_key=key, reason="demo", at=NOW)
    store = open_store(database_url)
    assert _in_force(home, store, allow_demo=True).purpose(OFFERS).regime == "opt_out"
    with pytest.raises(IntegrityError):
        _in_force(home, store)
    store.close()


def test_registry_taken_out_of_the_middle_or_off_the_end_is_found(
    home: Home, store: Store, install: Callable[..., Installation], tamper: Callable[..., None]
) -> None:
    install(_to_opt_out)
    now = _changed(_to_opt_out)
    install(lambda purpose: purpose.update(valid_hours=2), purpose="service_contact", base=now)
    with store.read() as connection:
        assert len(read_registries(connection, load_registry(home), allow_demo=False)) == 3
    tamper("DELETE FROM purpose_registries WHERE id = 1")
    with pytest.raises(IntegrityError):
        _in_force(home, store)
    tamper("DELETE FROM purpose_registries")
    findings = "; ".join(verify_trail(store, None, None).findings)
    assert "row 1 recorded a purposes_installed that is not in the store" in findings
    assert "row 2 recorded" in findings


def test_registry_that_no_row_recorded_is_found(
    store: Store, install: Callable[..., Installation], tamper: Callable[..., None]
) -> None:
    install(_to_opt_out)
    tamper("DELETE FROM trail")
    (finding,) = verify_trail(store, None, None).findings
    assert finding.startswith("1 rows of purpose_registries stand in the store, but no row")


def test_history_of_registries_cannot_be_changed(store: Store, install: Callable[..., Installation]) -> None:
    from models.errors import StoreUnavailableError

    install(_to_opt_out)
    for change in (purpose_registries.update().values(text="x"), purpose_registries.delete()):
        with pytest.raises(StoreUnavailableError), store.write() as connection:
            connection.execute(change)
