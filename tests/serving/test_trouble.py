"""When the ground gives way: a full disk, a clock that was set back, and callers who mean harm: nothing is lost."""

import json
import pickle
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from models.errors import IntegrityError
from models.tables import permission_events, trail
from models.trail import verify_trail

NOW = datetime(2026, 11, 22, 11, 0, tzinfo=UTC)
CONSENT = {"customer_id": "c-1", "purpose": "own_product_offers", "action": "consented"}
MARKER = "ZQXMARKER"


def kind(response: Any) -> tuple[int, str]:
    assert response.headers["content-type"] == "application/problem+json"
    return response.status_code, response.json()["type"].removeprefix("urn:levensloop:problem:")


def count(bank: Any, table: sa.Table) -> int:
    with bank.store.read() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


def append(bank: Any, number: int) -> Any:
    event = {**CONSENT, "customer_id": f"c-{number}", "evidence": "x" * 200}
    return bank.client.post("/v1/permissions", json=event, headers={"Idempotency-Key": f"k-{number}"})


def test_full_disk_refuses_and_keeps_all_that_was_acknowledged(bank: Any) -> None:
    assert bank.client.post("/v1/permissions", json=CONSENT, headers={"Idempotency-Key": "first"}).status_code == 201
    with bank.store.write() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 12}")
    acknowledged, refused = 0, []
    while not refused:
        response = append(bank, acknowledged)
        if response.status_code == 201:
            acknowledged += 1
        else:
            refused.append(response)
        assert acknowledged < 1_000
    assert kind(refused[0]) == (503, "store-unavailable")
    assert refused[0].headers["retry-after"]
    assert count(bank, permission_events) == acknowledged + 1
    assert verify_trail(bank.store, None, None).ok
    # No room for the trail row, no answer; and what was there before is still there.
    while (answer := bank.ask()).status_code == 200:
        pass
    assert kind(answer) == (503, "store-unavailable")
    with bank.store.write() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
    assert append(bank, acknowledged).status_code == 201
    assert bank.ask().status_code == 200


def test_clock_that_was_set_back_brings_no_permission_back(bank: Any, rebuild: Callable[..., Any]) -> None:
    bank.record("consented", at=NOW)
    assert bank.ask().status_code == 200
    yesterday = rebuild(bank, clock=lambda: NOW - timedelta(days=1))
    assert kind(bank.ask(client=yesterday)) == (403, "permission-refused")  # a yes counts from its date on
    bank.record("withdrawn", at=NOW - timedelta(days=1))
    assert kind(bank.ask()) == (403, "permission-refused")
    assert verify_trail(bank.store, None, None).ok


def test_release_that_does_not_verify_answers_nobody(bank: Any, rebuild: Callable[..., Any]) -> None:
    bank.record("consented")

    class Tampered:
        def current(self) -> Any:
            raise IntegrityError("a hash is wrong")

    rows = count(bank, trail)
    assert kind(bank.ask(client=rebuild(bank, releases=Tampered()))) == (503, "release-unavailable")
    assert count(bank, trail) == rows


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (pickle.dumps({"customer_id": "c-1"}), "application/vnd.bentoml+pickle"),
        (pickle.dumps({"customer_id": "c-1"}), "application/octet-stream"),
        (b"customer_id=c-1&purpose=own_product_offers", "application/x-www-form-urlencoded"),
        (b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nc-1\r\n--x--', "multipart/form-data; boundary=x"),
        (json.dumps(CONSENT).encode(), "text/plain"),
        (b"<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><x>&e;</x>", "application/xml"),
    ],
)  # fmt: skip
def test_body_of_another_kind_is_not_looked_at(bank: Any, body: bytes, media_type: str) -> None:
    headers = {"content-type": media_type, "Idempotency-Key": "k"}
    for path in ("/v1/events", "/v1/events:batch", "/v1/permissions"):
        assert kind(bank.client.post(path, content=body, headers=headers)) == (415, "not-json")
    assert count(bank, permission_events) == 0


def test_pickle_that_calls_itself_json_runs_nothing(bank: Any) -> None:
    body = b"cbuiltins\nexec\n(S'import tests'\ntR."
    for media_type in ("application/json", "application/x-ndjson"):
        response = bank.client.post("/v1/events:batch", content=body, headers={"content-type": media_type})
        assert kind(response)[0] in (400, 422)


@pytest.mark.parametrize("text", ["\u202e", "\x7f", "a\u0000b", "😀" * 64, "ﷺ" * 64, "\ud7ff"])
def test_odd_letters_are_told_apart_and_break_nothing(bank: Any, text: str) -> None:
    response = bank.ask(customer_id=text)
    assert response.status_code in (403, 422)


def test_marked_bookings_of_a_batch_come_out_nowhere(
    bank: Any, booking: Callable[..., Any], capfd: pytest.CaptureFixture[str], tmp_path: Any
) -> None:
    bank.record("consented")
    fields = ("counterparty_name", "remittance_information", "mandate_id", "end_to_end_id", "creditor_id")
    marked = booking(customer_id="c-1", booking_id="b2", **{name: f"{MARKER} {name}" for name in fields})
    bad = [{**marked, "amount": MARKER}, {MARKER: MARKER}, MARKER, {**marked, "customer_id": f" {MARKER}"}]
    question = {"purpose": "own_product_offers"}

    def send(*rows: Any) -> Any:
        lines = "\n".join(json.dumps(row) for row in rows)
        return bank.client.post("/v1/events:batch", content=lines, headers={"content-type": "application/x-ndjson"})

    answers = [send(question, marked), *(send(question, marked, row) for row in bad), send(MARKER, marked)]
    assert [answer.status_code for answer in answers] == [200, 200, 422, 422, 422, 422]
    for answer in answers:
        assert MARKER not in answer.text + str(answer.headers)
    assert all(MARKER not in str(seen) for seen in bank.seen)
    out, err = capfd.readouterr()
    assert MARKER not in out + err
    bank.store.close()
    for path in tmp_path.iterdir():
        assert path.is_dir() or MARKER.encode() not in path.read_bytes(), path.name
