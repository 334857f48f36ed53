"""Who is fitted on and who is only tested on: by row, by customer, by counterparty, and forward in time.

Each way of splitting promises that something of the tested bookings was never seen in fitting. The promise is checked
on the bookings themselves, not on the groups that the split was made with, and a broken one fails the run.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.model_selection import GroupShuffleSplit, train_test_split

from models.errors import IntegrityError
from models.taxonomy import NONE

SplitKind = Literal["row", "customer", "counterparty", "time"]
KINDS: tuple[SplitKind, ...] = get_args(SplitKind)
_FEWEST_GROUPS = 5
_LETTERS = r"[\W\d_]+"
_NAMES = "names of counterparties"
# An account of more customers is no household's: a number of the bank itself, or a table without real ones.
_MOST_HOLDERS = 4


@dataclass(frozen=True)
class Split:
    """Positions of bookings to fit on and to test on."""

    fit: np.ndarray
    test: np.ndarray


def split_by_customer(bookings: pd.DataFrame, *, test_share: float, seed: int) -> Split:
    """Split whole customers; without customer ids every booking counts as its own customer.

    Parameters
    ----------
    test_share : float
        Share of the customers (0..1) to test on.
    """
    groups = customer_groups(bookings)
    if len(np.unique(groups)) < _FEWEST_GROUPS:
        return _untested(len(bookings))
    fit, test = next(GroupShuffleSplit(1, test_size=test_share, random_state=seed).split(groups, groups=groups))
    validate_disjoint(groups, Split(fit, test))
    return Split(fit, test)


def make_splits(
    bookings: pd.DataFrame, labels: np.ndarray, *, test_share: float, seed: int
) -> dict[SplitKind, Split | None]:
    """The same bookings split in four ways; None where a way is not possible, such as by time within one day.

    Parameters
    ----------
    bookings, labels
        Bookings table (any columns of it) and one label per booking.
    test_share : float
        Share (0..1) of bookings, customers, counterparties or - forward in time - bookings to test on.
    """
    made: dict[SplitKind, Split] = {
        "row": _split_rows(len(bookings), test_share=test_share, seed=seed),
        "customer": _split_customers(bookings, test_share=test_share, seed=seed),
        "counterparty": _split_counterparties(bookings, labels, test_share=test_share, seed=seed),
        "time": _split_forward(bookings, test_share=test_share),
    }
    tested: dict[SplitKind, Split | None] = {kind: split if len(split.test) else None for kind, split in made.items()}
    for kind, split in tested.items():
        if split is not None:
            validate_split(kind, bookings, split)
    return tested


def has_customers(bookings: pd.DataFrame) -> bool:
    """Whether every booking names its customer."""
    return "customer_id" in bookings and not bool((bookings["customer_id"] == "").any())


def customer_groups(bookings: pd.DataFrame) -> np.ndarray:
    """One number per customer, for splitting; customers who share an account have one number together.

    A booking of a joint account stands in the view of each holder, and must not be fitted on and tested on.
    """
    if "customer_id" not in bookings or (bookings["customer_id"] == "").all():
        return np.arange(len(bookings))
    customers = bookings["customer_id"].to_numpy(dtype=object)
    codes, names = pd.factorize(customers, sort=True)
    if "account_iban" not in bookings:
        return codes
    accounts = bookings["account_iban"].to_numpy(dtype=object)
    held = pd.DataFrame({"account": accounts, "customer": codes}).loc[accounts != ""].drop_duplicates()
    holders = held.groupby("account")["customer"].transform("size")
    held = held[holders.between(2, _MOST_HOLDERS)]
    first = held.groupby("account")["customer"].transform("first")
    links = coo_array((np.ones(len(held)), (first, held["customer"])), shape=(len(names), len(names)))
    groups: np.ndarray = connected_components(links, directed=False)[1][codes]
    return groups


def counterparty_groups(bookings: pd.DataFrame) -> np.ndarray:
    """One number per counterparty: bookings that share a creditor id, an IBAN or the letters of a name are of one.

    The three are joined, because one organisation appears by card under its name alone and by direct debit under its
    creditor id. A booking without a name goes by the letters of its text too.
    """
    told = _identities(bookings)
    keys = [*told.values(), np.where(told[_NAMES] == "", describe_bookings(bookings), "")]
    booking, key, offset = [], [], len(bookings)
    for values in keys:
        codes, distinct = pd.factorize(values)
        present = np.flatnonzero(values != "")
        booking.append(present)
        key.append(codes[present] + offset)
        offset += len(distinct)
    ends = (np.concatenate(booking), np.concatenate(key))
    graph = coo_array((np.ones(len(ends[0]), dtype=bool), ends), shape=(offset, offset))
    return connected_components(graph, directed=False)[1][: len(bookings)]


def describe_bookings(bookings: pd.DataFrame) -> np.ndarray:
    """The normalised description of each booking: the letters of name and text, without case, digits and signs."""
    name, text = _letters(bookings, "counterparty_name"), _letters(bookings, "remittance_information")
    return np.where((name == "") & (text == ""), "", name + "|" + text)


def validate_split(kind: SplitKind, bookings: pd.DataFrame, split: Split) -> None:
    """Raise IntegrityError when a split breaks its promise: every figure of such a run would flatter.

    No booking is on both sides of any split. Beyond that `customer` keeps customers apart, `counterparty` creditor
    ids, IBANs, names and normalised descriptions, each by itself; `time` has every tested booking after all others.
    """
    if len(np.intersect1d(split.fit, split.test)):
        raise _overlap(kind, len(np.intersect1d(split.fit, split.test)), "bookings")
    if kind == "time":
        days = bookings["booking_date"].to_numpy()
        late = int((days[split.fit] >= days[split.test].min()).sum())
        if late:
            raise _overlap(kind, late, "fitted bookings are as late as a tested one; such bookings")
        return
    for name, values in _promised(kind, bookings).items():
        both = set(values[split.fit]) & set(values[split.test]) - {""}
        if both:
            raise _overlap(kind, len(both), name)


def validate_disjoint(groups: np.ndarray, split: Split) -> None:
    """Raise IntegrityError when a customer is on both sides: every figure of such a run would flatter."""
    both = np.intersect1d(groups[split.fit], groups[split.test])
    if len(both):
        raise IntegrityError(
            f"{len(both)} customers are in the fitted and in the tested part, or share an account with one of the "
            "other part. Split by customer again, holders of one account together."
        )


def _overlap(kind: SplitKind, count: int, name: str) -> IntegrityError:
    return IntegrityError(f"Split by {kind}: {count} {name} are in the fitted and in the tested part. Split again.")


def _promised(kind: SplitKind, bookings: pd.DataFrame) -> Mapping[str, np.ndarray]:
    if kind == "customer":
        return {"customers": bookings["customer_id"].to_numpy(dtype=object)}
    if kind == "counterparty":
        return {**_identities(bookings), "normalised descriptions": describe_bookings(bookings)}
    return {}


def _identities(bookings: pd.DataFrame) -> dict[str, np.ndarray]:
    """Creditor id, IBAN and letters of the name per booking, "" where there is none."""
    plain = {
        name: bookings[name].to_numpy(dtype=object) if name in bookings else np.full(len(bookings), "", dtype=object)
        for name in ("creditor_id", "counterparty_iban")
    }
    return {
        "creditor ids": plain["creditor_id"],
        "IBANs of counterparties": plain["counterparty_iban"],
        _NAMES: _letters(bookings, "counterparty_name"),
    }


def _letters(bookings: pd.DataFrame, column: str) -> np.ndarray:
    if column not in bookings:
        return np.full(len(bookings), "", dtype=object)
    codes, distinct = pd.factorize(bookings[column].fillna("").to_numpy(dtype=object))
    plain = pd.Series(distinct, dtype="str").str.casefold().str.replace(_LETTERS, "", regex=True)
    return plain.to_numpy(dtype=object)[codes]


def _untested(count: int) -> Split:
    return Split(np.arange(count), np.arange(0))


def _split_rows(count: int, *, test_share: float, seed: int) -> Split:
    if count < _FEWEST_GROUPS:
        return _untested(count)
    fit, test = train_test_split(np.arange(count), test_size=test_share, random_state=seed)
    return Split(np.sort(fit), np.sort(test))


def _split_customers(bookings: pd.DataFrame, *, test_share: float, seed: int) -> Split:
    if not has_customers(bookings):
        return _untested(len(bookings))
    return split_by_customer(bookings, test_share=test_share, seed=seed)


def _split_counterparties(bookings: pd.DataFrame, labels: np.ndarray, *, test_share: float, seed: int) -> Split:
    """Whole counterparties, drawn per label, so that a label with several counterparties is on both sides."""
    groups = counterparty_groups(bookings)
    kinds = _main_label(groups, labels)
    if len(kinds) < _FEWEST_GROUPS:
        return _untested(len(bookings))
    frequent = kinds.map(kinds.value_counts()) >= 2
    tested: list[int] = []
    for _, mine in kinds[frequent].groupby(kinds[frequent]):
        count = max(1, round(test_share * len(mine)))
        tested += train_test_split(mine.index.to_numpy(), test_size=count, random_state=seed)[1].tolist()
    test = np.isin(groups, tested)
    return Split(np.flatnonzero(~test), np.flatnonzero(test))


def _main_label(groups: np.ndarray, labels: np.ndarray) -> pd.Series:
    """Per counterparty its most frequent event label, `none` when it has none of an event; ties by name."""
    counted = pd.DataFrame({"group": groups, "label": labels}).value_counts().reset_index()
    counted["is_none"] = counted["label"] == NONE
    ordered = counted.sort_values(["is_none", "count", "label"], ascending=[True, False, True], kind="stable")
    return ordered.drop_duplicates("group").set_index("group")["label"].sort_index()


def _split_forward(bookings: pd.DataFrame, *, test_share: float) -> Split:
    """Fit up to a day, test after it; no day is on both sides, so the share is met as nearly as days allow."""
    if "booking_date" not in bookings or not len(bookings):
        return _untested(len(bookings))
    days = bookings["booking_date"].to_numpy()
    last = np.sort(days)[min(int((1 - test_share) * len(days)), len(days) - 1)]
    late = days >= last if (days < last).any() else days > last
    return Split(np.flatnonzero(~late), np.flatnonzero(late))
