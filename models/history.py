"""A customer's bookings as a course in time, and the points in it that may be signs of a life event.

A point is a booking (or a day on which one is missing) that may speak to an event, with what was known on that day:
every figure looks back only, so later bookings never change an earlier point.
"""

import tomllib
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import pandas as pd

from models.bookings import amount_cents, signed_cents
from models.payments import kinds_of
from models.places import is_abroad
from models.taxonomy import NONE
from models.text import Texts

FEATURES: tuple[str, ...] = (
    "probability", "probability_sum", "signs", "signs_days", "parties", "history_days", "earlier_signs", "gap_days",
    "party_gap_days", "log_amount", "log_amount_sum", "direction", "ratio_before", "step_units", "salary_gap_days",
    "party_bookings", "active_bookings", "payer_salaries", "payer_days", "other_payer_gap_days",
    "other_payer_salaries", "payers_year", "ratio_three", "ratio_other_payer", "period_days", "student_gap_days",
    "income_ratio", "is_virtual", "is_internal", "says_refund", "says_holiday_pay", "says_final_settlement",
    "party_first_history_days",
)  # fmt: skip


@cache
def parameters() -> dict[str, Any]:
    """The figures of `detection.toml`."""
    return tomllib.loads(resources.files("models").joinpath("detection.toml").read_text("utf-8"))


@dataclass(frozen=True)
class Course:
    """Bookings in order of customer and day, as plain arrays (one value per booking; `days` counts from 1970).

    `row` is the position in the frame it was built from; `unexplained` the probability that a booking speaks to no
    event; `bounds` are the slices of the customers.
    """

    customers: np.ndarray
    row: np.ndarray
    days: np.ndarray
    cents: np.ndarray
    party: np.ndarray
    kinds: np.ndarray
    abroad: np.ndarray
    account: np.ndarray
    balance: np.ndarray
    concepts: dict[str, np.ndarray]
    probabilities: np.ndarray
    unexplained: np.ndarray
    bounds: np.ndarray
    as_of: int


_CONCEPTS = ("salary", "student_finance", "child_benefit", "refund", "savings", "holiday_pay", "final_settlement")


def build_course(
    bookings: pd.DataFrame, texts: Texts, probabilities: np.ndarray, *, classes: np.ndarray, as_of: date
) -> Course:
    """Order bookings by customer and day; ties go by booking id, so that any input order is one course.

    Absences are judged as of `as_of`; bookings after it must not be in the frame.
    """
    days = bookings["booking_date"].to_numpy().astype("datetime64[D]").astype(np.int64)
    customers, names = pd.factorize(bookings["customer_id"].to_numpy(dtype=object), sort=True)
    ids = pd.factorize(bookings["booking_id"].to_numpy(dtype=object), sort=True)[0]
    order = np.lexsort((ids, days, customers))
    unknown = bookings["balance_after"].isna().to_numpy(dtype=bool)
    balance = np.where(unknown, np.nan, amount_cents(bookings["balance_after"]))
    kinds = kinds_of(bookings)
    return Course(
        customers=np.asarray(names, dtype=object),
        row=order,
        days=days[order],
        cents=signed_cents(bookings)[order],
        party=_party_codes(bookings)[order],
        kinds=kinds[order],
        abroad=is_abroad(bookings)[order],
        account=pd.factorize(bookings["account_iban"].to_numpy(dtype=object), sort=True)[0][order],
        balance=balance[order],
        concepts={concept: texts.speaks_to(concept)[order] for concept in _CONCEPTS},
        probabilities=probabilities[order],
        unexplained=1 - probabilities[:, classes != NONE].sum(axis=1)[order],
        bounds=np.searchsorted(customers[order], np.arange(len(names) + 1)),
        as_of=int(np.datetime64(as_of, "D").astype(np.int64)),
    )


def _party_codes(bookings: pd.DataFrame) -> np.ndarray:
    """One number per counterparty: by account, else by creditor, else by name. Only equality is ever used."""
    keys = bookings["counterparty_iban"].where(bookings["counterparty_iban"] != "", bookings["creditor_id"])
    letters = bookings["counterparty_name"].str.lower().str.replace(r"[\W\d_]+", " ", regex=True)
    return pd.factorize(keys.where(keys != "", letters).to_numpy(dtype=object), sort=True)[0]


def child_benefit_unit(day: int) -> float:
    """Cents of child benefit for one child of 0-5 years paid on this day (days since 1970)."""
    units = _units()
    return units[1][max(int(np.searchsorted(units[0], day, side="right")) - 1, 0)]


@cache
def _units() -> tuple[np.ndarray, list[float]]:
    rows = parameters()["child_benefit"]
    days = np.array([np.datetime64(row["paid_from"], "D").astype(np.int64) for row in rows])
    return days, [100 * float(row["amount"]) for row in rows]


@dataclass
class PointRows:
    """Points under construction: customer, event, day, the bookings behind each, and its features by name."""

    customer: list[int]
    event: list[str]
    day: list[int]
    evidence: list[tuple[int, ...]]
    features: list[dict[str, float]]

    @classmethod
    def empty(cls) -> "PointRows":
        """No points yet."""
        return cls([], [], [], [], [])

    def add(self, customer: int, event: str, day: int, evidence: tuple[int, ...], features: dict[str, float]) -> None:
        """Append one point."""
        self.customer.append(customer)
        self.event.append(event)
        self.day.append(day)
        self.evidence.append(evidence)
        self.features.append(features)


@dataclass(frozen=True)
class Points:
    """Points of many customers in order of customer, event and day; `matrix` has the columns FEATURES."""

    customer: np.ndarray
    event: np.ndarray
    day: np.ndarray
    evidence: list[tuple[int, ...]]
    matrix: np.ndarray


def collect_points(rows: PointRows) -> Points:
    """Points as arrays, ordered; missing figures are -1."""
    matrix = np.full((len(rows.day), len(FEATURES)), -1.0, dtype=np.float32)
    column = {name: at for at, name in enumerate(FEATURES)}
    for at, features in enumerate(rows.features):
        for name, value in features.items():
            matrix[at, column[name]] = value
    customer, day = np.array(rows.customer, dtype=np.int64), np.array(rows.day, dtype=np.int64)
    event = np.array(rows.event, dtype=object)
    order = np.lexsort((np.arange(len(day)), day, event.astype(str), customer)) if len(day) else np.arange(0)
    return Points(customer[order], event[order], day[order], [rows.evidence[at] for at in order], matrix[order])


def add_booking_points(rows: PointRows, course: Course, classes: np.ndarray, events: frozenset[str]) -> None:
    """Points of events that single bookings speak to, one per booking that may do so."""
    lowest = parameters()["points"]["lowest_probability"]
    for customer in range(len(course.customers)):
        span = slice(course.bounds[customer], course.bounds[customer + 1])
        likely = course.probabilities[span]
        # Where balances are known they tell an overdraft; a booking of interest would tell it a second time.
        told = events - {"overdraft"} if np.isfinite(course.balance[span]).any() else events
        for at, name in enumerate(classes):
            signs = np.flatnonzero(likely[:, at] >= lowest) if name in told else np.arange(0)
            if len(signs):
                _add_signs(rows, course, customer, str(name), signs + span.start, likely[signs, at])


def _add_signs(
    rows: PointRows, course: Course, customer: int, event: str, signs: np.ndarray, likely: np.ndarray
) -> None:
    settings = parameters()["points"]
    start = course.bounds[customer]
    days, cents, party = course.days[signs], course.cents[signs], course.party[signs]
    salaries = _salary_days(course, customer)
    for n, sign in enumerate(signs):
        back = int(np.searchsorted(days[: n + 1], days[n] - settings["window_days"]))
        near = slice(back, n + 1)
        features = base_features(course, int(start), int(sign), salaries)
        features |= {
            "probability": float(likely[n]),
            "probability_sum": float(likely[near].sum()),
            "signs": float(n + 1 - back),
            "signs_days": float(len(set(days[near].tolist()))),
            "parties": float(len(set(party[near].tolist()))),
            "earlier_signs": float(n),
            "gap_days": days_since(days[:n], days[n]),
            "party_gap_days": days_since(days[:n][party[:n] == party[n]], days[n]),
            "party_first_history_days": float(days[np.argmax(party == party[n])] - course.days[start]),
            "log_amount_sum": float(np.log1p(np.abs(cents[near]).astype(np.float64).sum())),  # int64 would wrap
            **_against_before(days, cents, n),
        }
        rows.add(customer, event, int(days[n]), (int(course.row[sign]),), features)


def _against_before(days: np.ndarray, cents: np.ndarray, n: int) -> dict[str, float]:
    """How this amount stands to the last one of the same direction: as a ratio and in units of child benefit."""
    same = np.flatnonzero(np.sign(cents[:n]) == np.sign(cents[n]))
    if not len(same):
        return {"ratio_before": 0.0, "step_units": abs(float(cents[n])) / child_benefit_unit(int(days[n]))}
    before = float(cents[same[-1]])
    unit = child_benefit_unit(int(days[n]))
    indexed = before * unit / child_benefit_unit(int(days[same[-1]]))
    return {"ratio_before": float(cents[n]) / before, "step_units": (abs(float(cents[n])) - abs(indexed)) / unit}


def base_features(course: Course, start: int, at: int, salaries: np.ndarray) -> dict[str, float]:
    """What every point knows: how long the account is known and in use, the party, the amount, income so far."""
    day, span = course.days[at], slice(start, at)
    return {
        "history_days": float(day - course.days[start]),
        "log_amount": float(np.log1p(abs(course.cents[at]))),
        "direction": float(np.sign(course.cents[at])),
        "party_bookings": float(np.log1p((course.party[span] == course.party[at]).sum())),
        "active_bookings": float(
            at - start - np.searchsorted(course.days[span], day - parameters()["points"]["active_days"])
        ),
        "salary_gap_days": days_since(salaries[salaries < day], day),
        "is_internal": float(course.kinds[at] == "INTERNAL" or course.concepts["savings"][at]),
        "says_refund": float(course.concepts["refund"][at]),
        "is_virtual": 0.0,
    }


def _salary_days(course: Course, customer: int) -> np.ndarray:
    span = slice(course.bounds[customer], course.bounds[customer + 1])
    return course.days[span][is_salary(course)[span]]


def is_salary(course: Course) -> np.ndarray:
    """Whether a booking is a credit that its text or code calls salary."""
    return ((course.kinds == "SALARY") | course.concepts["salary"]) & (course.cents > 0)


def days_since(earlier: np.ndarray, day: int) -> float:
    """Days from the last of the earlier days to this one; `never_days` when there is none."""
    return float(day - earlier[-1]) if len(earlier) else float(parameters()["points"]["never_days"])
