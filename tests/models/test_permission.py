"""Permission is derived from events by one rule; ledger and file give the same answer, and doubt means no."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import PermissionRefusedError, UnreadableDataError, UsageError
from models.permission import (
    Action,
    PermissionEvent,
    PermissionRecord,
    append_permission,
    current_permission,
    decide,
    permitted_customers,
)
from models.permission_files import load_permissions, permission_snapshot_sha256, permissions_as_of
from models.purposes import Purpose, PurposeRegistry, default_purposes
from models.store import Store, open_store

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SHIPPED = default_purposes()
OPT_IN = SHIPPED.purpose("own_product_offers")
OPT_OUT = replace(SHIPPED.purpose("overdraft_signal"), notice_days=30)


def _events(*told: tuple[str, int] | tuple[str, int, str]) -> list[PermissionRecord]:
    """Events in ledger order: (action, days before now, notice version unless it is the one in force)."""
    return [
        PermissionRecord(place, entry[0], (*entry, OPT_IN.notice_version)[2], "", NOW - timedelta(days=entry[1]))
        for place, entry in enumerate(told, start=1)
    ]


# ---- the rule, worked by hand ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "because"),
    [
        ([], "no_record"),
        ([("shown", 90)], "no_record"),
        ([("consented", 90)], "consented"),
        ([("consented", 90), ("withdrawn", 1)], "withdrawn"),
        ([("consented", 90), ("withdrawn", 60), ("consented", 1)], "consented"),
        ([("consented", 90), ("expired", 1)], "expired"),
        ([("consented", 90), ("objected", 1)], "objected"),
        ([("consented", 90), ("objected", 9), ("consented", 1)], "objected"),
        ([("consented", 90), ("objected", 9), ("shown", 1)], "objected"),
        ([("consented", 90), ("objected", 9), ("objection_lifted", 5)], "withdrawn"),
        ([("consented", 90), ("objected", 9), ("objection_lifted", 5), ("consented", 1)], "consented"),
        ([("objection_lifted", 20), ("objected", 9), ("consented", 1)], "objected"),
        ([("consented", 90, "2020-01")], "notice_changed"),
        ([("consented", 90, "2020-01"), ("consented", 1)], "consented"),
        ([("consented", 90), ("consented", 1, "2020-01")], "consented"),
        ([("consented", -1)], "no_record"),  # dated tomorrow
        ([("withdrawn", -1)], "withdrawn"),  # a no counts at once, whatever its date
        ([("withdrawn", 5), ("consented", 9)], "withdrawn"),  # an old form entered late brings nothing back
        ([("consented", 5), ("withdrawn", 9)], "withdrawn"),  # a letter entered late still counts
    ],
)
def test_opt_in(told: list[Any], because: str) -> None:
    permission = decide(_events(*told), OPT_IN, at=NOW)
    assert permission.because == because
    assert permission.allowed == (because == "consented")


@pytest.mark.parametrize(
    ("told", "because"),
    [
        ([], "no_record"),
        ([("consented", 90)], "notice_not_shown"),
        ([("shown", 30)], "notice_shown"),
        ([("shown", 29)], "notice_period_running"),
        ([("shown", 90), ("shown", 1)], "notice_shown"),
        ([("shown", 90, "2020-01")], "notice_not_shown"),
        ([("shown", 90, "2020-01"), ("shown", 2)], "notice_period_running"),
        ([("shown", 90), ("objected", 60)], "objected"),
        ([("objected", 90, "2020-01"), ("shown", 60)], "objected"),
        ([("shown", 90), ("objected", 60), ("objection_lifted", 1)], "notice_shown"),
        ([("shown", 90), ("objected", 60), ("objection_lifted", 30), ("objected", 1)], "objected"),
        ([("shown", 90), ("withdrawn", 60)], "withdrawn"),
        ([("shown", 90), ("withdrawn", 60), ("shown", 40)], "withdrawn"),
        ([("shown", 90), ("withdrawn", 60), ("consented", 40)], "notice_shown"),
        ([("shown", 90), ("expired", 60)], "expired"),
        ([("shown", 90), ("expired", 60), ("shown", 40)], "notice_shown"),
        ([("shown", 90), ("expired", 60), ("shown", 4)], "notice_period_running"),
    ],
)
def test_opt_out(told: list[Any], because: str) -> None:
    permission = decide(_events(*told), OPT_OUT, at=NOW)
    assert permission.because == because
    assert permission.allowed == (because == "notice_shown")


@pytest.mark.parametrize(("days_after_start", "because"), [(29, "notice_period_running"), (30, "notice_shown")])
def test_notice_period_counts_from_the_first_day_of_the_notice_when_it_was_shown_earlier(
    days_after_start: int, because: str
) -> None:
    long_ago = PermissionRecord(1, "shown", OPT_OUT.notice_version, "", datetime(1970, 1, 1, tzinfo=UTC))
    # 1 January 2026 in Amsterdam begins at 23:00 UTC the day before.
    at = datetime(2025, 12, 31, 23, tzinfo=UTC) + timedelta(days=days_after_start)
    assert decide([long_ago], OPT_OUT, at=at).because == because


def test_consents_older_than_the_day_of_the_notice_keep_counting() -> None:
    consent = PermissionRecord(1, "consented", OPT_IN.notice_version, "", datetime(2024, 3, 1, tzinfo=UTC))
    assert decide([consent], OPT_IN, at=datetime(2025, 3, 1, tzinfo=UTC)).allowed


def test_answer_carries_regime_notice_version_and_end() -> None:
    permission = decide(_events(("shown", 9), ("consented", 8)), replace(OPT_IN, valid_hours=24), at=NOW)
    assert (permission.purpose, permission.regime, permission.notice_version) == (OPT_IN.id, "opt_in", "2026-01")
    assert permission.version == 2
    assert permission.valid_until == NOW + timedelta(days=1)


def test_refusal_has_no_end_but_a_version() -> None:
    permission = decide(_events(("consented", 8), ("withdrawn", 1)), OPT_IN, at=NOW)
    assert (permission.version, permission.valid_until) == (2, None)


def test_consent_to_other_words_under_the_same_version_does_not_count() -> None:
    (event,) = _events(("consented", 9))
    assert not decide([event._replace(notice_sha256="0" * 64)], OPT_IN, at=NOW).allowed
    assert decide([event._replace(notice_sha256=OPT_IN.notice_sha256)], OPT_IN, at=NOW).allowed


def test_switching_the_regime_keeps_every_no_and_invents_no_yes() -> None:
    for told in ([("consented", 90), ("withdrawn", 9)], [("shown", 90), ("objected", 9)]):
        assert not decide(_events(*told), OPT_IN, at=NOW).allowed
        assert not decide(_events(*told), OPT_OUT, at=NOW).allowed
    assert not decide(_events(("shown", 90)), OPT_IN, at=NOW).allowed
    assert not decide(_events(("consented", 90)), OPT_OUT, at=NOW).allowed


# ---- the ledger -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('ledger') / 'levensloop.db'}"
    else:
        url = request.getfixturevalue("postgresql").make_schema()
    opened = open_store(url)
    yield opened
    opened.close()


def _event(customer_id: str, action: Action, **changes: Any) -> PermissionEvent:
    given: dict[str, Any] = {
        "purpose": OPT_IN.id,
        "notice_version": OPT_IN.notice_version,
        "notice_sha256": OPT_IN.notice_sha256,
        "language": "nl",
        "channel": "web",
        "actor": "customer",
        "at": NOW,
    }
    return PermissionEvent(customer_id=customer_id, action=action, **{**given, **changes})


def _append(store: Store, event: PermissionEvent) -> int:
    with store.write() as connection:
        return append_permission(connection, event, SHIPPED)


def _allowed(store: Store, customer_id: str, purpose: str = OPT_IN.id) -> bool:
    with store.read() as connection:
        return current_permission(connection, customer_id, purpose, registry=SHIPPED, at=NOW).allowed


def test_withdrawal_counts_from_the_moment_it_is_acknowledged(store: Store) -> None:
    assert not _allowed(store, "ann")
    _append(store, _event("ann", "consented"))
    assert _allowed(store, "ann")
    _append(store, _event("ann", "withdrawn", notice_version="", notice_sha256="", language=""))
    assert not _allowed(store, "ann")


def test_permission_never_leaks_to_another_purpose_or_customer(store: Store) -> None:
    _append(store, _event("bob", "consented"))
    assert not _allowed(store, "bob", "model_training")
    assert not _allowed(store, "bobby")
    assert not _allowed(store, "BOB")


def test_no_to_one_purpose_leaves_the_others_as_they_are(store: Store) -> None:
    training = SHIPPED.purpose("model_training")
    _append(store, _event("bea", "consented"))
    _append(store, _event("bea", "consented", purpose=training.id, notice_sha256=training.notice_sha256))
    _append(store, _event("bea", "objected", purpose=training.id))
    assert _allowed(store, "bea")
    assert not _allowed(store, "bea", training.id)


def test_versions_grow_and_a_repeat_with_the_same_key_changes_nothing(store: Store) -> None:
    first = _append(store, _event("cas", "consented", idempotency_key="k1"))
    withdrawn = _append(store, _event("cas", "withdrawn", idempotency_key="k2"))
    assert withdrawn > first
    assert _append(store, _event("cas", "consented", idempotency_key="k1")) == first
    assert not _allowed(store, "cas")


def test_same_key_for_another_event_is_refused(store: Store) -> None:
    _append(store, _event("dee", "consented", idempotency_key="k1"))
    with pytest.raises(UsageError, match="idempotency key"):
        _append(store, _event("dee", "withdrawn", idempotency_key="k1"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"customer_id": ""}, "customer_id"),
        ({"actor": ""}, "actor"),
        ({"action": "maybe"}, "action"),
        ({"regime": "notice_only"}, "regime"),
        ({"notice_version": ""}, "notice_version"),
        ({"notice_sha256": ""}, "notice_sha256"),
        ({"language": "fr"}, "language"),
        ({"notice_sha256": "0" * 64}, "notice in force"),
        ({"at": NOW.replace(tzinfo=None)}, "time zone"),
    ],
)
def test_incomplete_event_is_not_appended(store: Store, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        _append(store, replace(_event("eve", "consented"), **changes))
    assert not _allowed(store, "eve")


@pytest.mark.parametrize("purpose", ["third_party_sharing", "unknown", ""])
def test_unregistered_purpose_is_refused_everywhere(store: Store, purpose: str) -> None:
    with pytest.raises(PermissionRefusedError):
        _append(store, _event("fay", "consented", purpose=purpose))
    with pytest.raises(PermissionRefusedError):
        _allowed(store, "fay", purpose)
    with pytest.raises(PermissionRefusedError), store.read() as connection:
        permitted_customers(connection, purpose, registry=SHIPPED, at=NOW)


def test_one_look_up_stays_in_the_index(store: Store) -> None:
    with store.read() as connection:
        if connection.dialect.name != "sqlite":
            pytest.skip("PostgreSQL chooses by how full its tables are")
        plan = connection.exec_driver_sql(
            "EXPLAIN QUERY PLAN SELECT version, action, notice_version, notice_sha256, at FROM permission_events "
            "WHERE customer_id = 'x' AND purpose = 'y' ORDER BY version"
        ).fetchall()
    assert [row[3].split(" (")[0] for row in plan] == ["SEARCH permission_events USING COVERING INDEX permission_state"]


def _row(event: PermissionEvent) -> dict[str, Any]:
    return {name: getattr(event, name) for name in PermissionEvent.__dataclass_fields__}


# ---- files, and equality of both ways -------------------------------------------------------------------------------


def _frame(rows: list[tuple[str, str, Action, datetime, str]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["customer_id", "purpose", "action", "at", "notice_version"])
    frame["at"] = pd.to_datetime(frame["at"], utc=True).astype("datetime64[us, UTC]")
    return frame


_TOLD = st.tuples(
    st.sampled_from(["ann", "bob"]),
    st.sampled_from([OPT_IN.id, "overdraft_signal"]),
    st.sampled_from(["shown", "consented", "withdrawn", "objected", "objection_lifted", "expired"]),
    st.integers(0, 80),  # days before now
    st.sampled_from([OPT_IN.notice_version, "2020-01"]),
)


_EXAMPLES = count()  # every example has people of its own in the one store


@settings(max_examples=100, deadline=None)
@given(told=st.lists(_TOLD, max_size=12))
def test_ledger_and_file_give_the_same_customers(store: Store, told: list[tuple[str, Action, str, int, str]]) -> None:
    example = next(_EXAMPLES)
    people = {name: f"{name} {example}" for name in ("ann", "bob")}
    told = sorted(told, key=lambda event: -event[3])
    rows = [(people[c], p, a, NOW - timedelta(days=d), v) for c, p, a, d, v in told]
    _append_all(store, rows)
    for purpose in (OPT_IN.id, "overdraft_signal"):
        from_file = permissions_as_of(_frame(rows), purpose, NOW, SHIPPED)
        with store.read() as connection:
            in_bulk = permitted_customers(connection, purpose, registry=SHIPPED, at=NOW) & set(people.values())
        one_by_one = {customer for customer in people.values() if _allowed(store, customer, purpose)}
        assert from_file == in_bulk == one_by_one


def _append_all(store: Store, rows: list[tuple[str, str, Action, datetime, str]]) -> None:
    with store.write() as connection:
        for customer_id, purpose, action, at, notice in rows:
            known = SHIPPED.purpose(purpose)
            stated = known.notice_sha256 if notice == known.notice_version else "f" * 64
            event = _event(customer_id, action, purpose=purpose, at=at, notice_version=notice, notice_sha256=stated)
            append_permission(connection, event, SHIPPED)


@st.composite
def _histories(draw: st.DrawFn) -> list[PermissionRecord]:
    told = draw(st.lists(st.tuples(st.sampled_from(_ACTIONS), st.integers(-5, 80), st.booleans()), max_size=10))
    return _events(*[(a, d, OPT_IN.notice_version if current else "2020-01") for a, d, current in told])


_ACTIONS = ["shown", "consented", "withdrawn", "objected", "objection_lifted", "expired"]
_PURPOSES = st.sampled_from([OPT_IN, OPT_OUT])


@given(
    events=_histories(),
    purpose=_PURPOSES,
    no=st.sampled_from(["withdrawn", "objected", "expired"]),
    day=st.integers(-5, 80),
)
def test_any_no_appended_last_refuses_at_once(
    events: list[PermissionRecord], purpose: Purpose, no: str, day: int
) -> None:
    last = PermissionRecord(len(events) + 1, no, "", "", NOW - timedelta(days=day))
    assert not decide([*events, last], purpose, at=NOW).allowed


@given(events=_histories(), purpose=_PURPOSES, more=_histories())
def test_objection_survives_whatever_follows_but_its_lifting(
    events: list[PermissionRecord], purpose: Purpose, more: list[PermissionRecord]
) -> None:
    objected = PermissionRecord(100, "objected", "", "", NOW - timedelta(days=40))
    later = [e._replace(version=e.version + 100) for e in more if e.action != "objection_lifted"]
    permission = decide([*events, objected, *later], purpose, at=NOW)
    assert (permission.allowed, permission.because) == (False, "objected")


@given(events=_histories(), purpose=_PURPOSES)
def test_new_notice_ends_every_permission(events: list[PermissionRecord], purpose: Purpose) -> None:
    assert not decide(events, replace(purpose, notice_version="2027-01"), at=NOW).allowed


@given(events=_histories(), purpose=_PURPOSES, at=st.integers(0, len(_ACTIONS) * 2))
def test_forgetting_a_yes_never_allows_more(events: list[PermissionRecord], purpose: Purpose, at: int) -> None:
    yes = [e for e in events if e.action in ("shown", "consented", "objection_lifted")]
    if not yes or decide(events, purpose, at=NOW).allowed:
        return
    forgotten = yes[at % len(yes)]
    assert not decide([e for e in events if e is not forgotten], purpose, at=NOW).allowed


def test_as_of_looks_only_at_what_was_known_then() -> None:
    rows = [
        ("ann", OPT_IN.id, "consented", NOW - timedelta(days=9), "2026-01"),
        ("ann", OPT_IN.id, "withdrawn", NOW - timedelta(days=2), "2026-01"),
    ]
    assert permissions_as_of(_frame(rows), OPT_IN.id, NOW - timedelta(days=3), SHIPPED) == {"ann"}
    assert permissions_as_of(_frame(rows), OPT_IN.id, NOW, SHIPPED) == set()
    assert permissions_as_of(_frame([]), OPT_IN.id, NOW, SHIPPED) == set()


def _write(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "permissions.csv"
    path.write_text("\n".join(["customer_id,purpose,action,at,notice_version", *lines]) + "\n", encoding="utf-8")
    return path


def test_file_is_read_with_dates_moments_and_offsets(tmp_path: Path) -> None:
    frame = load_permissions(
        _write(
            tmp_path,
            "001,model_training,withdrawn,2026-07-01T12:00:00Z,",
            "001,model_training,consented,2026-07-01,2026-01",  # Amsterdam midnight is 22:00 UTC the day before
            "NA,model_training,consented,2026-07-01T12:00:00+02:00,2026-01",
            "002,model_training,consented,2026-12-01 08:30:00,2026-01",
        )
    )
    assert frame["customer_id"].tolist() == ["001", "NA", "001", "002"]
    assert [str(at) for at in frame["at"]] == [
        "2026-06-30 22:00:00+00:00", "2026-07-01 10:00:00+00:00", "2026-07-01 12:00:00+00:00",
        "2026-12-01 07:30:00+00:00",
    ]  # fmt: skip
    assert permissions_as_of(frame, "model_training", NOW, SHIPPED) == {"NA"}


def test_parquet_reads_as_csv_does(tmp_path: Path) -> None:
    frame = load_permissions(_write(tmp_path, "c1,model_training,consented,2026-07-01T12:00:00Z,2026-01"))
    frame.to_parquet(tmp_path / "permissions.parquet")
    pd.testing.assert_frame_equal(load_permissions(tmp_path / "permissions.parquet"), frame)


@pytest.mark.parametrize(
    "line",
    [
        "c1,model_training,allowed,2026-07-01,2026-01",
        "c1,model_training,consented,yesterday,2026-01",
        "c1,model_training,withdrawn,,2026-01",
        ",model_training,consented,2026-07-01,2026-01",
    ],
)
def test_one_row_not_understood_refuses_the_file(tmp_path: Path, line: str) -> None:
    with pytest.raises(UnreadableDataError, match="such as 3"):
        load_permissions(_write(tmp_path, "c0,model_training,consented,2026-07-01,2026-01", line))


def test_table_without_a_column_or_no_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "permissions.csv"
    path.write_text("customer_id,purpose\nc1,model_training\n")
    with pytest.raises(UnreadableDataError, match="action"):
        load_permissions(path)
    with pytest.raises(UnreadableDataError):
        load_permissions(tmp_path / "nowhere.csv")


def test_snapshot_hash_depends_on_who_what_and_when_only() -> None:
    def snapshot(customers: list[str], purpose: str = "model_training", at: datetime = NOW) -> str:
        return permission_snapshot_sha256(customers, purpose=purpose, at=at, registry=SHIPPED)

    assert snapshot(["a", "b"]) == snapshot(["b", "a", "a"])
    different = [
        snapshot(["ab"]),
        snapshot(["a"]),
        snapshot(["a", "b"], OPT_IN.id),
        snapshot(["a", "b"], at=NOW - timedelta(1)),
    ]
    assert len({snapshot(["a", "b"]), *different}) == 5


def test_registry_of_another_version_changes_the_answer(store: Store) -> None:
    _append(store, _event("gus", "consented"))
    renewed = PurposeRegistry("2", (replace(OPT_IN, notice_version="2027-01"),), "x")
    with store.read() as connection:
        permission = current_permission(connection, "gus", OPT_IN.id, registry=renewed, at=NOW)
    assert (permission.allowed, permission.because) == (False, "notice_changed")
