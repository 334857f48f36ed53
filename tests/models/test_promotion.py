"""The gate, promotion and rollback: only what is signed and allowed becomes champion, and every move is recorded."""

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sklearn.linear_model import LogisticRegression

from models.board import sign_release
from models.errors import IntegrityError, NoReleaseError, UsageError
from models.promotion import promote_release, rollback_release
from models.release import load_release, read_champion
from models.signing import BOARD, endorse_key_replacement, request_key_replacement
from models.store import open_store, trail
from models.trail import verify_trail

MONDAY = datetime(2026, 11, 16, 9, tzinfo=UTC)


def _screening() -> str:
    return resources.files("models").joinpath("screening.toml").read_text("utf-8")


# ---- the gate -------------------------------------------------------------------------------------------------------


def test_signed_candidate_becomes_champion(board: Any) -> None:
    candidate = board.sign(board.candidate())
    promotion = board.promote(candidate.id)
    champion = load_release(board.home, signed_only=True)
    assert champion.id == candidate.id == promotion.release_id
    assert champion.path.parent == board.home.releases
    assert champion.warning == ""
    assert [d.person for d in champion.signatures] == ["Bram", "Chris", "Anna"]
    assert all(p.stat().st_mode & 0o222 == 0 for p in champion.path.rglob("*") if p.is_file())


def test_promotion_stands_in_trail_and_log(board: Any) -> None:
    promotion = board.promote(board.sign(board.candidate()).id)
    store = open_store(board.home.database_url)
    with store.read() as connection:
        row = connection.execute(sa.select(trail)).one()
    body = json.loads(row.body)["body"]
    assert (row.seq, row.kind) == (promotion.trail_seq, "promotion")
    assert (body["action"], body["release_id"], body["who"], body["why"]) == (
        "promote", promotion.release_id, "Dana", "better",
    )  # fmt: skip
    assert set(body["signatures"]) == {f"signatures/{role}.json" for role in BOARD}
    assert verify_trail(store, None, None).ok
    log = (board.home.releases / "promotions.jsonl").read_text().splitlines()
    assert [json.loads(line)["trail_hash"] for line in log] == [row.hash]


def test_every_missing_signature_is_named(board: Any) -> None:
    candidate = board.sign(board.candidate(), "owner")
    reasons = board.blocked(candidate.id)
    assert "data_protection_officer has not signed" in reasons
    assert "ethics_chair has not signed" in reasons
    assert "owner" not in reasons
    assert read_champion(board.home) is None
    assert not list(board.home.releases.glob("?" * 64))


def test_refusal_blocks_and_stays_readable_after_a_later_approval(board: Any) -> None:
    candidate = board.sign(board.candidate(), "owner", "data_protection_officer")
    sign_release(board.home, candidate.id, "ethics_chair", board.keys["ethics_chair"], "refuse", "recall gap unclear")
    assert "ethics_chair refused: recall gap unclear" in board.blocked(candidate.id)
    board.sign(candidate, "ethics_chair")
    board.promote(candidate.id)
    said = [(d.decision, d.reason) for d in load_release(board.home).signatures if d.role == "ethics_chair"]
    assert said == [("refuse", "recall gap unclear"), ("approve", "the report is clear")]


def test_signatures_of_one_candidate_do_not_count_for_another(board: Any) -> None:
    signed, other = board.sign(board.candidate()), board.candidate(value=0.95)
    shutil.copytree(signed.path / "signatures", other.path / "signatures")
    with pytest.raises(IntegrityError, match="another release"):
        board.promote(other.id)


def test_one_role_cannot_sign_with_the_key_of_another(board: Any) -> None:
    candidate = board.candidate()
    with pytest.raises(UsageError, match="in force"):
        sign_release(board.home, candidate.id, "owner", board.keys["ethics_chair"], "approve", "fine")
    board.sign(candidate, "owner")
    folder = candidate.path / "signatures"
    shutil.copy(folder / "owner.json", folder / "ethics_chair.json")
    with pytest.raises(IntegrityError, match="not registered for that role"):
        load_release(board.home)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"permission": {"permission_not_shown": True}}, "without showing"),
        ({"permission": {"snapshot_sha256": "a" * 64, "notice_version": "of another bank"}}, "under another notice"),
        ({"screening": _screening() + "\nextra = 1\n"}, "screening is not the one in force"),
        ({"policy_toml": 'version = "mild"\n[no_regression]\nmargin = 1.0\n'}, "policy is not the one in force"),
        ({"facts": {}}, "no headline figure"),
    ],
)
def test_gate_names_what_is_wrong(board: Any, changes: dict[str, Any], reason: str) -> None:
    if "screening" in changes:  # another version of the same data, wherever the file keeps its version
        changes = {"screening": _screening().replace('version = "', 'version = "9', 1)}
    assert reason in board.blocked(board.sign(board.candidate(**changes)).id)


def test_gate_refuses_names_as_features(board: Any) -> None:
    classifier = LogisticRegression().fit([[0.0], [1.0]], ["none", "move"])
    classifier.names_ = "as_merchants"
    assert "names of counterparties" in board.blocked(board.sign(board.candidate(classifier=classifier)).id)


def test_gate_lists_all_reasons_at_once(board: Any) -> None:
    candidate = board.candidate(permission={"permission_not_shown": True}, facts={})
    assert board.blocked(candidate.id).count(";") == 5  # three signatures, permission, audit, headline


@pytest.mark.parametrize(("value", "passes"), [(0.95, True), (0.885, True), (0.88, True), (0.879, False)])
def test_step_back_behind_the_champion_is_bounded_by_the_policy(board: Any, value: float, passes: bool) -> None:
    board.promote(board.sign(board.candidate(value=0.9)).id)
    challenger = board.sign(board.candidate(value=value, shift=0.1))
    if passes:
        assert board.promote(challenger.id).release_id == challenger.id
    else:
        assert "more than 0.02 below the champion's 0.9000" in board.blocked(challenger.id)


def test_other_headline_cannot_be_compared(board: Any) -> None:
    board.promote(board.sign(board.candidate()).id)
    other = board.candidate(
        facts={"headline": {"name": "accuracy", "value": 0.99, "n": 10}, "fairness": {"findings": []}}
    )
    assert "cannot be compared" in board.blocked(board.sign(other).id)


def test_key_replaced_since_no_longer_counts_for_promotion_but_keeps_the_champion(board: Any) -> None:
    first, second = board.sign(board.candidate()), board.sign(board.candidate(value=0.91))
    board.promote(first.id)
    request_key_replacement(board.home, "owner", "Anna", "new secret")
    for role in ("data_protection_officer", "ethics_chair"):
        endorse_key_replacement(board.home, "owner", board.keys[role])
    assert "owner signed with a key that was replaced" in board.blocked(second.id)
    assert load_release(board.home, signed_only=True).id == first.id


def test_demo_keys_count_only_where_demo_is_allowed(make_board: Callable[..., Any], tmp_path: Path) -> None:
    board = make_board(tmp_path, demo=True)
    candidate = board.sign(board.candidate())
    assert "demo keys do not count" in board.blocked(candidate.id)
    board.promote(candidate.id, allow_demo=True)
    with pytest.raises(IntegrityError, match="demo keys"):
        load_release(board.home, signed_only=True)
    assert load_release(board.home, signed_only=True, allow_demo=True).demo


def test_dry_run_writes_nothing_and_says_the_same_no(board: Any) -> None:
    candidate = board.candidate()
    assert "has not signed" in board.blocked(candidate.id, dry_run=True)
    board.sign(candidate)
    assert board.promote(candidate.id, dry_run=True).dry_run
    assert read_champion(board.home) is None
    assert not (board.home.path / "levensloop.db").exists()


def test_promotion_needs_who_and_why(board: Any) -> None:
    candidate = board.sign(board.candidate())
    with pytest.raises(UsageError, match="who"):
        promote_release(board.home, candidate.id, who="", why="better")


# ---- the pointer ----------------------------------------------------------------------------------------------------


def test_rollback_goes_back_one_by_one_and_is_recorded(board: Any) -> None:
    made = [board.sign(board.candidate(value=value)) for value in (0.90, 0.91, 0.92)]
    for candidate in made:
        board.promote(candidate.id)
    for expected in (made[1], made[0]):
        rollback_release(board.home, who="Dana", why="complaints", at=MONDAY)
        assert load_release(board.home, signed_only=True).id == expected.id
    with pytest.raises(NoReleaseError):
        rollback_release(board.home, who="Dana", why="complaints", at=MONDAY)
    log = [json.loads(line) for line in (board.home.releases / "promotions.jsonl").read_text().splitlines()]
    assert [line["action"] for line in log] == ["promote"] * 3 + ["rollback"] * 2


def decide(board: Any, candidate: Any, role: Any, decision: Any, reason: str) -> None:
    sign_release(board.home, candidate.id, role, board.keys[role], decision, reason, at=MONDAY)


def told_in_release(board: Any, candidate: Any) -> list[tuple[str, str]]:
    opened = load_release(board.home, candidate.id, signed_only=True)
    return [(one.role, one.decision) for one in opened.signatures if one.role == "owner"]


def test_a_refusal_signed_after_promotion_keeps_a_release_from_coming_back(board: Any) -> None:
    first = board.sign(board.candidate())
    board.promote(first.id)
    board.promote(board.sign(board.candidate(shift=0.1)).id)
    decide(board, first, "owner", "refuse", "complaints since")
    with pytest.raises(IntegrityError, match="owner refused: complaints since"):
        rollback_release(board.home, who="Dana", why="the new one is worse", at=MONDAY)
    decide(board, first, "owner", "approve", "looked into")
    rollback_release(board.home, who="Dana", why="the new one is worse", at=MONDAY)
    assert told_in_release(board, first) == [("owner", "approve"), ("owner", "refuse"), ("owner", "approve")]


def test_decisions_since_the_promotion_come_into_the_release_with_the_next_one(board: Any) -> None:
    candidate = board.sign(board.candidate())
    board.promote(candidate.id)
    with pytest.raises(UsageError, match="champion already"):
        board.promote(candidate.id)
    for decision in ("refuse", "approve"):
        decide(board, candidate, "owner", decision, "second thoughts")
    assert told_in_release(board, candidate) == [("owner", "approve")]
    board.promote(candidate.id)
    assert told_in_release(board, candidate) == [("owner", "approve"), ("owner", "refuse"), ("owner", "approve")]
    assert read_champion(board.home).history == ()  # type: ignore[union-attr]


def test_two_stories_about_one_role_are_an_integrity_error(board: Any) -> None:
    first = board.sign(board.candidate())
    board.promote(first.id)
    board.promote(board.sign(board.candidate(shift=0.1)).id)
    (first.path / "signatures" / "owner.json").unlink()
    decide(board, first, "owner", "approve", "another beginning")
    with pytest.raises(IntegrityError, match="different decisions of owner"):
        rollback_release(board.home, who="Dana", why="x", at=MONDAY)


def test_rollback_to_a_named_release_skips_those_between(board: Any) -> None:
    made = [board.sign(board.candidate(value=value)) for value in (0.90, 0.91, 0.92)]
    for candidate in made:
        board.promote(candidate.id)
    rollback_release(board.home, who="Dana", why="complaints", to=made[0].id[:12])
    champion = read_champion(board.home)
    assert champion is not None
    assert (champion.release_id, champion.previous_id) == (made[0].id, None)


def test_kill_before_the_pointer_moved_leaves_the_old_champion(board: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = board.sign(board.candidate()), board.sign(board.candidate(value=0.91))
    board.promote(first.id)

    def pull_the_plug(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("models.promotion.append_durably", pull_the_plug)
    with pytest.raises(KeyboardInterrupt):
        board.promote(second.id)
    monkeypatch.undo()
    assert load_release(board.home, signed_only=True).id == first.id
    assert board.promote(second.id).release_id == second.id
