"""Candidates, signatures, the gate and the pointer: what is not whole, signed and allowed never becomes champion."""

import functools
import hashlib
import json
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import FunctionTransformer

from models import release as releases
from models.board import sign_release
from models.candidate import Candidate, write_candidate, write_folder
from models.errors import GateBlockedError, IntegrityError, LevensloopError, NoReleaseError, UsageError
from models.home import Home
from models.promotion import Promotion, promote_release, rollback_release
from models.purposes import default_purposes
from models.release import load_release, read_champion
from models.screening import parse_screening
from models.signing import (
    BOARD,
    PrivateKey,
    Role,
    endorse_key_replacement,
    generate_key,
    load_private_key,
    request_key_replacement,
)
from models.store import open_store, trail
from models.trail import verify_trail

MONDAY = datetime(2026, 11, 23, 9, tzinfo=UTC)
NOTICE = default_purposes().purpose("model_training").notice_version
SHOWN = {"snapshot_sha256": "a" * 64, "purpose": "model_training", "customers": 812, "notice_version": NOTICE}
PEOPLE: dict[Role, str] = {"owner": "Anna", "data_protection_officer": "Bram", "ethics_chair": "Chris"}
TAXONOMY = 'version = "1"\n[[event]]\nid = "move_home"\n'


def _fitted(shift: float = 0.0) -> LogisticRegression:
    return LogisticRegression().fit(np.array([[0.0 + shift], [1.0], [2.0], [3.0]]), ["none", "none", "move", "move"])


def _screening() -> str:
    return resources.files("models").joinpath("screening.toml").read_text("utf-8")


_parse_once = functools.cache(parse_screening)


@pytest.fixture(autouse=True)
def _screening_is_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Building a screening takes longer than all the rest here; it is a pure function of its text."""
    monkeypatch.setattr("models.candidate.parse_screening", _parse_once)
    monkeypatch.setattr("models.release.parse_screening", _parse_once)


@dataclass(frozen=True)
class Board:
    """A home with a board whose three members hold real keys, and what one does with it in a line."""

    home: Home
    keys: dict[Role, PrivateKey]

    def candidate(self, *, value: float = 0.9, shift: float = 0.0, **changes: Any) -> Candidate:
        given: dict[str, Any] = {
            "classifier": _fitted(shift),
            "detector": _fitted(),
            "taxonomy_toml": TAXONOMY,
            "screening": _screening(),
            "facts": {"headline": {"name": "macro_f1", "value": value, "n": 4000}, "fairness": {"findings": []}},
            "permission": SHOWN,
            "created_at": MONDAY,
        }
        return write_candidate(self.home, **{**given, **changes})

    def sign(self, candidate: Candidate, *roles: Role) -> Candidate:
        for role in roles or BOARD:
            sign_release(self.home, candidate.id, role, self.keys[role], "approve", "the report is clear", at=MONDAY)
        return candidate

    def promote(self, candidate: Candidate, **options: Any) -> Promotion:
        return promote_release(self.home, candidate.id, who="Dana", why="better", at=MONDAY, **options)


def _make_board(folder: Path, *, demo: bool = False) -> Board:
    home = Home(folder)
    for role, person in PEOPLE.items():
        generate_key(home, role, person, "secret", demo=demo)
    return Board(home, {role: load_private_key(home.keys / f"{role}.pem", "secret") for role in PEOPLE})


@pytest.fixture(scope="module")
def keys_home(tmp_path_factory: pytest.TempPathFactory) -> Board:
    return _make_board(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def board(tmp_path: Path, keys_home: Board) -> Board:
    shutil.copytree(keys_home.home.keys, tmp_path / "keys")
    return Board(Home(tmp_path), keys_home.keys)


def _reasons(board: Board, candidate: Candidate, **options: Any) -> str:
    with pytest.raises(GateBlockedError) as caught:
        board.promote(candidate, **options)
    return str(caught.value)


# ---- candidates -----------------------------------------------------------------------------------------------------


def test_candidate_opens_with_equal_models_and_a_warning(board: Board) -> None:
    written = board.candidate()
    opened = load_release(board.home)
    assert opened.id == written.id == written.path.name
    assert opened.classifier.predict([[0.0], [3.0]]).tolist() == ["none", "move"]
    assert opened.taxonomy.ids == ("move_home",)
    assert opened.screening.sha256 == written.manifest["screening"]["sha256"]
    assert "candidate" in opened.warning
    assert not opened.demo
    assert opened.model_version.startswith("2026.11.23-")


def test_manifest_tells_files_versions_permission_and_libraries(board: Board) -> None:
    manifest = board.candidate().manifest
    assert set(manifest["files"]) == {
        "classifier.skops", "detector.skops", "taxonomy.toml", "screening.toml", "policy.toml", "facts.json",
    }  # fmt: skip
    assert manifest["permission"] == SHOWN
    assert manifest["taxonomy"]["version"] == "1"
    assert {"python", "scikit-learn", "skops"} <= set(manifest["libraries"])


def test_newest_candidate_is_chosen_and_any_is_found_by_the_beginning_of_its_id(board: Board) -> None:
    newer = board.candidate(created_at=MONDAY.replace(hour=12))
    older = board.candidate()
    assert load_release(board.home).id == newer.id
    assert load_release(board.home, older.id[:10]).id == older.id


@pytest.mark.parametrize("wrong", ["", "..", "../../etc", "0" * 64, "abc", "ABCDEF0123"])
def test_unknown_id_is_no_release(board: Board, wrong: str) -> None:
    board.candidate()
    with pytest.raises(NoReleaseError):
        load_release(board.home, wrong)


def test_empty_home_has_no_release(tmp_path: Path) -> None:
    with pytest.raises(NoReleaseError):
        load_release(Home(tmp_path))


@pytest.mark.parametrize(
    "permission", [{}, {"snapshot_sha256": "abc"}, {**SHOWN, "permission_not_shown": True}, {"permission_not_shown": 0}]
)
def test_candidate_must_say_one_thing_about_permission(board: Board, permission: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="permission"):
        board.candidate(permission=permission)


def test_facts_that_are_no_json_are_refused(board: Board) -> None:
    with pytest.raises(UsageError, match="JSON"):
        board.candidate(
            facts={"headline": {"name": "macro_f1", "value": float("nan"), "n": 1}, "fairness": {"findings": []}}
        )


@pytest.mark.parametrize(
    "name", ["classifier.skops", "detector.skops", "taxonomy.toml", "screening.toml", "policy.toml", "facts.json"]
)
def test_any_changed_byte_is_refused(board: Board, name: str) -> None:
    path = board.candidate().path / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(bytes(data))
    with pytest.raises(IntegrityError, match=name):
        load_release(board.home)


def test_changed_manifest_is_refused(board: Board) -> None:
    candidate = board.candidate()
    path = candidate.path / "manifest.json"
    path.chmod(0o644)
    path.write_text(path.read_text().replace('"customers":812', '"customers":813'))
    with pytest.raises(IntegrityError, match="manifest"):
        load_release(board.home, candidate.id)


def test_file_too_much_and_file_missing_are_refused(board: Board) -> None:
    candidate = board.candidate()
    (candidate.path / "model.pkl").write_bytes(b"x")
    with pytest.raises(IntegrityError, match=r"model\.pkl"):
        load_release(board.home)
    (candidate.path / "model.pkl").unlink()
    (candidate.path / "facts.json").unlink()
    with pytest.raises(IntegrityError, match="not whole"):
        load_release(board.home)


def test_half_written_candidate_is_never_seen(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    def pull_the_plug(self: Path, target: Path) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "rename", pull_the_plug)
    with pytest.raises(KeyboardInterrupt):
        board.candidate()
    monkeypatch.undo()
    with pytest.raises(NoReleaseError):
        load_release(board.home)


def test_folder_left_behind_by_a_killed_writer_is_never_seen(board: Board) -> None:
    candidate = board.candidate()
    candidate.path.rename(board.home.candidates / ".writing-0123456789abcdef")
    with pytest.raises(NoReleaseError):
        load_release(board.home)


def _double(values: Any) -> Any:
    return values * 2


def test_model_with_a_type_outside_the_list_is_not_opened(board: Board) -> None:
    board.candidate(classifier=FunctionTransformer(_double))
    with pytest.raises(IntegrityError, match="not trusted"):
        load_release(board.home)


def test_write_folder_leaves_an_existing_folder_alone(tmp_path: Path) -> None:
    write_folder(tmp_path / "a", {"x": b"1"})
    write_folder(tmp_path / "a", {"x": b"2"})
    assert (tmp_path / "a" / "x").read_bytes() == b"1"
    assert (tmp_path / "a" / "x").stat().st_mode & 0o777 == 0o444


# ---- the gate -------------------------------------------------------------------------------------------------------


def test_signed_candidate_becomes_champion(board: Board) -> None:
    candidate = board.sign(board.candidate())
    promotion = board.promote(candidate)
    champion = load_release(board.home, signed_only=True)
    assert champion.id == candidate.id == promotion.release_id
    assert champion.path.parent == board.home.releases
    assert champion.warning == ""
    assert [d.person for d in champion.signatures] == ["Bram", "Chris", "Anna"]
    assert all(p.stat().st_mode & 0o222 == 0 for p in champion.path.rglob("*") if p.is_file())


def test_promotion_stands_in_trail_and_log(board: Board) -> None:
    promotion = board.promote(board.sign(board.candidate()))
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


def test_every_missing_signature_is_named(board: Board) -> None:
    candidate = board.sign(board.candidate(), "owner")
    reasons = _reasons(board, candidate)
    assert "data_protection_officer has not signed" in reasons
    assert "ethics_chair has not signed" in reasons
    assert "owner" not in reasons
    assert read_champion(board.home) is None
    assert not list(board.home.releases.glob("?" * 64))


def test_refusal_blocks_and_stays_readable_after_a_later_approval(board: Board) -> None:
    candidate = board.sign(board.candidate(), "owner", "data_protection_officer")
    sign_release(board.home, candidate.id, "ethics_chair", board.keys["ethics_chair"], "refuse", "recall gap unclear")
    assert "ethics_chair refused: recall gap unclear" in _reasons(board, candidate)
    board.sign(candidate, "ethics_chair")
    board.promote(candidate)
    said = [(d.decision, d.reason) for d in load_release(board.home).signatures if d.role == "ethics_chair"]
    assert said == [("refuse", "recall gap unclear"), ("approve", "the report is clear")]


def test_dissent_cannot_be_taken_out_from_under_a_later_approval(board: Board) -> None:
    candidate = board.candidate()
    sign_release(board.home, candidate.id, "owner", board.keys["owner"], "refuse", "not yet")
    board.sign(candidate)
    path = candidate.path / "signatures" / "owner.json"
    path.write_text(json.dumps(json.loads(path.read_text())[1:]))
    with pytest.raises(IntegrityError, match="one before it"):
        load_release(board.home)


@pytest.mark.parametrize("field", ["reason", "person", "role", "facts_sha256", "signed_at", "decision"])
def test_changed_signature_is_refused(board: Board, field: str) -> None:
    candidate = board.sign(board.candidate())
    board.promote(candidate)
    path = board.home.releases / candidate.id / "signatures" / "owner.json"
    entries = json.loads(path.read_text())
    entries[0]["statement"][field] = "refuse"
    path.chmod(0o644)
    path.write_text(json.dumps(entries))
    with pytest.raises(IntegrityError):
        load_release(board.home, signed_only=True)


def test_removed_signature_is_refused_by_serving(board: Board) -> None:
    candidate = board.sign(board.candidate())
    board.promote(candidate)
    (board.home.releases / candidate.id / "signatures" / "owner.json").unlink()
    with pytest.raises(IntegrityError, match="owner has not signed"):
        load_release(board.home, signed_only=True)


def test_signatures_of_one_candidate_do_not_count_for_another(board: Board) -> None:
    signed, other = board.sign(board.candidate()), board.candidate(value=0.95)
    shutil.copytree(signed.path / "signatures", other.path / "signatures")
    with pytest.raises(IntegrityError, match="another release"):
        board.promote(other)


def test_one_role_cannot_sign_with_the_key_of_another(board: Board) -> None:
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
        ({"permission": {**SHOWN, "notice_version": "of another bank"}}, "under another notice"),
        ({"screening": _screening() + "\nextra = 1\n"}, "screening is not the one in force"),
        ({"policy_toml": 'version = "mild"\n[no_regression]\nmargin = 1.0\n'}, "policy is not the one in force"),
        ({"facts": {}}, "no headline figure"),
    ],
)
def test_gate_names_what_is_wrong(board: Board, changes: dict[str, Any], reason: str) -> None:
    if "screening" in changes:  # another version of the same data, wherever the file keeps its version
        changes = {"screening": _screening().replace('version = "', 'version = "9', 1)}
    assert reason in _reasons(board, board.sign(board.candidate(**changes)))


def test_gate_refuses_names_as_features(board: Board) -> None:
    classifier = _fitted()
    classifier.names_ = "as_merchants"
    assert "names of counterparties" in _reasons(board, board.sign(board.candidate(classifier=classifier)))


def test_gate_lists_all_reasons_at_once(board: Board) -> None:
    candidate = board.candidate(permission={"permission_not_shown": True}, facts={})
    assert _reasons(board, candidate).count(";") == 5  # three signatures, permission, audit, headline


@pytest.mark.parametrize(("value", "passes"), [(0.95, True), (0.885, True), (0.88, True), (0.879, False)])
def test_step_back_behind_the_champion_is_bounded_by_the_policy(board: Board, value: float, passes: bool) -> None:
    board.promote(board.sign(board.candidate(value=0.9)))
    challenger = board.sign(board.candidate(value=value, shift=0.1))
    if passes:
        assert board.promote(challenger).release_id == challenger.id
    else:
        assert "more than 0.02 below the champion's 0.9000" in _reasons(board, challenger)


def test_other_headline_cannot_be_compared(board: Board) -> None:
    board.promote(board.sign(board.candidate()))
    other = board.candidate(
        facts={"headline": {"name": "accuracy", "value": 0.99, "n": 10}, "fairness": {"findings": []}}
    )
    assert "cannot be compared" in _reasons(board, board.sign(other))


def test_key_replaced_since_no_longer_counts_for_promotion_but_keeps_the_champion(board: Board) -> None:
    first, second = board.sign(board.candidate()), board.sign(board.candidate(value=0.91))
    board.promote(first)
    request_key_replacement(board.home, "owner", "Anna", "new secret")
    for role in ("data_protection_officer", "ethics_chair"):
        endorse_key_replacement(board.home, "owner", board.keys[role])
    assert "owner signed with a key that was replaced" in _reasons(board, second)
    assert load_release(board.home, signed_only=True).id == first.id


def test_demo_keys_count_only_where_demo_is_allowed(tmp_path: Path) -> None:
    board = _make_board(tmp_path, demo=True)
    candidate = board.sign(board.candidate())
    assert "demo keys do not count" in _reasons(board, candidate)
    board.promote(candidate, allow_demo=True)
    with pytest.raises(IntegrityError, match="demo keys"):
        load_release(board.home, signed_only=True)
    assert load_release(board.home, signed_only=True, allow_demo=True).demo


def test_dry_run_writes_nothing_and_says_the_same_no(board: Board) -> None:
    candidate = board.candidate()
    assert "has not signed" in _reasons(board, candidate, dry_run=True)
    board.sign(candidate)
    assert board.promote(candidate, dry_run=True).dry_run
    assert read_champion(board.home) is None
    assert not (board.home.path / "levensloop.db").exists()


def test_promotion_needs_who_and_why(board: Board) -> None:
    candidate = board.sign(board.candidate())
    with pytest.raises(UsageError, match="who"):
        promote_release(board.home, candidate.id, who="", why="better")


# ---- the pointer ----------------------------------------------------------------------------------------------------


def test_rollback_goes_back_one_by_one_and_is_recorded(board: Board) -> None:
    made = [board.sign(board.candidate(value=value)) for value in (0.90, 0.91, 0.92)]
    for candidate in made:
        board.promote(candidate)
    for expected in (made[1], made[0]):
        rollback_release(board.home, who="Dana", why="complaints", at=MONDAY)
        assert load_release(board.home, signed_only=True).id == expected.id
    with pytest.raises(NoReleaseError):
        rollback_release(board.home, who="Dana", why="complaints", at=MONDAY)
    log = [json.loads(line) for line in (board.home.releases / "promotions.jsonl").read_text().splitlines()]
    assert [line["action"] for line in log] == ["promote"] * 3 + ["rollback"] * 2


def test_rollback_to_a_named_release_skips_those_between(board: Board) -> None:
    made = [board.sign(board.candidate(value=value)) for value in (0.90, 0.91, 0.92)]
    for candidate in made:
        board.promote(candidate)
    rollback_release(board.home, who="Dana", why="complaints", to=made[0].id[:12])
    champion = read_champion(board.home)
    assert champion is not None
    assert (champion.release_id, champion.previous_id) == (made[0].id, None)


def test_kill_before_the_pointer_moved_leaves_the_old_champion(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = board.sign(board.candidate()), board.sign(board.candidate(value=0.91))
    board.promote(first)

    def pull_the_plug(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(releases, "append_durably", pull_the_plug)
    with pytest.raises(KeyboardInterrupt):
        board.promote(second)
    monkeypatch.undo()
    assert load_release(board.home, signed_only=True).id == first.id
    assert board.promote(second).release_id == second.id


def test_serving_finds_no_release_before_the_first_promotion(board: Board) -> None:
    signed = board.sign(board.candidate())
    with pytest.raises(NoReleaseError, match="promoted"):
        load_release(board.home, signed_only=True)
    with pytest.raises(NoReleaseError):
        load_release(board.home, signed.id, signed_only=True)


DEEP = "[" * 100_000


@pytest.mark.parametrize("content", ["", "[]", "{}", "null", "NaN", DEEP, '{"release_id": "x"}'])
def test_damaged_pointer_is_an_integrity_error(board: Board, content: str) -> None:
    board.home.releases.mkdir(parents=True)
    (board.home.releases / "champion.json").write_text(content)
    with pytest.raises(IntegrityError):
        read_champion(board.home)


def test_a_release_is_refused_under_another_lexicon(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    candidate = board.candidate()
    other = dict.fromkeys(candidate.manifest["reads_with"], "0" * 64)
    monkeypatch.setattr(releases, "packaged_reading", lambda: other)
    with pytest.raises(IntegrityError, match="another lexicon"):
        releases.load_release(board.home, candidate.id)


# ---- damage and extra bytes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("release_id", 5),
        ("release_id", None),
        ("release_id", "shortened"),
        ("history", "abc"),
        ("history", [1]),
        ("history", ["abc"]),
        ("history", {}),
        ("promoted_at", "yesterday"),
        ("promoted_at", 5),
        ("who", None),
        ("why", ["x"]),
        ("note", "x"),
    ],
)
def test_pointer_with_other_types_is_an_integrity_error(board: Board, field: str, value: Any) -> None:
    candidate = board.sign(board.candidate())
    board.promote(candidate)
    path = board.home.releases / "champion.json"
    value = candidate.id[:12] if value == "shortened" else value
    path.write_text(json.dumps({**json.loads(path.read_text()), field: value}))
    with pytest.raises(IntegrityError, match="pointer"):
        load_release(board.home, signed_only=True)


def test_pointer_that_is_a_folder_is_an_integrity_error(board: Board) -> None:
    (board.home.releases / "champion.json").mkdir(parents=True)
    with pytest.raises(IntegrityError):
        read_champion(board.home)


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", "null", DEEP, "[1]", "[[]]", '[{"statement": {}, "signature": {}}]', "more", "twice"]
)
def test_damaged_signature_file_is_an_integrity_error(board: Board, content: str) -> None:
    candidate = board.sign(board.candidate())
    path = candidate.path / "signatures" / "owner.json"
    entries = json.loads(path.read_text())
    made = {"more": [{**entries[0], "note": 1}], "twice": entries * 2}
    path.write_text(json.dumps(made[content]) if content in made else content)
    with pytest.raises(IntegrityError):
        load_release(board.home)
    with pytest.raises(IntegrityError):
        board.sign(candidate, "owner")


@pytest.mark.parametrize("name", ["evil.json", "owner.txt", ".owner.json", "owner.json.bak", "Owner.json", "boss.json"])
@pytest.mark.parametrize("content", ["[]", "{}"])
def test_nothing_stands_beside_the_signatures(board: Board, name: str, content: str) -> None:
    candidate = board.sign(board.candidate())
    board.promote(candidate)
    (board.home.releases / candidate.id / "signatures" / name).write_text(content)
    with pytest.raises(IntegrityError, match="do not belong"):
        load_release(board.home, signed_only=True)


@pytest.mark.parametrize("name", ["signatures", "classifier.skops", "manifest.json", "signatures/owner.json", "."])
def test_links_are_not_followed(board: Board, name: str) -> None:
    candidate = board.sign(board.candidate())
    path = candidate.path / name
    path.rename(board.home.path / "elsewhere")
    path.symlink_to(board.home.path / "elsewhere")
    with pytest.raises(IntegrityError, match="not a plain"):
        load_release(board.home)


def test_signatures_that_are_a_file_are_an_integrity_error(board: Board) -> None:
    candidate = board.candidate()
    (candidate.path / "signatures").write_text("")
    with pytest.raises(IntegrityError, match="signatures is not a plain folder"):
        load_release(board.home)


def _rewrite_candidate(candidate: Candidate, manifest: Any, files: dict[str, bytes]) -> None:
    """A folder with wrong content whose every hash is right."""
    data = manifest if isinstance(manifest, bytes) else json.dumps(manifest).encode()
    folder = candidate.path.with_name(hashlib.sha256(data).hexdigest())
    write_folder(folder, {**candidate.files, **files, "manifest.json": data})
    shutil.rmtree(candidate.path)


@pytest.mark.parametrize("change", ["list", "deep", "files", "policy", "taxonomy", "permission", "names", "created_at"])
def test_manifest_of_another_form_is_an_integrity_error(board: Board, change: str) -> None:
    candidate = board.candidate()
    whole: dict[str, Any] = {"list": [], "deep": DEEP.encode()}
    short = {name: value for name, value in candidate.manifest.items() if name != change}
    _rewrite_candidate(candidate, whole.get(change, short), {})
    with pytest.raises(IntegrityError):
        load_release(board.home)


def test_manifest_cannot_name_files_elsewhere(board: Board) -> None:
    candidate = board.candidate()
    (board.home.path / "candidates" / "other").write_text("x")
    files = {**candidate.manifest["files"], "../other": hashlib.sha256(b"x").hexdigest()}
    _rewrite_candidate(candidate, {**candidate.manifest, "files": files}, {})
    with pytest.raises(IntegrityError, match="manifest is not one"):
        load_release(board.home)


@pytest.mark.parametrize(
    "name", ["classifier.skops", "detector.skops", "facts.json", "taxonomy.toml", "screening.toml"]
)
@pytest.mark.parametrize("content", [b"", b"\xff garbage", b"PK\x05\x06" + bytes(18)])
def test_garbage_with_the_right_hash_is_our_own_error(board: Board, name: str, content: bytes) -> None:
    candidate = board.candidate()
    files = {**candidate.manifest["files"], name: hashlib.sha256(content).hexdigest()}
    _rewrite_candidate(candidate, {**candidate.manifest, "files": files}, {name: content})
    own = LevensloopError if name.endswith(".toml") and b"\xff" not in content else IntegrityError
    with pytest.raises(own):
        load_release(board.home)
