"""From bookings, true events and the vault's groups to the two cubes of an audit: of life events and of screening.

Only here do predictions and groups of people meet, inside the audit process; what leaves are the cubes.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.taxonomy import Taxonomy
from training.fairness.asking import Asked
from training.fairness.cube import Cube, Rows, build_cube
from training.fairness.policy import FairnessPolicy, group_frame
from training.matching import match_events

_SCREENED = "screened"
_OFFERS = ("S", "L")  # offer classes of the taxonomy: at once, later; care (C) never carries one
_MONTH = 365.25 / 12  # days


@dataclass(frozen=True, kw_only=True)
class People:
    """The audited customers, sorted, with what is known of them.

    `groups` is the frame of grounds, one row per customer; `truth` the events table of these customers; `months` how
    long each was seen.
    """

    customers: np.ndarray
    groups: pd.DataFrame
    truth: pd.DataFrame
    months: np.ndarray

    def part(self, chosen: np.ndarray) -> "People":
        """Some of them, by a mask over `customers`."""
        customers = self.customers[chosen]
        return People(
            customers=customers,
            groups=self.groups[chosen].reset_index(drop=True),
            truth=self.truth[self.truth["customer_id"].isin(customers)].reset_index(drop=True),
            months=self.months[chosen],
        )


@dataclass(frozen=True, kw_only=True)
class Observed:
    """What the release said of people, as detections, and the cubes it was counted into."""

    people: People
    found: pd.DataFrame
    cube: Cube
    screening: Cube | None


def observe(
    asked: Asked, truth: pd.DataFrame, vault: pd.DataFrame, taxonomy: Taxonomy, policy: FairnessPolicy, *,
    to_screen: np.ndarray | None = None,
) -> Observed:  # fmt: skip
    """Match what the release said with the truth, and count per group.

    Parameters
    ----------
    asked : Asked
        About bookings of customers who allow the audit and were not trained on.
    truth : DataFrame
        The events table.
    vault : DataFrame
        customer_id and the columns that the policy declares, as texts; customers without a row are of no group.
    to_screen : ndarray of bool, optional
        The truth of screening, one per booking; without it screening is not measured.
    """
    people = know_people(asked.bookings, truth, vault, policy)
    found = asked.detections
    screening = None
    if to_screen is not None:
        customer = np.searchsorted(people.customers, asked.bookings["customer_id"].to_numpy(dtype=object))
        bookings = np.bincount(customer, minlength=len(people.customers))
        screening = count_screening(customer, to_screen, is_screened(asked.answers), people, bookings=bookings)
    abstained = find_doubts(asked.bookings, asked.answers, found)
    cube = count_events(found, people, policy, taxonomy, abstained=abstained)
    return Observed(people=people, found=found, cube=cube, screening=screening)


def know_people(bookings: pd.DataFrame, truth: pd.DataFrame, vault: pd.DataFrame, policy: FairnessPolicy) -> People:
    """The customers of some bookings."""
    seen = bookings.groupby("customer_id")["booking_date"].agg(["min", "max"])
    return build_people(seen, truth, vault, policy)


def build_people(seen: pd.DataFrame, truth: pd.DataFrame, vault: pd.DataFrame, policy: FairnessPolicy) -> People:
    """Customers by the days of their first and last booking: `min` and `max`, indexed by customer."""
    seen = seen.sort_index()
    customers = seen.index.to_numpy(dtype=object)
    return People(
        customers=customers,
        groups=group_frame(policy, vault.set_index("customer_id").reindex(customers)).reset_index(drop=True),
        truth=truth[truth["customer_id"].isin(customers)].reset_index(drop=True),
        # At least one: events and offers come again, so rates are per month.
        months=np.maximum(1.0, (seen["max"] - seen["min"]).dt.days.to_numpy() / _MONTH),
    )


def count_events(
    found: pd.DataFrame, people: People, policy: FairnessPolicy, taxonomy: Taxonomy, *,
    abstained: pd.DataFrame | None = None,
) -> Cube:  # fmt: skip
    """The cube of some detections of these people; without `abstained` (customer_id, event) doubt is not measured."""
    rows = _event_rows(found, people, abstained, policy.events, offering_events(taxonomy))
    return build_cube(rows, people.groups, events=policy.events, exposure=people.months[:, None])


def offering_events(taxonomy: Taxonomy) -> frozenset[str]:
    """The events on which something may be offered."""
    return frozenset(event for event in taxonomy.ids if taxonomy.event(event).offer_class in _OFFERS)


def _event_rows(
    found: pd.DataFrame, people: People, abstained: pd.DataFrame | None, events: tuple[str, ...],
    offering: frozenset[str],
) -> Rows:  # fmt: skip
    """One row per true event and per detection that is none; of events that allow an offer, a detection is one."""
    truth = people.truth
    matched = match_events(found, truth)
    hit = matched.of_truth >= 0
    false = found[matched.of_detection < 0]
    of_truth = found.iloc[matched.of_truth[hit]]
    days = np.zeros(len(truth))
    late = of_truth["detected_on"].to_numpy() - truth["first_detectable_date"].to_numpy()[hit]
    days[hit] = late.astype("timedelta64[D]").astype(np.int64)
    likely = np.zeros(len(truth))
    likely[hit] = of_truth["probability"].to_numpy()
    parts = [truth, false, found.iloc[:0] if abstained is None else abstained]
    names = np.concatenate([part["event"].to_numpy(dtype=object) for part in parts])
    numbers = pd.Index(events)
    sizes = [len(part) for part in parts]
    predicted = np.concatenate([hit, np.repeat([True, False], sizes[1:])])
    return Rows(
        customer=np.searchsorted(
            people.customers, np.concatenate([part["customer_id"].to_numpy(dtype=object) for part in parts])
        ),
        event=numbers.get_indexer(names),
        true=np.repeat([True, False, False], sizes),
        predicted=predicted,
        offered=predicted & np.isin(names, sorted(offering)),
        abstained=None if abstained is None else np.repeat([False, False, True], sizes),
        probability=np.concatenate([likely, false["probability"].to_numpy(), np.zeros(sizes[2])]),
        days=np.concatenate([days, np.zeros(sizes[1] + sizes[2])]),
    )


def find_doubts(bookings: pd.DataFrame, answered: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
    """Customer and event, once each, where a booking that may tell it was left in doubt and nothing came of it."""
    doubt = answered["abstained"].to_numpy(dtype=bool)
    pairs = pd.DataFrame(
        {"customer_id": bookings["customer_id"].to_numpy()[doubt], "event": answered["label"].to_numpy()[doubt]}
    ).drop_duplicates()
    told = pd.MultiIndex.from_frame(found[["customer_id", "event"]])
    return pairs[~pd.MultiIndex.from_frame(pairs).isin(told)]


def is_screened(answered: pd.DataFrame) -> np.ndarray:
    """Which bookings screening stopped."""
    return np.asarray(answered["label"] == _SCREENED)


def count_screening(
    customer: np.ndarray, to_screen: np.ndarray, screened: np.ndarray, people: People, *, bookings: np.ndarray
) -> Cube:
    """A cube of bookings: how many should be and were screened.

    Parameters
    ----------
    customer, to_screen, screened : ndarray
        One entry per booking: the position of its customer, the truth, and what was done. Bookings that should not be
        and were not may be left out.
    bookings : ndarray of int
        Of each customer, those that were left out too.
    """
    kept = to_screen | screened
    none = np.zeros(int(kept.sum()), dtype=bool)
    rows = Rows(
        customer=customer[kept], event=np.zeros(len(none), dtype=np.int64), true=none, predicted=none,
        to_screen=to_screen[kept], screened=screened[kept],
    )  # fmt: skip
    return build_cube(rows, people.groups, events=("bookings",), exposure=bookings.astype(float)[:, None])
