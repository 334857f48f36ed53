"""A release ends ninety days after a customer it was trained on left: it answers no longer and cannot be promoted."""

import json
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from sklearn.linear_model import LogisticRegression

from models.board import sign_release
from models.candidate import Candidate, write_candidate
from models.errors import GateBlockedError, IntegrityError, NoReleaseError
from models.home import Home
from models.permission import PermissionEvent, append_permission
from models.promotion import promote_release
from models.purposes import default_purposes
from models.signing import BOARD, generate_key, load_private_key
from models.store import open_store, trail
from models.training_permission import find_first_leaving, read_trained_at
from serving.champion import ChampionHolder

TRAINED = datetime(2026, 6, 1, 9, tzinfo=UTC)
LEFT = datetime(2026, 7, 1, 12, tzinfo=UTC)
END = datetime(2026, 9, 29, 12, tzinfo=UTC)  # 90 days after 1 July
PURPOSE = default_purposes().purpose("model_training")


@dataclass(frozen=True)
class Signed:
    """A home with two signed candidates, the first trained on other permissions than the second."""

    home: Home
    first: str
    second: str

    def record(self, customer: str, action: str, at: datetime) -> None:
        event = PermissionEvent(
            customer_id=customer, purpose=PURPOSE.id, action=action,  # type: ignore[arg-type]
            notice_version=PURPOSE.notice_version, notice_sha256=PURPOSE.notice_sha256, language="nl", channel="page",
            actor="customer", at=at,
        )  # fmt: skip
        store = open_store(self.home.database_url)
        with store.write() as connection:
            append_permission(connection, event, default_purposes())
        store.close()

    def promote(self, candidate: str, at: datetime) -> None:
        promote_release(self.home, candidate, who="Dana", why="better", at=at)

    def holder(self, at: datetime) -> ChampionHolder:
        return ChampionHolder(self.home, allow_demo=False, clock=lambda: at)


def make_candidate(home: Home, keys: dict[str, object], *, trained_at: datetime) -> str:
    model = LogisticRegression().fit(np.array([[0.0], [1.0]]), ["none", "move"])
    files = resources.files("models")
    candidate = write_candidate(
        home, classifier=model, detector=model, taxonomy_toml=files.joinpath("taxonomy.toml").read_text("utf-8"),
        screening=files.joinpath("screening.toml").read_text("utf-8"),
        facts={"headline": {"name": "macro_f1", "value": 0.9, "n": 4000}, "fairness": {"findings": []}},
        permission={
            "snapshot_sha256": "a" * 64, "notice_version": PURPOSE.notice_version, "at": trained_at.isoformat(),
        },
        created_at=trained_at,
    )  # fmt: skip
    for role in BOARD:
        sign_release(home, candidate.id, role, keys[role], "approve", "clear", at=trained_at)  # type: ignore[arg-type]
    return candidate.id


@pytest.fixture(scope="module")
def signed_once(tmp_path_factory: pytest.TempPathFactory) -> Signed:
    home = Home(tmp_path_factory.mktemp("home"))
    keys: dict[str, object] = {}
    for role in BOARD:
        generate_key(home, role, f"Person {role}", "secret")
        keys[role] = load_private_key(home.keys / f"{role}.pem", "secret")
    return Signed(
        home, make_candidate(home, keys, trained_at=TRAINED),
        make_candidate(home, keys, trained_at=TRAINED + timedelta(days=40)),
    )  # fmt: skip


@pytest.fixture
def signed(signed_once: Signed, tmp_path: Path) -> Signed:
    shutil.copytree(signed_once.home.path, tmp_path / "home")
    signed = Signed(Home(tmp_path / "home"), signed_once.first, signed_once.second)
    for customer in ("anna", "bert"):
        signed.record(customer, "consented", TRAINED - timedelta(days=10))
    return signed


@pytest.mark.parametrize("no", ["withdrawn", "objected", "expired"])
def test_release_answers_until_ninety_days_after_its_customer_left(signed: Signed, no: str) -> None:
    signed.promote(signed.first, TRAINED)
    signed.record("bert", no, LEFT)
    assert signed.holder(END - timedelta(seconds=1)).current().id == signed.first
    with pytest.raises(NoReleaseError, match="customers it was trained on left"):
        signed.holder(END).current()


def test_nobody_left_then_it_does_not_end(signed: Signed) -> None:
    signed.promote(signed.first, TRAINED)
    signed.record("carl", "withdrawn", LEFT)  # never trained on
    signed.record("bert", "withdrawn", LEFT)
    signed.record("bert", "consented", LEFT + timedelta(days=1))  # came back
    signed.record("anna", "withdrawn", TRAINED - timedelta(days=1))  # left before, so was not trained on
    assert signed.holder(END + timedelta(days=400)).current().id == signed.first


def test_the_release_before_takes_over_when_its_own_customers_stayed(signed: Signed) -> None:
    """The older release was trained on anna and bert, the younger on them and dora, who left."""
    signed.record("dora", "consented", TRAINED + timedelta(days=30))
    signed.promote(signed.first, TRAINED)
    signed.promote(signed.second, TRAINED + timedelta(days=41))
    left = TRAINED + timedelta(days=50)
    signed.record("dora", "withdrawn", left)
    end = left + timedelta(days=90)
    assert signed.holder(end - timedelta(seconds=1)).current().id == signed.second
    holder = signed.holder(end)
    assert [holder.current().id for _ in range(2)] == [signed.first] * 2
    store = open_store(signed.home.database_url)
    with store.read() as connection:
        bodies = connection.execute(sa.select(trail.c.body).where(trail.c.kind == "release_fallback")).scalars().all()
    store.close()
    (body,) = [json.loads(text)["body"] for text in bodies]
    assert (body["fallen_to"], body["findings"]) == (signed.first, [])
    assert body["why"] == "customers it was trained on left too long ago"


def test_leaving_while_the_service_runs_counts_from_the_next_day_on(signed: Signed) -> None:
    signed.promote(signed.first, TRAINED)
    moments = [LEFT + timedelta(days=60)]
    holder = ChampionHolder(signed.home, allow_demo=False, clock=lambda: moments[-1])
    assert holder.current().id == signed.first
    signed.record("bert", "withdrawn", LEFT)  # told late, so it counts from the day it was said
    moments.append(END)
    with pytest.raises(NoReleaseError):
        holder.current()


def test_candidate_whose_customers_left_too_long_ago_is_not_promoted(signed: Signed) -> None:
    signed.record("bert", "withdrawn", LEFT)
    with pytest.raises(GateBlockedError, match="left too long ago: train without them"):
        signed.promote(signed.first, END)
    signed.promote(signed.first, END - timedelta(seconds=1))


def test_first_leaving_is_the_earliest_after_the_training(signed: Signed) -> None:
    signed.record("anna", "withdrawn", LEFT + timedelta(days=3))
    signed.record("bert", "withdrawn", LEFT)
    store = open_store(signed.home.database_url)
    with store.read() as connection:
        left = find_first_leaving(connection, trained_at=TRAINED, registry=default_purposes(), now=END)
    store.close()
    assert left == LEFT


def test_moment_that_is_none_is_refused(tmp_path: Path) -> None:
    for wrong in ("yesterday", 7):
        with pytest.raises(IntegrityError):
            read_trained_at(Candidate("x" * 64, tmp_path, {"permission": {"at": wrong}}, {}))
    assert read_trained_at(Candidate("x" * 64, tmp_path, {"permission": {}}, {})) is None
