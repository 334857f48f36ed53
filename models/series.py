"""Points of life events that no single booking tells: with salaries (`models.salaries`) and payments that stop
(`models.absences`) these are days abroad, large credits, building materials and a balance below zero. Like every point
they look back only.
"""

import numpy as np

from models.absences import draft_benefit_ends, draft_study_stops
from models.history import Background, Course, parameters
from models.lookback import (
    Runs,
    counts_within,
    day_keys,
    distinct_within,
    expand,
    group_starts,
    is_first,
    taken,
    window_starts,
)
from models.points import Draft, base_figures, earlier, evidence_of, numbered, ratio
from models.salaries import draft_salaries

_LIKELY = 0.5  # more likely than not


def draft_series(course: Course, background: Background, events: tuple[str, ...]) -> list[Draft]:
    """Points of every series event that the taxonomy has."""
    makers = {
        "windfall": _draft_windfalls,
        "travel_in_progress": _draft_days_abroad,
        "child_comes_of_age": draft_benefit_ends,
        "home_renovation": _draft_materials,
        "graduation": draft_study_stops,
        "overdraft": _draft_negative_balances,
    }
    drafts = [draft for event, make in makers.items() if event in events
              for draft in make(course, background, events.index(event))]  # fmt: skip
    return drafts + draft_salaries(course, background, events)


def _draft_windfalls(course: Course, background: Background, event: int) -> list[Draft]:
    """Large credits, unless their text tells where they come from; domain specification 1.3, windfall."""
    lowest = 100 * float(parameters()["series"]["lowest_windfall"])
    told = course.concepts["told_credit"]
    at = np.flatnonzero((course.cents >= lowest) & ~told & ~course.is_own & (course.kinds != "CASH"))
    at = at[_given_before(course, at) < float(parameters()["series"]["returned_share"]) * course.cents[at]]
    figures = base_figures(course, background, at)
    figures["probability"] = course.unexplained[at] >= _LIKELY
    return [Draft(numbered(event, at), at, course.days[at], evidence_of(at), figures)]


def _given_before(course: Course, at: np.ndarray) -> np.ndarray:
    """Cents paid to the counterparty of each of these bookings before it: what was put away there is not won."""
    asked = np.zeros(len(course.customers), dtype=bool)
    asked[course.owner[at]] = True
    near = np.flatnonzero(asked[course.owner])  # whole customers, so that a party's bookings are all there
    near = near[np.lexsort((near, course.party[near], course.owner[near]))]
    sums = np.concatenate([[0], np.cumsum(np.maximum(-course.cents[near], 0))])
    new = is_first(course.owner[near], course.party[near])
    begins = np.maximum.accumulate(np.where(new, np.arange(len(near)), 0)) if len(near) else near
    given = np.zeros(len(course.row), dtype=np.int64)
    given[near] = sums[:-1] - sums[begins]
    return given[at]


def _draft_materials(course: Course, background: Background, event: int) -> list[Draft]:
    """Purchases of building materials that add up: no single one tells a renovation from a shelf."""
    window, lowest = parameters()["points"]["window_days"], 100 * float(parameters()["series"]["lowest_materials"])
    bought = np.flatnonzero(course.concepts["do_it_yourself"] & (course.cents < 0) & ~course.person)
    owner, days = course.owner[bought], course.days[bought]
    near = window_starts(day_keys(owner, days), group_starts(owner), window)
    total = np.concatenate([[0], np.cumsum(-course.cents[bought])])
    spent = total[1:] - total[near]
    before = total[near] - total[group_starts(owner)]
    many = spent >= lowest
    at, position = bought[many], np.arange(len(bought))
    known = np.maximum(course.days[at] - window - course.days[course.start[at]], 0)
    runs = Runs(owner)
    figures = base_figures(course, background, at) | {
        "log_amount_sum": np.log1p(spent[many]),
        "signs": (position - near + 1)[many],
        "signs_days": counts_within(near, is_first(owner, days))[many],
        "earlier_signs": (near - group_starts(owner))[many],
        # what is spent now over what such a window took before
        "ratio_before": ratio(spent[many], before[many] * window / np.maximum(known, 1)),
    }
    evidence = evidence_of(earlier(bought, runs, 2), earlier(bought, runs, 1), bought)[many]
    return [Draft(numbered(event, at), at, course.days[at], evidence, figures)]


def _draft_days_abroad(course: Course, background: Background, event: int) -> list[Draft]:
    settings, never = parameters()["series"], parameters()["points"]["never_days"]
    at = np.flatnonzero(course.abroad)
    owner, days, position = course.owner[at], course.days[at], np.arange(len(at))
    start = group_starts(owner)
    stay = window_starts(day_keys(owner, days), start, settings["abroad_days"])
    earlier = window_starts(day_keys(owner, days), start, settings["abroad_quiet_days"])
    gap = days - np.concatenate([days[:1], days[:-1]])
    head = np.maximum.accumulate(np.where(is_first(owner) | (gap > settings["abroad_days"]), position, 0))
    quiet = days[head] - taken(days, np.where(head > start, head - 1, -1), -never)
    before = np.where(position > start, position - 1, -1)
    new_day = np.cumsum(is_first(owner, days))
    figures = base_figures(course, background, at) | {
        "signs": position - stay + 1,
        "signs_days": new_day - new_day[stay] + 1,
        "earlier_signs": earlier - start,
        "gap_days": np.minimum(days - taken(days, before, -never), never),
        "quiet_days": np.minimum(quiet, never),
        "stay_days": days - days[head],
        "parties": distinct_within(stay, Runs(owner, course.party[at]).back(1)),
    }
    return [Draft(numbered(event, at), at, days, evidence_of(at[head] if len(at) else at, at), figures)]


def _draft_negative_balances(course: Course, background: Background, event: int) -> list[Draft]:
    """A point whenever an account goes below zero; as long as it stays there, nothing new happens."""
    known = np.flatnonzero(np.isfinite(course.balance))
    negative = course.balance[known] < 0
    before = Runs(course.owner[known], course.account[known]).before(negative, 1, 0.0)
    at = known[negative & (before == 0)]
    figures = base_figures(course, background, at) | {"probability": np.ones(len(at))}
    return [Draft(numbered(event, at), at, course.days[at], evidence_of(at), figures)]


def find_refunds(course: Course) -> dict[int, int]:
    """Rows of payments that were paid back soon after, with the day of that refund.

    A refund comes from the same counterparty, or is exactly what was paid: intermediaries pay back under other names.
    """
    settings = parameters()["refund"]
    credits = np.flatnonzero(course.concepts["refund"] & (course.cents > 0))
    earliest = day_keys(course.owner[credits], course.days[credits] - settings["within_days"])
    owner, paid = expand(np.maximum(np.searchsorted(course.keys, earliest), course.start[credits]), credits)
    credit = credits[owner]
    spent = -course.cents[paid]
    same = (course.party[paid] == course.party[credit]) & (course.cents[credit] >= settings["lowest_share"] * spent)
    fits = (spent > 0) & (same | (course.cents[credit] == spent))
    refunds: dict[int, int] = {}
    for pair in np.flatnonzero(fits & is_last(owner, fits)):
        refunds.setdefault(int(course.row[paid[pair]]), int(course.days[credit[pair]]))
    return refunds


def is_last(owner: np.ndarray, fits: np.ndarray) -> np.ndarray:
    """Whether a fitting pair is the last fitting one of its owner; pairs are in order of owner."""
    at = np.flatnonzero(fits)
    last = np.zeros(len(owner), dtype=bool)
    last[at[np.append(owner[at][1:] != owner[at][:-1], True)] if len(at) else at] = True
    return last
