"""From an answer to the customer's reply: asked again, reported, recalled, and never sent after a no."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from models.errors import StoreUnavailableError, UsageError
from models.store import complaints, offers, outbox, trail
from models.trail import verify_trail
from serving.care import CustomerFacts
from serving.outbox import deliver_messages
from serving.reconciliation import last_reconciliation, reconcile
from serving.records import write_customers

NOW = datetime(2026, 11, 22, 11, 0, tzinfo=UTC)
OCTOBER = date(2026, 10, 1)
OFFER = {"customer_id": "c-1", "event": "child_birth", "onset_date": "2026-10-01", "product": "child_account"}


@pytest.fixture
def offered(bank: Any) -> Any:
    """A bank that offered c-1 a child account in its last answer, under permission 1."""
    permit(bank, "consented")
    bank.detector.find("child_birth", onset=OCTOBER)
    assert bank.ask().json()["events"][0]["offers"][0]["product"] == "child_account"
    return bank


def post(bank: Any, path: str, body: dict[str, Any], *, client: Any = None) -> Any:
    post.number += 1  # type: ignore[attr-defined]
    headers = {"Idempotency-Key": f"k-{post.number}"}  # type: ignore[attr-defined]
    return (client or bank.client).post(f"/v1{path}", json=body, headers=headers)


post.number = 0  # type: ignore[attr-defined]


def permit(bank: Any, action: str, *, purpose: str = "own_product_offers") -> Any:
    return post(bank, "/permissions", {"customer_id": "c-1", "purpose": purpose, "action": action})


def send(bank: Any, *, client: Any = None, **changes: Any) -> Any:
    return post(bank, "/offers:sent", {**OFFER, **changes}, client=client)


def answer(bank: Any, said: str) -> Any:
    given = {name: OFFER[name] for name in ("customer_id", "event", "product")}
    return post(bank, "/offers:answered", {**given, "answer": said})


def check(bank: Any, version: int) -> dict[str, Any]:
    body = {"customer_id": "c-1", "purpose": "own_product_offers", "version": version}
    told: dict[str, Any] = bank.client.post("/v1/permissions:check", json=body).json()
    return told


def pull(bank: Any, after: int = 0, **changes: Any) -> dict[str, Any]:
    told: dict[str, Any] = bank.client.post("/v1/outbox:pull", json={"after": after, **changes}).json()
    return told


def trail_bodies(bank: Any, kind: str) -> list[dict[str, Any]]:
    with bank.store.read() as connection:
        rows = connection.execute(sa.select(trail.c.body).where(trail.c.kind == kind).order_by(trail.c.seq))
        return [json.loads(row.body)["body"] for row in rows]


def held(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["reason"]


# ---- asked again when sending ---------------------------------------------------------------------------------------


def test_permission_version_holds_until_it_is_taken_back(offered: Any) -> None:
    assert check(offered, 1) == {
        "customer_id": "c-1",
        "purpose": "own_product_offers",
        "allowed": True,
        "version": 1,
        "valid_until": "2026-11-23T11:00:00Z",
        "because": "consented",
    }
    permit(offered, "withdrawn")
    told = check(offered, 1)
    assert (told["allowed"], told["version"], told["valid_until"], told["because"]) == (False, 2, None, "withdrawn")
    permit(offered, "consented")
    assert (check(offered, 1)["allowed"], check(offered, 1)["because"]) == (False, "ended_since")
    assert (check(offered, 3)["allowed"], check(offered, 3)["because"]) == (True, "consented")


@pytest.mark.parametrize("version", [-1, 0, 2, 99, 2**70, -(2**70)])
def test_version_that_nobody_gave_holds_nothing(offered: Any, version: int) -> None:
    assert (check(offered, version)["allowed"], check(offered, version)["because"]) == (False, "version_unknown")


# ---- reported as sent -----------------------------------------------------------------------------------------------


def test_sent_offer_counts_for_its_event_and_for_thirty_days(offered: Any) -> None:
    response = send(offered)
    body = response.json()
    place = body.pop("trail")
    assert response.status_code == 201
    assert body == {
        "customer_id": "c-1",
        "event": "child_birth",
        "product": "child_account",
        "sent_at": "2026-11-22T11:00:00Z",
        "permission_version": 1,
    }
    (row,) = trail_bodies(offered, "offer_sent")
    # Row 1 is the consent, row 2 the answer that made the offer.
    assert (place["seq"], row["made_in"], row["permission_version"], row["client"]) == (3, 2, 1, "tester")
    assert {one["reason"] for one in offered.ask().json()["held_back"]} == {"offer_in_last_days"}
    assert held(send(offered)) == (409, "offer_in_last_days")


def test_the_same_report_with_the_same_key_is_one_sending(offered: Any) -> None:
    headers = {"Idempotency-Key": "same"}
    first, second = (offered.client.post("/v1/offers:sent", json=OFFER, headers=headers) for _ in range(2))
    assert first.status_code == second.status_code == 201
    assert first.json() == second.json()
    with offered.store.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(offers)).scalar() == 1


@pytest.mark.parametrize("no", ["withdrawn", "objected", "expired"])
def test_nothing_may_be_sent_after_a_no_and_the_attempt_is_recorded(offered: Any, no: str) -> None:
    permit(offered, no)
    response = send(offered)
    assert (response.status_code, response.json()["because"]) == (403, no)
    assert trail_bodies(offered, "offer_refused") == [
        {"purpose": "own_product_offers", "outcome": "permission-refused", "reason": "permission-refused",
         "is_out": False, "client": "tester"}
    ]  # fmt: skip
    assert trail_bodies(offered, "offer_sent") == []
    assert verify_trail(offered.store, None, None).ok


def test_offer_of_a_permission_that_ended_is_not_revived_by_a_new_one(offered: Any) -> None:
    permit(offered, "withdrawn")
    permit(offered, "consented")
    assert held(send(offered)) == (409, "offer_not_made")
    offered.ask()
    assert send(offered).status_code == 201


@pytest.mark.parametrize(
    "change",
    [{"product": "travel_insurance"}, {"event": "overdraft"}, {"customer_id": "c-2"}],
    ids=lambda c: next(iter(c)),
)
def test_only_an_offer_that_we_made_may_be_sent(offered: Any, change: dict[str, str]) -> None:
    response = send(offered, **change)
    assert response.status_code == (403 if "customer_id" in change else 409)
    assert trail_bodies(offered, "offer_sent") == []


def test_offer_is_made_for_a_day(offered: Any, rebuild: Any) -> None:
    later = rebuild(offered, clock=lambda: NOW + timedelta(hours=24))
    tomorrow = replace(offered.desk, clock=lambda: NOW + timedelta(hours=24, seconds=1))
    later.app.app.routes[0].app.state.desk = tomorrow
    assert held(send(offered, client=later)) == (409, "offer_not_made")


def test_what_holds_an_offer_back_when_it_is_sent(offered: Any) -> None:
    with offered.store.write() as connection:
        opened = complaints.insert().values(customer_id="c-1", subject="offer", at=NOW, call_back_by=NOW)
        connection.execute(opened)
    assert held(send(offered)) == (409, "open_complaint")
    with offered.store.write() as connection:
        connection.execute(complaints.update().values(closed_at=NOW))
    write_customers(offered.store, [CustomerFacts("c-1", products_held=frozenset({"child_account"}))], at=NOW)
    assert held(send(offered)) == (409, "already_held")
    write_customers(offered.store, [CustomerFacts("c-1")], at=NOW)
    assert send(offered).status_code == 201


def at_moment(bank: Any, connect: Any, at: datetime) -> Any:
    """A client of the same bank at another moment."""
    gate = replace(bank.desk.gate, clock=lambda: at)
    return connect(replace(bank.desk, gate=gate, clock=lambda: at), bank.seen)


@pytest.mark.parametrize(
    ("at", "window"),
    [
        # Summer time begins on 28 March 2027: at 7.59 in Amsterdam it is 5.59 UTC, and ten at night is 20 UTC.
        (datetime(2027, 3, 28, 5, 59, tzinfo=UTC), ("2027-03-28T06:00:00Z", "2027-03-28T20:00:00Z")),
        (datetime(2026, 11, 22, 21, 0, tzinfo=UTC), ("2026-11-23T07:00:00Z", "2026-11-23T21:00:00Z")),
        (datetime(2026, 12, 23, 21, 0, tzinfo=UTC), ("2027-01-02T07:00:00Z", "2027-01-02T21:00:00Z")),
        (datetime(2027, 1, 1, 12, 0, tzinfo=UTC), ("2027-01-02T07:00:00Z", "2027-01-02T21:00:00Z")),
    ],
    ids=["early", "ten at night", "before Christmas Eve", "New Year"],
)
def test_quiet_hours_are_told_with_the_offer_and_held_to(
    bank: Any, connect: Any, at: datetime, window: tuple[str, str]
) -> None:
    bank.record("consented", at=NOW - timedelta(days=1))
    bank.detector.find("child_birth", onset=OCTOBER)
    with at_moment(bank, connect, at) as client:
        told = bank.ask(client=client).json()["events"][0]["offers"][0]["send_window"]
        assert (told["not_before"], told["not_after"]) == window
        response = send(bank, client=client)
        assert held(response) == (409, "quiet_hours")
        assert response.json()["send_window"] == told
    opens = datetime.fromisoformat(window[0])
    if opens - at < timedelta(hours=24):
        with at_moment(bank, connect, opens) as client:
            assert send(bank, client=client).status_code == 201


@pytest.mark.parametrize("minutes", [-1, 16])
def test_report_is_about_now(offered: Any, minutes: int) -> None:
    response = send(offered, sent_at=(NOW - timedelta(minutes=minutes)).isoformat())
    assert (response.status_code, response.json()["type"]) == (422, "urn:levensloop:problem:sent-at-not-now")


# ---- what the customer said -----------------------------------------------------------------------------------------


def test_answer_needs_a_sent_offer(offered: Any) -> None:
    assert answer(offered, "yes").status_code == 404


@pytest.mark.parametrize(("said", "reason"), [("no", "refused_before"), ("yes", "accepted_before")])
def test_product_that_was_answered_is_not_offered_again(offered: Any, connect: Any, said: str, reason: str) -> None:
    send(offered)
    assert answer(offered, said).status_code == 201
    # A second child, a year later: only the product that was not answered is left.
    offered.detector.rows.clear()
    offered.detector.find("child_birth", onset=date(2027, 10, 1))
    with at_moment(offered, connect, NOW + timedelta(days=365)) as client:
        body = offered.ask(client=client).json()
    assert [one["product"] for one in body["events"][0]["offers"]] == ["family_liability_insurance"]
    assert body["held_back"] == [{"event": "child_birth", "product": "child_account", "reason": reason}]


def test_stop_is_an_objection_from_this_answer_on(offered: Any) -> None:
    send(offered)
    assert answer(offered, "stop").status_code == 201
    assert (offered.ask().status_code, offered.ask().json()["because"]) == (403, "objected")
    (message,) = pull(offered)["messages"]
    assert (message["body"]["because"], message["body"]["offers"]) == ("objected", [])
    assert verify_trail(offered.store, None, None).ok


def test_wrong_hides_the_event_from_this_answer_on(offered: Any) -> None:
    send(offered)
    assert answer(offered, "wrong").status_code == 201
    assert offered.ask().json()["events"] == []


# ---- recalled -------------------------------------------------------------------------------------------------------


def test_withdrawal_recalls_what_was_made_and_what_was_sent(offered: Any) -> None:
    permit(offered, "withdrawn")
    told = pull(offered)
    assert told["more"] is False
    (message,) = told["messages"]
    assert (message["id"], message["topic"], message["at"]) == (1, "offers_recalled", "2026-11-22T11:00:00Z")
    assert message["body"] == {
        "customer_id": "c-1",
        "purpose": "own_product_offers",
        "because": "withdrawn",
        "permission_version": 2,
        "offers": [{"event": "child_birth", "product": "child_account", "state": "made"}],
    }
    permit(offered, "consented")
    offered.ask()
    send(offered)
    permit(offered, "objected")
    (message,) = pull(offered, 1)["messages"]
    assert message["body"]["offers"] == [{"event": "child_birth", "product": "child_account", "state": "sent"}]


def test_answered_offer_is_not_recalled(offered: Any) -> None:
    send(offered)
    answer(offered, "yes")
    permit(offered, "withdrawn")
    assert pull(offered)["messages"][0]["body"]["offers"] == []


def test_no_to_another_purpose_recalls_nothing(offered: Any) -> None:
    for other in ("overdraft_signal", "service_contact", "model_training"):  # engines ask for the first alone
        permit(offered, "objected", purpose=other)
    (message,) = pull(offered)["messages"]
    assert (message["body"]["purpose"], message["body"]["offers"]) == ("overdraft_signal", [])
    assert send(offered).status_code == 201


@pytest.mark.parametrize(("fact", "because"), [("open_complaint", "open_complaint"), ("in_arrears", "arrears")])
def test_complaint_or_arrears_in_the_banks_table_recalls(offered: Any, fact: str, because: str) -> None:
    write_customers(offered.store, [CustomerFacts("c-1", **{fact: True}), CustomerFacts("c-2", **{fact: True})], at=NOW)
    (message,) = pull(offered)["messages"]
    assert (message["body"]["because"], len(message["body"]["offers"])) == (because, 1)
    assert held(send(offered)) == (409, "offer_not_made")


def test_complaint_recalls_with_its_receipt(offered: Any) -> None:
    complained = {"customer_id": "c-1", "remark": "too soon"}
    assert post(offered, "/complaints", complained).status_code == 201
    (message,) = pull(offered)["messages"]
    assert (message["body"]["because"], len(message["body"]["offers"])) == ("open_complaint", 1)
    assert held(send(offered)) == (409, "offer_not_made")


def test_recall_that_cannot_be_written_undoes_the_withdrawal(offered: Any) -> None:
    with offered.store.write() as connection:
        connection.execute(
            sa.text("CREATE TRIGGER full BEFORE INSERT ON outbox BEGIN SELECT RAISE(ABORT, 'full'); END")
        )
    assert permit(offered, "withdrawn").status_code == 503
    assert check(offered, 1)["allowed"] is True


def test_messages_come_in_order_again_and_again_until_they_are_read(offered: Any) -> None:
    for _ in range(3):
        permit(offered, "withdrawn")
    first, again = pull(offered, limit=2), pull(offered, limit=2)
    assert first == again
    assert ([one["id"] for one in first["messages"]], first["next"], first["more"]) == ([1, 2], 2, True)
    rest = pull(offered, 2)
    assert ([one["id"] for one in rest["messages"]], rest["next"], rest["more"]) == ([3], 3, False)
    with offered.store.read() as connection:
        read = connection.execute(sa.select(outbox.c.id).where(outbox.c.delivered_at.is_not(None))).scalars().all()
    assert read == [1, 2]
    assert pull(offered, 3) == {"messages": [], "next": 3, "more": False}


def test_pushed_messages_are_delivered_in_order_and_wait_after_a_failure(offered: Any) -> None:
    for _ in range(3):
        permit(offered, "withdrawn")
    taken: list[tuple[str, int]] = []

    def engine(request: httpx.Request) -> httpx.Response:
        number = json.loads(request.content)["id"]
        if number == 2 and len(taken) == 1:
            taken.append(("refused", number))
            return httpx.Response(500)
        taken.append((request.headers["Idempotency-Key"], number))
        return httpx.Response(204)

    given = {"clock": lambda: NOW, "transport": httpx.MockTransport(engine)}
    with pytest.raises(StoreUnavailableError, match="message 2; 1 before it"):
        deliver_messages(offered.store, "http://127.0.0.1/recalls", **given)
    assert deliver_messages(offered.store, "https://engine.example/recalls", **given) == 2
    assert deliver_messages(offered.store, "https://engine.example/recalls", **given) == 0
    assert taken == [("outbox-1", 1), ("refused", 2), ("outbox-2", 2), ("outbox-3", 3)]
    with pytest.raises(UsageError, match="https"):
        deliver_messages(offered.store, "http://engine.example/recalls", **given)


# ---- reconciled -----------------------------------------------------------------------------------------------------


def reconciled(bank: Any) -> tuple[int, ...]:
    found = reconcile(bank.store, bank.registry, clock=lambda: NOW)
    return (
        found.sent, found.sent_after_objection, found.sent_without_permission, found.refused_reports, found.recalled,
    )  # fmt: skip


def test_honest_engines_leave_nothing_to_find(offered: Any) -> None:
    send(offered)
    permit(offered, "withdrawn")
    send(offered)
    assert reconciled(offered) == (1, 0, 0, 0, 0)
    with offered.store.read() as connection:
        last = last_reconciliation(connection)
    assert last is not None
    assert (last["sent"], last["sent_after_objection"]) == (1, 0)


def test_offer_that_went_out_after_a_no_is_refused_and_found(offered: Any) -> None:
    permit(offered, "objected")
    late = {"sent_at": NOW.isoformat()}
    assert [send(offered, **late).status_code for _ in range(2)] == [403, 403]  # told twice, sent once
    assert reconciled(offered) == (1, 1, 0, 1, 1)  # and what is out there is taken back
    assert send(offered, customer_id="c-2", **late).status_code == 403
    assert reconciled(offered) == (2, 1, 1, 2, 1)


def test_offer_that_went_out_before_the_no_and_was_told_after_it_is_no_fault(bank: Any) -> None:
    bank.record("consented", at=NOW - timedelta(days=1))
    permit(bank, "objected")
    assert send(bank, sent_at=(NOW - timedelta(minutes=1)).isoformat()).status_code == 403
    assert reconciled(bank) == (1, 0, 0, 1, 1)


def test_a_gate_that_forgets_to_ask_is_found(offered: Any) -> None:
    """The control: an offer recorded as sent although the trail holds a no before it."""
    permit(offered, "withdrawn")
    with offered.store.write() as connection:
        connection.execute(
            offers.insert().values(
                **{**OFFER, "onset_date": OCTOBER}, purpose="own_product_offers", state="sent", trail_seq=99, at=NOW
            )
        )
    assert reconciled(offered)[1] == 1


def test_permission_that_went_another_way_is_recalled_at_night(offered: Any) -> None:
    send(offered)
    offered.record("withdrawn")  # taken over from a file: no message left then
    assert pull(offered)["messages"] == []
    assert reconciled(offered)[4] == 1
    assert pull(offered)["messages"][0]["body"]["because"] == "not_allowed"
    assert reconciled(offered)[4] == 0
