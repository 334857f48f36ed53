"""The bookings a life event rests on, as the customer sees them: private persons are masked, as the model masks them.

A name is shown only where something proves a company; of the text only those words of our own lexicon that carried the
event, because a word that many customers share may still be somebody's first name. Whatever the screening holds back
today is not shown either.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import pandas as pd

from models.detection import let_through
from models.lexicon import default_lexicon
from models.text import PARTIES, read_texts
from serving.care import Detection
from serving.detecting import ReleaseOnce, ServedRelease
from serving.pages.bookings import BookingSource

Explain = Callable[..., pd.DataFrame]  # as models.explaining.explain_detections
_COLUMNS = ("customer_id", "event", "onset_date", "evidence")


@dataclass(frozen=True, slots=True)
class EvidenceBooking:
    """One booking: `party` is none, person, payer or company; `name` is empty unless it is a company's."""

    booking_date: date
    amount: Decimal
    is_credit: bool
    party: str
    name: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """The bookings that could be looked up, the latest first, and how many there are."""

    bookings: tuple[EvidenceBooking, ...]
    count: int


def find_evidence(
    found: Iterable[Detection], *, customer_id: str, source: BookingSource, release: ServedRelease, explain: Explain
) -> dict[Detection, Evidence]:
    """What each detection of one customer rests on."""
    found = tuple(found)
    frame = source.find(customer_id, {booking for one in found for booking in one.evidence})
    if frame.empty:
        return {one: Evidence((), len(one.evidence)) for one in found}
    once = ReleaseOnce(release)  # explaining screens the same bookings again
    frame = let_through(frame, once.screening)[1]
    return {one: _evidence_of(one, frame, customer_id, once, explain) for one in found}


def _evidence_of(
    one: Detection, frame: pd.DataFrame, customer_id: str, release: ReleaseOnce, explain: Explain
) -> Evidence:
    mine = frame[frame["booking_id"].isin(one.evidence)].reset_index(drop=True)
    if mine.empty:
        return Evidence((), len(one.evidence))
    row = (customer_id, one.event, pd.Timestamp(one.onset_date), " ".join(mine["booking_id"]))
    told = explain(mine, pd.DataFrame([row], columns=list(_COLUMNS)), release=release)
    words = dict(zip(told["booking_id"], told["words"], strict=True))
    texts = read_texts(mine, names="as_persons")
    names = [[texts.table[word] for word in texts.merchant.row(at)] for at in texts.at]
    shown = [
        EvidenceBooking(
            booking_date=row.booking_date.date(),
            amount=Decimal(row.amount),
            is_credit=row.credit_debit_indicator == "CRDT",
            party=PARTIES[texts.party[texts.at[row.Index]]],
            name=" ".join(names[row.Index]).upper(),
            words=_sayable(words.get(row.booking_id, ""), names[row.Index]),
        )
        for row in mine.itertuples()
    ]
    return Evidence(tuple(sorted(shown, key=lambda booking: booking.booking_date, reverse=True)), len(one.evidence))


def _sayable(words: str, name: list[str]) -> tuple[str, ...]:
    """Words of our lexicon, without those that stand in the company's name beside them."""
    lexicon = default_lexicon()
    return tuple(
        word
        for word in words.split(", ")
        if word not in name and (lexicon.concept(word) or lexicon.concept_of_phrase(word))
    )
