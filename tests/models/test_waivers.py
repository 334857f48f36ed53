"""A waiver lets exactly one finding pass, for two persons of the board, until its day; whatever else blocks."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from models.candidate import Candidate, read_candidate
from models.canonical import canonical_json, framed_sha256, moment_text, sha256_of
from models.errors import GateBlockedError, IntegrityError, UsageError
from models.findings import read_findings
from models.kill_switch import set_kill_switch
from models.promotion import rollback_release
from models.release import load_release, read_champion
from models.signing import (
    BOARD,
    Role,
    endorse_key_replacement,
    load_private_key,
    load_registry,
    request_key_replacement,
    sign_statement,
)
from models.waivers import Waiver, WaiverSignature, read_terms, read_waivers, sign_waivers

MONDAY = datetime(2026, 11, 16, 9, tzinfo=UTC)
LAST_DAY = date(2027, 2, 14)  # Monday and 90 days
HEADLINE = {"name": "macro_f1", "value": 0.9, "n": 4000}
PEOPLE: dict[Role, str] = {
    "owner": "Anna", "data_protection_officer": "Bram", "ethics_chair": "Chris", "operations": "Dana",
}  # fmt: skip
RECALL, NAMES = "recall/child_birth/origin:turkish", "names/moroccan"


def finding(name: str = RECALL, **changes: Any) -> dict[str, Any]:
    plain = {
        "id": name, "gate": "recall_gap", "verdict": "NOT ESTABLISHED", "blocks": True, "waivable": True,
        "reason": {"nl": "Er waren 61 geboortes, nodig zijn 395.", "en": "There were 61 births, 395 are needed."},
    }  # fmt: skip
    return {**plain, **changes}


def days_later(days: int, *, hour: int = 9) -> datetime:
    return MONDAY.replace(hour=hour) + timedelta(days=days)


# ---- the gate -------------------------------------------------------------------------------------------------------


def test_blocking_finding_blocks_until_two_persons_waived_it(board: Any) -> None:
    candidate = board.audited(finding(), finding("age/67+", blocks=False, verdict="EXCEEDED"))
    reasons = board.blocked(candidate.id)
    assert f"finding {RECALL} (NOT ESTABLISHED) has no waiver in force: There were 61 births" in reasons
    assert "age/67+" not in reasons
    board.waive(candidate.id, "owner")
    assert "has no waiver in force" in board.blocked(candidate.id)
    board.waive(candidate.id, "ethics_chair")
    assert board.promote(candidate.id).release_id == candidate.id
    assert load_release(board.home, signed_only=True).id == candidate.id


def test_a_waiver_is_for_exactly_one_finding(board: Any) -> None:
    candidate = board.audited(finding(), finding("recall/child_birth/age:67+"))
    board.waive(candidate.id)
    reasons = board.blocked(candidate.id)
    assert "age:67+" in reasons
    assert RECALL not in reasons


@pytest.mark.parametrize("changes", [{"waivable": False}, {"gate": "G2"}])
def test_finding_without_waiver_blocks_whoever_signs(board: Any, changes: dict[str, Any]) -> None:
    candidate = board.audited(finding(NAMES, verdict="EXCEEDED", **changes))
    with pytest.raises(UsageError, match="there is no waiver"):
        board.waive(candidate.id, finding_id=NAMES)
    # Also when the signed file is made by hand.
    forge(board, candidate, NAMES, LAST_DAY, [("owner", MONDAY), ("ethics_chair", MONDAY)])
    assert f"finding {NAMES} (EXCEEDED) blocks and cannot be waived" in board.blocked(candidate.id)


@pytest.mark.parametrize(
    ("at", "passes"),
    [
        (MONDAY, True),
        (datetime(2027, 2, 14, 22, 59, tzinfo=UTC), True),  # 23:59 in Amsterdam on the last day
        (datetime(2027, 2, 14, 23, 0, tzinfo=UTC), False),
        (MONDAY - timedelta(seconds=1), False),  # nobody had signed yet
    ],
)
def test_waiver_counts_from_its_second_signature_to_the_end_of_its_day(board: Any, at: datetime, passes: bool) -> None:
    candidate = board.audited(finding())
    board.waive(candidate.id)
    if passes:
        board.promote(candidate.id, at=at)
    else:
        assert "has no waiver in force" in board.blocked(candidate.id, at=at)


def test_candidate_that_nobody_audited_is_blocked(board: Any) -> None:
    plain, audited = board.sign(board.candidate(facts={"headline": HEADLINE})), board.audited(value=0.91)
    assert "its fairness was not audited" in board.blocked(plain.id)
    board.promote(audited.id)


def test_waivers_of_demo_keys_count_only_in_a_demo(make_board: Callable[..., Any], tmp_path: Path) -> None:
    demo = make_board(tmp_path, demo=True)
    candidate = demo.audited(finding())
    demo.waive(candidate.id)
    assert "has no waiver in force" in demo.blocked(candidate.id)
    demo.promote(candidate.id, allow_demo=True)


def test_signature_of_a_key_that_was_replaced_since_does_not_count(board: Any) -> None:
    candidate = board.audited(finding())
    board.waive(candidate.id, "data_protection_officer", "ethics_chair")
    request_key_replacement(board.home, "ethics_chair", "Chris", "new secret")
    for role in ("owner", "data_protection_officer"):
        endorse_key_replacement(board.home, "ethics_chair", board.keys[role])
    assert "has no waiver in force" in board.blocked(candidate.id)


# ---- signing --------------------------------------------------------------------------------------------------------


def test_waiver_and_its_reasons_are_read_back_and_stand_in_the_trail(board: Any) -> None:
    candidate = board.audited(finding())
    board.waive(candidate.id, "owner", reason="more births by March")
    board.waive(candidate.id, "ethics_chair", reason="harm is small", at=days_later(1))
    (waiver,) = read_waivers(read_terms(candidate), load_registry(board.home))
    assert (waiver.finding, waiver.until) == (RECALL, LAST_DAY)
    assert [(s.person, s.role, s.reason, s.signed_at) for s in waiver.signatures] == [
        ("Anna", "owner", "more births by March", MONDAY),
        ("Chris", "ethics_chair", "harm is small", days_later(1)),
    ]
    rows = board.trail("waiver_signed")
    assert [(row["person"], row["reason"], row["signed_at"], row["signatures"]) for row in rows] == [
        ("Anna", "more births by March", moment_text(MONDAY), 1),
        ("Chris", "harm is small", moment_text(days_later(1)), 2),
    ]
    assert {row["release_id"] for row in rows} == {candidate.id}
    assert {(row["finding"], row["until"]) for row in rows} == {(RECALL, "2027-02-14")}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"finding_id": "recall"}, "No blocking finding"),
        ({"finding_id": "age/67+"}, "No blocking finding"),
        ({"until": date(2027, 2, 15)}, "at most 90 days"),
        ({"until": date(2026, 11, 15)}, "ends today or later"),
        ({"reason": "  "}, "reason"),
    ],
)
def test_waiver_that_is_none_is_refused_and_not_recorded(board: Any, changes: dict[str, Any], words: str) -> None:
    candidate = board.audited(finding(), finding("age/67+", blocks=False))
    with pytest.raises(UsageError, match=words):
        board.waive(candidate.id, "owner", **changes)
    assert board.trail("waiver_signed") == []
    assert not (candidate.path / "waivers").exists()


def test_second_signer_cannot_stretch_the_ninety_days_of_the_first(board: Any) -> None:
    candidate = board.audited(finding())
    board.waive(candidate.id, "owner")
    with pytest.raises(UsageError, match="at most 90 days"):
        board.waive(candidate.id, "ethics_chair", until=LAST_DAY + timedelta(days=5), at=days_later(4))
    # Another day is another waiver, which needs two signatures of its own.
    board.waive(candidate.id, "ethics_chair", until=LAST_DAY - timedelta(days=5))
    assert "has no waiver in force" in board.blocked(candidate.id)


def test_one_person_cannot_sign_twice_nor_anybody_outside_the_board(board: Any) -> None:
    candidate = board.audited(finding())
    board.waive(candidate.id, "owner")
    with pytest.raises(UsageError, match="second person"):
        board.waive(candidate.id, "owner")
    with pytest.raises(UsageError, match="role of the board"):
        board.waive(candidate.id, "operations")
    with pytest.raises(UsageError, match="in force"):
        sign_waivers(
            board.home, candidate.id, [RECALL], role="ethics_chair", private_key=board.keys["owner"], reason="x",
            until=LAST_DAY, at=MONDAY,
        )  # fmt: skip


def test_one_person_who_moved_to_another_role_is_still_one_person(board: Any) -> None:
    candidate = board.audited(finding())
    board.waive(candidate.id, "owner")
    for role, person, endorsers in (
        ("owner", "Eva", ("data_protection_officer", "ethics_chair")),
        ("ethics_chair", "Anna", ("data_protection_officer", "operations")),
    ):
        request_key_replacement(board.home, role, person, "secret")
        for endorser in endorsers:
            endorse_key_replacement(board.home, role, board.keys[endorser])
    board.keys["ethics_chair"] = load_private_key(board.home.keys / "ethics_chair.pem", "secret")
    with pytest.raises(UsageError, match="second person"):
        board.waive(candidate.id, "ethics_chair")


@pytest.mark.parametrize(
    ("signers", "counts"),
    [
        ([("owner", "Anna"), ("ethics_chair", "Chris")], True),
        ([("owner", "Anna"), ("ethics_chair", "ANNA ")], False),
        ([("owner", "Anna"), ("owner", "Chris")], False),
    ],
)
def test_waiver_needs_two_persons_in_two_roles(signers: list[tuple[Role, str]], counts: bool) -> None:
    made = tuple(WaiverSignature(role, person, "x", MONDAY, person, demo=False) for role, person in signers)
    assert Waiver(RECALL, LAST_DAY, made).is_in_force(MONDAY, most_days=90, allow_demo=False) is counts


# ---- what stands in the folder --------------------------------------------------------------------------------------


def forge(board: Any, candidate: Candidate, name: str, until: date, signers: list[tuple[Role, datetime]]) -> Path:
    """A waiver whose keys really signed, but by hand and not through `sign_waivers`."""
    entries: list[dict[str, Any]] = []
    for role, at in signers:
        statement = {
            "kind": "waiver", "release_id": candidate.id, "facts_sha256": candidate.manifest["files"]["facts.json"],
            "finding": name, "until": until.isoformat(), "role": role, "person": PEOPLE[role], "reason": "x",
            "signed_at": moment_text(at),
            "previous": sha256_of(canonical_json(entries[-1]).encode()) if entries else "",
        }  # fmt: skip
        entries.append({"statement": statement, "signature": asdict(sign_statement(board.keys[role], statement))})
    path = candidate.path / "waivers" / f"{framed_sha256(name, until.isoformat())}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(canonical_json(entries))
    return path


@pytest.mark.parametrize(
    ("until", "signers"),
    [
        (LAST_DAY + timedelta(days=1), [("owner", MONDAY), ("ethics_chair", MONDAY)]),  # 91 days
        (LAST_DAY, [("owner", MONDAY), ("owner", MONDAY)]),  # one person twice
        (LAST_DAY, [("owner", MONDAY)]),
        (LAST_DAY, [("owner", MONDAY), ("ethics_chair", MONDAY + timedelta(hours=1))]),  # not signed yet
    ],
)
def test_waiver_made_by_hand_against_the_rules_does_not_count(
    board: Any, until: date, signers: list[tuple[Role, datetime]]
) -> None:
    candidate = board.audited(finding())
    forge(board, candidate, RECALL, until, signers)
    assert "has no waiver in force" in board.blocked(candidate.id)


def test_the_hand_that_forges_in_these_tests_can_also_make_a_waiver_that_counts(board: Any) -> None:
    candidate = board.audited(finding())
    forge(board, candidate, RECALL, LAST_DAY, [("owner", MONDAY), ("ethics_chair", MONDAY)])
    board.promote(candidate.id)


def test_waiver_of_a_role_outside_the_board_is_refused(board: Any) -> None:
    candidate = board.audited(finding())
    forge(board, candidate, RECALL, LAST_DAY, [("owner", MONDAY), ("operations", MONDAY)])
    with pytest.raises(IntegrityError, match="role of the board"):
        board.promote(candidate.id)


@pytest.mark.parametrize(
    "field", ["finding", "until", "reason", "person", "role", "signed_at", "release_id", "previous"]
)
def test_changed_waiver_is_refused(board: Any, field: str) -> None:
    candidate = board.audited(finding())
    board.waive(candidate.id)
    (path,) = (candidate.path / "waivers").iterdir()
    entries = json.loads(path.read_text())
    entries[1]["statement"][field] = "2026-12-01"
    path.write_text(canonical_json(entries))
    with pytest.raises(IntegrityError):
        board.promote(candidate.id)


def drop_first(entries: list[Any]) -> list[Any]:
    return entries[1:]


def swap(entries: list[Any]) -> list[Any]:
    return entries[::-1]


@pytest.mark.parametrize("change", [drop_first, swap, lambda _: [], lambda _: {}, lambda _: [1], lambda e: [*e, {}]])
def test_waiver_whose_signatures_were_moved_about_is_refused(board: Any, change: Callable[[Any], Any]) -> None:
    candidate = board.audited(finding())
    board.waive(candidate.id, *BOARD)
    (path,) = (candidate.path / "waivers").iterdir()
    path.write_text(canonical_json(change(json.loads(path.read_text()))))
    with pytest.raises(IntegrityError):
        board.promote(candidate.id)


def test_waiver_of_one_candidate_or_finding_does_not_serve_for_another(board: Any) -> None:
    one, other = board.audited(finding(), finding("b")), board.audited(finding(), value=0.91)
    board.waive(one.id)
    shutil.copytree(one.path / "waivers", other.path / "waivers")
    with pytest.raises(IntegrityError, match="another release"):
        board.promote(other.id)
    (path,) = (one.path / "waivers").iterdir()
    path.rename(path.with_name(f"{framed_sha256('b', LAST_DAY.isoformat())}.json"))
    with pytest.raises(IntegrityError, match="damaged"):
        board.promote(one.id)


@pytest.mark.parametrize("name", ["note.txt", "waiver.json", f"{'a' * 63}.json"])
def test_nothing_stands_beside_the_waivers(board: Any, name: str) -> None:
    candidate = board.audited(finding())
    board.waive(candidate.id)
    (candidate.path / "waivers" / name).write_text("[]")
    with pytest.raises(IntegrityError, match="do not belong"):
        read_candidate(candidate.path)


def test_links_among_waivers_are_not_followed(board: Any) -> None:
    candidate = board.audited(finding())
    board.waive(candidate.id)
    (path,) = (candidate.path / "waivers").iterdir()
    path.rename(board.home.path / "elsewhere")
    path.symlink_to(board.home.path / "elsewhere")
    with pytest.raises(IntegrityError, match="not a plain"):
        read_candidate(candidate.path)


# ---- releases -------------------------------------------------------------------------------------------------------


def test_release_keeps_its_waivers_and_the_trail_names_their_hashes(board: Any) -> None:
    candidate = board.audited(finding())
    board.waive(candidate.id)
    board.promote(candidate.id)
    (path,) = (board.home.releases / candidate.id / "waivers").iterdir()
    assert path.stat().st_mode & 0o222 == 0
    (row,) = board.trail("promotion")
    assert row["signatures"][f"waivers/{path.name}"] == sha256_of(path.read_bytes())


def test_champion_is_promoted_again_only_with_a_new_waiver(board: Any) -> None:
    first, candidate = board.audited(value=0.91), board.audited(finding())
    board.promote(first.id)
    board.waive(candidate.id)
    board.promote(candidate.id)
    with pytest.raises(UsageError, match="already"):
        board.promote(candidate.id)
    later = days_later(91)
    board.waive(candidate.id, until=later.date() + timedelta(days=30), at=later)
    board.promote(candidate.id, at=later)
    champion = read_champion(board.home)
    assert champion is not None
    assert (champion.release_id, champion.history, champion.promoted_at) == (
        candidate.id, (first.id,), moment_text(later),
    )  # fmt: skip
    assert len(list((board.home.releases / candidate.id / "waivers").iterdir())) == 2


def test_rollback_does_not_go_back_to_a_release_whose_waiver_is_over(board: Any) -> None:
    candidate, second = board.audited(finding()), board.audited(value=0.91)
    board.waive(candidate.id)
    board.promote(candidate.id)
    board.promote(second.id)
    with pytest.raises(GateBlockedError, match=RECALL):
        rollback_release(board.home, who="Dana", why="complaints", at=days_later(91))
    rollback_release(board.home, who="Dana", why="complaints", at=days_later(90))
    champion = read_champion(board.home)
    assert champion is not None
    assert champion.release_id == candidate.id


def test_kill_switch_knows_the_events_of_the_champion(board: Any) -> None:
    def stop() -> None:
        key = board.keys["operations"]
        set_kill_switch(board.home, "move_home", "on", role="operations", private_key=key, reason="complaints")

    with pytest.raises(UsageError, match="no life event"):
        stop()
    board.promote(board.audited().id)
    stop()
    assert [row["event"] for row in board.trail("kill_switch")] == ["move_home"]


# ---- the facts of the audit -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fairness",
    [
        None,
        [],
        {},
        {"findings": None},
        {"findings": [1]},
        {"findings": [finding(verdict="pass")]},
        {"findings": [finding(blocks="no")]},
        {"findings": [finding(waivable=None)]},
        {"findings": [finding(reason={"nl": "x"})]},
        {"findings": [finding(reason={"nl": "x", "en": ""})]},
        {"findings": [finding(""), finding("b")]},
        {"findings": [finding(5)]},  # type: ignore[arg-type]  # that is the point
        {"findings": [finding(), finding()]},
    ],
)
def test_findings_of_another_form_are_an_integrity_error(fairness: Any) -> None:
    with pytest.raises(IntegrityError):
        read_findings({"fairness": fairness})


# ---- the command ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_two_persons_waive_on_the_command_line(board: Any) -> None:
    candidate = board.audited(finding())
    environ = {
        **os.environ, "LEVENSLOOP_HOME": str(board.home.path), "LEVENSLOOP_PASSPHRASE": "secret", "COLUMNS": "300",
    }  # fmt: skip
    until = (datetime.now(UTC) + timedelta(days=60)).date().isoformat()

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "models.command_line", *arguments]
        return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=200, check=False)

    def waive(role: Role, *, day: str = until) -> "subprocess.CompletedProcess[str]":
        key = str(board.home.keys / f"{role}.pem")
        given = ("--finding", RECALL, "--reason", "more births by March", "--until", day, "--role", role, "--key", key)
        return run("waive", candidate.id, *given)

    promote = ("promote", "--who", "Dana", "--why", "better", "--candidate", candidate.id)
    assert run(*promote, "--dry-run").returncode == 12
    first = waive("owner")
    assert (first.returncode, "needs a second person" in " ".join(first.stderr.split())) == (0, True), first.stderr
    assert waive("owner").returncode == 2
    assert waive("ethics_chair", day="2099-01-01").returncode == 2
    second = waive("ethics_chair")
    assert (second.returncode, f"may pass until {until}" in second.stderr) == (0, True), second.stderr
    assert run(*promote).returncode == 0
    assert [row["person"] for row in board.trail("waiver_signed")] == ["Anna", "Chris"]
