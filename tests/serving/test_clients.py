"""Who may ask: no key, a wrong one, a revoked one, another role, another purpose, too often."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from models.errors import UsageError
from models.store import open_store, trail
from serving.client import key_file_of, read_key
from serving.clients import add_client, find_client, list_clients, revoke_client
from serving.commands import app
from serving.rates import Rates

NOW = datetime(2026, 11, 22, 11, 0, tzinfo=UTC)
CURRENT = {"customer_id": "c-1", "purpose": "own_product_offers"}
EVENT = {**CURRENT, "action": "consented"}


@pytest.fixture
def add(bank: Any) -> Callable[..., str]:
    """Adds a client to the bank and gives its key."""

    def add_one(name: str = "engine", **changes: Any) -> str:
        may = {"roles": ["offer_engine"], "purposes": ["own_product_offers"], **changes}
        return add_client(bank.store, name, registry=bank.registry, at=NOW, **may)

    return add_one


def kind(response: Any, status: int) -> str:
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    return str(response.json()["type"]).removeprefix("urn:levensloop:problem:")


def test_key_is_shown_once_and_kept_as_a_hash_only(bank: Any, add: Any, tmp_path: Path) -> None:
    key = add()
    name, secret = key.removeprefix("levensloop.").split(".")
    assert (name, len(secret)) == ("engine", 43)
    bank.store.close()
    for path in tmp_path.iterdir():
        assert secret.encode() not in path.read_bytes(), path.name
    found = find_client(bank.store, f"bearer {key}")
    assert found is not None
    assert (found.name, found.roles, found.purposes) == ("engine", {"offer_engine"}, {"own_product_offers"})


@pytest.mark.parametrize(
    "change",
    [
        lambda key: "",
        lambda key: "Bearer",
        lambda key: f"Basic {key}",
        lambda key: key,
        lambda key: f"Bearer {key[:-1]}",
        lambda key: f"Bearer {key}x",
        lambda key: f"Bearer {key.replace('engine', 'other')}",
        lambda key: f"Bearer {key.replace('engine', 'nobody')}",
        lambda key: "Bearer levensloop.engine.",
        lambda key: "Bearer levensloop..",
        lambda key: "Bearer é\udcff",
    ],
)
def test_only_the_whole_key_of_a_client_opens(bank: Any, add: Any, change: Callable[[str], str]) -> None:
    key = add()
    add("other")
    assert find_client(bank.store, change(key)) is None


def test_who_asks_is_known_while_an_answer_waits_for_a_writer(bank: Any, add: Any) -> None:
    key = add()

    async def ask_beside_answers() -> Any:
        desk = bank.desk
        for waiting in range(desk.store.threads_at_once):
            await desk.lane.acquire_on_behalf_of(waiting)
        found = await asyncio.wait_for(desk.find_client(f"Bearer {key}"), timeout=30)
        assert desk.lane.borrowed_tokens == desk.store.threads_at_once  # their places are still theirs
        desk.lane.release_on_behalf_of(0)
        await desk.find_client(f"Bearer {key}")
        return found, desk.lane.borrowed_tokens

    found, taken = asyncio.run(ask_beside_answers())
    assert (found.name, taken) == ("engine", bank.store.threads_at_once - 1)


@pytest.mark.parametrize("authorization", [None, "Bearer levensloop.engine.wrong", "Bearer \xff"])
def test_without_a_key_nothing_is_read_and_nothing_told(bank: Any, connect: Any, authorization: str | None) -> None:
    bank.record("consented")
    headers = {} if authorization is None else {"authorization": authorization.encode("latin-1")}
    with connect(bank.desk, bank.seen, key=None) as client:
        for path in ("/v1/events", "/v1/events:batch", "/v1/permissions", "/v1/permissions:current"):
            response = client.post(path, content=b"{", headers={**headers, "content-type": "application/json"})
            assert kind(response, 401) == "no-valid-key"
            assert response.headers["www-authenticate"] == "Bearer"
        assert client.get("/v1/openapi.json").status_code == 200
    assert bank.detector.calls == []


def test_revoked_key_ends_at_once_and_is_never_given_again(bank: Any, add: Any, connect: Any) -> None:
    key = add()
    with connect(bank.desk, bank.seen, key=key) as client:
        assert client.post("/v1/permissions:current", json=CURRENT).status_code == 200
        revoke_client(bank.store, "engine", at=NOW)
        assert kind(client.post("/v1/permissions:current", json=CURRENT), 401) == "no-valid-key"
    for again in (lambda: add(), lambda: revoke_client(bank.store, "engine", at=NOW)):
        with pytest.raises(UsageError):
            again()


def test_purpose_that_the_key_does_not_cover_is_refused_everywhere(bank: Any, add: Any, connect: Any) -> None:
    key = add(roles=["offer_engine", "customer_page"], purposes=["overdraft_signal"])
    bank.record("consented")
    with connect(bank.desk, bank.seen, key=key) as client:
        assert kind(bank.ask(client=client), 403) == "purpose-not-covered"
        assert kind(client.post("/v1/permissions:current", json=CURRENT), 403) == "purpose-not-covered"
        written = client.post("/v1/permissions", json=EVENT, headers={"Idempotency-Key": "k"})
        assert kind(written, 403) == "purpose-not-covered"
        batch = client.post("/v1/events:batch", json={"customer_ids": ["c-1"], "purpose": "own_product_offers"})
        problem = batch.json()["results"][0]["problem"]
        assert (problem["status"], problem["type"]) == (403, "urn:levensloop:problem:purpose-not-covered")
    assert bank.detector.calls == []
    assert bank.client.post("/v1/permissions:current", json=CURRENT).json()["version"] == 1


def test_role_that_a_purpose_does_not_name_is_refused(bank: Any, add: Any, connect: Any) -> None:
    key = add(roles=["contact_desk"])  # own_product_offers is for engines and the customer's page
    bank.record("consented")
    with connect(bank.desk, bank.seen, key=key) as client:
        assert kind(bank.ask(client=client), 403) == "purpose-not-for-role"


def test_address_is_for_its_roles_alone(bank: Any, add: Any, connect: Any) -> None:
    with connect(bank.desk, bank.seen, key=add()) as engine:
        written = engine.post("/v1/permissions", json=EVENT, headers={"Idempotency-Key": "k"})
        assert kind(written, 403) == "role-not-allowed"
    with connect(bank.desk, bank.seen, key=add("ops", roles=["operations"], purposes=[])) as operations:
        assert kind(bank.ask(client=operations), 403) == "role-not-allowed"


def test_who_asks_too_often_waits_and_others_do_not(bank: Any, add: Any, connect: Any) -> None:
    slow, other = add(requests_per_second=1), add("other")
    with connect(bank.desk, bank.seen, key=slow) as client:
        statuses = [client.post("/v1/permissions:current", json=CURRENT).status_code for _ in range(3)]
        assert statuses == [200, 200, 429]  # a bucket of two seconds, at one a second
        refused = client.post("/v1/permissions:current", json=CURRENT)
        assert (kind(refused, 429), refused.headers["retry-after"]) == ("rate-exceeded", "1")
        others = {"Authorization": f"Bearer {other}"}
        assert client.post("/v1/permissions:current", json=CURRENT, headers=others).status_code == 200


def test_bucket_fills_with_time_and_never_over_its_brim() -> None:
    now = [0.0]
    rates = Rates(2.0, 1.5, clock=lambda: now[0])
    assert [rates.take("a") for _ in range(4)] == [0, 0, 0, 1]  # three in the bucket; half a second, said as one
    now[0] = 0.5
    assert [rates.take("a"), rates.take("a")] == [0, 1]
    now[0] = 1_000.0
    assert [rates.take("a") for _ in range(4)] == [0, 0, 0, 1]
    assert [rates.take("b", 0.1) for _ in range(2)] == [0, 10]


def test_store_that_cannot_be_read_lets_nobody_in(bank: Any, connect: Any) -> None:
    with bank.store.write() as connection:
        connection.execute(sa.text("DROP TABLE clients"))
    with connect(bank.desk, bank.seen) as client:
        assert kind(bank.ask(client=client), 503) == "store-unavailable"


def test_who_was_added_and_who_asked_is_in_the_trail(bank: Any, add: Any, connect: Any) -> None:
    with connect(bank.desk, bank.seen, key=add()) as client:
        bank.ask(client=client)
    revoke_client(bank.store, "engine", at=NOW)
    with bank.store.read() as connection:
        rows = connection.execute(sa.select(trail.c.kind, trail.c.body).order_by(trail.c.seq)).all()
    bodies = [(row.kind, json.loads(row.body)["body"]) for row in rows]
    assert [(kind, body["client"]) for kind, body in bodies] == [
        ("client_added", "engine"), ("events_refused", "engine"), ("client_revoked", "engine"),
    ]  # fmt: skip
    assert bodies[0][1] == {"client": "engine", "roles": "offer_engine", "purposes": "own_product_offers"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "Engine"}, {"name": "a.b"}, {"name": ""}, {"name": "a" * 41}, {"roles": []}, {"roles": ["training"]},
        {"purposes": []}, {"purposes": ["third_party_sharing"]}, {"requests_per_second": 0},
    ],
)  # fmt: skip
def test_client_that_cannot_be_is_refused(add: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        add(**wrong)


def test_commands_add_list_and_revoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEVENSLOOP_HOME", str(tmp_path))
    run = CliRunner().invoke
    may = ["--role", "offer_engine", "--purpose", "own_product_offers"]
    shown = run(app, ["client", "add", "engine", *may, "--per-second", "7"]).stdout.strip()
    file = tmp_path / "keys" / "client.key"
    assert run(app, ["client", "add", "page", "--role", "contact_desk", *may, "--out", str(file)]).stdout == ""
    assert file.stat().st_mode & 0o777 == 0o600
    store = open_store(f"sqlite:///{tmp_path / 'levensloop.db'}")
    for name, key in (("engine", shown), ("page", file.read_text().strip())):
        found = find_client(store, f"Bearer {key}")
        assert found is not None
        assert found.name == name
    assert isinstance(run(app, ["client", "add", "third", *may, "--out", str(file)]).exception, UsageError)
    run(app, ["client", "revoke", "engine"])
    told = run(app, ["client", "list"]).stdout
    assert shown not in told
    assert [(one["name"], one["roles"], one["requests_per_second"], one["revoked_at"] is None)
            for one in json.loads(told)] == [
        ("engine", ["offer_engine"], 7, False), ("page", ["contact_desk", "offer_engine"], None, True),
    ]  # fmt: skip
    assert [one.name for one in list_clients(store)] == ["engine", "page"]
    store.close()


def test_key_is_found_in_file_environment_or_home(tmp_path: Path) -> None:
    from models.home import Home

    home = Home(tmp_path)
    with pytest.raises(UsageError, match="client add"):
        read_key(home, environ={})
    key_file_of(home).parent.mkdir()
    key_file_of(home).write_text("home\n")
    other = tmp_path / "other.key"
    other.write_text("named\n")
    assert read_key(home, environ={}) == "home"
    assert read_key(home, environ={"LEVENSLOOP_CLIENT_KEY": "environment"}) == "environment"
    assert read_key(home, other, environ={"LEVENSLOOP_CLIENT_KEY": "environment"}) == "named"


def test_wrong_secret_takes_no_shorter_way_than_a_wrong_name(
    bank: Any, add: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both end in one comparison of two hashes in constant time."""
    compared: list[tuple[int, int]] = []

    def compare(a: str, b: str) -> bool:
        compared.append((len(a), len(b)))
        return a == b

    monkeypatch.setattr("serving.clients.hmac.compare_digest", compare)
    key = add()
    for asked in (f"Bearer {key}x", f"Bearer {key.replace('engine', 'nobody')}"):
        assert find_client(bank.store, asked) is None
    assert compared == [(64, 64), (64, 64)]
