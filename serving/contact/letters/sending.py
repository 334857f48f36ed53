"""Sending a letter: reviewed words only, none that sells during a complaint, and kept exactly as it was sent."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from models.errors import UsageError
from models.store import customers, letters
from serving.contact.letters.reviews import LetterReview, require_review
from serving.contact.letters.templates import Letter, RenderedLetter, find_letter, render_letter
from serving.problems import refuse
from serving.records import StoredRecords

DEFAULT_LANGUAGE = "nl"


@dataclass(frozen=True)
class LetterDesk:
    """Under which reviews letters leave, and the values that are the same in all of them."""

    reviews: tuple[LetterReview, ...]
    demo: bool
    phone: str

    def send(
        self,
        connection: sa.Connection,
        letter_id: str,
        *,
        customer_id: str,
        values: Mapping[str, str],
        language: str,
        channel: str,
        at: datetime,
    ) -> RenderedLetter:
        """Render a letter and keep it as sent, in the given writing transaction.

        Raises
        ------
        GateBlockedError
            No interest group read this version.
        ProblemError
            409: the letter is about a life event that may carry an offer, and the customer has an open complaint.
        UsageError
            A value is missing.
        """
        letter = find_letter(letter_id)
        require_review(letter, self.reviews, demo=self.demo)
        if letter.offer_class in ("S", "L") and has_open_complaint(connection, customer_id):
            raise refuse(409, "open-complaint", "This customer has an open complaint, so no offer is sent.")
        given = {"phone": self.phone, **values}
        rendered = render_letter(letter, language, {name: given[name] for name in given if name in letter.placeholders})
        _keep(connection, rendered, customer_id=customer_id, channel=channel, at=at)
        return rendered

    def can_send(self, letter_id: str) -> bool:
        """Whether this letter may leave now."""
        return self.demo or any(_is_of(review, find_letter(letter_id)) for review in self.reviews)


# Sends nothing: what a desk has until it is told which letters were read.
NO_LETTERS = LetterDesk(reviews=(), demo=False, phone="")


def has_open_complaint(connection: sa.Connection, customer_id: str) -> bool:
    """Whether a complaint of this customer is open, here or in the bank's own table: as the gate sees it."""
    facts = StoredRecords().find_customer(connection, customer_id)
    return facts is not None and facts.open_complaint


def find_language(connection: sa.Connection, customer_id: str) -> str:
    """The language that the bank's table gives for a customer, Dutch when it gives none of ours."""
    found = connection.execute(sa.select(customers.c.language).where(customers.c.customer_id == customer_id)).scalar()
    return found if found in ("nl", "en") else DEFAULT_LANGUAGE


def _is_of(review: LetterReview, letter: Letter) -> bool:
    return (review.letter, review.version, review.sha256) == (letter.id, letter.version, letter.sha256)


def _keep(connection: sa.Connection, rendered: RenderedLetter, *, customer_id: str, channel: str, at: datetime) -> None:
    if at.utcoffset() is None:
        raise UsageError("The moment of a letter has no time zone.")
    row = {
        "customer_id": customer_id, "letter": rendered.letter, "version": rendered.version, "sha256": rendered.sha256,
        "language": rendered.language, "subject": rendered.subject, "text": rendered.text, "channel": channel, "at": at,
    }  # fmt: skip
    connection.execute(letters.insert().values(**row))
