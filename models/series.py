"""Points of life events that no single booking tells: salaries as a series, payments that stop, days abroad, large
credits, a balance below zero. Like every point they look back only.
"""

import numpy as np

from models.history import (
    Background,
    Course,
    child_benefit_units,
    days_since_flagged,
    is_income,
    is_own_transfer,
    is_salary,
    monthly_income,
    parameters,
)
from models.lookback import (
    Runs,
    counts_within,
    day_keys,
    distinct_within,
    expand,
    group_starts,
    is_first,
    last_at_or_before,
    last_other,
    median_of_known,
    taken,
    window_starts,
)
from models.points import MISSING, Draft, base_figures, evidence_of, misfit, ratio, steps

_SALARY_EVENTS = frozenset({"first_job", "job_change", "income_rise"})
_RECENT, _LONG = 3, 12  # salaries that count as now, and those that now is held against
_TEEN_UNITS = 100 / 70  # child benefit of a child of 12-17 years over that of one of 0-5; domain specification 1.1
_SAME = 0.005  # amounts that differ by a smaller share are the same wage
_RISEN = 1.05  # the lowest of the recent pays over the median before; yearly rises stay below
_LIKELY = 0.5  # more likely than not
_GAPS = 5  # gaps between salaries that tell their period


def draft_series(course: Course, background: Background, events: tuple[str, ...]) -> list[Draft]:
    """Points of every series event that the taxonomy has."""
    makers = {
        "windfall": _draft_windfalls,
        "travel_in_progress": _draft_days_abroad,
        "child_comes_of_age": _draft_benefit_ends,
        "home_renovation": _draft_materials,
        "graduation": _draft_study_stops,
        "overdraft": _draft_negative_balances,
    }
    drafts = [draft for event, make in makers.items() if event in events
              for draft in make(course, background, events.index(event))]  # fmt: skip
    return drafts + _draft_salaries(course, background, events)


def _numbered(event: int, at: np.ndarray) -> np.ndarray:
    return np.full(len(at), event, dtype=np.int64)


def _draft_salaries(course: Course, background: Background, events: tuple[str, ...]) -> list[Draft]:
    """Every regular pay is a point of each of the events that salaries tell."""
    at = np.flatnonzero(is_income(course))
    owner, party, days = course.owner[at], _payers(course, at), course.days[at]
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
    evidence = evidence_of(_earlier(at, runs, 2), _earlier(at, runs, 1), at)[regular]
    three = np.asarray(figures["ratio_three"])
    figures = {name: np.asarray(values)[regular] for name, values in figures.items()}
    begun, rose = _known_before(course, at, party, runs, three)
    return [
        Draft(
            _numbered(events.index(event), at[regular]),
            at[regular],
            days[regular],
            evidence,
            figures | {"party_first_history_days": (rose if event == "income_rise" else begun)[regular]},
        )
        for event in sorted(_SALARY_EVENTS & set(events))
    ]


def _earlier(at: np.ndarray, runs: Runs, steps: int) -> np.ndarray:
    """The booking so many steps before each of these in its run, -1 where there is none."""
    back = runs.back(steps)
    return np.where(back >= 0, at[np.maximum(back, 0)], -1) if len(at) else at


def _payers(course: Course, at: np.ndarray) -> np.ndarray:
    """One number per payer of these bookings: a new account belongs to whoever used its first booking's name before.

    What comes later never changes whose account it is.
    """
    owner = course.owner[at]
    keys = owner * (course.party.max(initial=0) + 1) + course.party[at]
    _, opened, account = np.unique(keys, return_index=True, return_inverse=True)
    unnamed = course.payer.max(initial=0) + 1 + course.party[at]
    names = owner * (unnamed.max(initial=0) + 1) + np.where(course.payer[at] >= 0, course.payer[at], unnamed)
    _, met, name = np.unique(names, return_index=True, return_inverse=True)
    payer = account[met[name[opened]]]
    while (payer != payer[payer]).any():
        payer = payer[payer]
    return np.asarray(payer[account])


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
    first = taken(since, runs.back(_RECENT - 1), MISSING)  # the first of the pays that the rise is seen in
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
    lags = np.column_stack([runs.before(cents, lag, np.nan) for lag in range(_RECENT)])
    median = median_of_known(lags)
    begun = days[runs.first] if len(at) else days
    return {
        "replaced_distance": _nearest_pay(lags, last),
        "replaced_gap_days": np.minimum(begun - taken(days, last, -never), never),
        "replaced_ratio": ratio(median, taken(median, last, 0.0)),
        "replaced_salaries": taken(runs.rank + 1, last, 0.0),
        "replaced_silent_days": np.minimum(days - taken(days, last, -never), never),
    }


def _nearest_pay(lags: np.ndarray, last: np.ndarray) -> np.ndarray:
    """How far the recent pays are from those of another series at best, as a share; MISSING without another.

    One and the same amount from a new payer is an employer under a new name, not a new job.
    """
    if not len(last):
        return np.zeros(0)
    theirs = lags[np.maximum(last, 0)]
    apart = np.abs(lags[:, :, None] / np.where(theirs > 0, theirs, np.nan)[:, None, :] - 1).reshape(len(last), -1)
    return np.where(last >= 0, np.fmin.reduce(apart, axis=1).clip(0, 1), MISSING)


def _told_credits(course: Course) -> dict[str, np.ndarray]:
    """Credits that say how somebody lived before a salary: as a student, on a benefit, or paid off by an employer."""
    benefit = course.concepts["jobless_benefit"] | course.concepts["social_assistance"]
    return {
        "student_gap_days": _study_finance(course),
        "benefit_gap_days": benefit & (course.cents > 0),
        "settlement_gap_days": course.concepts["final_settlement"] & (course.cents > 0),
    }


def _payer_figures(course: Course, at: np.ndarray, runs: Runs) -> dict[str, np.ndarray]:
    """The series of this payer so far."""
    cents, days = course.cents[at].astype(np.float64), course.days[at]
    paid = np.column_stack([runs.before(cents, lag, np.nan) for lag in range(_LONG)])
    when = np.column_stack([runs.before(days, lag, np.nan) for lag in range(_GAPS + 1)])
    recent, plain = paid[:, :_RECENT], _without_peaks(paid)
    lowest, earlier = plain[:, :_RECENT].min(axis=1), median_of_known(plain[:, _RECENT:])
    enough = np.isfinite(plain).sum(axis=1) >= _RECENT + 2
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
        "steady": (np.abs(paid[:, 1:_RECENT] / np.where(cents > 0, cents, 1.0)[:, None] - 1) < _SAME).sum(axis=1),
        "ratio_clear": np.where(enough, lowest / _second_highest(plain[:, _RECENT:]), 0.0),
        "earlier_spread": np.where(enough, _spread_of(plain[:, _RECENT:], earlier), 0.0),
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
    mine = median_of_known(lags[:, :_RECENT])
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


def _draft_windfalls(course: Course, background: Background, event: int) -> list[Draft]:
    """Large credits, unless their text tells where they come from; domain specification 1.3, windfall."""
    lowest = 100 * float(parameters()["series"]["lowest_windfall"])
    told = course.concepts["told_credit"]
    at = np.flatnonzero((course.cents >= lowest) & ~told & ~is_own_transfer(course) & (course.kinds != "CASH"))
    at = at[_given_before(course, at) < float(parameters()["series"]["returned_share"]) * course.cents[at]]
    figures = base_figures(course, background, at)
    figures["probability"] = course.unexplained[at] >= _LIKELY
    return [Draft(_numbered(event, at), at, course.days[at], evidence_of(at), figures)]


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
    evidence = evidence_of(_earlier(bought, runs, 2), _earlier(bought, runs, 1), bought)[many]
    return [Draft(_numbered(event, at), at, course.days[at], evidence, figures)]


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
    return [Draft(_numbered(event, at), at, days, evidence_of(at[head] if len(at) else at, at), figures)]


def _child_benefit(course: Course) -> np.ndarray:
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


def _study_finance(course: Course) -> np.ndarray:
    """Credits of student finance; the same payer also pays back and collects debts."""
    told = course.concepts["student_finance"] & (course.cents > 0)
    known = "study_start" in course.classes
    return told & (course.likely("study_start") >= 0.5) if known else told


def _draft_benefit_ends(course: Course, background: Background, event: int) -> list[Draft]:
    """A child turns 18: the quarter's benefit drops by one child, or does not come any more."""
    flagged = np.flatnonzero(_child_benefit(course))
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
    drop = Draft(_numbered(event, at), at, course.days[at], evidence_of(back, at), figures)
    grace = parameters()["absence"]["quarter_days"] + parameters()["absence"]["quarter_grace_days"]
    stops = _draft_stops(course, background, event, flagged, grace)
    return [drop, stops.part(stops.figures["teen_misfit"] <= parameters()["absence"]["highest_misfit"])]


def _draft_study_stops(course: Course, background: Background, event: int) -> list[Draft]:
    grace = parameters()["absence"]["month_days"] + parameters()["absence"]["month_grace_days"]
    paid = np.flatnonzero(_study_finance(course))
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
    few = runs.rank < _RECENT
    at, last, earlier = pays[since][few], last[since][few], runs.rank[few]
    payer = Runs(owner, _payers(course, pays))
    begun = np.searchsorted(course.keys[paid], day_keys(course.owner[at], np.zeros(len(at), np.int64)))
    figures = base_figures(course, background, at) | {
        "student_gap_days": gap[since][few],
        "signs": earlier + 1,
        "earlier_signs": last + 1 - begun,
        "payer_salaries": (payer.rank + 1)[since][few],
        "payer_days": (days - days[payer.first] if len(pays) else days)[since][few],
        "last_pay": np.log1p(np.abs(course.cents[at])),
    }
    return Draft(_numbered(event, at), at, course.days[at], evidence_of(paid[last] if len(paid) else at, at), figures)


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
    evidence = evidence_of(_earlier(paid, runs, 1)[stopped], at)
    return Draft(_numbered(event, at), at, due, evidence, figures)


def _last_pay(course: Course, background: Background, owner: np.ndarray, days: np.ndarray) -> np.ndarray:
    """Log of the cents of the last salary up to each day; 0 for none. A wage is more than a student's side job pays."""
    salaries = background.salary_at
    last = last_at_or_before(course.keys[salaries], owner, days, course.owner[salaries])
    return np.log1p(np.abs(taken(course.cents[salaries], last, 0.0)))


def _draft_negative_balances(course: Course, background: Background, event: int) -> list[Draft]:
    """A point whenever an account goes below zero; as long as it stays there, nothing new happens."""
    known = np.flatnonzero(np.isfinite(course.balance))
    negative = course.balance[known] < 0
    before = Runs(course.owner[known], course.account[known]).before(negative, 1, 0.0)
    at = known[negative & (before == 0)]
    figures = base_figures(course, background, at) | {"probability": np.ones(len(at))}
    return [Draft(_numbered(event, at), at, course.days[at], evidence_of(at), figures)]


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
