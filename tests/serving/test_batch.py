"""Many customers at once, by their ids or with bookings as NDJSON: who goes in comes out, and nobody as another."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import pandas as pd
import pytest

from serving.booking_lines import BLOCK_BYTES
from serving.policy import default_policy

NDJSON = {"content-type": "application/x-ndjson"}
QUESTION = {"purpose": "own_product_offers", "as_of": "2026-11-22"}
OCTOBER = date(2026, 10, 1)


def send(bank: Any, rows: list[Any], *, client: Any = None, question: Any = QUESTION, size: int = 1 << 16) -> Any:
    """POST a batch of bookings, `size` bytes at a time."""
    body = b"".join(row if isinstance(row, bytes) else json.dumps(row).encode() + b"\n" for row in [question, *rows])

    def pieces() -> Iterator[bytes]:
        for at in range(0, len(body), size):
            yield body[at : at + size]

    return (client or bank.client).post("/v1/events:batch", content=pieces(), headers=NDJSON)


def outcomes(response: Any) -> list[tuple[str, Any]]:
    """Customer and the events told, or the kind of problem."""
    assert response.status_code == 200, response.text
    return [
        (one["customer_id"], [event["event"] for event in one["answer"]["events"]])
        if "answer" in one
        else (one["customer_id"], one["problem"]["type"].removeprefix("urn:levensloop:problem:"))
        for one in response.json()["results"]
    ]


@pytest.fixture
def rows(bank: Any, booking: Callable[..., dict[str, Any]]) -> list[dict[str, Any]]:
    """Three customers: the first two allow it, the detector finds something for the second and the third."""
    for customer_id in ("c-1", "c-2"):
        bank.record("consented", customer_id=customer_id)
    for customer_id in ("c-2", "c-3"):
        bank.detector.find("child_birth", onset=OCTOBER, customer_id=customer_id)

    def detect(bookings: pd.DataFrame, /, *, as_of: date, release: Any) -> pd.DataFrame:
        found = bank.detector(bookings, as_of=as_of, release=release)
        return found[found["customer_id"].isin(bookings["customer_id"])]

    bank.client = bank.rebuild(detect=detect)
    return [
        booking(customer_id=customer_id, booking_id=booking_id)
        for customer_id, booking_id in [("c-2", "b1"), ("c-1", "b1"), ("c-3", "b1"), ("c-2", "b2")]
    ]


@pytest.fixture(autouse=True)
def rebuildable(bank: Any, rebuild: Callable[..., Any]) -> None:
    bank.rebuild = lambda **changes: rebuild(bank, **changes)


@pytest.mark.parametrize("size", [1, 50, 1 << 16])
def test_each_customer_gets_their_own_answer_in_the_order_of_the_bookings(
    bank: Any, rows: list[dict[str, Any]], size: int
) -> None:
    assert outcomes(send(bank, rows, size=size)) == [
        ("c-2", ["child_birth"]), ("c-1", []), ("c-3", "permission-refused"),
    ]  # fmt: skip
    asked = bank.detector.calls[0][0]
    assert list(zip(asked["customer_id"], asked["booking_id"], strict=True)) == [
        ("c-2", "b1"), ("c-1", "b1"), ("c-2", "b2"),
    ]  # fmt: skip


def test_batch_tells_what_single_questions_tell(bank: Any, rows: list[dict[str, Any]]) -> None:
    batch = {one["customer_id"]: one.get("answer") for one in send(bank, rows).json()["results"]}
    for customer_id in ("c-1", "c-2"):
        own = [row for row in rows if row["customer_id"] == customer_id]
        single = bank.ask(client=bank.client, customer_id=customer_id, bookings=own).json()
        assert {**batch[customer_id], "trail": None} == {**single, "trail": None}


def test_row_that_breaks_the_contract_is_its_own_customers_problem(bank: Any, rows: list[dict[str, Any]]) -> None:
    rows[3] |= {"amount": "0.00"}
    rows.append({**rows[1], "booking_id": "b9", "remittance_information": "x" * 2_001})
    response = send(bank, rows)
    assert outcomes(response) == [
        ("c-2", "bookings-not-valid"), ("c-1", "bookings-not-valid"), ("c-3", "permission-refused"),
    ]  # fmt: skip
    problems = [one["problem"] for one in response.json()["results"]]
    assert problems[0]["rows"] == [{"row": 4, "reason": "amount is zero"}]
    assert problems[1]["rows"] == [{"row": 5, "reason": "remittance_information is too long"}]
    assert [len(asked) for asked, _ in bank.detector.calls] == [0]


@pytest.mark.parametrize(
    ("bad", "status"),
    [
        (b"[1]\n", 422),
        (b"nonsense\n", 422),
        (b'{"amount": 12.5}\n', 422),
        (b'{"amount": NaN}\n', 422),
        (b'{"amount": "1", "amount": "2"}\n', 422),
        (b'{"remittance_information": "\\ud800"}\n', 422),
        (b'{"remittance_information": "\xff"}\n', 400),
        (b'{"booking_id": "b1"}\n', 422),
        (b'{"customer_id": " c-1"}\n', 422),
        (b'{"customer_id": ""}\n', 422),
        (b"\x80\x04\x95pickle", 400),
    ],
)
def test_line_that_is_no_booking_refuses_the_batch(
    bank: Any, rows: list[dict[str, Any]], bad: bytes, status: int
) -> None:
    response = send(bank, [*rows, bad])
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")
    assert bank.detector.calls == []


def test_row_number_counts_over_all_blocks(bank: Any, rows: list[dict[str, Any]]) -> None:
    filler = [{**rows[1], "booking_id": f"f{at}", "remittance_information": "x" * 1_900} for at in range(1_500)]
    assert len(json.dumps(filler)) > BLOCK_BYTES
    response = send(bank, [*filler, rows[0], b"nonsense\n"])
    assert response.json()["rows"] == [{"row": 1502, "reason": "is not a JSON object whose fields are texts"}]


@pytest.mark.parametrize(
    "question", [b"", b"{}\n", b"nonsense\n", {"purpose": "own_product_offers", "x": 1}, b"x" * 20_000]
)
def test_batch_without_a_question_is_refused(bank: Any, rows: list[dict[str, Any]], question: Any) -> None:
    response = send(bank, rows, question=question)
    assert (response.status_code, response.json()["type"]) == (422, "urn:levensloop:problem:batch-not-valid")


def test_batch_of_nobody_is_answered_with_nobody(bank: Any) -> None:
    assert send(bank, []).json() == {"purpose": "own_product_offers", "results": []}


def test_batch_holds_a_thousand_customers_and_no_more(bank: Any, booking: Callable[..., dict[str, Any]]) -> None:
    rows = [booking(customer_id=f"n-{at}") for at in range(1_001)]
    assert len(outcomes(send(bank, rows[:1_000]))) == 1_000
    assert send(bank, rows).status_code == 422


def test_batch_that_grows_too_large_is_not_read_to_its_end(bank: Any, connect: Any, rows: list[dict[str, Any]]) -> None:
    policy = default_policy()
    small = replace(policy, limits=replace(policy.limits, batch_body_bytes=10_000))
    taken = []

    def endless() -> Iterator[bytes]:
        yield json.dumps(QUESTION).encode() + b"\n"
        for _ in range(1_000):
            taken.append(1)
            yield json.dumps(rows[0]).encode() + b"\n"

    with connect(bank.desk, bank.seen, policy=small) as client:
        response = client.post("/v1/events:batch", content=endless(), headers=NDJSON)
    assert (response.status_code, response.json()["type"]) == (413, "urn:levensloop:problem:body-too-large")


def test_one_batch_of_bookings_at_a_time(bank: Any, connect: Any, rows: list[dict[str, Any]]) -> None:
    policy = default_policy()
    none = replace(policy, limits=replace(policy.limits, batches_at_once=0))
    with connect(bank.desk, bank.seen, policy=none) as client:
        assert send(bank, rows, client=client).status_code == 429
        assert client.post("/v1/events:batch", json={"customer_ids": ["c-1"], **QUESTION}).status_code == 200


def test_bookings_of_a_batch_go_to_no_other_address(bank: Any) -> None:
    for path in ("/v1/events", "/v1/permissions"):
        assert bank.client.post(path, content=b"{}", headers=NDJSON).status_code == 415
