"""Pages about questions: may this be asked, record it, what was asked too often, and cases to learn from.

The customer stands in forms, never in an address, so the answer to a question is a page of its own without one.
"""

from datetime import date, timedelta
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from fastapi import Query, Request
from starlette.responses import Response

from models.errors import UsageError
from models.purposes import AMSTERDAM
from models.recalls import PAGES as CLIENT
from serving.contact.case_review import review_cases
from serving.contact.complaint_addresses import period_of
from serving.contact.question_addresses import questions_of
from serving.contact.question_report import report_questions
from serving.contact.questions import MayAsk
from serving.contact.schemas import MayAskRequest
from serving.contact.topics import default_topics
from serving.desk import Desk, TheDesk
from serving.pages.addresses import COLLEAGUE, Page
from serving.pages.asking import page_write
from serving.pages.forms import TheForm, TheVisitor, not_understood, parse_form
from serving.pages.rendering import go_to, show
from serving.pages.visitors import Visitor
from serving.pages.words import Language, find_language
from serving.problems import refuse
from serving.schemas import CustomerId, Name
from serving.schemas import Request as Asked

CHANNELS = ("phone", "branch", "letter", "chat")
_PERIOD_DAYS, _LEAST = 90, 4


class QuestionAsked(Asked):
    """A question that is asked now, or an answer that was given; by whoever is signed in."""

    customer_id: CustomerId
    topic: Name
    action: Literal["asked", "answered"]
    channel: Literal["phone", "branch", "letter", "chat"] = "phone"
    language: Literal["nl", "en"] = "nl"
    source: Literal["customer", "contract"] = "customer"


def show_questions(request: Request, _visitor: TheVisitor, done: str = "") -> Response:
    """The form: about whom, and what would you ask?"""
    return _show(request, None, None, done=done)


def may_ask(request: Request, desk: TheDesk, _visitor: TheVisitor, form: TheForm) -> Response:
    """Yes in these words, or no and why."""
    text, topic = form["text"].strip(), form["topic"]
    if bool(text) == bool(topic):
        raise refuse(422, "topic-or-text", "Choose a topic or write the question, not both.")
    asked = parse_form(
        MayAskRequest, customer_id=form["customer"].strip(), topic=topic or None, text=text or None,
        language=form["language"] or find_language(request.scope),
    )  # fmt: skip
    with desk.store.read() as connection:
        told = questions_of(desk).may_ask(
            connection, asked.customer_id, topic=asked.topic, text=asked.text, language=asked.language,
            at=desk.clock(),
        )  # fmt: skip
    return _show(request, asked, told, done="")


def record(request: Request, desk: TheDesk, visitor: TheVisitor, form: TheForm) -> Response:
    """Record that a question is asked now, or what answered it; one that may not be asked is refused."""
    given = {name: form[name] for name in ("topic", "action", "channel", "language", "source") if form[name]}
    asked = parse_form(QuestionAsked, customer_id=form["customer"], **given)
    write_down = _write_question if asked.action == "asked" else _write_answer
    now, write = desk.clock(), page_write(request, desk, visitor, form)

    def act(connection: sa.Connection) -> dict[str, Any]:
        write_down(connection, desk, visitor, asked)
        return {"topic": asked.topic}

    desk.once.answer(write, asked, act, now=now)
    return go_to(f"/contact/questions?done={asked.action}")


def show_report(
    request: Request, desk: TheDesk, _visitor: TheVisitor,
    first: str = "", last: str = "", least: Annotated[int, Query(ge=1, le=1000)] = _LEAST,
) -> Response:  # fmt: skip
    """Customers with many contacts and the questions that came again."""
    first_day, last_day = _period(desk, first, last)
    since, until = period_of(first_day, last_day)
    with desk.store.read() as connection:
        report = report_questions(connection, since=since, until=until, topics=default_topics(), least_contacts=least)
    return show(
        request, "contact_report.html.j2", here="report", report=report, first_day=first_day, last_day=last_day,
        least=least, topics=_labels(find_language(request.scope)),
    )  # fmt: skip


def show_cases(
    request: Request, desk: TheDesk, _visitor: TheVisitor,
    first: str = "", last: str = "", least: Annotated[int, Query(ge=1, le=1000)] = _LEAST,
) -> Response:  # fmt: skip
    """Situations with much contact, their course, and what could have been avoided; nobody is named."""
    first_day, last_day = _period(desk, first, last)
    since, until = period_of(first_day, last_day)
    with desk.store.read() as connection:
        cases = review_cases(connection, since=since, until=until, topics=default_topics(), least_contacts=least)
    return show(
        request, "contact_cases.html.j2", here="cases", cases=cases, first_day=first_day, last_day=last_day,
        least=least, topics=_labels(find_language(request.scope)),
    )  # fmt: skip


def parse_day(text: str) -> date:
    """A day of a form or an address.

    Raises
    ------
    ProblemError
        422.
    """
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise not_understood() from error


def _period(desk: Desk, first: str, last: str) -> tuple[date, date]:
    """The period that was asked for, else the last three months."""
    last_day = parse_day(last) if last else desk.clock().astimezone(AMSTERDAM).date()
    first_day = parse_day(first) if first else last_day - timedelta(days=_PERIOD_DAYS)
    if last_day < first_day:
        raise UsageError("The period is none. Give a last day that is not before the first.")
    return first_day, last_day


def _show(request: Request, asked: MayAskRequest | None, told: MayAsk | None, *, done: str) -> Response:
    language = find_language(request.scope)
    return show(
        request, "contact_questions.html.j2", here="questions", asked=asked, told=told, topics=_labels(language),
        channels=CHANNELS, sentence="" if told is None else getattr(told.sentence, language), done=done,
    )  # fmt: skip


def _labels(language: Language) -> dict[str, str]:
    return {id: getattr(topic.label, language) for id, topic in default_topics().topics.items()}


def _write_question(connection: sa.Connection, desk: Desk, visitor: Visitor, asked: QuestionAsked) -> None:
    questions_of(desk).record_question(
        connection, asked.customer_id, topic=asked.topic, language=asked.language, channel=asked.channel,
        asked_by=visitor.person, client=CLIENT, at=desk.clock(),
    )  # fmt: skip


def _write_answer(connection: sa.Connection, desk: Desk, _visitor: Visitor, asked: QuestionAsked) -> None:
    questions_of(desk).record_answer(
        connection, asked.customer_id, topic=asked.topic, source=asked.source, reference="", client=CLIENT,
        at=desk.clock(),
    )  # fmt: skip


PAGES = (
    Page("/contact/questions", show_questions, COLLEAGUE),
    Page("/contact/questions", may_ask, COLLEAGUE, method="POST"),
    Page("/contact/record", record, COLLEAGUE, method="POST"),
    Page("/contact/report", show_report, COLLEAGUE),
    Page("/contact/cases", show_cases, COLLEAGUE),
)
