"""The addresses of the question ledger: may this be asked, record it, and learn from what was asked too often."""

from dataclasses import asdict
from datetime import date
from typing import Any

import sqlalchemy as sa
from fastapi.responses import JSONResponse

from models.taxonomy import default_taxonomy
from serving.addresses import Address
from serving.contact.case_review import review_cases
from serving.contact.complaint_addresses import COLLEAGUES, period_of
from serving.contact.question_report import report_questions
from serving.contact.questions import PURPOSE, MayAsk, QuestionDesk
from serving.contact.schemas import ManyContactsRequest, MayAskRequest, QuestionRequest
from serving.contact.told import CasesTold, MayAskTold, QuestionReportTold, QuestionTold
from serving.contact.topics import default_topics
from serving.desk import Desk, TheClient, TheDesk, TheWrite, no_store
from serving.problems import refuse


def answer_may_ask(asked: MayAskRequest, desk: TheDesk, client: TheClient) -> JSONResponse:
    """Yes in these words, or no and why; a no is an answer, not an error."""
    client.require_purpose(PURPOSE)
    with desk.store.read() as connection:
        told = questions_of(desk).may_ask(
            connection, asked.customer_id, topic=asked.topic, text=asked.text, language=asked.language,
            at=desk.clock(),
        )  # fmt: skip
    return no_store(may_ask_body(told))


def record_question(asked: QuestionRequest, desk: TheDesk, write: TheWrite) -> JSONResponse:
    """Record a question or an answer; a question that may not be asked now is refused with 409."""
    write.client.require_purpose(PURPOSE)
    now = desk.clock()
    if asked.at is not None and asked.at > now:
        raise refuse(422, "at-in-the-future", "It lies in the future. Leave `at` out or give an earlier moment.")
    act = _ask if asked.action == "asked" else _answer

    def write_down(connection: sa.Connection) -> dict[str, Any]:
        return act(connection, asked, desk, write.client.name)

    return no_store(desk.once.answer(write, asked, write_down, now=now), status=201)


def answer_report(asked: ManyContactsRequest, desk: TheDesk, _client: TheClient) -> JSONResponse:
    """Customers with many contacts and repeated questions."""
    since, until = period_of(asked.first_day, asked.last_day)
    with desk.store.read() as connection:
        report = report_questions(
            connection, since=since, until=until, topics=default_topics(), least_contacts=asked.least_contacts
        )
    told = asdict(report)
    days = {"first_day": asked.first_day.isoformat(), "last_day": asked.last_day.isoformat()}
    return no_store({**days, **{name: told[name] for name in told if name not in ("since", "until")}})


def answer_cases(asked: ManyContactsRequest, desk: TheDesk, _client: TheClient) -> JSONResponse:
    """Situations with much contact, their course and what could have been avoided; nobody is named."""
    since, until = period_of(asked.first_day, asked.last_day)
    with desk.store.read() as connection:
        cases = review_cases(
            connection, since=since, until=until, topics=default_topics(), least_contacts=asked.least_contacts
        )
    days = {"first_day": asked.first_day.isoformat(), "last_day": asked.last_day.isoformat()}
    return no_store({**days, "cases": [asdict(case) for case in cases]})


def questions_of(desk: Desk) -> QuestionDesk:
    """The question ledger of this worker."""
    return QuestionDesk(default_topics(), desk.gate.registry, desk.gate.records, default_taxonomy(), desk.gate.switches)


def may_ask_body(told: MayAsk) -> dict[str, Any]:
    """An answer of the ledger as JSON."""
    return {
        "may_ask": told.allowed,
        "because": told.because,
        "topic": told.topic or None,
        "sentence": asdict(told.sentence),
        "wording": told.wording or None,
        "asked_on": _iso(told.asked_on),
        "until": _iso(told.until),
    }


def _ask(connection: sa.Connection, asked: QuestionRequest, desk: Desk, client: str) -> dict[str, Any]:
    told = questions_of(desk).record_question(
        connection, asked.customer_id, topic=asked.topic, language=asked.language, channel=asked.channel,
        asked_by=asked.colleague, client=client, at=asked.at or desk.clock(), happened=asked.at is not None,
    )  # fmt: skip
    return {"topic": told.topic, "action": "asked", "wording": told.wording or None, "valid_until": None}


def _answer(connection: sa.Connection, asked: QuestionRequest, desk: Desk, client: str) -> dict[str, Any]:
    answer = questions_of(desk).record_answer(
        connection, asked.customer_id, topic=asked.topic, source=asked.source, reference=asked.reference,
        client=client, at=asked.at or desk.clock(),
    )  # fmt: skip
    until = answer.valid_until.isoformat()
    return {"topic": answer.topic, "action": "answered", "wording": None, "valid_until": until}


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


ADDRESSES = (
    Address("/questions:may-ask", "May this be asked?", answer_may_ask, COLLEAGUES, MayAskTold),
    Address(
        "/questions", "Record a question or an answer", record_question, COLLEAGUES, QuestionTold, status=201,
        is_write=True,
    ),
    Address("/questions:report", "Who was asked what, how often", answer_report, COLLEAGUES, QuestionReportTold),
    Address("/questions:cases", "Situations with much contact, nobody named", answer_cases, COLLEAGUES, CasesTold),
)  # fmt: skip
