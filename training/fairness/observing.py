"""From bookings, true events and the vault's groups to the two cubes of an audit: of life events and of screening.

Only here do predictions and groups of people meet, inside the audit process; what leaves are the cubes.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from models.detection import Model, classify_bookings, detect_events
from training.fairness.cube import Cube, Rows, build_cube
from training.fairness.policy import FairnessPolicy, group_frame
from training.matching import match_events

_SCREENED = "screened"
_OFFERS = ("S", "L")  # offer classes of the taxonomy: at once, later; care (C) never carries one
_MONTH = 365.25 / 12  # days


@dataclass(frozen=True, kw_only=True)
class Observed:
    """What the release said of the audited customers, and the cubes it was counted into.

    `groups` is the frame of grounds, one row per customer of `customers`; `found` the detections.
    """

    customers: np.ndarray
    groups: pd.DataFrame
    found: pd.DataFrame
    cube: Cube
    screening: Cube | None


def observe(
    bookings: pd.DataFrame, truth: pd.DataFrame, vault: pd.DataFrame, release: Model, policy: FairnessPolicy, *,
    as_of: date, to_screen: np.ndarray | None = None,
) -> Observed:  # fmt: skip
    """Run the release on all bookings, match with the truth, count per group.

    Parameters
    ----------
    bookings : DataFrame
        Bookings of customers who allow the audit and were not trained on.
    truth : DataFrame
        The events table.
    vault : DataFrame
        customer_id and the columns that the policy declares, as texts; customers without a row are of no group.
    to_screen : ndarray of bool, optional
        The truth of screening, one per booking; without it screening is not measured.
    """
    customers = np.sort(bookings["customer_id"].unique())
    groups = group_frame(policy, vault.set_index("customer_id").reindex(customers)).reset_index(drop=True)
    found = detect_events(bookings, as_of=as_of, release=release)
    answered = classify_bookings(bookings, release=release)
    known = truth[truth["customer_id"].isin(customers)].reset_index(drop=True)
    offering = frozenset(
        event for event in release.taxonomy.ids if release.taxonomy.event(event).offer_class in _OFFERS
    )
    rows = _event_rows(found, known, _abstained(bookings, answered, found), customers, policy.events, offering)
    return Observed(
        customers=customers,
        groups=groups,
        found=found,
        cube=build_cube(rows, groups, events=policy.events, exposure=_months(bookings, customers)[:, None]),
        screening=None
        if to_screen is None
        else _screening_cube(bookings["customer_id"], answered, to_screen, customers, groups),
    )


def _event_rows(
    found: pd.DataFrame, truth: pd.DataFrame, abstained: pd.DataFrame, customers: np.ndarray, events: tuple[str, ...],
    offering: frozenset[str],
) -> Rows:  # fmt: skip
    """One row per true event and per detection that is none; of events that allow an offer, a detection is one."""
    matched = match_events(found, truth)
    hit = matched.of_truth >= 0
    false = found[matched.of_detection < 0]
    of_truth = found.iloc[matched.of_truth[hit]]
    days = np.zeros(len(truth))
    late = of_truth["detected_on"].to_numpy() - truth["first_detectable_date"].to_numpy()[hit]
    days[hit] = late.astype("timedelta64[D]").astype(np.int64)
    likely = np.zeros(len(truth))
    likely[hit] = of_truth["probability"].to_numpy()
    parts = [truth, false, abstained]
    names = np.concatenate([part["event"].to_numpy(dtype=object) for part in parts])
    numbers = pd.Index(events)
    sizes = [len(part) for part in parts]
    predicted = np.concatenate([hit, np.repeat([True, False], sizes[1:])])
    return Rows(
        customer=np.searchsorted(
            customers, np.concatenate([part["customer_id"].to_numpy(dtype=object) for part in parts])
        ),
        event=numbers.get_indexer(names),
        true=np.repeat([True, False, False], sizes),
        predicted=predicted,
        offered=predicted & np.isin(names, sorted(offering)),
        abstained=np.repeat([False, False, True], sizes),
        probability=np.concatenate([likely, false["probability"].to_numpy(), np.zeros(sizes[2])]),
        days=np.concatenate([days, np.zeros(sizes[1] + sizes[2])]),
    )


def _months(bookings: pd.DataFrame, customers: np.ndarray) -> np.ndarray:
    """Months in which each customer was seen, at least one: events and offers come again, so rates are per month."""
    seen = bookings.groupby("customer_id")["booking_date"].agg(["min", "max"]).reindex(customers)
    return np.asarray(np.maximum(1.0, (seen["max"] - seen["min"]).dt.days.to_numpy() / _MONTH))


def _abstained(bookings: pd.DataFrame, answered: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
    """Customer and event, once each, where a booking that may tell it was left in doubt and nothing came of it."""
    doubt = answered["abstained"].to_numpy(dtype=bool)
    pairs = pd.DataFrame(
        {"customer_id": bookings["customer_id"].to_numpy()[doubt], "event": answered["label"].to_numpy()[doubt]}
    ).drop_duplicates()
    told = pd.MultiIndex.from_frame(found[["customer_id", "event"]])
    return pairs[~pd.MultiIndex.from_frame(pairs).isin(told)]


def _screening_cube(
    owners: pd.Series, answered: pd.DataFrame, to_screen: np.ndarray, customers: np.ndarray, groups: pd.DataFrame
) -> Cube:
    """A cube of bookings: how many should be and were screened."""
    customer = np.searchsorted(customers, owners.to_numpy(dtype=object))
    screened = (answered["label"] == _SCREENED).to_numpy()
    kept = to_screen | screened
    none = np.zeros(int(kept.sum()), dtype=bool)
    rows = Rows(
        customer=customer[kept], event=np.zeros(len(none), dtype=np.int64), true=none, predicted=none,
        to_screen=to_screen[kept], screened=screened[kept],
    )  # fmt: skip
    bookings = np.bincount(customer, minlength=len(customers)).astype(float)
    return build_cube(rows, groups, events=("bookings",), exposure=bookings[:, None])
