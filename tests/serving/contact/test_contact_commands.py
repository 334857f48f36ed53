"""The verbs of the contact team, as typed."""

import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from models.bookings import bookings_from_records, write_bookings
from models.errors import GateBlockedError, UsageError
from serving.commands import app
from serving.contact.letters import templates
from serving.problems import ProblemError

Run = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("LEVENSLOOP_HOME", str(tmp_path))
    monkeypatch.setenv("LEVENSLOOP_DEMO", "1")

    def type_in(*words: str) -> Any:
        outcome = CliRunner().invoke(app, list(words))
        if outcome.exception and not isinstance(outcome.exception, SystemExit):
            raise outcome.exception
        assert outcome.exit_code == 0, outcome.output
        return outcome.stdout

    return type_in


def told(run: Run, *words: str) -> Any:
    return json.loads(run(*words))


def test_letter_is_shown_with_example_values(run: Run) -> None:
    shown = run("letter", "--template", "complaint_received", "--language", "nl")
    assert shown.startswith("Wij bellen u over uw klacht\n\nBeste klant,")
    assert "dinsdag 7 april vóór 11.00 uur" in shown
    assert "We received your complaint" in run("letter", "--template", "complaint_received", "--language", "en")


def test_letters_are_listed_with_version_hash_and_reader(run: Run) -> None:
    listed = told(run, "letter", "--list")["letters"]
    assert len(listed) == 40
    assert {(one["version"], len(one["sha256"]), one["read_by"]) for one in listed} == {(1, 64, None)}


def test_letter_that_is_too_hard_ends_in_a_blocked_gate(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    words = {"subject": "S", "seen": "Wij zagen dit.", "message": "Indien u wenst, wordt het bedrag verrekend."}
    raw = {"id": "hard", "kind": "care", "version": 1, "why": "w", "stop": "s", "example": {}, "nl": words, "en": words}
    part = {"nl": "Dit is zo.", "en": "This is so."}
    shared = {"greeting": part, "closing": part, "why": {"w": part}, "stop": {"s": part}}
    hard = templates.build_letters([raw], shared, templates.default_taxonomy())
    monkeypatch.setattr(templates, "default_letters", lambda: hard)
    with pytest.raises(GateBlockedError, match="'indien' is hard"):
        run("letter", "--template", "hard")


def test_complaint_goes_from_counter_to_log(run: Run) -> None:
    opened = told(run, "complaints", "open", "--customer", "c-1", "--subject", "tone", "--remark", "Onaardig")
    number = str(opened["complaint"]["complaint_id"])
    assert opened["promise"] in opened["letter"]["text"]
    assert told(run, "complaints", "queue")["complaints"][0]["complaint"]["remark"] == "Onaardig"
    told(run, "complaints", "attempt", number, "--colleague", "anna", "--result", "reached")
    told(
        run,
        "complaints",
        "close",
        number,
        "--colleague",
        "anna",
        "--outcome",
        "upheld",
        "--handling",
        "Brief aangepast.",
    )
    today = opened["complaint"]["received_at"][:10]
    days = ("--from", str(date.fromisoformat(today) - timedelta(days=1)), "--until", "2099-01-01")
    (logged,) = told(run, "complaints", "log", *days)["complaints"]
    assert (logged["outcome"], logged["handling"], logged["remark"]) == ("upheld", "Brief aangepast.", "")
    assert told(run, "complaints", "forget") == {"deleted": 0}
    assert told(run, "questions", "report", *days, "--least", "1")["customers"][0]["contacts"] == 4
    assert len(told(run, "questions", "cases", *days, "--least", "1")["cases"]) == 1


def test_calendar_is_shown_and_a_peak_explained(run: Run, tmp_path: Path) -> None:
    calendar = told(
        run, "giving-calendar", "show", "--from", "2026-03-01", "--until", "2026-03-31", "--tradition", "islam"
    )
    assert [one["feast"] for one in calendar["feasts"]] == ["laylat_al_qadr", "eid_al_fitr"]
    gifts = [(date(2025, 11, 7) + timedelta(weeks=at), 100) for at in range(52)] + [(date(2026, 3, 18), 700)]
    records = [
        {"booking_id": f"b{at}", "booking_date": day.isoformat(), "amount": f"{euros}.00",
         "credit_debit_indicator": "CRDT", "counterparty_name": "Gevers"}
        for at, (day, euros) in enumerate(gifts)
    ]  # fmt: skip
    write_bookings(bookings_from_records(records, source="account").frame, tmp_path / "account.csv")
    given = (
        "giving-calendar", "explain", "--bookings", str(tmp_path / "account.csv"), "--organisation", "o-1",
        "--kvk", "01234567", "--tradition", "islam", "--legal-form",
    )  # fmt: skip
    (peak,) = told(run, *given, "stichting")["peaks"]
    assert (peak["verdict"], peak["first_day"]) == ("fits", "2026-03-16")
    with pytest.raises(ProblemError, match="Only accounts of organisations"):
        run(*given, "eenmanszaak")


def test_day_that_is_none_is_refused(run: Run) -> None:
    with pytest.raises(UsageError):
        run("complaints", "log", "--from", "yesterday", "--until", "2026-01-01")
