"""The addresses that tell life events: one customer, or many at once."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from anyio import to_thread
from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from models.errors import IntegrityError
from serving.addresses import JSON, NDJSON, Address, media_type_of
from serving.answers import Answer
from serving.booking_lines import BookingLines
from serving.clients import ASKING
from serving.deadline import Deadline
from serving.desk import Desk, TheClient, TheDeadline, TheDesk, no_store
from serving.detecting import Brought
from serving.gate import Bring, Question
from serving.problems import Problem, ProblemError, problem_of_status, refuse
from serving.schemas import EventsBatchRequest, EventsRequest, parse_body, parse_bookings_of
from serving.told import EventsBatchTold, EventsTold


async def answer_events(asked: EventsRequest, desk: TheDesk, client: TheClient, deadline: TheDeadline) -> JSONResponse:
    """Events that this purpose may know, with evidence, reason and offers; bookings in the request are not stored."""
    question = Question(asked.customer_id, asked.purpose, client, asked.as_of)
    bring, lane = None, desk.lane
    if asked.bookings is not None:
        bring, lane = partial(_bring, asked, desk.policy.limits.row_problems), desk.judging
    return await to_thread.run_sync(_answer, desk, question, bring, deadline, limiter=lane)


def _answer(desk: Desk, question: Question, bring: Bring | None, deadline: Deadline | None) -> JSONResponse:
    if deadline is not None and deadline.is_over:
        raise ProblemError(problem_of_status(504))  # it waited for a thread: nothing was judged, so nothing is recorded
    return no_store(_body(desk.gate.answer(question, bring=bring, deadline=deadline), desk))


def _bring(asked: EventsRequest, most_reported: int, _customers: Sequence[str]) -> Brought:
    return Brought(parse_bookings_of(asked.bookings or [], customer_id=asked.customer_id, most_reported=most_reported))


async def answer_events_batch(
    request: Request, desk: TheDesk, client: TheClient, deadline: TheDeadline
) -> JSONResponse:
    """One answer or problem per customer, in the order asked, or of the first booking of each.

    From stored detections for `customer_ids` (JSON), or from bookings (NDJSON): a first line with purpose and as_of,
    then one booking with its customer_id per line. Bookings are not stored.
    """
    limits = desk.policy.limits
    if media_type_of(request.headers) == NDJSON:
        lines = BookingLines(limits.batch_customers)
        async for data in request.stream():
            await run_in_threadpool(lines.add, data)
        batch = await run_in_threadpool(lines.finish)
        bring = partial(batch.bring, most_reported=limits.row_problems)
        ids, purpose, as_of = batch.customers, batch.question.purpose, batch.question.as_of
    else:
        asked = parse_body(EventsBatchRequest, await request.body())
        bring, ids, purpose, as_of = None, tuple(asked.customer_ids), asked.purpose, asked.as_of
    if len(ids) > limits.batch_customers or len(set(ids)) < len(ids):
        raise refuse(
            422, "batch-not-valid", f"A batch holds at most {limits.batch_customers} customers, each of them once."
        )
    questions = [Question(customer_id, purpose, client, as_of) for customer_id in ids]
    return await run_in_threadpool(_answer_all, desk, purpose, questions, bring, deadline)


def _answer_all(
    desk: Desk, purpose: str, questions: Sequence[Question], bring: Bring | None, deadline: Deadline | None
) -> JSONResponse:
    outcomes = desk.gate.answer_all(questions, bring=bring, deadline=deadline) if questions else []
    results = [_result(asked, outcome, desk) for asked, outcome in zip(questions, outcomes, strict=True)]
    return no_store({"purpose": purpose, "results": results})


def _result(asked: Question, outcome: Answer | Problem, desk: Desk) -> dict[str, Any]:
    if isinstance(outcome, Problem):
        return {"customer_id": asked.customer_id, "problem": outcome.body()}
    if outcome.customer_id != asked.customer_id:
        raise IntegrityError("An answer is about another customer than the one asked about. Nothing was told.")
    return {"customer_id": asked.customer_id, "answer": _body(outcome, desk)}


def _body(answer: Answer, desk: Desk) -> dict[str, Any]:
    return answer.body(desk.policy.because[answer.permission.regime])


ADDRESSES = (
    Address(
        "/events", "Life events of one customer, for a purpose", answer_events, ASKING, EventsTold,
        problems=frozenset({404}), size="bookings",
    ),
    Address(
        "/events:batch", "Life events of many customers", answer_events_batch, ASKING, EventsBatchTold,
        bodies={JSON: EventsBatchRequest, NDJSON: None}, media_types={NDJSON: "batch"},
    ),
)  # fmt: skip
