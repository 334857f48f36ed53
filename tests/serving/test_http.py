"""The edge and the HTTP contract: what may come in, and one shape for everything that goes wrong."""

import asyncio
import gzip
import json
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from models.errors import StoreUnavailableError
from models.store import permission_events, trail
from serving import gate, ledger
from serving.app import build_routes
from serving.clients import ROLES, Client, add_client
from serving.edge import Edge
from serving.policy import default_policy
from serving.problems import problem_of_status

NOW = datetime(2026, 11, 22, 11, 0, tzinfo=UTC)
JSON = {"content-type": "application/json"}
KEY = (b"authorization", b"Bearer a key")
CONSENT = {"customer_id": "c-1", "purpose": "own_product_offers", "action": "consented"}


async def let_in(_authorization: str) -> Client:
    return Client("tester", ROLES, frozenset({"own_product_offers"}))


def assert_problem(response: Any, status: int, kind: str = "") -> dict[str, Any]:
    body: dict[str, Any] = response.json()
    assert response.headers["content-type"] == "application/problem+json"
    assert (response.status_code, body["status"]) == (status, status)
    assert body["type"].startswith("urn:levensloop:problem:")
    assert body["type"].endswith(kind)
    assert body["title"]
    assert body["detail"].endswith(".")
    assert len(response.headers["x-request-id"]) == 36
    return body


@pytest.mark.parametrize(
    ("ask", "status"),
    [
        (lambda c: c.get("/"), 404),
        (lambda c: c.get("/docs.json"), 404),
        (lambda c: c.get("/v1/nothing"), 404),
        (lambda c: c.get("/v1/events/c-1"), 404),
        (lambda c: c.get("/v1/events"), 405),
        (lambda c: c.delete("/v1/permissions"), 405),
        (lambda c: c.post("/v1/events", content=b"a=1", headers={"content-type": "text/plain"}), 415),
        (lambda c: c.post("/v1/events", data={"customer_id": "c-1"}), 415),
        (lambda c: c.post("/v1/events", content=b"{}"), 415),
        (lambda c: c.post("/v1/events", content=b"{", headers=JSON), 400),
        (lambda c: c.post("/v1/events", content=b"\xff\xfe{", headers=JSON), 400),
        (lambda c: c.post("/v1/events", content=b"[" * 100_000, headers=JSON), 400),
        (lambda c: c.post("/v1/events", content=b"[]", headers=JSON), 422),
        (lambda c: c.post("/v1/events", content=b"", headers=JSON), 422),
        (lambda c: c.post("/v1/events", content=b" " * 4_000_001, headers=JSON), 413),
        (lambda c: c.post("/v1/events", content=iter([b" " * 2_000_000] * 3), headers=JSON), 413),
        (lambda c: c.post("/v1/permissions", content=b" " * 1_000_001, headers=JSON), 413),
    ],
)
def test_every_refusal_is_a_problem_document(bank: Any, ask: Callable[[Any], Any], status: int) -> None:
    assert_problem(ask(bank.client), status)


def test_body_that_says_it_is_too_large_is_not_read() -> None:
    limits = default_policy().limits
    sent: list[Any] = []

    async def receive() -> Any:
        raise AssertionError("the body was read")

    async def send(message: Any) -> None:
        sent.append(message)

    async def nobody(_scope: Any, _receive: Any, _send: Any) -> None:
        raise AssertionError("the request was passed on")

    headers = [KEY, (b"content-type", b"application/json"), (b"content-length", b"4000001")]
    scope = {"type": "http", "method": "POST", "path": "/v1/events", "headers": headers}
    edge = Edge(nobody, routes=build_routes(limits), limits=limits, find_client=let_in, observe=lambda _seen: None)
    asyncio.run(edge(scope, receive, send))
    assert sent[0]["status"] == 413


def test_websocket_is_closed() -> None:
    limits = default_policy().limits
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def unused(*_messages: Any) -> Any:
        raise AssertionError("the connection was taken")

    edge = Edge(unused, routes=build_routes(limits), limits=limits, find_client=let_in, observe=lambda _seen: None)
    asyncio.run(edge({"type": "websocket", "path": "/v1/events"}, unused, send))
    assert sent == [{"type": "websocket.close", "code": 1008}]


def test_method_that_is_not_allowed_names_those_that_are(bank: Any) -> None:
    assert bank.client.get("/v1/events").headers["allow"] == "POST"


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"customer_id": ""}, "/customer_id"),
        ({"customer_id": " c-1"}, "/customer_id"),
        ({"customer_id": "c\n1"}, "/customer_id"),
        ({"customer_id": 7}, "/customer_id"),
        ({"customer_id": "c" * 65}, "/customer_id"),
        ({"purpose": "DROP TABLE"}, "/purpose"),
        ({"as_of": "22-11-2026"}, "/as_of"),
        ({"as_of": "2026-02-30"}, "/as_of"),
        ({"as_of": 20261122}, "/as_of"),
        ({"as_of": "2026-W47-7"}, "/as_of"),
        ({"as_of": "２０２６-11-22"}, "/as_of"),
        ({"as_off": "2026-11-22"}, ""),
        ({"bookings": "all"}, "/bookings"),
        ({"bookings": [{"amount": 12.5}]}, "/bookings/0/amount"),
        ({"bookings": [{"counterparty_name": ["a"]}]}, "/bookings/0/counterparty_name"),
    ],
)
def test_a_request_of_another_form_is_told_where(bank: Any, change: dict[str, Any], pointer: str) -> None:
    body = assert_problem(bank.ask(**change), 422, "not-valid")
    assert [fault["pointer"] for fault in body["errors"]] == [pointer]


@pytest.mark.parametrize("text", [b'"\\ud800"', b"NaN", b"1e999", b'"\\u0000"'])
def test_values_that_json_allows_and_nobody_means_are_refused(bank: Any, text: bytes) -> None:
    bank.record("consented")
    for body in (
        b'{"customer_id":' + text + b',"purpose":"own_product_offers"}',
        b'{"customer_id":"c-1","purpose":"own_product_offers","bookings":[{"booking_id":' + text + b"}]}",
    ):
        assert_problem(bank.client.post("/v1/events", content=body, headers=JSON), 422)


def test_bad_bookings_are_refused_by_row_and_reason(bank: Any, booking: Any) -> None:
    bank.record("consented")
    rows = [
        booking(),
        booking(booking_id="b2", amount="0.00"),
        booking(booking_id="b3", amount="12.345"),
        booking(booking_id="b4", customer_id="c-2"),
        booking(booking_id="b1"),
        booking(booking_id="b6", counterparty_name=None, remittance_information=None),
    ]
    body = assert_problem(bank.ask(bookings=rows), 422, "bookings-not-valid")
    assert body["rows"] == [
        {"row": 2, "reason": "amount is zero"},
        {"row": 3, "reason": "amount has more than two decimals"},
        {"row": 4, "reason": "customer_id is another customer"},
        {"row": 5, "reason": "booking_id stands here a second time for this customer and account"},
        {"row": 6, "reason": "counterparty_name and remittance_information are both empty"},
    ]
    assert bank.detector.calls == []


def test_long_lists_of_bad_rows_are_cut_and_counted(bank: Any, booking: Any) -> None:
    bank.record("consented")
    body = bank.ask(bookings=[booking(booking_id=f"b{at}", amount="0") for at in range(150)]).json()
    assert (len(body["rows"]), body["rows_not_shown"]) == (100, 50)
    assert body["detail"].startswith("150 of the bookings")


def test_no_bookings_at_all_are_answered_with_no_events(bank: Any) -> None:
    bank.record("consented")
    response = bank.ask(bookings=[])
    assert (response.status_code, response.json()["events"]) == (200, [])


def test_failure_inside_is_a_problem_without_its_text(bank: Any) -> None:
    bank.record("consented")

    def fail() -> None:
        raise ZeroDivisionError("NL91ABNA0417164300")

    bank.detector.before_answer = fail
    response = bank.ask()
    assert_problem(response, 500, "internal")
    assert response.headers["connection"] == "close"
    assert "NL91" not in response.text


def test_too_many_requests_at_once_are_sent_away_and_probes_are_not(bank: Any, connect: Any) -> None:
    policy = default_policy()
    full = replace(policy, limits=replace(policy.limits, requests_at_once=0))
    with connect(bank.desk, bank.seen, policy=full) as client:
        response = bank.ask(client=client)
        assert_problem(response, 429, "too-many-requests")
        assert response.headers["retry-after"] == "1"
        # BentoML answers probes in the service. Here nobody does, in plain text, which the edge turns into a problem.
        assert_problem(client.get("/livez"), 404, "not-found")


def test_request_that_takes_too_long_ends(bank: Any, connect: Any) -> None:
    bank.record("consented")
    bank.detector.before_answer = lambda: time.sleep(0.5)
    policy = default_policy()
    hasty = replace(policy, limits=replace(policy.limits, timeout_seconds=0.05))
    with connect(bank.desk, bank.seen, policy=hasty) as client:
        assert_problem(bank.ask(client=client), 504, "timeout")


def kinds_in_trail(bank: Any) -> list[str]:
    with bank.store.read() as connection:
        return [row.kind for row in connection.execute(sa.select(trail.c.kind).order_by(trail.c.seq))]


def test_answer_that_comes_too_late_is_a_refusal_in_the_trail_and_keeps_its_slot(bank: Any, connect: Any) -> None:
    bank.record("consented")
    goes_on = threading.Event()
    bank.detector.before_answer = lambda: goes_on.wait(5)
    policy = default_policy()
    hasty = replace(policy, limits=replace(policy.limits, timeout_seconds=0.5, requests_at_once=1))
    with connect(bank.desk, bank.seen, policy=hasty) as client:
        assert_problem(bank.ask(client=client), 504, "timeout")
        # Its thread still works, so there is no room for another one.
        assert_problem(bank.ask(client=client), 429, "too-many-requests")
        goes_on.set()
        until = time.monotonic() + 5
        while (response := bank.ask(client=client)).status_code == 429 and time.monotonic() < until:
            time.sleep(0.01)
        assert response.status_code == 200
    assert kinds_in_trail(bank) == ["events_refused", "events_answered"]
    with bank.store.read() as connection:
        body = json.loads(connection.execute(sa.select(trail.c.body).where(trail.c.seq == 1)).scalar_one())["body"]
    assert body["outcome"] == "timeout"


def test_question_that_waited_too_long_for_a_thread_is_not_judged(bank: Any, connect: Any) -> None:
    bank.record("consented")
    is_there, goes_on = threading.Event(), threading.Event()
    bank.detector.before_answer = lambda: (is_there.set(), goes_on.wait(5))
    hasty = replace(default_policy(), limits=replace(default_policy().limits, timeout_seconds=0.5))
    with connect(bank.desk, bank.seen, policy=hasty) as client, ThreadPoolExecutor(1) as callers:
        first = callers.submit(bank.ask, client=client)
        assert is_there.wait(5)
        assert_problem(bank.ask(client=client), 504, "timeout")
        assert_problem(first.result(), 504, "timeout")
        goes_on.set()
        until = time.monotonic() + 5
        while bank.desk.judging.borrowed_tokens and time.monotonic() < until:
            time.sleep(0.01)
    # That of the first, which was judged and came too late; the second waited and never was.
    assert kinds_in_trail(bank) == ["events_refused"]


def test_an_answer_that_waits_for_a_writer_keeps_nobody_else_waiting(bank: Any, bank_url: str, connect: Any) -> None:
    bank.record("consented")
    refused = {"customer_id": "c-2", "bookings": None}  # which stands in the trail too
    file = sqlite3.connect(bank_url.removeprefix("sqlite:///"), isolation_level=None)
    file.execute("BEGIN IMMEDIATE")
    with connect(bank.desk, bank.seen) as client, ThreadPoolExecutor(2) as callers:
        waiting = [callers.submit(bank.ask, client=client, **refused) for _ in range(2)]
        time.sleep(0.3)
        told = client.post("/v1/permissions:current", json={"customer_id": "c-1", "purpose": "own_product_offers"})
        still_waiting = not any(one.done() for one in waiting)
        file.execute("ROLLBACK")
        assert [one.result().status_code for one in waiting] == [403, 403]
    file.close()
    assert (told.status_code, still_waiting) == (200, True)


def test_answer_that_is_being_recorded_when_its_time_ends_still_leaves(
    bank: Any, connect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank.record("consented")
    in_time = gate.append_trail

    def append_slowly(*arguments: Any, **options: Any) -> Any:
        time.sleep(0.7)
        return in_time(*arguments, **options)

    monkeypatch.setattr(gate, "append_trail", append_slowly)
    policy = default_policy()
    hasty = replace(policy, limits=replace(policy.limits, timeout_seconds=0.5))
    with connect(bank.desk, bank.seen, policy=hasty) as client:
        assert bank.ask(client=client).status_code == 200
    assert kinds_in_trail(bank) == ["events_answered"]


def test_nothing_is_sent_after_the_timeout_was_answered() -> None:
    limits = replace(default_policy().limits, timeout_seconds=0.05)
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"{}", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    async def late(_scope: Any, _receive: Any, reply: Any) -> None:
        await asyncio.sleep(0.1)
        await reply({"type": "http.response.start", "status": 200, "headers": []})
        await reply({"type": "http.response.body", "body": b"late"})

    async def ask() -> None:
        edge = Edge(late, routes=build_routes(limits), limits=limits, find_client=let_in, observe=lambda _seen: None)
        headers = [(b"content-type", b"application/json"), KEY]
        await edge({"type": "http", "method": "POST", "path": "/v1/events", "headers": headers}, receive, send)
        await asyncio.sleep(0.2)

    asyncio.run(ask())
    assert [message.get("status") for message in sent] == [504, None]


def test_body_that_does_not_come_is_not_waited_for() -> None:
    limits = replace(default_policy().limits, timeout_seconds=0.05)
    sent: list[Any] = []

    async def receive() -> Any:
        await asyncio.sleep(5)

    async def send(message: Any) -> None:
        sent.append(message)

    async def nobody(_scope: Any, _receive: Any, _send: Any) -> None:
        raise AssertionError("the request was passed on")

    async def ask() -> int:
        edge = Edge(nobody, routes=build_routes(limits), limits=limits, find_client=let_in, observe=lambda _seen: None)
        scope = {"type": "http", "method": "POST", "path": "/v1/events", "headers": list(headers.items())}
        await edge(scope, receive, send)
        await asyncio.sleep(0.05)
        return edge.busy

    headers = {b"content-type": b"application/json", **dict([KEY])}
    assert asyncio.run(ask()) == 0
    assert [message["status"] for message in sent if "status" in message] == [504]


def test_before_a_worker_is_open_it_answers_503(bank: Any, connect: Any) -> None:
    with connect(None, bank.seen) as client:
        response = bank.ask(client=client)
    assert_problem(response, 503, "unavailable")
    assert response.headers["retry-after"] == "5"


def test_what_is_seen_of_a_request_is_our_own_address(bank: Any) -> None:
    bank.client.get("/v1/events/c-1?iban=NL91ABNA0417164300")
    bank.client.request("SECRET", "/v1/events")
    bank.ask()
    assert [(seen.method, seen.route, seen.status) for seen in bank.seen] == [
        ("GET", "(unknown)", 404),
        ("OTHER", "/v1/events", 405),
        ("POST", "/v1/events", 403),
    ]


def test_description_lists_every_address(bank: Any) -> None:
    paths = bank.client.get("/v1/openapi.json").json()["paths"]
    assert set(paths) == {
        "/events", "/events:batch", "/permissions", "/permissions:current", "/permissions:check", "/offers:sent",
        "/offers:answered", "/outbox:pull", "/corrections", "/overdraft-signals", "/complaints", "/complaints:queue",
        "/complaints:attempt", "/complaints:close", "/complaints:log", "/questions", "/questions:may-ask",
        "/questions:report", "/questions:cases", "/giving-calendar", "/giving-calendar:explain",
    }  # fmt: skip


def test_every_status_has_a_problem() -> None:
    for status in (400, 401, 403, 404, 405, 406, 408, 413, 415, 418, 422, 429, 499, 500, 502, 503, 504):
        assert problem_of_status(status).body()["status"] == status


# ---- permissions ----------------------------------------------------------------------------------------------------


def append(bank: Any, *, key: str | None = "k-1", **changes: Any) -> Any:
    headers = {} if key is None else {"Idempotency-Key": key}
    return bank.client.post("/v1/permissions", json={**CONSENT, **changes}, headers=headers)


def count(bank: Any, table: sa.Table) -> int:
    with bank.store.read() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


def test_permission_can_be_given_read_and_taken_back(bank: Any) -> None:
    current = {"customer_id": "c-1", "purpose": "own_product_offers"}
    before = bank.client.post("/v1/permissions:current", json=current).json()
    assert before == {
        **current,
        "allowed": False,
        "regime": "opt_in",
        "notice_version": bank.registry.purpose("own_product_offers").notice_version,
        "version": 0,
        "valid_until": None,
        "because": "no_record",
    }
    given = append(bank)
    assert given.status_code == 201
    assert (given.json()["version"], given.json()["permission"]["allowed"]) == (1, True)
    assert bank.ask().status_code == 200
    taken = append(bank, key="k-2", action="withdrawn")
    assert (taken.json()["version"], taken.json()["permission"]["because"]) == (2, "withdrawn")
    assert bank.ask().status_code == 403


def test_repeated_request_changes_nothing_and_gets_the_same_answer(bank: Any) -> None:
    first, second = append(bank), append(bank)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert (count(bank, permission_events), count(bank, trail)) == (1, 1)


def test_repeated_consent_after_a_withdrawal_tells_the_permission_that_holds_now(bank: Any) -> None:
    first = append(bank).json()
    append(bank, key="k-2", action="withdrawn")
    again = append(bank).json()
    assert (first["permission"]["allowed"], again["permission"]["allowed"]) == (True, False)
    assert again["permission"]["because"] == "withdrawn"
    assert {**again, "permission": None} == {**first, "permission": None}
    assert (count(bank, permission_events), bank.ask().status_code) == (2, 403)


def test_key_of_another_request_is_refused(bank: Any) -> None:
    append(bank)
    assert_problem(append(bank, action="withdrawn"), 422, "idempotency-key-reused")
    assert count(bank, permission_events) == 1


@pytest.mark.parametrize("key", [None, "", "é"])
def test_permission_event_needs_a_key(bank: Any, key: str | None) -> None:
    headers = {} if key is None else {"Idempotency-Key": key.encode()}
    response = bank.client.post("/v1/permissions", json=CONSENT, headers=headers)
    assert_problem(response, 400, "idempotency-key-missing")
    assert count(bank, permission_events) == 0


@pytest.mark.parametrize(
    ("change", "status", "kind"),
    [
        ({"purpose": "third_party_sharing"}, 403, "purpose-unknown"),
        ({"action": "agreed"}, 422, "not-valid"),
        ({"at": "2026-11-22T11:00:01Z"}, 422, "at-in-the-future"),
        ({"at": "2026-11-22T10:00:00"}, 422, "not-valid"),
        ({"at": "yesterday"}, 422, "not-valid"),
        ({"at": "0001-01-01T00:00:00+23:59"}, 422, "not-valid"),
        ({"at": "9999-12-31T23:59:59-23:59"}, 422, "not-valid"),
        ({"notice_version": "1999-01"}, 422, "not-valid"),
        ({"language": "xx"}, 422, "not-valid"),
        ({"notice_sha256": "0" * 64}, 422, "not-valid"),
    ],
)
def test_event_that_cannot_be_appended_is_refused(bank: Any, change: dict[str, Any], status: int, kind: str) -> None:
    assert_problem(append(bank, **change), status, kind)
    assert count(bank, permission_events) == 0


def test_a_notice_cannot_have_been_shown_before_it_was_in_force(bank: Any) -> None:
    signal = {"purpose": "overdraft_signal", "action": "shown"}
    for key, at in enumerate(("1970-01-01T00:00:00Z", "2025-12-31T22:59:59Z")):
        assert_problem(append(bank, key=str(key), at=at, **signal), 422, "at-before-notice")
        assert_problem(append(bank, key=f"c{key}", at=at), 422, "at-before-notice")
    assert count(bank, permission_events) == 0
    # Midnight of 1 January in Amsterdam; a no of any date is taken, for it counts always.
    assert append(bank, key="k-3", at="2025-12-31T23:00:00Z", **signal).status_code == 201
    assert append(bank, key="k-4", action="objected", at="1970-01-01T00:00:00Z").status_code == 201


def test_shown_notice_may_be_dated_back(bank: Any) -> None:
    answer = append(bank, purpose="overdraft_signal", action="shown", at="2026-10-01T09:00:00+02:00").json()
    assert answer["permission"]["because"] == "notice_shown"
    assert bank.ask(purpose="overdraft_signal").status_code == 200


def test_answers_are_json_that_every_reader_reads(bank: Any) -> None:
    text = append(bank).text
    assert json.loads(text, parse_constant=pytest.fail)["action"] == "consented"


def test_broken_store_answers_503_and_is_not_ready(bank: Any, tmp_path: Any) -> None:
    bank.record("consented")
    assert bank.ask().status_code == 200
    assert bank.desk.is_ready()
    bank.store.close()
    for path in tmp_path.glob("levensloop.db*"):
        path.unlink()
    shutil.copy(__file__, tmp_path / "levensloop.db")
    response = bank.ask()
    assert (response.status_code, response.json()["type"]) == (503, "urn:levensloop:problem:store-unavailable")
    assert response.headers["retry-after"] == "5"
    assert not bank.desk.is_ready()


def test_key_of_one_client_says_nothing_of_anothers(bank: Any, connect: Any) -> None:
    """The same Idempotency-Key of two clients are two requests."""
    other = add_client(
        bank.store, "page", roles=["customer_page"], purposes=["own_product_offers"], registry=bank.registry, at=NOW
    )
    append(bank)
    with connect(bank.desk, bank.seen, key=other) as client:
        given = client.post(
            "/v1/permissions", json={**CONSENT, "action": "withdrawn"}, headers={"Idempotency-Key": "k-1"}
        )
    assert (given.status_code, given.json()["version"]) == (201, 2)


def test_repetition_while_the_first_still_runs_is_told_so(bank: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    began, goes_on = threading.Event(), threading.Event()
    in_time = ledger.record_permission

    def append_slowly(*arguments: Any, **options: Any) -> Any:
        began.set()
        goes_on.wait(5)
        return in_time(*arguments, **options)

    monkeypatch.setattr(ledger, "record_permission", append_slowly)
    answers: list[Any] = []
    first = threading.Thread(target=lambda: answers.append(append(bank)))
    first.start()
    assert began.wait(5)
    assert_problem(append(bank), 409, "still-running")
    goes_on.set()
    first.join()
    assert (answers[0].status_code, append(bank).json()) == (201, answers[0].json())
    assert count(bank, permission_events) == 1


def test_write_that_failed_can_be_tried_again_with_its_key(bank: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: Any, **_options: Any) -> None:
        raise StoreUnavailableError("no room")

    with monkeypatch.context() as broken:
        broken.setattr(ledger, "record_permission", fail)
        assert_problem(append(bank), 503, "store-unavailable")
    assert count(bank, permission_events) == 0
    assert append(bank).json()["version"] == 1


@pytest.mark.parametrize(
    ("given", "is_kept"),
    [
        ("0b5ad2cd-7e94-4a53-9a3c-6ef4b1d5c2aa", True),
        ("NL91ABNA0417164300", False),
        ("", False),
        ("c-1", False),
    ],
)
def test_request_id_of_the_caller_is_kept_when_it_can_tell_nothing(bank: Any, given: str, is_kept: bool) -> None:
    response = bank.client.post("/v1/permissions:current", json={}, headers={"X-Request-ID": given})
    assert (response.headers["x-request-id"] == given) is is_kept
    assert (bank.seen[-1].request_id == given) is is_kept
    assert len(response.headers["x-request-id"]) == 36


def test_compressed_body_is_not_taken(bank: Any) -> None:
    packed = gzip.compress(json.dumps(CONSENT).encode())
    headers = {**JSON, "Content-Encoding": "gzip", "Idempotency-Key": "k"}
    assert_problem(bank.client.post("/v1/permissions", content=packed, headers=headers), 415)
