"""The addresses that tell life events: one customer, or many at once."""

from typing import Any

from fastapi.responses import JSONResponse

from serving.addresses import Address
from serving.answers import Answer
from serving.clients import ASKING
from serving.desk import Desk, TheClient, TheDeadline, TheDesk, no_store
from serving.gate import Question
from serving.problems import Problem, refuse
from serving.schemas import EventsBatchRequest, EventsRequest, parse_bookings_of
from serving.told import EventsBatchTold, EventsTold


def answer_events(asked: EventsRequest, desk: TheDesk, client: TheClient, deadline: TheDeadline) -> JSONResponse:
    """Events that this purpose may know, with evidence, reason and offers; bookings in the request are not stored."""
    records, most = asked.bookings, desk.policy.limits.row_problems
    read = None
    if records is not None:

        def read() -> Any:
            return parse_bookings_of(records, customer_id=asked.customer_id, most_reported=most)

    question = Question(asked.customer_id, asked.purpose, client, asked.as_of, read)
    return no_store(_body(desk.gate.answer(question, deadline=deadline), desk))


def answer_events_batch(
    asked: EventsBatchRequest, desk: TheDesk, client: TheClient, deadline: TheDeadline
) -> JSONResponse:
    """One answer or problem per customer, in the order asked."""
    ids = asked.customer_ids
    most = desk.policy.limits.batch_customers
    if len(ids) > most or len(set(ids)) < len(ids):
        raise refuse(422, "batch-not-valid", f"A batch holds at most {most} customers, each of them once.")
    questions = [Question(customer_id, asked.purpose, client, asked.as_of) for customer_id in ids]
    outcomes = desk.gate.answer_all(questions, deadline=deadline)
    results = [
        {"customer_id": customer_id, "problem": outcome.body()}
        if isinstance(outcome, Problem)
        else {"customer_id": customer_id, "answer": _body(outcome, desk)}
        for customer_id, outcome in zip(ids, outcomes, strict=True)
    ]
    return no_store({"purpose": asked.purpose, "results": results})


def _body(answer: Answer, desk: Desk) -> dict[str, Any]:
    return answer.body(desk.policy.because[answer.permission.regime])


ADDRESSES = (
    Address(
        "/events", "Life events of one customer, for a purpose", answer_events, ASKING, EventsTold,
        problems=frozenset({404}), size="bookings",
    ),
    Address("/events:batch", "Life events of many customers", answer_events_batch, ASKING, EventsBatchTold),
)  # fmt: skip
