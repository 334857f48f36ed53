"""Who is fitted on and who is only tested on. Customers are never in both; a check fails the run if they are."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.model_selection import GroupShuffleSplit

from models.errors import IntegrityError

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
    if len(np.unique(groups)) < 5:
        everything = np.arange(len(bookings))
        return Split(everything, everything[:0])
    fit, test = next(GroupShuffleSplit(1, test_size=test_share, random_state=seed).split(bookings, groups=groups))
    validate_disjoint(groups, Split(fit, test))
    return Split(fit, test)


def customer_groups(bookings: pd.DataFrame) -> np.ndarray:
    """One number per customer, for splitting; customers who share an account have one number together.

    A booking of a joint account stands in the view of each holder, and must not be fitted on and tested on.
    """
    customers = bookings["customer_id"].to_numpy(dtype=object)
    if (customers == "").all():
        return np.arange(len(bookings))
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


def validate_disjoint(groups: np.ndarray, split: Split) -> None:
    """Raise IntegrityError when a customer is on both sides: every figure of such a run would flatter."""
    both = np.intersect1d(groups[split.fit], groups[split.test])
    if len(both):
        raise IntegrityError(
            f"{len(both)} customers are in the fitted and in the tested part, or share an account with one of "
            "the other part. Split by customer again, holders of one account together."
        )
