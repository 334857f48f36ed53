"""Points in customers' courses that may be signs of a life event, each with what was known on that day.

A point is a booking (or a day on which one is missing) that may speak to an event. Every figure looks back only, so
later bookings never change an earlier point. What the world is like (what came before, who else paid, how much against
income) stands here as figures; what they mean for an event is learned.
"""

from dataclasses import dataclass

import numpy as np

from models.history import (
    Background,
    Course,
    child_benefit_units,
    days_since_flagged,
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
    largest_within,
    last_other,
    smallest_of,
    sums_within,
    taken,
    window_starts,
)
from models.taxonomy import NONE

FEATURES: tuple[str, ...] = (
    # of every point
    "history_days", "log_amount", "direction", "is_person", "active_bookings", "salary_gap_days", "income_ratio",
    "party_bookings", "party_gap_days", "party_days", "party_ratio", "is_internal", "says_refund", "is_virtual",
    # of a booking that may be a sign
    "probability", "rival", "probability_max", "probability_sum", "signs", "strong_signs", "signs_days", "parties",
    "new_parties", "sayings", "log_amount_sum", "log_amount_max", "earlier_signs", "earlier_strong", "gap_days",
    "chain_days", "quiet_days", "chain_history_days", "sign_party_signs", "sign_party_gap_days", "sign_party_days",
    "party_first_history_days", "other_gap_days", "other_ratio", "other_since", "other_distance", "ratio_before",
    "step_units", "says_child_budget", "is_primary", "party_step_units", "birth_misfit",
    # of a series
    "payer_salaries", "payer_days", "told_salary", "recent_spread", "recent_highest", "earlier_spread", "steady",
    "ratio_clear", "teen_misfit", "replaced_gap_days", "replaced_ratio", "replaced_salaries", "replaced_silent_days",
    "replaced_distance", "payer_begin_gap_days", "other_payer_gap_days", "other_payer_salaries", "other_payer_since",
    "payers_year", "ratio_three", "ratio_three_before", "ratio_other_payer", "period_days", "student_gap_days",
    "benefit_gap_days", "settlement_gap_days", "says_holiday_pay", "stay_days", "last_pay",
)  # fmt: skip
MISSING = -1.0
_EVIDENCE = 3  # bookings behind one point at most
STRONG = 0.5  # a sign that is more likely than not
_AMOUNT_STEPS = 40.0  # the logarithm of an amount in cents stays below


@dataclass(frozen=True)
class Draft:
    """Points of one kind in any order.

    `at` are positions in the course: the booking itself, or the last one known where it is virtual; `evidence` holds
    up to three of them per point, -1 for none.
    """

    event: np.ndarray
    at: np.ndarray
    day: np.ndarray
    evidence: np.ndarray
    figures: dict[str, np.ndarray]

    def part(self, at: np.ndarray) -> "Draft":
        """The points at these positions (or of this mask)."""
        figures = {name: values[at] for name, values in self.figures.items()}
        return Draft(self.event[at], self.at[at], self.day[at], self.evidence[at], figures)


@dataclass(frozen=True)
class Points:
    """Points of many customers in order of customer, event and day.

    `event` numbers the names in `events`; `evidence` are rows of the bookings frame (three columns, -1 for none);
    `matrix` has the columns FEATURES.
    """

    events: tuple[str, ...]
    customer: np.ndarray
    event: np.ndarray
    day: np.ndarray
    evidence: np.ndarray
    matrix: np.ndarray

    @classmethod
    def empty(cls) -> "Points":
        """No points."""
        none = np.zeros(0, dtype=np.int64)
        return cls((), none, none, none, np.zeros((0, _EVIDENCE), np.int64), np.zeros((0, len(FEATURES)), np.float32))

    def figure(self, name: str) -> np.ndarray:
        """One column of the matrix."""
        return self.matrix[:, FEATURES.index(name)]

    def of_event(self, event: str) -> "Points":
        """The points of one event."""
        return self.part(self.event == (self.events.index(event) if event in self.events else -1))

    def part(self, at: np.ndarray) -> "Points":
        """The points at these positions (or of this mask), in the same order."""
        return Points(self.events, self.customer[at], self.event[at], self.day[at], self.evidence[at], self.matrix[at])


def collect_points(drafts: list[Draft], course: Course, events: tuple[str, ...]) -> Points:
    """Drafts as one ordered set of points; figures that a kind of point does not have are MISSING."""
    matrix = np.full((sum(len(draft.at) for draft in drafts), len(FEATURES)), MISSING, dtype=np.float32)
    begin = 0
    for draft in drafts:
        for name, values in draft.figures.items():
            matrix[begin : begin + len(draft.at), FEATURES.index(name)] = values
        begin += len(draft.at)
    if not begin:
        return Points.empty()
    event, at, day = (np.concatenate([getattr(draft, name) for draft in drafts]) for name in ("event", "at", "day"))
    evidence = np.concatenate([draft.evidence for draft in drafts])
    rows = np.where(evidence >= 0, course.row[np.maximum(evidence, 0)], -1)
    customer = course.owner[at]
    order = np.lexsort((at, day, event, customer))
    return Points(events, customer[order], event[order], day[order], rows[order], matrix[order])


def evidence_of(*columns: np.ndarray) -> np.ndarray:
    """Positions of the bookings behind points, filled up to three columns."""
    missing = [np.full(len(columns[0]), -1, dtype=np.int64)] * (_EVIDENCE - len(columns))
    return np.column_stack([*columns, *missing]).astype(np.int64)


def numbered(event: int, at: np.ndarray) -> np.ndarray:
    """The number of an event, as many times as there are points."""
    return np.full(len(at), event, dtype=np.int64)


def earlier(at: np.ndarray, runs: Runs, steps: int) -> np.ndarray:
    """The booking so many steps before each of these in its run, -1 where there is none."""
    back = runs.back(steps)
    return np.where(back >= 0, at[np.maximum(back, 0)], -1) if len(at) else at


def base_figures(course: Course, background: Background, at: np.ndarray) -> dict[str, np.ndarray]:
    """What is known with every booking: the account so far, the counterparty so far, the amount against income."""
    settings = parameters()["points"]
    never = settings["never_days"]
    day, cents = course.days[at], course.cents[at]
    back = background.party_back[at]
    active = at - window_starts(course.keys, course.start, settings["active_days"])[at]
    income = monthly_income(course, background, at, day)
    return {
        "history_days": day - course.days[course.start[at]],
        "log_amount": np.log1p(np.abs(cents)),
        "direction": np.sign(cents),
        "is_person": course.person[at],
        "active_bookings": np.minimum(active, settings["most_bookings"]),
        "salary_gap_days": days_since_flagged(course, background.salary_at, course.owner[at], day),
        "income_ratio": np.minimum(np.abs(cents) / np.maximum(income, 1.0), settings["highest_ratio"]),
        "party_bookings": np.log1p(background.party_rank[at]),
        "party_gap_days": np.minimum(day - taken(course.days, back, -never), never),
        "party_days": day - course.days[background.party_first[at]],
        "party_ratio": ratio(cents, taken(course.cents, back, 0.0)),
        "is_internal": course.is_own[at],
        "says_refund": course.concepts["refund"][at],
        "is_virtual": np.zeros(len(at)),
    }


def ratio(now: np.ndarray, before: np.ndarray) -> np.ndarray:
    """One amount over another, 0 where there is no other; bounded, since a cent is no measure."""
    highest = parameters()["points"]["highest_ratio"]
    safe = np.where(before == 0, 1.0, before)
    return np.where(before == 0, 0.0, now / safe).clip(-highest, highest)


def draft_signs(course: Course, background: Background, events: tuple[str, ...]) -> Draft:
    """Points of events that single bookings speak to, one per booking that may do so."""
    columns = [at for at, name in enumerate(course.classes) if name != NONE and name in events]
    said = course.probabilities[:, columns] >= parameters()["points"]["lowest_probability"]
    # Money that stays one's own speaks to nothing.
    near = np.flatnonzero(said.any(axis=1)[course.document] & ~course.is_own)
    likely = said[course.document[near]]
    names = [str(course.classes[column]) for column in columns]
    likely &= ~_too_little(course.cents[near], names) & ~_paid_back(course, near, names)
    if "overdraft" in course.classes and "overdraft" in events:
        # Where balances are known they tell an overdraft; a booking of interest would tell it a second time.
        likely[:, columns.index(course.classes.index("overdraft"))] &= ~_balance_known(course)[near]
    place, column = np.nonzero(likely)
    at = near[place]
    event = np.array([events.index(course.classes[column]) for column in columns], dtype=np.int64)[column]
    order = np.lexsort((at, event, course.owner[at]))
    at, event = at[order], event[order]
    # How sure is sure differs from bank to bank.
    sure = parameters()["points"]["sure_probability"]
    own = np.array(columns, dtype=np.int64)[column[order]]
    told = course.probabilities[course.document[at]]
    mine = told[np.arange(len(at)), own]
    probability = np.minimum(mine.astype(np.float64) / sure, 1.0)
    figures = base_figures(course, background, at)
    figures |= _sign_figures(course, at, course.owner[at] * len(events) + event, probability)
    figures["is_primary"] = _is_primary(course, at, event, events)
    best = told[:, columns].max(axis=1) if columns else np.zeros(0)
    figures["says_child_budget"] = course.concepts["child_budget"][at]  # a benefit of about the same amount
    figures["rival"] = np.where(best > mine, np.minimum(best / sure, 1.0), 0.0)
    return Draft(event, at, course.days[at], evidence_of(at), figures)


def _is_primary(course: Course, at: np.ndarray, event: np.ndarray, events: tuple[str, ...]) -> np.ndarray:
    """Whether a sign tells its event alone, for events whose other signs only support it; MISSING for the others."""
    primary = np.full(len(at), MISSING)
    for number, name in enumerate(events):
        told = course.concepts.get(f"primary_{name}")
        if told is not None:
            mine = event == number
            primary[mine] = told[at[mine]]
    return primary


def _too_little(cents: np.ndarray, events: list[str]) -> np.ndarray:
    """Credits too low to speak to each event, shape (bookings, events): friends share costs in the same words."""
    lowest = [100 * float(parameters()["lowest_credits"].get(event, 0)) for event in events]
    return np.asarray((cents[:, None] > 0) & (cents[:, None] < np.array(lowest).reshape(1, -1)))


def _paid_back(course: Course, at: np.ndarray, events: list[str]) -> np.ndarray:
    """Credits that are money back, shape (bookings, events): of events with a group `credit_` all but those of it."""
    back = np.zeros((len(at), len(events)), dtype=bool)
    for number, event in enumerate(events):
        told = course.concepts.get(f"credit_{event}")
        if told is not None:
            back[:, number] = (course.cents[at] > 0) & ~told[at]
    return back


def _balance_known(course: Course) -> np.ndarray:
    """Whether a balance of this customer was known by the day of each booking."""
    since = np.full(len(course.customers), np.iinfo(np.int64).max)
    known = np.flatnonzero(np.isfinite(course.balance))[::-1]
    since[course.owner[known]] = course.days[known]  # backwards: the earliest stays
    return np.asarray(since[course.owner] <= course.days)


def _sign_figures(course: Course, at: np.ndarray, group: np.ndarray, probability: np.ndarray) -> dict[str, np.ndarray]:
    """How a sign stands to the earlier signs of the same customer and event."""
    settings = parameters()["points"]
    days, start = course.days[at], group_starts(group)
    near = window_starts(day_keys(group, days), start, settings["window_days"])
    strong = probability >= STRONG
    logs = np.log1p(np.abs(course.cents[at]))
    before = np.where(np.arange(len(at)) > start, np.arange(len(at)) - 1, -1)
    runs = Runs(group, course.party[at])
    return {
        "probability": probability,
        "probability_max": largest_within(near, probability),
        "probability_sum": sums_within(near, probability),
        "signs": np.arange(len(at)) - near + 1,
        "strong_signs": counts_within(near, strong),
        "signs_days": counts_within(near, is_first(group, days)),
        "parties": distinct_within(near, runs.back(1)),
        "new_parties": counts_within(near, runs.rank == 0),
        "sayings": distinct_within(near, Runs(group, course.saying[at]).back(1)),
        "log_amount_sum": np.log1p(_AMOUNT_STEPS * sums_within(near, logs / _AMOUNT_STEPS)),
        "log_amount_max": largest_within(near, logs),
        "earlier_signs": np.arange(len(at)) - start,
        "earlier_strong": counts_within(start, strong) - counts_within(near, strong),
        "gap_days": np.minimum(days - taken(days, before, -settings["never_days"]), settings["never_days"]),
        **_chain_figures(course, at, group),
        **_party_figures(course, at, group, probability),
        "other_distance": _nearest_other(course, at, near, runs),
        **_step_figures(course, at, group),
    }


def _chain_figures(course: Course, at: np.ndarray, group: np.ndarray) -> dict[str, np.ndarray]:
    """Signs that hang together: how long the chain is, how long it was quiet before it, how known the account was."""
    settings = parameters()["points"]
    days, position, start = course.days[at], np.arange(len(at)), group_starts(group)
    gap = days - np.concatenate([days[:1], days[:-1]])
    begins = is_first(group) | (gap > settings["window_days"])
    head = np.maximum.accumulate(np.where(begins, position, 0))
    quiet = days[head] - taken(days, np.where(head > start, head - 1, -1), -settings["never_days"])
    return {
        "chain_days": days - days[head],
        "quiet_days": np.minimum(quiet, settings["never_days"]),
        "chain_history_days": days[head] - course.days[course.start[at]],
    }


def _party_figures(course: Course, at: np.ndarray, group: np.ndarray, probability: np.ndarray) -> dict[str, np.ndarray]:
    """The same counterparty's signs so far, and those of others: does one follow the other or do both go on?"""
    never = parameters()["points"]["never_days"]
    days, party = course.days[at], course.party[at]
    runs = Runs(group, party)
    other = last_other(group, party)
    # Neither a doubtful booking nor one in the other direction shows that a payer has long been there.
    alike = Runs(group, party, np.sign(course.cents[at]), probability >= STRONG)
    return {
        "sign_party_signs": runs.rank,
        "sign_party_gap_days": np.minimum(days - runs.before(days, 1, -never), never),
        "sign_party_days": days - days[runs.first],
        "party_first_history_days": days[alike.first] - course.days[course.start[at]],
        "other_gap_days": np.minimum(days - taken(days, other, -never), never),
        "other_ratio": ratio(np.abs(course.cents[at]), np.abs(taken(course.cents[at], other, 0.0))),
        "other_since": np.arange(len(at)) - runs.first - runs.rank,
    }


def _nearest_other(course: Course, at: np.ndarray, near: np.ndarray, runs: Runs) -> np.ndarray:
    """How far a counterparty's first amount is at best from those that others had shortly before; MISSING without any.

    Who begins with one and the same amount is a landlord or a school under a new name, whatever lies between. Returns
    a share (0..1) per sign; all signs of a counterparty have that of its first.
    """
    firsts = np.flatnonzero(runs.rank == 0)  # before its first sign all signs are those of others
    owner, member = expand(near[firsts], firsts)
    theirs = course.cents[at[member]].astype(np.float64)
    apart = np.abs(course.cents[at[firsts[owner]]] / np.where(theirs != 0, theirs, np.inf) - 1).clip(0, 1)
    return smallest_of(firsts[owner], apart, len(at), MISSING)[runs.first]


def _step_figures(course: Course, at: np.ndarray, group: np.ndarray) -> dict[str, np.ndarray]:
    """How the amount stands to the last one of the same direction, as a ratio and in units of child benefit."""
    cents, sign = course.cents[at], np.sign(course.cents[at])
    back = Runs(group, sign).back(1)
    step = steps(course, at, Runs(group, sign, course.party[at]).back(1))
    return {
        "ratio_before": ratio(cents, taken(cents, back, 0.0)),
        "step_units": steps(course, at, back),
        "party_step_units": step,
        "birth_misfit": misfit(step, 1.0),
    }


def misfit(step: np.ndarray, child: float) -> np.ndarray:
    """How far a step of child benefit is from that of one child, as a share; parents may get half, some get double.

    `child` is the step of a whole one in units of a child of 0-5 years.
    """
    return np.min([np.abs(step / (child * form) - 1) for form in (0.5, 1.0, 2.0)], axis=0).clip(0, 2)


def steps(course: Course, at: np.ndarray, back: np.ndarray) -> np.ndarray:
    """Rise of amounts over earlier ones (positions in `at`, -1 for none: the whole amount), in units of child benefit.

    The earlier amount is indexed first: a step by law is no child.
    """
    days, cents = course.days[at], np.abs(course.cents[at]).astype(np.float64)
    unit = child_benefit_units(days)
    indexed = taken(cents, back, 0.0) * unit / np.where(back >= 0, taken(unit, back, 1.0), 1.0)
    highest = parameters()["points"]["highest_ratio"]
    return ((cents - indexed) / unit).clip(-highest, highest)
