"""When a customer who complains is called back, and which days a bank works: times of Europe/Amsterdam."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from importlib import resources
from typing import Any

import holidays

from models.purposes import AMSTERDAM
from serving.contact.giving import Words

_SATURDAY = 5


@dataclass(frozen=True)
class ComplaintRule:
    """The promise and the codes of a complaint; the fields are explained in `complaints.toml`."""

    calendar: str
    same_day_before: time
    same_day_by: time
    next_day_by: time
    answer_days: int
    keep_days: int
    shown_contacts: int
    phone: str
    subjects: Mapping[str, Words]
    attempts: Mapping[str, Words]
    outcomes: Mapping[str, Words]
    letters: Mapping[str, str]  # outcome to letter

    def is_working_day(self, day: date) -> bool:
        """Whether the bank works on this day."""
        return day.weekday() < _SATURDAY and day not in _closing_days(self.calendar, day.year)

    def next_working_day(self, day: date) -> date:
        """The first working day after this one."""
        later = day + timedelta(days=1)
        while not self.is_working_day(later):
            later += timedelta(days=1)
        return later

    def call_back_by(self, received_at: datetime) -> datetime:
        """Until when somebody who complained at this moment is called."""
        local = received_at.astimezone(AMSTERDAM)
        day = local.date()
        if self.is_working_day(day) and local.time() < self.same_day_before:
            return datetime.combine(day, self.same_day_by, tzinfo=AMSTERDAM)
        return datetime.combine(self.next_working_day(day), self.next_day_by, tzinfo=AMSTERDAM)

    def answer_by(self, received_at: datetime) -> date:
        """The last day on which the final answer is in time."""
        day = received_at.astimezone(AMSTERDAM).date()
        for _ in range(self.answer_days):
            day = self.next_working_day(day)
        return day


@cache
def default_complaint_rule() -> ComplaintRule:
    """The rule that ships with Levensloop."""
    data: dict[str, Any] = tomllib.loads(
        resources.files("serving.contact").joinpath("complaints.toml").read_text("utf-8")
    )
    return ComplaintRule(
        calendar=data["calendar"],
        same_day_before=time.fromisoformat(data["same_day_before"]),
        same_day_by=time.fromisoformat(data["same_day_by"]),
        next_day_by=time.fromisoformat(data["next_day_by"]),
        answer_days=data["answer_days"],
        keep_days=data["keep_days"],
        shown_contacts=data["shown_contacts"],
        phone=data["phone"],
        subjects=_words_of(data["subject"]),
        attempts=_words_of(data["attempt"]),
        outcomes=_words_of(data["outcome"]),
        letters={code: raw["letter"] for code, raw in data["outcome"].items()},
    )


def _words_of(raws: dict[str, Any]) -> dict[str, Words]:
    return {code: Words(raw["nl"], raw["en"]) for code, raw in raws.items()}


@cache
def _closing_days(calendar: str, year: int) -> frozenset[date]:
    return frozenset(holidays.financial_holidays(calendar, years=year))


_DAYS = {
    "nl": ("maandag", "dinsdag", "woensdag", "donderdag", "vrijdag", "zaterdag", "zondag"),
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}
_MONTHS = {
    "nl": ("januari", "februari", "maart", "april", "mei", "juni", "juli", "augustus", "september", "oktober",
           "november", "december"),
    "en": ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
           "November", "December"),
}  # fmt: skip


def say_day(day: date, language: str) -> str:
    """A day in words, such as 3 oktober 2026."""
    return f"{day.day} {_MONTHS[language][day.month - 1]} {day.year}"


def say_promise(by: datetime, language: str) -> str:
    """A promise in words, such as dinsdag 7 april vóór 11.00 uur."""
    local = by.astimezone(AMSTERDAM)
    day = f"{_DAYS[language][local.weekday()]} {local.day} {_MONTHS[language][local.month - 1]}"
    return f"{day} vóór {local:%H.%M} uur" if language == "nl" else f"{day} before {local:%H:%M}"
