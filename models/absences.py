"""Points on days on which a regular credit is missing or lower: child benefit that ends, a study that stops."""

import numpy as np

from models.history import (
    Background,
    Course,
    child_benefit_units,
    days_since_flagged,
    is_income,
    monthly_income,
    parameters,
    payers,
)
from models.lookback import Runs, day_keys, last_at_or_before, taken
from models.points import Draft, base_figures, earlier, evidence_of, misfit, numbered, ratio, steps

_TEEN_UNITS = 100 / 70  # child benefit of a child of 12-17 years over that of one of 0-5; domain specification 1.1
_FIRST_PAYS = 3  # after a study stopped, so many pays are looked at


def child_benefit(course: Course) -> np.ndarray:
    """Credits of a period's child benefit. The same payer also pays pensions, arrears and its own staff, a child budget
    comes from elsewhere, and relatives call their gifts so.
    """
    others = ("child_budget", "state_pension", "survivor_benefit", "salary", "back_pay")
    other = np.logical_or.reduce([course.concepts[name] for name in others]) | course.person
    told = (course.concepts["child_benefit"] | course.concepts["social_insurance_bank"]) & ~other & (course.cents > 0)
    if "child_birth" not in course.classes:
        return told
    likely = course.likely("child_birth")
    return told & (likely >= parameters()["points"]["lowest_probability"]) & (likely >= course.likely("retirement"))


def study_finance(course: Course) -> np.ndarray:
    """Credits of student finance; the same payer also pays back and collects debts."""
    told = course.concepts["student_finance"] & (course.cents > 0)
    known = "study_start" in course.classes
    return told & (course.likely("study_start") >= 0.5) if known else told


def draft_benefit_ends(course: Course, background: Background, event: int) -> list[Draft]:
    """A child turns 18: the quarter's benefit drops by one child, or does not come any more."""
    flagged = np.flatnonzero(child_benefit(course))
    runs = Runs(course.owner[flagged])
    change = steps(course, flagged, runs.back(1))
    fell = (runs.rank > 0) & (change < -parameters()["absence"]["lowest_drop_units"])
    at, back = flagged[fell], flagged[runs.back(1)[fell]] if len(flagged) else flagged
    figures = base_figures(course, background, at) | {"step_units": change[fell], "earlier_signs": runs.rank[fell]}
    lowest = parameters()["absence"]["lowest_drop_units"]
    settled = (runs.rank > 0) & (np.abs(change) < lowest)
    figures |= {
        "ratio_before": ratio(course.cents[at], course.cents[back]),
        "teen_misfit": misfit(change[fell], -_TEEN_UNITS),
        "steady": settled[runs.back(1)[fell]],  # a drop right after a rise takes back an extra, not a child
    }
    drop = Draft(numbered(event, at), at, course.days[at], evidence_of(back, at), figures)
    grace = parameters()["absence"]["quarter_days"] + parameters()["absence"]["quarter_grace_days"]
    stops = _draft_stops(course, background, event, flagged, grace)
    return [drop, stops.part(stops.figures["teen_misfit"] <= parameters()["absence"]["highest_misfit"])]


def draft_study_stops(course: Course, background: Background, event: int) -> list[Draft]:
    grace = parameters()["absence"]["month_days"] + parameters()["absence"]["month_grace_days"]
    paid = np.flatnonzero(study_finance(course))
    return [
        _draft_stops(course, background, event, paid, grace),
        _draft_pay_after(course, background, event, paid, grace),
    ]


def _draft_pay_after(course: Course, background: Background, event: int, paid: np.ndarray, grace_days: int) -> Draft:
    """The first pays after a regular credit was overdue: who works then was not merely pausing."""
    pays = np.flatnonzero(is_income(course))
    owner, days = course.owner[pays], course.days[pays]
    last = last_at_or_before(course.keys[paid], owner, days - 1, course.owner[paid])
    gap = np.where(last >= 0, days - taken(course.days[paid], last, 0), 0)
    since = (gap > grace_days) & (gap <= parameters()["series"]["year_days"])
    runs = Runs(owner[since], last[since])
    few = runs.rank < _FIRST_PAYS
    at, last, earlier = pays[since][few], last[since][few], runs.rank[few]
    payer = Runs(owner, payers(course, pays))
    begun = np.searchsorted(course.keys[paid], day_keys(course.owner[at], np.zeros(len(at), np.int64)))
    figures = base_figures(course, background, at) | {
        "student_gap_days": gap[since][few],
        "signs": earlier + 1,
        "earlier_signs": last + 1 - begun,
        "payer_salaries": (payer.rank + 1)[since][few],
        "payer_days": (days - days[payer.first] if len(pays) else days)[since][few],
        "last_pay": np.log1p(np.abs(course.cents[at])),
    }
    return Draft(numbered(event, at), at, course.days[at], evidence_of(paid[last] if len(paid) else at, at), figures)


def _draft_stops(course: Course, background: Background, event: int, paid: np.ndarray, grace_days: int) -> Draft:
    """A point on the day after which a regular credit is overdue, if the account is still in use then."""
    active_days = parameters()["points"]["active_days"]
    runs = Runs(course.owner[paid])
    due = course.days[paid] + grace_days
    following = np.append(course.owner[paid][1:] == course.owner[paid][:-1], False) if len(paid) else paid > 0
    # Looks at the next payment only to see whether it came by the due day, which is known on that day.
    came = following & (np.append(course.days[paid][1:], 0)[: len(paid)] <= due)
    seen = np.searchsorted(course.keys, day_keys(course.owner[paid], due), side="right")
    active = seen - np.searchsorted(course.keys, day_keys(course.owner[paid], due - active_days), side="right")
    stopped = ~came & (active > 0) & (course.as_of >= due)
    stopped &= runs.rank + 1 >= parameters()["absence"]["fewest_payments"]
    at, due, seen = paid[stopped], due[stopped], seen[stopped]
    salaries = np.searchsorted(course.keys[background.salary_at], day_keys(course.owner[at], due), side="right")
    begun = np.searchsorted(course.keys[background.salary_at], day_keys(course.owner[at], np.zeros(len(at), np.int64)))
    income = monthly_income(course, background, seen - 1, due)
    units = child_benefit_units(course.days[at])
    figures = {
        "is_virtual": np.ones(len(at)),
        "history_days": due - course.days[course.start[at]],
        "earlier_signs": runs.rank[stopped] + 1,
        "step_units": -course.cents[at] / units,
        "teen_misfit": misfit(-course.cents[at] / units, -_TEEN_UNITS),
        "log_amount": np.log1p(np.abs(course.cents[at])),
        "income_ratio": ratio(course.cents[at], income),
        "active_bookings": active[stopped],
        "party_ratio": ratio(course.cents[at], taken(course.cents, background.party_back[at], 0.0)),
        "salary_gap_days": days_since_flagged(course, background.salary_at, course.owner[at], due + 1),
        "payer_salaries": salaries - begun,
        "last_pay": _last_pay(course, background, course.owner[at], due),
    }
    evidence = evidence_of(earlier(paid, runs, 1)[stopped], at)
    return Draft(numbered(event, at), at, due, evidence, figures)


def _last_pay(course: Course, background: Background, owner: np.ndarray, days: np.ndarray) -> np.ndarray:
    """Log of the cents of the last salary up to each day; 0 for none. A wage is more than a student's side job pays."""
    salaries = background.salary_at
    last = last_at_or_before(course.keys[salaries], owner, days, course.owner[salaries])
    return np.log1p(np.abs(taken(course.cents[salaries], last, 0.0)))
