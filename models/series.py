"""Points of life events that no single booking tells: salaries as a series, payments that stop, days abroad, large
credits, a balance below zero. Like every point they look back only.
"""

from collections.abc import Callable

import numpy as np

from models.history import Course, PointRows, base_features, child_benefit_unit, days_since, is_salary, parameters


def add_series_points(rows: PointRows, course: Course, events: frozenset[str]) -> None:
    """Points of every series event that the taxonomy has."""
    salaries = is_salary(course)
    makers: dict[str, Callable[[PointRows, Course, int, np.ndarray], None]] = {
        "windfall": _add_windfalls,
        "travel_in_progress": _add_days_abroad,
        "child_comes_of_age": _add_benefit_drops,
        "graduation": _add_study_stops,
        "overdraft": _add_negative_balances,
    }
    paid: list[str] = sorted(events & {"first_job", "job_change", "income_rise"})
    for customer in range(len(course.customers)):
        span = np.arange(course.bounds[customer], course.bounds[customer + 1])
        mine = span[salaries[span]]
        for event, add in makers.items():
            if event in events:
                add(rows, course, customer, mine)
        if paid:
            _add_salaries(rows, course, customer, mine, paid)


def _add_salaries(rows: PointRows, course: Course, customer: int, mine: np.ndarray, events: list[str]) -> None:
    start = int(course.bounds[customer])
    student = _flagged(course, customer, "student_finance", credit=True)
    for n, at in enumerate(mine):
        before, payer = mine[:n], course.party[at]
        same, other = before[course.party[before] == payer], before[course.party[before] != payer]
        features = base_features(course, start, int(at), course.days[before])
        features |= _salary_facts(course, int(at), same, other)
        features["student_gap_days"] = days_since(course.days[student], course.days[at])
        evidence = tuple(int(course.row[i]) for i in (*same[-2:], at))
        for event in events:
            rows.add(customer, event, int(course.days[at]), evidence, features)


def _salary_facts(course: Course, at: int, same: np.ndarray, other: np.ndarray) -> dict[str, float]:
    """The series of this payer so far, and how it stands to what other payers paid before."""
    day, cents = course.days[at], course.cents
    settings = parameters()["series"]
    series = np.append(same, at)
    recent, earlier = cents[series[-3:]], cents[series[-9:-3]]
    late_other = other[course.days[other] > day - settings["payer_days"]]
    year_other = other[course.days[other] > day - settings["year_days"]]
    gaps = np.diff(course.days[series][-6:])
    return {
        "payer_salaries": float(len(series)),
        "payer_days": float(day - course.days[series[0]]),
        "other_payer_gap_days": days_since(course.days[other], day),
        "other_payer_salaries": float(len(late_other)),
        "payers_year": float(len(set(course.party[year_other].tolist()))),
        "ratio_before": float(cents[at] / cents[same[-1]]) if len(same) else 0.0,
        # the lowest of three against the median before: one bonus does not lift it
        "ratio_three": float(recent.min() / np.median(earlier)) if len(recent) == 3 and len(earlier) >= 2 else 0.0,
        "ratio_other_payer": _ratio(recent, cents[late_other]),
        "period_days": float(np.median(gaps)) if len(gaps) else 0.0,
        "says_holiday_pay": float(course.concepts["holiday_pay"][at]),
        "says_final_settlement": float(course.concepts["final_settlement"][other[-3:]].any()) if len(other) else 0.0,
    }


def _ratio(now: np.ndarray, before: np.ndarray) -> float:
    return float(np.median(now) / np.median(before)) if len(before) else 0.0


def _add_windfalls(rows: PointRows, course: Course, customer: int, mine: np.ndarray) -> None:
    lowest = 100 * float(parameters()["series"]["lowest_windfall"])
    start, stop = int(course.bounds[customer]), int(course.bounds[customer + 1])
    for at in range(start, stop):
        if course.cents[at] < lowest:
            continue
        features = base_features(course, start, at, course.days[mine[mine < at]])
        features["income_ratio"] = float(course.cents[at] / max(_monthly_income(course, start, at), 1.0))
        features["probability"] = float(course.unexplained[at])
        rows.add(customer, "windfall", int(course.days[at]), (int(course.row[at]),), features)


def _monthly_income(course: Course, start: int, at: int) -> float:
    """Median over the last twelve 30-day months of credits in that month, cents; 0 without history."""
    age = (course.days[at] - course.days[start:at]) // 30
    credits = np.maximum(course.cents[start:at], 0)
    months = np.bincount(age[age < 12], weights=credits[age < 12]) if len(age) else np.zeros(0)
    return float(np.median(months)) if len(months) else 0.0


def _add_days_abroad(rows: PointRows, course: Course, customer: int, mine: np.ndarray) -> None:
    span = np.arange(course.bounds[customer], course.bounds[customer + 1])
    abroad = span[course.abroad[span]]
    stay, earlier = parameters()["series"]["abroad_days"], parameters()["series"]["abroad_quiet_days"]
    for n, at in enumerate(abroad):
        days = course.days[abroad[: n + 1]]
        near = days >= days[-1] - stay
        features = base_features(course, int(span[0]), int(at), course.days[mine[mine < at]])
        features |= {
            "signs": float(near.sum()),
            "signs_days": float(len(set(days[near].tolist()))),
            "earlier_signs": float((days < days[-1] - earlier).sum()),
            "gap_days": days_since(days[:-1], days[-1]),
            "parties": float(len(set(course.party[abroad[: n + 1][near]].tolist()))),
        }
        evidence = tuple(int(course.row[i]) for i in abroad[: n + 1][near])
        rows.add(customer, "travel_in_progress", int(days[-1]), evidence, features)


def _add_benefit_drops(rows: PointRows, course: Course, customer: int, mine: np.ndarray) -> None:
    """A child turns 18: the quarter's benefit drops by one child, or does not come any more."""
    paid = _flagged(course, customer, "child_benefit", credit=True)
    start = int(course.bounds[customer])
    for n in range(1, len(paid)):
        at, before = paid[n], paid[n - 1]
        unit = child_benefit_unit(int(course.days[at]))
        indexed = course.cents[before] * unit / child_benefit_unit(int(course.days[before]))
        if course.cents[at] < indexed - 0.5 * unit:
            features = base_features(course, start, int(at), course.days[mine[mine < at]])
            features |= {"step_units": float((course.cents[at] - indexed) / unit), "earlier_signs": float(n)}
            evidence = (int(course.row[before]), int(course.row[at]))
            rows.add(customer, "child_comes_of_age", int(course.days[at]), evidence, features)
    grace = parameters()["absence"]["quarter_days"] + parameters()["absence"]["quarter_grace_days"]
    _add_stops(rows, course, customer, "child_comes_of_age", paid, grace)


def _add_study_stops(rows: PointRows, course: Course, customer: int, mine: np.ndarray) -> None:
    paid = _flagged(course, customer, "student_finance", credit=True)
    grace = parameters()["absence"]["month_days"] + parameters()["absence"]["month_grace_days"]
    _add_stops(rows, course, customer, "graduation", paid, grace, salaries=course.days[mine])


def _add_stops(
    rows: PointRows,
    course: Course,
    customer: int,
    event: str,
    paid: np.ndarray,
    grace_days: int,
    *,
    salaries: np.ndarray | None = None,
) -> None:
    """A point on the day after which a regular credit is overdue, if the account is still in use then."""
    span = np.arange(course.bounds[customer], course.bounds[customer + 1])
    days = course.days[span]
    for n, at in enumerate(paid):
        due = int(course.days[at]) + grace_days
        # Looks at the next payment only to see whether it came by the due day, which is known on that day.
        came = n + 1 < len(paid) and course.days[paid[n + 1]] <= due
        seen = days[days <= due]
        active = bool((seen > due - parameters()["points"]["active_days"]).any()) and course.as_of >= due
        if came or not active or n + 1 < parameters()["absence"]["fewest_payments"]:
            continue
        unit = child_benefit_unit(int(course.days[at]))
        known = salaries[salaries <= due] if salaries is not None else np.zeros(0)
        features = {
            "is_virtual": 1.0,
            "history_days": float(due - days[0]),
            "earlier_signs": float(n + 1),
            "step_units": -float(course.cents[at] / unit),
            "log_amount": float(np.log1p(abs(course.cents[at]))),
            "active_bookings": float((seen > due - parameters()["points"]["active_days"]).sum()),
            "salary_gap_days": days_since(known, due),
            "payer_salaries": float(len(known)),
        }
        rows.add(customer, event, due, tuple(int(course.row[i]) for i in paid[max(0, n - 1) : n + 1]), features)


def _add_negative_balances(rows: PointRows, course: Course, customer: int, mine: np.ndarray) -> None:
    """A point whenever an account goes below zero; as long as it stays there, nothing new happens."""
    span = np.arange(course.bounds[customer], course.bounds[customer + 1])
    known = span[np.isfinite(course.balance[span])]
    below: dict[int, bool] = {}
    for at in known:
        account, negative = int(course.account[at]), bool(course.balance[at] < 0)
        if negative and not below.get(account, False):
            features = base_features(course, int(span[0]), int(at), course.days[mine[mine < at]])
            features["probability"] = 1.0
            rows.add(customer, "overdraft", int(course.days[at]), (int(course.row[at]),), features)
        below[account] = negative


def _flagged(course: Course, customer: int, concept: str, *, credit: bool) -> np.ndarray:
    span = np.arange(course.bounds[customer], course.bounds[customer + 1])
    return span[course.concepts[concept][span] & ((course.cents[span] > 0) == credit)]
