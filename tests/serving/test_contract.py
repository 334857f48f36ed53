"""The API description is true: schemathesis asks every address what it allows and what it does not.

Everything that comes back must be described: no status that is not listed, no body of another shape, no 5xx.
`LEVENSLOOP_EXAMPLES` says how many questions per address; `make soak` asks many more.
"""

import os
from datetime import UTC, date, datetime
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance

from models.store import complaints, offers
from serving.app import ADDRESSES, build_api
from serving.records import write_run

EXAMPLES = int(os.environ.get("LEVENSLOOP_EXAMPLES", "30"))
NOW = datetime(2026, 11, 22, 11, 0, tzinfo=UTC)
KNOWN = [*["own_product_offers"] * 4, "overdraft_signal", "service_contact", "model_training", "third_party_sharing"]
# Requests in which codes and numbers exist, where hardly a made-up one would get past a refusal.
_PERIOD = {"first_day": "2026-10-01", "last_day": "2026-11-01"}
_ORGANISATION = {"organisation_id": "o-1", "legal_form": "stichting", "kvk_number": "01234567", "traditions": ["islam"]}
_COMPLAINT = {"complaint_id": 1, "colleague": "anna"}
MEANT: dict[str, dict[str, Any]] = {
    "/events": {"customer_id": "c-1", "purpose": "own_product_offers", "as_of": "2026-11-01"},
    "/giving-calendar": {"from": "2026-10-01", "until": "2026-11-01"},
    "/giving-calendar:explain": {
        "organisation": _ORGANISATION,
        "bookings": [
            {
                "booking_id": f"b{month}", "booking_date": f"2026-{month:02d}-01", "amount": "10.00",
                "credit_debit_indicator": "CRDT", "counterparty_name": "Gevers",
            }
            for month in range(1, 10)
        ],
    },
    "/complaints": {"customer_id": "c-1", "subject": "tone"},
    "/complaints:attempt": {**_COMPLAINT, "result": "reached"},
    "/complaints:close": {**_COMPLAINT, "outcome": "withdrawn", "handling": "Stopped."},
    "/complaints:log": _PERIOD,
    "/questions": {"customer_id": "c-1", "topic": "call_window", "action": "asked"},
    "/questions:may-ask": {"customer_id": "c-1", "topic": "call_window"},
    "/questions:report": _PERIOD,
    "/questions:cases": _PERIOD,
}  # fmt: skip


def mean_something(case: Any, address: Any) -> None:
    """Put a request that can be answered in place of a made-up one."""
    if address.method == "GET":
        case.query = MEANT[address.path]
    else:
        case.body = MEANT[address.path]


def operation_of(address: Any, mode: GenerationMode) -> Any:
    schema = schemathesis.openapi.from_dict(build_api().openapi())
    schema.config.generation.update(modes=[mode])
    return schema[address.path][address.method]


def with_known_values(body: Any, data: st.DataObject) -> Any:
    """Now and then a customer and a purpose that exist, or nothing but refusals would be seen."""
    if isinstance(body, dict) and data.draw(st.sampled_from([True, True, False]), label="known"):
        known = {
            "customer_id": "c-1", "customer_ids": ["c-1", "c-2"], "purpose": data.draw(st.sampled_from(KNOWN)),
            "as_of": "2026-11-01", "at": None, "bookings": data.draw(st.sampled_from([[], [], None])),
            "event": "child_birth", "onset_date": "2026-10-01", "product": "child_account", "sent_at": None,
        }  # fmt: skip
        return {**body, **{name: value for name, value in known.items() if name in body}}
    return body


def make_offer(bank: Any) -> None:
    """An offer that may be sent, one of long ago that may be answered, and the notice of the overdraft signal."""
    bank.record("shown", purpose="overdraft_signal", at=datetime(2026, 2, 1, tzinfo=UTC))
    assert bank.ask().json()["events"][0]["offers"]
    long_ago = {"customer_id": "c-1", "purpose": "own_product_offers", "event": "child_birth", "state": "sent"}
    with bank.store.write() as connection:
        connection.execute(
            offers.insert(), {**long_ago, "product": "child_account", "at": datetime(2024, 1, 5, tzinfo=UTC)}
        )


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize("address", ADDRESSES, ids=lambda address: f"{address.method} {address.path}")
def test_every_answer_is_one_that_the_description_names(bank: Any, address: Any, mode: GenerationMode) -> None:
    bank.record("consented")
    bank.detector.find("child_birth", onset=date(2026, 10, 1))
    frame = bank.detector(None, as_of=date(2026, 10, 1), release=None)
    with bank.store.write() as connection:
        made = {"customers": ["c-1"], "as_of": date(2026, 10, 1), "release_id": "n" * 64, "model_version": "nightly-1"}
        write_run(connection, frame, **made)
        connection.execute(complaints.insert().values(customer_id="c-9", subject="tone", at=NOW, call_back_by=NOW))
    make_offer(bank)
    statuses: set[int] = set()

    @seed(7)
    @settings(
        max_examples=EXAMPLES // 2 if address.size == "bookings" else EXAMPLES,  # bookings take long to make up
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation_of(address, mode).as_strategy(), data=st.data())
    def ask(case: Any, data: st.DataObject) -> None:
        case.body = with_known_values(case.body, data)
        if mode is GenerationMode.POSITIVE and address.path in MEANT and data.draw(st.booleans(), label="meant"):
            mean_something(case, address)
        request = case.as_transport_kwargs(base_url="http://testserver/v1")
        given_headers = {**request["headers"], "Authorization": bank.client.headers["Authorization"]}
        sent = {name: request[name] for name in ("json", "data", "params") if request.get(name) is not None}
        if isinstance(sent.get("data"), bytes | str):
            sent["content"] = sent.pop("data")
        response = bank.client.request(request["method"], request["url"], headers=given_headers, **sent)
        statuses.add(response.status_code)
        assert response.status_code < 500
        assert len(response.headers["x-request-id"]) == 36
        # Keys have tests of their own; whether days, amounts and repeated ids make sense no schema can say.
        case.validate_response(response, excluded_checks=[ignored_auth, positive_data_acceptance])

    ask()
    assert statuses <= address.statuses | {address.status}
    if mode is GenerationMode.POSITIVE:
        assert address.status in statuses


def test_description_is_openapi_3_1_and_names_key_and_statuses() -> None:
    described = build_api().openapi()
    assert described["openapi"] == "3.1.0"
    assert described["servers"] == [{"url": "/v1"}]
    assert set(described["paths"]) == {address.path for address in ADDRESSES}
    for address in ADDRESSES:
        operation = described["paths"][address.path][address.method.lower()]
        assert operation["security"] == [{"client": sorted(address.roles)}]
        assert {int(status) for status in operation["responses"]} == address.statuses | {address.status}
        names = {parameter["name"] for parameter in operation.get("parameters", [])}
        assert ("Idempotency-Key" in names) is address.is_write
        assert address.roles
        assert operation["responses"][str(address.status)]["content"]["application/json"]["schema"]
