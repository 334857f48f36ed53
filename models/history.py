"""A customer's bookings as a course in time: plain arrays in order of customer and day that points are told from."""

import tomllib
from dataclasses import dataclass
from datetime import date
from functools import cache, cached_property
from importlib import resources
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as arrow
import pyarrow.compute as compute

from models.bookings import amount_cents, signed_cents
from models.lookback import Runs, day_keys, last_at_or_before, median_of_known
from models.payments import kinds_of
from models.places import is_abroad
from models.taxonomy import NONE
from models.text import PARTIES, Texts
from models.words import as_large, text_column

CONCEPTS = (
    "salary", "student_finance", "child_benefit", "child_budget", "social_insurance_bank", "state_pension",
    "survivor_benefit", "refund", "savings", "holiday_pay",
    "final_settlement", "social_assistance", "loan", "damage", "back_pay", "internship",
    "do_it_yourself", "invoice",
)  # fmt: skip
# Amounts are counted up to ten billion euros, so that their sums never wrap.
LARGEST_CENTS = 10**12
_INCOME_MONTHS = 12
_MONTH_DAYS = 30


@cache
def parameters() -> dict[str, Any]:
    """The figures of `detection.toml`."""
    return tomllib.loads(resources.files("models").joinpath("detection.toml").read_text("utf-8"))


@dataclass(frozen=True)
class Course:
    """Bookings in order of customer and day, as plain arrays (one value per booking; `days` counts from 1970).

    `row` is the position in the frame it was built from; `owner` the customer's number; `start` the position of the
    customer's first booking; `payer` a number for the name of who paid, -1 where it is not asked (`payer_names`);
    `kinds` the kind of payment; `saying` a number for what its text speaks to; `person` whether the other side is a
    private person; `concepts` what the texts tell by name (`facts_told`); `unexplained` the probability that a booking
    speaks to no event; `bounds` are the slices of the customers. `probabilities` has a row per distinct document (what
    the classifier tells apart) and a column per class; `document` is the row of each booking.
    """

    customers: np.ndarray
    row: np.ndarray
    owner: np.ndarray
    start: np.ndarray
    days: np.ndarray
    keys: np.ndarray
    cents: np.ndarray
    party: np.ndarray
    payer: np.ndarray
    kinds: np.ndarray
    saying: np.ndarray
    person: np.ndarray
    abroad: np.ndarray
    account: np.ndarray
    balance: np.ndarray
    concepts: dict[str, np.ndarray]
    classes: tuple[str, ...]
    probabilities: np.ndarray
    document: np.ndarray
    unexplained: np.ndarray
    bounds: np.ndarray
    as_of: int

    @cached_property
    def is_own(self) -> np.ndarray:
        """Whether money moved between the customer's own accounts."""
        return np.asarray((self.kinds == "INTERNAL") | self.concepts["savings"])

    @cached_property
    def is_paid_as_salary(self) -> np.ndarray:
        """Whether the kind of payment is that of a salary."""
        return np.asarray(self.kinds == "SALARY")

    def likely(self, event: str) -> np.ndarray:
        """Probability per booking that it speaks to this event; zeros where the classifier does not know it."""
        if event not in self.classes:
            return np.zeros(len(self.row))
        return np.asarray(self.probabilities[:, self.classes.index(event)][self.document])


def build_course(
    bookings: pd.DataFrame,
    texts: Texts,
    probabilities: np.ndarray,
    *,
    classes: np.ndarray,
    as_of: date,
    documents: np.ndarray | None = None,
) -> Course:
    """Order bookings by customer and day; ties go by booking id, so that any input order is one course.

    Absences are judged as of `as_of`; bookings after it must not be in the frame. `documents` is the row of
    probabilities of each booking; without it every booking has its own.
    """
    documents = np.arange(len(bookings)) if documents is None else documents
    days = bookings["booking_date"].to_numpy().astype("datetime64[D]").astype(np.int64)
    encoded = text_column(bookings, "customer_id").dictionary_encode()
    names = encoded.dictionary.to_numpy(zero_copy_only=False)
    ordered = np.argsort(names)
    place = np.empty(len(names), dtype=np.int64)
    place[ordered] = np.arange(len(names))
    customers, names = place[encoded.indices.to_numpy()], names[ordered]
    order = order_by_day(day_keys(customers, days), text_column(bookings, "booking_id"))
    owner = customers[order]
    bounds = np.searchsorted(owner, np.arange(len(names) + 1))
    unknown = bookings["balance_after"].isna().to_numpy(dtype=bool)
    balance = np.where(unknown, np.nan, amount_cents(bookings["balance_after"]))
    return Course(
        customers=np.asarray(names, dtype=object),
        row=order,
        owner=owner,
        start=bounds[owner],
        days=days[order],
        keys=day_keys(owner, days[order]),
        cents=signed_cents(bookings)[order].clip(-LARGEST_CENTS, LARGEST_CENTS),
        party=_party_codes(bookings)[order],
        payer=_payer_codes(payer_names(bookings))[order],
        kinds=kinds_of(bookings)[order],
        saying=_sayings(texts)[order],
        person=(texts.party == PARTIES.index("person"))[texts.at][order],
        abroad=is_abroad(bookings)[order],
        account=_codes(text_column(bookings, "account_iban"))[order],
        balance=balance[order],
        concepts={name: speaks_to_any(texts, concepts)[order] for name, concepts in facts_told().items()},
        classes=tuple(str(name) for name in classes),
        probabilities=probabilities,
        document=documents[order],
        unexplained=unexplained_by(probabilities, classes)[documents[order]],
        bounds=bounds,
        as_of=int(np.datetime64(as_of, "D").astype(np.int64)),
    )


def unexplained_by(probabilities: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Per row the probability of no event."""
    # Contiguous, or numpy would add one row alone in another order than many.
    return np.asarray(1 - np.ascontiguousarray(probabilities[:, classes != NONE]).sum(axis=1))


@cache
def facts_told() -> dict[str, tuple[str, ...]]:
    """What detection asks of a text, by name: one of CONCEPTS, or any of a group (`[groups]` of `detection.toml`)."""
    groups = parameters()["groups"]
    return {name: (name,) for name in CONCEPTS} | {name: tuple(concepts) for name, concepts in groups.items()}


def speaks_to_any(texts: Texts, concepts: tuple[str, ...]) -> np.ndarray:
    """Whether each booking's text speaks to one of these concepts."""
    return np.logical_or.reduce([texts.speaks_to(concept) for concept in concepts])


def _sayings(texts: Texts) -> np.ndarray:
    """One number per booking for the set of concepts that its text speaks to."""
    sets = concept_sets(texts)
    return pd.factorize(np.array(sets, dtype=object))[0][texts.at] if sets else np.zeros(len(texts.at), dtype=np.int64)


def concept_sets(texts: Texts) -> list[bytes]:
    """The concepts of each distinct text, as bytes that are equal where they are."""
    return [bytes(texts.concepts.flat[a:b]) for a, b in pairwise(texts.concepts.starts.tolist())]


def order_by_day(keys: np.ndarray, ids: arrow.Array) -> np.ndarray:
    """Positions in order of `day_keys`; ties go by booking id, so only those few ids are compared."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    tied = np.zeros(len(ordered), dtype=bool)
    same = np.flatnonzero(ordered[1:] == ordered[:-1])
    tied[same] = tied[same + 1] = True
    at = np.flatnonzero(tied)
    if len(at):
        told = arrow.table({"key": ordered[at], "id": ids.take(arrow.array(order[at]))})
        by_id = compute.sort_indices(told, sort_keys=[("key", "ascending"), ("id", "ascending")])
        order[at] = order[at][by_id.to_numpy()]
    return order


def _codes(texts: arrow.Array) -> np.ndarray:
    """One number per text that equal texts share."""
    return np.asarray(texts.dictionary_encode().indices.to_numpy(), dtype=np.int64)


def _party_codes(bookings: pd.DataFrame) -> np.ndarray:
    """One number per counterparty."""
    return _codes(party_texts(bookings))


def party_keys(bookings: pd.DataFrame) -> np.ndarray:
    """What tells a counterparty, as texts of Python; see `party_texts`."""
    return np.asarray(party_texts(bookings).to_numpy(zero_copy_only=False))


def party_texts(bookings: pd.DataFrame) -> arrow.Array:
    """What tells a counterparty: its account, else its creditor id, else its name. Only equality is ever used."""
    iban, creditor = text_column(bookings, "counterparty_iban"), text_column(bookings, "creditor_id")
    keys = compute.if_else(compute.equal(iban, ""), creditor, iban)
    unnamed = compute.equal(keys, "")
    told = text_column(bookings, "counterparty_name").filter(unnamed).dictionary_encode()
    if not len(told):
        return keys
    names = told.dictionary.to_numpy(zero_copy_only=False)
    # The sign keeps a name from ever being equal to an account.
    return compute.replace_with_mask(keys, unnamed, as_large("~" + _letters(names)).take(told.indices))


def payer_names(bookings: pd.DataFrame) -> np.ndarray:
    """The name of who paid what may be a wage, else empty. Only equality is ever used.

    An employer that pays from another account keeps its name. A name that screening made general is one plain word and
    would make one employer of all schools.
    """
    lowest = round(100 * float(parameters()["series"]["lowest_pay"]))
    asked = np.flatnonzero(signed_cents(bookings) >= lowest)
    names = np.full(len(bookings), "", dtype=object)
    told = text_column(bookings, "counterparty_name").take(arrow.array(asked)).dictionary_encode()
    known = told.dictionary.to_numpy(zero_copy_only=False)
    pairs = zip(known, _letters(known), strict=True)
    plain = [letters if len(letters.split()) > 1 or letters != name else "" for name, letters in pairs]
    names[asked] = np.array([*plain, ""], dtype=object)[told.indices.to_numpy()]
    return names


def _payer_codes(names: np.ndarray) -> np.ndarray:
    return np.where(names == "", -1, pd.factorize(names)[0]).astype(np.int64)


def _letters(names: np.ndarray) -> pd.Series:
    """The letters of each name in lower case."""
    return pd.Series(names, dtype="str").str.lower().str.replace(r"[\W\d_]+", " ", regex=True).str.strip()


def payers(course: Course, at: np.ndarray) -> np.ndarray:
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


def is_salary(course: Course) -> np.ndarray:
    """Whether a booking is a credit that its text or code calls salary; friends who joke about wages pay none.

    An allowance for an internship is no wage: who stays there gets a first one.
    """
    told = course.is_paid_as_salary | (course.concepts["salary"] & ~course.person)
    return told & (course.cents > 0) & ~_is_allowance(course)


def is_income(course: Course) -> np.ndarray:
    """Whether a booking may belong to a series of pay: a salary, or a large credit that nothing else explains.

    A final settlement is none: it may come after the first pay of the next employer. What is paid on an invoice is
    income of a business.
    """
    lowest = 100 * float(parameters()["series"]["lowest_pay"])
    told = np.logical_or.reduce([course.concepts[name] for name in ("refund", "loan", "damage", "invoice")])
    told |= _is_allowance(course)
    other = course.is_own | course.person | told | (course.unexplained < 0.5)
    return (is_salary(course) | ((course.cents >= lowest) & ~other)) & ~course.concepts["final_settlement"]


def _is_allowance(course: Course) -> np.ndarray:
    return course.concepts["internship"] & ~course.concepts["salary"]


def child_benefit_units(days: np.ndarray) -> np.ndarray:
    """Cents of child benefit for one child of 0-5 years paid on these days (days since 1970)."""
    from_days, cents = _units()
    return cents[np.maximum(np.searchsorted(from_days, days, side="right") - 1, 0)]


@cache
def _units() -> tuple[np.ndarray, np.ndarray]:
    rows = parameters()["child_benefit"]
    days = np.array([np.datetime64(row["paid_from"], "D").astype(np.int64) for row in rows])
    return days, np.array([100 * float(row["amount"]) for row in rows])


@dataclass(frozen=True)
class Background:
    """What is known of every booking's customer and counterparty by then; computed once for all kinds of points.

    `party_rank`, `party_first` and `party_back` tell the earlier bookings of the same customer with the same
    counterparty in the same direction: how many, the first, the last before this one (-1: none).
    """

    salary_at: np.ndarray
    income_sum: np.ndarray
    party_rank: np.ndarray
    party_first: np.ndarray
    party_back: np.ndarray


def build_background(course: Course) -> Background:
    """Look at all bookings once."""
    runs = Runs(course.owner, course.party, np.sign(course.cents))
    income = np.where(course.is_own, 0, np.maximum(course.cents, 0))
    return Background(
        salary_at=np.flatnonzero(is_salary(course)),
        income_sum=np.concatenate([[0], np.cumsum(income)]),
        party_rank=runs.rank,
        party_first=runs.first,
        party_back=runs.back(1),
    )


def days_since_flagged(course: Course, flagged: np.ndarray, owners: np.ndarray, days: np.ndarray) -> np.ndarray:
    """Days from the customer's last `flagged` booking (positions, sorted) before each day; `never_days` for none.

    A booking of the day itself does not count.
    """
    never = float(parameters()["points"]["never_days"])
    last = last_at_or_before(course.keys[flagged], owners, days - 1, course.owner[flagged])
    if not len(flagged):
        return np.full(len(days), never)
    gap = days - course.days[flagged[np.maximum(last, 0)]]
    return np.minimum(np.where(last >= 0, gap, never), never)


def monthly_income(course: Course, background: Background, at: np.ndarray, days: np.ndarray) -> np.ndarray:
    """Median over the last twelve 30-day months of the credits in each, cents; 0 without earlier bookings.

    Parameters
    ----------
    at : ndarray of int
        Bookings of the same customer before these positions are known.
    days : ndarray of int
        The days that months are counted back from.
    """
    start, owner = course.start[np.minimum(at, len(course.row) - 1)], course.owner[np.minimum(at, len(course.row) - 1)]
    known = np.minimum((days - course.days[start]) // _MONTH_DAYS + 1, _INCOME_MONTHS)
    months = np.full((len(at), _INCOME_MONTHS), np.nan)
    upper = at
    for month in range(_INCOME_MONTHS):
        edge = np.searchsorted(course.keys, day_keys(owner, days - _MONTH_DAYS * (month + 1)), side="right")
        lower = np.clip(edge, start, upper)
        credits = background.income_sum[upper] - background.income_sum[lower]
        months[:, month] = np.where((month < known) & (at > start), credits, np.nan)
        upper = lower
    return np.nan_to_num(median_of_known(months))
