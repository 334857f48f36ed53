"""The overdraft signal: a service message, told without permission for offers and never beside a product.

A customer mutes it with an objection to the purpose `overdraft_signal`; nothing else decides about it.
"""

from typing import Any

from models.errors import IntegrityError
from serving.answers import Answer, permission_granted, window_body
from serving.clients import Client
from serving.gate import Question
from serving.policy import Sentence
from serving.schemas import Booking, CustomerId, Day, Request

PURPOSE, EVENT = "overdraft_signal", "overdraft"
_MONTHS_NL = (
    "januari", "februari", "maart", "april", "mei", "juni", "juli", "augustus", "september", "oktober", "november",
    "december",
)  # fmt: skip


class OverdraftRequest(Request):
    """Is this customer overdrawn? The purpose is not asked: it is always the signal's own."""

    customer_id: CustomerId
    as_of: Day | None = None
    bookings: list[Booking] | None = None

    def question(self, client: Client) -> Question:
        """The question to the gate."""
        return Question(self.customer_id, PURPOSE, client, self.as_of)


def build_signal(answer: Answer, message: Sentence) -> dict[str, Any]:
    """The signal of an answer: the newest overdraft, and the message in both languages.

    Raises
    ------
    IntegrityError
        The answer carries a product: then nothing is told.
    """
    judged = answer.judgement
    if answer.purpose != PURPOSE or judged.choice.offers or judged.choice.held_back:
        raise IntegrityError("An overdraft signal never carries a product. Nothing was told; call the operator.")
    found = max((one for one in judged.events if one.event == EVENT), key=lambda one: one.onset_date, default=None)
    return {
        "customer_id": answer.customer_id,
        "as_of": judged.as_of.isoformat(),
        "overdrawn": found is not None,
        "since": found.onset_date.isoformat() if found else None,
        "detected_on": found.detected_on.isoformat() if found else None,
        "evidence": list(found.evidence) if found else [],
        "message": _tell(message, found.onset_date) if found else None,
        "send_window": window_body(answer.send_window),
        "permission": permission_granted(answer.permission),
        "trail": {"seq": answer.trail.seq, "hash": answer.trail.hash},
    }


def _tell(message: Sentence, day: Any) -> dict[str, str]:
    dutch = f"{day.day} {_MONTHS_NL[day.month - 1]} {day.year}"
    return {"nl": message.nl.format(day=dutch), "en": message.en.format(day=f"{day.day} {day:%B} {day.year}")}
