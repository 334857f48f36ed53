"""Points of the events that salaries tell: every regular pay, and how it stands to earlier ones and other payers."""

import numpy as np

from models.absences import study_finance
from models.history import Background, Course, days_since_flagged, is_income, is_salary, parameters, payers
from models.lookback import (
    Runs,
    day_keys,
    distinct_within,
    expand,
    group_starts,
    is_first,
    last_other,
    median_of_known,
    smallest_of,
    taken,
    window_starts,
)
from models.points import MISSING, Draft, base_figures, earlier, evidence_of, numbered, ratio

_SALARY_EVENTS = frozenset({"first_job", "job_change", "income_rise"})
RECENT, _LONG = 3, 12  # salaries that count as now, and those that now is held against
_SAME = 0.005  # amounts that differ by a smaller share are the same wage
_RISEN = 1.05  # the lowest of the recent pays over the median before; yearly rises stay below
_GAPS = 5  # gaps between salaries that tell their period


def draft_salaries(course: Course, background: Background, events: tuple[str, ...]) -> list[Draft]:
    """Every regular pay is a point of each of the events that salaries tell."""
    at = np.flatnonzero(is_income(course))
    owner, party, days = course.owner[at], payers(course, at), course.days[at]
    runs = Runs(owner, party)
    told = is_salary(course)[at]
    regular = told | (days - runs.before(days, 1, -1e6) <= parameters()["series"]["pay_gap_days"])
    figures = (
        base_figures(course, background, at) | _payer_figures(course, at, runs) | _other_payers(course, at, party, runs)
    )
    figures |= _replaced_payers(course, at, runs) | _as_party(course, at, runs)
    for name, flags in _told_credits(course).items():
        figures[name] = days_since_flagged(course, np.flatnonzero(flags), owner, days)
    figures["says_holiday_pay"] = course.concepts["holiday_pay"][at]
    figures["told_salary"] = told
    evidence = evidence_of(earlier(at, runs, 2), earlier(at, runs, 1), at)[regular]
    three = np.asarray(figures["ratio_three"])
    figures = {name: np.asarray(values)[regular] for name, values in figures.items()}
    begun, rose = _known_before(course, at, party, runs, three)
    return [
        Draft(
            numbered(events.index(event), at[regular]),
            at[regular],
            days[regular],
            evidence,
            figures | {"party_first_history_days": (rose if event == "income_rise" else begun)[regular]},
        )
        for event in sorted(_SALARY_EVENTS & set(events))
    ]


def _as_party(course: Course, at: np.ndarray, runs: Runs) -> dict[str, np.ndarray]:
    """What `base_figures` says of an account, of a payer with all its accounts."""
    days, cents, never = course.days[at], course.cents[at], parameters()["points"]["never_days"]
    return {
        "party_bookings": np.log1p(runs.rank),
        "party_gap_days": np.minimum(days - runs.before(days, 1, -never), never),
        "party_days": days - days[runs.first] if len(at) else days,
        "party_ratio": ratio(cents, runs.before(cents, 1, 0.0)),
    }


def _known_before(
    course: Course, at: np.ndarray, party: np.ndarray, runs: Runs, three: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Days that the account was known before this payer's first pay, and before the first pay of a rise that lasts."""
    days, owner = course.days[at], course.owner[at]
    since = days - course.days[course.start[at]]
    rises = (three >= _RISEN) & (runs.before(three, 1, 0.0) < _RISEN)
    order = np.lexsort((np.arange(len(at)), party, owner))
    rise = np.empty(len(at), dtype=np.int64)
    rise[order] = np.cumsum(rises[order])
    head = Runs(owner, party, rise).first
    first = taken(since, runs.back(RECENT - 1), MISSING)  # the first of the pays that the rise is seen in
    return since[runs.first], np.where(three >= _RISEN, first[head], since) if len(at) else since


def _replaced_payers(course: Course, at: np.ndarray, runs: Runs) -> dict[str, np.ndarray]:
    """The payer whose pay ended shortly before this one's began: a second job goes on, a left one does not."""
    settings, never = parameters()["series"], parameters()["points"]["never_days"]
    owner, days, cents = course.owner[at], course.days[at], course.cents[at].astype(np.float64)
    position = np.arange(len(at))
    near = window_starts(day_keys(owner, days), group_starts(owner), settings["replaced_days"])
    asked, member = expand(near[runs.first], runs.first) if len(at) else (at, at)
    following = np.full(len(at), len(at))
    back = runs.back(1)
    following[back[back >= 0]] = position[back >= 0]
    ended = (following[member] > asked) & (runs.rank[member] > 0)
    last = np.full(len(at), -1, dtype=np.int64)
    last[asked[ended]] = member[ended]  # pairs are in order of member: the latest stays
    lags = np.column_stack([runs.before(cents, lag, np.nan) for lag in range(_LONG)])
    median = median_of_known(lags[:, :RECENT])
    begun = days[runs.first] if len(at) else days
    return {
        "replaced_distance": _nearest_pay(lags, asked[ended], member[ended]),
        "replaced_gap_days": np.minimum(begun - taken(days, last, -never), never),
        "replaced_ratio": ratio(median, taken(median, last, 0.0)),
        "replaced_salaries": taken(runs.rank + 1, last, 0.0),
        "replaced_silent_days": np.minimum(days - taken(days, last, -never), never),
    }


def _nearest_pay(lags: np.ndarray, asked: np.ndarray, ended: np.ndarray) -> np.ndarray:
    """How far the pays of a series are at best from the last ones of any that ended; MISSING without another.

    One and the same amount from a new payer is an employer under a new name, not a new job: seen once, it stays so.
    `lags` are each pay and those before it in its series; `asked` and `ended` are pairs of a pay and the last one of
    another series. Returns a share (0..1) per pay.
    """
    if not len(asked):
        return np.full(len(lags), MISSING)
    theirs = np.where(lags[ended, :RECENT] > 0, lags[ended, :RECENT], np.nan)
    apart = np.abs(lags[asked][:, :, None] / theirs[:, None, :] - 1).reshape(len(asked), -1)
    return smallest_of(asked, np.fmin.reduce(apart, axis=1).clip(0, 1), len(lags), MISSING)


def _told_credits(course: Course) -> dict[str, np.ndarray]:
    """Credits that say how somebody lived before a salary: as a student, on a benefit, or paid off by an employer."""
    benefit = course.concepts["jobless_benefit"] | course.concepts["social_assistance"]
    return {
        "student_gap_days": study_finance(course),
        "benefit_gap_days": benefit & (course.cents > 0),
        "settlement_gap_days": course.concepts["final_settlement"] & (course.cents > 0),
    }


def _payer_figures(course: Course, at: np.ndarray, runs: Runs) -> dict[str, np.ndarray]:
    """The series of this payer so far."""
    cents, days = course.cents[at].astype(np.float64), course.days[at]
    paid = np.column_stack([runs.before(cents, lag, np.nan) for lag in range(_LONG)])
    when = np.column_stack([runs.before(days, lag, np.nan) for lag in range(_GAPS + 1)])
    recent, plain = paid[:, :RECENT], _without_peaks(paid)
    lowest, earlier = plain[:, :RECENT].min(axis=1), median_of_known(plain[:, RECENT:])
    enough = np.isfinite(plain).sum(axis=1) >= RECENT + 2
    # the lowest of three against the median before: one bonus does not lift it
    three = lowest / np.where(enough, earlier, 1.0)
    three = np.where(enough, three, 0.0).clip(0, parameters()["points"]["highest_ratio"])
    return {
        "payer_salaries": runs.rank + 1,
        "payer_days": days - days[runs.first],
        "ratio_before": ratio(cents, runs.before(cents, 1, 0.0)),
        "ratio_three": three,
        "ratio_three_before": runs.before(three, 1, 0.0),  # a rise is told once, when it is new
        "recent_spread": np.nan_to_num(median_of_known(recent) / np.nanmin(recent, axis=1), nan=1.0)
        if len(at)
        else cents,
        # holiday pay among the recent: what the wage itself is that month cannot be seen
        "recent_highest": np.nan_to_num(np.nanmax(recent, axis=1) / median_of_known(recent), nan=1.0)
        if len(at)
        else cents,
        "steady": (np.abs(paid[:, 1:RECENT] / np.where(cents > 0, cents, 1.0)[:, None] - 1) < _SAME).sum(axis=1),
        "ratio_clear": np.where(enough, lowest / _second_highest(plain[:, RECENT:]), 0.0),
        "earlier_spread": np.where(enough, _spread_of(plain[:, RECENT:], earlier), 0.0),
        "period_days": np.nan_to_num(median_of_known(when[:, :-1] - when[:, 1:])),
    }


def _without_peaks(paid: np.ndarray) -> np.ndarray:
    """Pays, newest first, without those well above the pay before and the pay after: holiday pay, a thirteenth month.

    What such a month says of the wage cannot be seen. The newest stays, for what comes after it is not known yet.
    """
    if not len(paid):
        return paid
    high = paid / float(parameters()["series"]["peak_ratio"])
    peak = np.zeros(paid.shape, dtype=bool)
    peak[:, 1:-1] = (high[:, 1:-1] > paid[:, :-2]) & (high[:, 1:-1] > paid[:, 2:])
    plain = np.where(peak, np.nan, paid)
    return np.take_along_axis(plain, np.argsort(np.isnan(plain), axis=1, kind="stable"), axis=1)


def _second_highest(paid: np.ndarray) -> np.ndarray:
    """The second highest amount per row: holiday pay, the highest, says nothing about a wage. 1 where there is none."""
    ordered = np.sort(np.where(np.isnan(paid), -1.0, paid), axis=1)
    return np.where(ordered[:, -2] > 0, ordered[:, -2], np.maximum(ordered[:, -1], 1.0))


def _spread_of(paid: np.ndarray, middle: np.ndarray) -> np.ndarray:
    """Median distance of amounts from their median, as a share of it: 0 for a fixed wage, more for worked hours."""
    return np.nan_to_num(median_of_known(np.abs(paid - middle[:, None])) / np.where(middle > 0, middle, 1.0))


def _other_payers(course: Course, at: np.ndarray, party: np.ndarray, runs: Runs) -> dict[str, np.ndarray]:
    """How this payer stands to those before: did the last one stop, what did it pay, how many were there?"""
    settings, never = parameters()["series"], parameters()["points"]["never_days"]
    owner, days, cents = course.owner[at], course.days[at], course.cents[at].astype(np.float64)
    position = np.arange(len(at))
    other = last_other(owner, party)
    lags = np.column_stack([runs.before(cents, lag, np.nan) for lag in range(_LONG)])
    mine = median_of_known(lags[:, :RECENT])
    theirs = np.where(other >= 0, median_of_known(lags)[np.maximum(other, 0)], 0.0) if len(at) else cents
    recent = window_starts(day_keys(owner, days), group_starts(owner), settings["payer_days"])
    year = window_starts(day_keys(owner, days), group_starts(owner), settings["year_days"])
    since_begin = other[runs.first] if len(at) else other
    return {
        "payer_begin_gap_days": np.minimum(days[runs.first] - taken(days, since_begin, -never), never),
        "other_payer_gap_days": np.minimum(days - taken(days, other, -never), never),
        "other_payer_salaries": position - recent + 1 - _same_since(owner, party, days, settings["payer_days"]),
        "other_payer_since": position - runs.first - runs.rank,
        "payers_year": distinct_within(year, runs.back(1)),
        "ratio_other_payer": ratio(mine, theirs),
    }


def _same_since(owner: np.ndarray, party: np.ndarray, days: np.ndarray, days_back: int) -> np.ndarray:
    """Per salary how many of the same payer lie at most so many days back, itself included."""
    order = np.lexsort((np.arange(len(owner)), party, owner))
    group = np.cumsum(is_first(owner[order], party[order])) if len(order) else order
    near = window_starts(day_keys(group, days[order]), group_starts(group), days_back)
    counts = np.empty(len(order), dtype=np.int64)
    counts[order] = np.arange(len(order)) - near + 1
    return counts
