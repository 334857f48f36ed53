"""The giving calendar: when gifts to organisations are larger than usual, and what is known about why.

Knowledge is reviewable data (`giving.toml`, owned by the contact team), each habit with its source, its reviewer and
the day it was reviewed; what organisations tell in talks is added in files of the same form. It serves accounts of
organisations alone and meets no customer, no feature and no offer.
"""

import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal, get_args

from models.errors import UnreadableDataError, UsageError
from models.feasts import FIRST_YEAR, LAST_YEAR, feast_days

Direction = Literal["in", "out"]


@dataclass(frozen=True, slots=True)
class Words:
    """One meaning in Dutch and English."""

    nl: str
    en: str


@dataclass(frozen=True, slots=True)
class Feast:
    """A feast of a tradition; it may be kept up to `tolerance_days` from the computed day (sighting of the moon)."""

    id: str
    tradition: str
    words: Words
    tolerance_days: int


@dataclass(frozen=True, slots=True)
class Habit:
    """What an account shows around a feast (`days` from it) or in a season; `times` an ordinary week, from and to."""

    id: str
    tradition: str
    feast: str
    days: tuple[int, int]
    season: tuple[str, str]
    direction: Direction
    times: tuple[float, float]
    words: Words
    source: str
    marker: str
    reviewer: str
    reviewed_on: date


@dataclass(frozen=True, slots=True)
class Occasion:
    """A habit in a year: the days on which it shows, and the feast it belongs to with its computed day."""

    habit: Habit
    feast: Feast | None
    feast_day: date | None
    first_day: date
    last_day: date


@dataclass(frozen=True, slots=True)
class FeastDay:
    """A feast on its computed day."""

    feast: Feast
    day: date


@dataclass(frozen=True, slots=True)
class PeakRule:
    """What counts as a peak; the fields are explained in `giving.toml`."""

    fewest_weeks: int
    least_times: float
    spreads: float
    least_share: float


@dataclass(frozen=True)
class GivingKnowledge:
    """A version of what is known of giving."""

    version: str
    traditions: dict[str, Words]
    feasts: dict[str, Feast]
    habits: tuple[Habit, ...]
    legal_forms: tuple[str, ...]
    sentences: dict[str, Words]  # by verdict
    peak: PeakRule
    late_days: int
    most_years: int


@dataclass(frozen=True)
class GivingCalendar:
    """Feasts and habits of a period; `unknown` names feasts whose day no list knows for a year of it."""

    first_day: date
    last_day: date
    feast_days: tuple[FeastDay, ...]
    occasions: tuple[Occasion, ...]
    unknown: tuple[tuple[str, int], ...]


@cache
def default_giving() -> GivingKnowledge:
    """The knowledge that ships with Levensloop."""
    return parse_giving(_shipped())


def load_giving(paths: Iterable[Path]) -> GivingKnowledge:
    """The shipped knowledge and what was learned in talks since, from files with further `[[habit]]` entries.

    Raises
    ------
    UnreadableDataError
        A file is not there, not TOML or not such knowledge.
    """
    talks = []
    for path in paths:
        try:
            talks.append((path.name, path.read_text("utf-8")))
        except (OSError, UnicodeDecodeError) as error:
            raise UnreadableDataError(f"{path.name} cannot be read. Give habits of giving in TOML.") from error
    return parse_giving(_shipped(), *talks)


def parse_giving(text: str, *talks: tuple[str, str]) -> GivingKnowledge:
    """Build the knowledge from TOML text and (name, text) of talks, whose habits replace those of the same id."""
    data = _parse_toml(text, source="giving")
    habits = {str(raw.get("id")): raw for raw in data.get("habit", [])}
    for source, talk in talks:
        for raw in _parse_toml(talk, source=source).get("habit", []):
            habits[str(raw.get("id"))] = raw
    try:
        knowledge = _build(data, habits.values())
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnreadableDataError(
            f"The giving calendar has an entry that is not complete: {type(error).__name__} at {error}. "
            "See the head of giving.toml; every habit names source, reviewer and day."
        ) from error
    _validate(knowledge)
    return knowledge


def build_calendar(
    first_day: date, last_day: date, *, knowledge: GivingKnowledge, traditions: Iterable[str] = ()
) -> GivingCalendar:
    """Feasts and habits that touch a period, of some traditions or of all.

    Raises
    ------
    UsageError
        The period is none, too long, outside the calendars, or a tradition is unknown.
    """
    wanted = frozenset(traditions) or frozenset(knowledge.traditions)
    _require_known(wanted, knowledge)
    _require_period(first_day, last_day, knowledge)
    feasts = [feast for feast in knowledge.feasts.values() if feast.tradition in wanted]
    years = range(first_day.year, last_day.year + 1)
    days = [
        FeastDay(feast, day)
        for feast in feasts
        for year in years
        for day in feast_days(year).get(feast.id, ())
        if first_day <= day <= last_day
    ]
    occasions = find_occasions(first_day, last_day, knowledge=knowledge, traditions=wanted)
    unknown = [(feast.id, year) for feast in feasts for year in years if feast.id not in feast_days(year)]
    return GivingCalendar(
        first_day, last_day, tuple(sorted(days, key=lambda one: (one.day, one.feast.id))), occasions, tuple(unknown)
    )


def find_occasions(
    first_day: date, last_day: date, *, knowledge: GivingKnowledge, traditions: Iterable[str]
) -> tuple[Occasion, ...]:
    """Every habit of these traditions whose days touch the period, by first day; tolerance is inside the days."""
    wanted = frozenset(traditions)
    years = range(max(FIRST_YEAR, first_day.year - 1), min(LAST_YEAR, last_day.year + 1) + 1)
    found = [
        occasion
        for habit in knowledge.habits
        if habit.tradition in wanted
        for year in years
        for occasion in _occasions_of(habit, year, knowledge)
        if occasion.first_day <= last_day and occasion.last_day >= first_day
    ]
    return tuple(sorted(found, key=lambda one: (one.first_day, one.habit.id)))


def _occasions_of(habit: Habit, year: int, knowledge: GivingKnowledge) -> Iterator[Occasion]:
    if not habit.feast:
        first, last = (date.fromisoformat(f"{year}-{day}") for day in habit.season)
        yield Occasion(habit, None, None, first, last if last >= first else last.replace(year=year + 1))
        return
    feast = knowledge.feasts[habit.feast]
    for day in feast_days(year).get(feast.id, ()):
        first = day + timedelta(days=habit.days[0] - feast.tolerance_days)
        last = day + timedelta(days=habit.days[1] + feast.tolerance_days)
        yield Occasion(habit, feast, day, first, last)


def _require_known(traditions: frozenset[str], knowledge: GivingKnowledge) -> None:
    if not traditions <= set(knowledge.traditions):
        raise UsageError(f"A tradition is not known. Known are: {', '.join(sorted(knowledge.traditions))}.")


def _require_period(first_day: date, last_day: date, knowledge: GivingKnowledge) -> None:
    if last_day < first_day or last_day.year - first_day.year >= knowledge.most_years:
        raise UsageError(f"The period is none or too long. Ask for at most {knowledge.most_years} calendar years.")
    if first_day.year <= FIRST_YEAR or last_day.year >= LAST_YEAR:
        raise UsageError(f"The calendars are known from {FIRST_YEAR + 1} to {LAST_YEAR - 1}. Ask for years of those.")


def _shipped() -> str:
    return resources.files("serving.contact").joinpath("giving.toml").read_text("utf-8")


def _parse_toml(text: str, *, source: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UnreadableDataError(f"{source} is not TOML: {error}") from error


def _build(data: dict[str, Any], habits: Iterable[dict[str, Any]]) -> GivingKnowledge:
    feasts = [
        Feast(raw["id"], raw["tradition"], _words(raw), int(raw["tolerance_days"])) for raw in data.get("feast", [])
    ]
    return GivingKnowledge(
        version=str(data["version"]),
        traditions={raw["id"]: _words(raw) for raw in data["tradition"]},
        feasts={feast.id: feast for feast in feasts},
        habits=tuple(_habit(raw) for raw in habits),
        legal_forms=tuple(data["organisation"]["legal_forms"]),
        sentences={verdict: _words(raw) for verdict, raw in data["sentence"].items()},
        peak=PeakRule(**data["peak"]),
        late_days=int(data["late_days"]),
        most_years=int(data["most_years"]),
    )


def _words(raw: dict[str, Any]) -> Words:
    return Words(str(raw["nl"]), str(raw["en"]))


def _habit(raw: dict[str, Any]) -> Habit:
    if not isinstance(raw["reviewed_on"], date) or not all(raw[name].strip() for name in ("source", "reviewer")):
        raise ValueError(f"habit {raw['id']}: source, reviewer or reviewed_on")
    low, high = raw.get("days", (0, 0))
    first, last = raw.get("season", ("", ""))
    least, most = raw["times"]
    return Habit(
        id=raw["id"],
        tradition=raw["tradition"],
        feast=raw.get("feast", ""),
        days=(int(low), int(high)),
        season=(first, last),
        direction=raw["direction"],
        times=(float(least), float(most)),
        words=_words(raw),
        source=raw["source"],
        marker=raw["marker"],
        reviewer=raw["reviewer"],
        reviewed_on=raw["reviewed_on"],
    )


def _validate(knowledge: GivingKnowledge) -> None:
    faults = [
        f"{feast.id} belongs to no tradition" for feast in knowledge.feasts.values()
        if feast.tradition not in knowledge.traditions
    ]  # fmt: skip
    known = feast_days(2026)
    faults += [f"{feast} is no feast that can be computed" for feast in knowledge.feasts if feast not in known]
    for habit in knowledge.habits:
        if habit.tradition not in knowledge.traditions or habit.direction not in get_args(Direction):
            faults.append(f"habit {habit.id} has an unknown tradition or direction")
        if (habit.feast in knowledge.feasts) == bool(habit.season[0]):
            faults.append(f"habit {habit.id} needs either a known feast or a season")
        if not habit.days[0] <= habit.days[1] or not 1 < habit.times[0] <= habit.times[1]:
            faults.append(f"habit {habit.id} has days or times in the wrong order")
    if faults:
        raise UnreadableDataError(f"The giving calendar is not valid: {'; '.join(faults)}.")
