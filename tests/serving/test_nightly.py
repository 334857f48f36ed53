"""The nightly run looks only at who allows it, and its result answers questions without bookings."""

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from models.bookings import bookings_from_records, write_bookings
from models.errors import NoReleaseError, UnreadableDataError, UsageError
from models.home import Home
from serving import nightly
from serving.nightly import run_nightly, run_nightly_file
from serving.settings import Settings, read_settings

NOON = datetime(2026, 11, 22, 11, tzinfo=UTC)


def test_only_permitted_customers_are_judged_and_answered_from_the_store(bank: Any, booking: Any) -> None:
    bank.record("consented")
    bank.record("consented", customer_id="c-2")
    bank.record("withdrawn", customer_id="c-2")
    bank.record("consented", customer_id="c-3", purpose="model_training")
    rows = [booking(customer_id=name) for name in ("c-1", "c-2", "c-3", "c-4")]
    bank.detector.find("child_birth", onset=date(2026, 10, 1))
    gate = bank.desk.gate
    summary = run_nightly(
        bookings_from_records(rows, source="test").frame,
        as_of=date(2026, 11, 21),
        store=bank.store,
        release=gate.releases.current(),
        registry=gate.registry,
        detect=bank.detector,
        clock=gate.clock,
    )
    assert (summary.customers, summary.judged, summary.detections) == (4, 1, 1)
    assert list(bank.detector.calls[0][0]["customer_id"]) == ["c-1"]
    body = bank.ask(bookings=None).json()
    assert [event["event"] for event in body["events"]] == ["child_birth"]
    assert len(bank.detector.calls) == 1


def test_second_run_of_a_day_replaces_the_first(bank: Any, booking: Any) -> None:
    bank.record("consented")
    gate = bank.desk.gate
    frame = bookings_from_records([booking(customer_id="c-1")], source="test").frame
    for event in ("child_birth", "rental_move"):
        bank.detector.rows.clear()
        bank.detector.find(event, onset=date(2026, 10, 1))
        run_nightly(
            frame, as_of=date(2026, 11, 21), store=bank.store, release=gate.releases.current(),
            registry=gate.registry, detect=bank.detector, clock=gate.clock,
        )  # fmt: skip
    assert [event["event"] for event in bank.ask(bookings=None).json()["events"]] == ["rental_move"]


def run(bank: Any, rows: list[dict[str, Any]]) -> nightly.NightlySummary:
    gate = bank.desk.gate
    return run_nightly(
        bookings_from_records(rows, source="test").frame, as_of=date(2026, 11, 21), store=bank.store,
        release=gate.releases.current(), registry=gate.registry, detect=bank.detector, clock=gate.clock,
    )  # fmt: skip


def test_customer_in_whose_bookings_nothing_was_found_is_known(bank: Any, booking: Any) -> None:
    bank.record("consented")
    assert run(bank, [booking(customer_id="c-1")]).judged == 1
    response = bank.ask(bookings=None)
    assert (response.status_code, response.json()["events"]) == (200, [])


def test_who_withdraws_while_it_runs_is_not_stored(bank: Any, booking: Any) -> None:
    bank.record("consented")
    bank.detector.find("child_birth", onset=date(2026, 10, 1))
    bank.detector.before_answer = lambda: bank.record("withdrawn")
    assert run(bank, [booking(customer_id="c-1")]) == nightly.NightlySummary(1, 0, 0)
    bank.record("consented")
    assert bank.ask(bookings=None).status_code == 404


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of the test bank's own store."""
    return read_settings({"LEVENSLOOP_HOME": str(tmp_path)})


def test_bookings_file_is_judged_and_stored(
    bank: Any, booking: Any, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank.record("consented")
    bank.detector.find("child_birth", onset=date(2026, 10, 1))
    monkeypatch.setattr(nightly, "verify_release", lambda _settings: bank.desk.gate.releases.current())
    monkeypatch.setattr(nightly, "detect_events", bank.detector)
    path = tmp_path / "bookings.csv"
    rows = [booking(customer_id="c-1"), booking(customer_id="c-2", booking_id="b2")]
    write_bookings(bookings_from_records(rows, source="test").frame, path)
    path.write_text(path.read_text().replace("279.49", "0.00", 1))
    lines: list[str] = []
    assert run_nightly_file(path, settings, report=lines.append, clock=lambda: NOON) == nightly.NightlySummary(1, 0, 0)
    assert lines == ["bookings.csv:2: amount is zero"]
    path.write_text(path.read_text().replace("0.00", "279.49", 1))
    summary = run_nightly_file(path, settings, clock=lambda: NOON)
    assert summary == nightly.NightlySummary(2, 1, 1)
    assert bank.detector.calls[-1][1] == date(2026, 11, 22)
    assert [event["event"] for event in bank.ask(bookings=None).json()["events"]] == ["child_birth"]


def test_nightly_run_is_refused_without_release_file_or_customers_and_for_a_day_to_come(
    bank: Any, booking: Any, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bookings.csv"
    write_bookings(bookings_from_records([booking()], source="test").frame, path)
    with pytest.raises(NoReleaseError):
        run_nightly_file(path, replace(settings, home=Home(tmp_path / "empty")), clock=lambda: NOON)
    monkeypatch.setattr(nightly, "verify_release", lambda _settings: bank.desk.gate.releases.current())
    with pytest.raises(UsageError, match="future"):
        run_nightly_file(path, settings, as_of=date(2026, 11, 23), clock=lambda: NOON)
    with pytest.raises(UsageError, match="customer_id"):
        run_nightly_file(path, settings, clock=lambda: NOON)
    path.write_text("no,table\n1,2\n")
    with pytest.raises(UnreadableDataError):
        run_nightly_file(path, settings, clock=lambda: NOON)
