"""Candidates and releases are opened only whole and signed: any other byte, type, link or pointer is refused."""

import hashlib
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sklearn.preprocessing import FunctionTransformer

from models.board import sign_release
from models.candidate import Candidate, write_folder
from models.errors import IntegrityError, LevensloopError, NoReleaseError, UsageError
from models.home import Home
from models.release import load_release, read_champion

MONDAY = datetime(2026, 11, 16, 9, tzinfo=UTC)
DEEP = "[" * 100_000


# ---- candidates -----------------------------------------------------------------------------------------------------


def test_candidate_opens_with_equal_models_and_a_warning(board: Any) -> None:
    written = board.candidate()
    opened = load_release(board.home)
    assert opened.id == written.id == written.path.name
    assert opened.classifier.predict([[0.0], [3.0]]).tolist() == ["none", "move"]
    assert opened.taxonomy.ids == ("move_home",)
    assert opened.screening.sha256 == written.manifest["screening"]["sha256"]
    assert "candidate" in opened.warning
    assert not opened.demo
    assert opened.model_version.startswith("2026.11.16-")


def test_manifest_tells_files_versions_permission_and_libraries(board: Any) -> None:
    manifest = board.candidate().manifest
    assert set(manifest["files"]) == {
        "classifier.skops", "detector.skops", "taxonomy.toml", "screening.toml", "policy.toml", "facts.json",
    }  # fmt: skip
    assert (manifest["permission"]["customers"], manifest["permission"]["purpose"]) == (812, "model_training")
    assert manifest["taxonomy"]["version"] == "1"
    assert {"python", "scikit-learn", "skops"} <= set(manifest["libraries"])


def test_newest_candidate_is_chosen_and_any_is_found_by_the_beginning_of_its_id(board: Any) -> None:
    newer = board.candidate(created_at=MONDAY.replace(hour=12))
    older = board.candidate()
    assert load_release(board.home).id == newer.id
    assert load_release(board.home, older.id[:10]).id == older.id


@pytest.mark.parametrize("wrong", ["", "..", "../../etc", "0" * 64, "abc", "ABCDEF0123"])
def test_unknown_id_is_no_release(board: Any, wrong: str) -> None:
    board.candidate()
    with pytest.raises(NoReleaseError):
        load_release(board.home, wrong)


def test_empty_home_has_no_release(tmp_path: Path) -> None:
    with pytest.raises(NoReleaseError):
        load_release(Home(tmp_path))


@pytest.mark.parametrize(
    "permission",
    [
        {},
        {"snapshot_sha256": "abc"},
        {"snapshot_sha256": "a" * 64, "permission_not_shown": True},
        {"permission_not_shown": 0},
    ],
)
def test_candidate_must_say_one_thing_about_permission(board: Any, permission: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="permission"):
        board.candidate(permission=permission)


def test_facts_that_are_no_json_are_refused(board: Any) -> None:
    with pytest.raises(UsageError, match="JSON"):
        board.candidate(
            facts={"headline": {"name": "macro_f1", "value": float("nan"), "n": 1}, "fairness": {"findings": []}}
        )


@pytest.mark.parametrize(
    "name", ["classifier.skops", "detector.skops", "taxonomy.toml", "screening.toml", "policy.toml", "facts.json"]
)
def test_any_changed_byte_is_refused(board: Any, name: str) -> None:
    path = board.candidate().path / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(bytes(data))
    with pytest.raises(IntegrityError, match=name):
        load_release(board.home)


def test_changed_manifest_is_refused(board: Any) -> None:
    candidate = board.candidate()
    path = candidate.path / "manifest.json"
    path.chmod(0o644)
    path.write_text(path.read_text().replace('"customers":812', '"customers":813'))
    with pytest.raises(IntegrityError, match="manifest"):
        load_release(board.home, candidate.id)


def test_file_too_much_and_file_missing_are_refused(board: Any) -> None:
    candidate = board.candidate()
    (candidate.path / "model.pkl").write_bytes(b"x")
    with pytest.raises(IntegrityError, match=r"model\.pkl"):
        load_release(board.home)
    (candidate.path / "model.pkl").unlink()
    (candidate.path / "facts.json").unlink()
    with pytest.raises(IntegrityError, match="not whole"):
        load_release(board.home)


def test_half_written_candidate_is_never_seen(board: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def pull_the_plug(self: Path, target: Path) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "rename", pull_the_plug)
    with pytest.raises(KeyboardInterrupt):
        board.candidate()
    monkeypatch.undo()
    with pytest.raises(NoReleaseError):
        load_release(board.home)


def test_folder_left_behind_by_a_killed_writer_is_never_seen(board: Any) -> None:
    candidate = board.candidate()
    candidate.path.rename(board.home.candidates / ".writing-0123456789abcdef")
    with pytest.raises(NoReleaseError):
        load_release(board.home)


def _double(values: Any) -> Any:
    return values * 2


def test_model_with_a_type_outside_the_list_is_not_opened(board: Any) -> None:
    board.candidate(classifier=FunctionTransformer(_double))
    with pytest.raises(IntegrityError, match="not trusted"):
        load_release(board.home)


def test_write_folder_leaves_an_existing_folder_alone(tmp_path: Path) -> None:
    write_folder(tmp_path / "a", {"x": b"1"})
    write_folder(tmp_path / "a", {"x": b"2"})
    assert (tmp_path / "a" / "x").read_bytes() == b"1"
    assert (tmp_path / "a" / "x").stat().st_mode & 0o777 == 0o444


# ---- releases -------------------------------------------------------------------------------------------------------


def test_serving_finds_no_release_before_the_first_promotion(board: Any) -> None:
    signed = board.sign(board.candidate())
    with pytest.raises(NoReleaseError, match="promoted"):
        load_release(board.home, signed_only=True)
    with pytest.raises(NoReleaseError):
        load_release(board.home, signed.id, signed_only=True)


def test_a_release_is_refused_under_another_lexicon(board: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    candidate = board.candidate()
    other = dict.fromkeys(candidate.manifest["reads_with"], "0" * 64)
    monkeypatch.setattr("models.release.packaged_reading", lambda: other)
    with pytest.raises(IntegrityError, match="another lexicon"):
        load_release(board.home, candidate.id)


def test_dissent_cannot_be_taken_out_from_under_a_later_approval(board: Any) -> None:
    candidate = board.candidate()
    sign_release(board.home, candidate.id, "owner", board.keys["owner"], "refuse", "not yet")
    board.sign(candidate)
    path = candidate.path / "signatures" / "owner.json"
    path.write_text(json.dumps(json.loads(path.read_text())[1:]))
    with pytest.raises(IntegrityError, match="one before it"):
        load_release(board.home)


@pytest.mark.parametrize("field", ["reason", "person", "role", "facts_sha256", "signed_at", "decision"])
def test_changed_signature_is_refused(board: Any, field: str) -> None:
    candidate = board.sign(board.candidate())
    board.promote(candidate.id)
    path = board.home.releases / candidate.id / "signatures" / "owner.json"
    entries = json.loads(path.read_text())
    entries[0]["statement"][field] = "refuse"
    path.chmod(0o644)
    path.write_text(json.dumps(entries))
    with pytest.raises(IntegrityError):
        load_release(board.home, signed_only=True)


def test_removed_signature_is_refused_by_serving(board: Any) -> None:
    candidate = board.sign(board.candidate())
    board.promote(candidate.id)
    (board.home.releases / candidate.id / "signatures" / "owner.json").unlink()
    with pytest.raises(IntegrityError, match="owner has not signed"):
        load_release(board.home, signed_only=True)


# ---- damage and extra bytes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", ["", "[]", "{}", "null", "NaN", DEEP, '{"release_id": "x"}'])
def test_damaged_pointer_is_an_integrity_error(board: Any, content: str) -> None:
    board.home.releases.mkdir(parents=True)
    (board.home.releases / "champion.json").write_text(content)
    with pytest.raises(IntegrityError):
        read_champion(board.home)


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
def test_pointer_with_other_types_is_an_integrity_error(board: Any, field: str, value: Any) -> None:
    candidate = board.sign(board.candidate())
    board.promote(candidate.id)
    path = board.home.releases / "champion.json"
    value = candidate.id[:12] if value == "shortened" else value
    path.write_text(json.dumps({**json.loads(path.read_text()), field: value}))
    with pytest.raises(IntegrityError, match="pointer"):
        load_release(board.home, signed_only=True)


def test_pointer_that_is_a_folder_is_an_integrity_error(board: Any) -> None:
    (board.home.releases / "champion.json").mkdir(parents=True)
    with pytest.raises(IntegrityError):
        read_champion(board.home)


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", "null", DEEP, "[1]", "[[]]", '[{"statement": {}, "signature": {}}]', "more", "twice"]
)
def test_damaged_signature_file_is_an_integrity_error(board: Any, content: str) -> None:
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
def test_nothing_stands_beside_the_signatures(board: Any, name: str, content: str) -> None:
    candidate = board.sign(board.candidate())
    board.promote(candidate.id)
    (board.home.releases / candidate.id / "signatures" / name).write_text(content)
    with pytest.raises(IntegrityError, match="do not belong"):
        load_release(board.home, signed_only=True)


@pytest.mark.parametrize("name", ["signatures", "classifier.skops", "manifest.json", "signatures/owner.json", "."])
def test_links_are_not_followed(board: Any, name: str) -> None:
    candidate = board.sign(board.candidate())
    path = candidate.path / name
    path.rename(board.home.path / "elsewhere")
    path.symlink_to(board.home.path / "elsewhere")
    with pytest.raises(IntegrityError, match="not a plain"):
        load_release(board.home)


def test_signatures_that_are_a_file_are_an_integrity_error(board: Any) -> None:
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
def test_manifest_of_another_form_is_an_integrity_error(board: Any, change: str) -> None:
    candidate = board.candidate()
    whole: dict[str, Any] = {"list": [], "deep": DEEP.encode()}
    short = {name: value for name, value in candidate.manifest.items() if name != change}
    _rewrite_candidate(candidate, whole.get(change, short), {})
    with pytest.raises(IntegrityError):
        load_release(board.home)


def test_manifest_cannot_name_files_elsewhere(board: Any) -> None:
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
def test_garbage_with_the_right_hash_is_our_own_error(board: Any, name: str, content: bytes) -> None:
    candidate = board.candidate()
    files = {**candidate.manifest["files"], name: hashlib.sha256(content).hexdigest()}
    _rewrite_candidate(candidate, {**candidate.manifest, "files": files}, {name: content})
    own = LevensloopError if name.endswith(".toml") and b"\xff" not in content else IntegrityError
    with pytest.raises(own):
        load_release(board.home)
