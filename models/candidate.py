"""A trained model as an immutable folder: everything the review board signs together, every byte hashed.

The id is the SHA-256 of the manifest, which names the hash of every file. Models are skops files, never pickles.
"""

import platform
import re
import secrets
import shutil
import stat
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from importlib import metadata, resources
from pathlib import Path
from typing import Any, get_args

from models.canonical import canonical_json, framed_sha256, moment_text, parse_json, read_json, sha256_of
from models.durable import READ_ONLY, lock_folder, sync_folder, write_durably
from models.errors import IntegrityError, NoReleaseError, UsageError
from models.home import Home
from models.packing import pack_tables, unpack_tables
from models.screening import Screening, parse_screening
from models.signing import Role
from models.taxonomy import Taxonomy, canonical_sha256, parse_taxonomy

MANIFEST, FACTS, TAXONOMY = "manifest.json", "facts.json", "taxonomy.toml"
SCREENING, POLICY, SIGNATURES = "screening.toml", "policy.toml", "signatures"
WAIVERS, FAIRNESS = "waivers", "fairness.json"
CLASSIFIER, DETECTOR = "classifier.skops", "detector.skops"
READING = ("lexicon.toml", "detection.toml")
FILES = frozenset({CLASSIFIER, DETECTOR, TAXONOMY, SCREENING, POLICY, FACTS})
LIBRARIES = ("levensloop", "numpy", "pandas", "pyarrow", "scikit-learn", "scipy", "skops")
_BEGINNING = re.compile(r"[0-9a-f]{8,64}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_WAIVER = re.compile(r"[0-9a-f]{64}\.json")


@dataclass(frozen=True)
class Candidate:
    """A verified folder: a trained model with everything that is signed together.

    `files` holds the verified bytes by name, so that nothing is read a second time after its hash was checked.
    """

    id: str
    path: Path
    manifest: Mapping[str, Any]
    files: Mapping[str, bytes]

    @cached_property
    def facts(self) -> Mapping[str, Any]:
        """Evaluation facts, with those of the fairness audit under `fairness` when there was one."""
        facts = parse_json(self.files[FACTS], dict, source=FACTS)
        if FAIRNESS not in self.files:
            return facts
        return {**facts, "fairness": unpack_tables(parse_json(self.files[FAIRNESS], dict, source=FAIRNESS))}

    @property
    def facts_sha256(self) -> str:
        """Hash of everything in `facts`: what the board signs."""
        told = sha256_of(self.files[FACTS])
        return framed_sha256(told, sha256_of(self.files[FAIRNESS])) if FAIRNESS in self.files else told

    def text(self, name: str) -> str:
        """A file as text; IntegrityError when it is none."""
        try:
            return self.files[name].decode()
        except UnicodeDecodeError as error:
            raise IntegrityError(f"Release {self.id[:12]}: {name} is no text. Restore the folder.") from error


def packaged_policy() -> str:
    """The text of the release policy in force."""
    return resources.files("models").joinpath(POLICY).read_text("utf-8")


def packaged_reading() -> dict[str, str]:
    """Hashes of the files that decide how texts and courses are read: a model means nothing under others."""
    files = resources.files("models")
    return {name: sha256_of(files.joinpath(name).read_bytes()) for name in READING}


def write_candidate(
    home: Home,
    *,
    classifier: Any,
    detector: Any,
    taxonomy_toml: str,
    screening: str,
    facts: Mapping[str, Any],
    permission: Mapping[str, Any],
    created_at: datetime,
    policy_toml: str | None = None,
) -> Candidate:
    """Write an immutable candidate folder candidates/<sha256 of its manifest>.

    Parameters
    ----------
    classifier, detector
        Fitted estimators that skops can write.
    taxonomy_toml, screening, policy_toml
        TOML texts, taken over verbatim; without a policy the one in force.
    facts
        Evaluation facts as JSON data; `headline = {"name", "value", "n"}` is what promotion compares.
    permission
        Either `{"snapshot_sha256": ..., ...}` (see `permission_snapshot_sha256`) or `{"permission_not_shown": True}`.

    Raises
    ------
    UsageError
        The permission says neither or both, or the facts are no JSON data.
    """
    import skops.io  # here, for it takes two seconds and most verbs write no model

    _validate_permission(permission)
    policy = packaged_policy() if policy_toml is None else policy_toml
    files = {
        CLASSIFIER: skops.io.dumps(classifier),
        DETECTOR: skops.io.dumps(detector),
        TAXONOMY: taxonomy_toml.encode(),
        SCREENING: screening.encode(),
        POLICY: policy.encode(),
        FACTS: canonical_json(facts).encode(),
    }
    hashes = {name: sha256_of(data) for name, data in files.items()}
    manifest = {
        "schema": 1,
        "model_version": f"{created_at:%Y.%m.%d}-{framed_sha256(hashes[CLASSIFIER], hashes[DETECTOR])[:8]}",
        "created_at": moment_text(created_at),
        "files": hashes,
        "taxonomy": _version_and_hash(parse_taxonomy(taxonomy_toml, source=TAXONOMY)),
        "screening": _version_and_hash(parse_screening(screening)),
        "policy": {"sha256": policy_sha256(policy)},
        "permission": dict(permission),
        "names": getattr(classifier, "names_", None),
        "reads_with": packaged_reading(),
        "libraries": _library_versions(),
    }
    data = canonical_json(manifest).encode()
    release_id = sha256_of(data)
    write_folder(home.candidates / release_id, {**files, MANIFEST: data})
    return read_candidate(home.candidates / release_id)


def write_folder(path: Path, files: Mapping[str, bytes]) -> None:
    """Write a whole folder of read-only files in one step; a folder of that name that is there already stays."""
    if path.exists():
        return
    beside = path.with_name(f".writing-{secrets.token_hex(8)}")
    try:
        for name, data in files.items():
            write_durably(beside / name, data, mode=READ_ONLY)
        sync_folder(beside)
        beside.rename(path)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    sync_folder(path.parent)


def policy_sha256(text: str) -> str:
    """Hash of a policy's content; layout and comments do not count."""
    return canonical_sha256(parse_policy(text))


def parse_policy(text: str) -> dict[str, Any]:
    """A policy as data.

    Raises
    ------
    UsageError
        It is not TOML.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"The policy is not TOML: {error}") from error


def _validate_permission(permission: Mapping[str, Any]) -> None:
    shown = _SHA256.fullmatch(str(permission.get("snapshot_sha256", ""))) is not None
    not_shown = permission.get("permission_not_shown") is True
    if shown == not_shown:
        raise UsageError(
            "A candidate says on which permissions it was trained: give snapshot_sha256 (64 hexadecimal digits) "
            "or permission_not_shown = true."
        )


def _version_and_hash(listed: Taxonomy | Screening) -> dict[str, str]:
    return {"version": listed.version, "sha256": listed.sha256}


def _library_versions() -> dict[str, str]:
    return {"python": platform.python_version(), **{name: metadata.version(name) for name in LIBRARIES}}


def read_candidate(path: Path) -> Candidate:
    """Read a candidate or release folder and verify every byte in it; the models are not opened.

    Raises
    ------
    IntegrityError
        The folder's name is not the hash of its manifest, or a file is missing, changed or too much.
    """
    _require_plain_folder(path)
    try:
        data = (path / MANIFEST).read_bytes()
        if sha256_of(data) != path.name:
            raise IntegrityError(
                f"Release {path.name[:12]}: the manifest was changed. Train again or restore the folder."
            )
        manifest = _parse_manifest(data, path)
        files = {name: (path / name).read_bytes() for name in manifest["files"]}
    except OSError as error:
        raise _not_whole(path) from error
    changed = [name for name, content in files.items() if sha256_of(content) != manifest["files"][name]]
    if changed:
        raise IntegrityError(f"Release {path.name[:12]}: {', '.join(changed)} was changed. Restore the folder.")
    return Candidate(path.name, path, manifest, {**files, **_read_fairness(path)})


def attach_fairness(home: Home, candidate_id: str, document: Mapping[str, Any]) -> Candidate:
    """Put the facts of a fairness audit beside those of the evaluation; later signatures are under both.

    Raises
    ------
    UsageError
        The board signed this candidate already, or the facts are no JSON data.
    IntegrityError
        The facts are about another candidate.
    """
    with lock_folder(home.candidates):
        candidate = read_candidate(find_candidate([home.candidates], candidate_id))
        require_unsigned(candidate)
        if document.get("candidate") != candidate.id:
            raise IntegrityError("These facts of a fairness audit are about another candidate. Audit again.")
        write_durably(candidate.path / FAIRNESS, canonical_json(pack_tables(document)).encode())
        return read_candidate(candidate.path)


def require_unsigned(candidate: Candidate) -> None:
    """Raise UsageError where somebody of the board has decided on this candidate: what was decided on stays."""
    if signature_files(candidate.path) or waiver_files(candidate.path):
        raise UsageError(
            f"Candidate {candidate.id[:12]} was signed already, so its facts stay as they are. "
            "Train a new candidate to audit it again."
        )


def _read_fairness(path: Path) -> dict[str, bytes]:
    """The facts of the fairness audit, if there was one; they must say whom they are about."""
    try:
        data = (path / FAIRNESS).read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise _not_whole(path) from error
    if parse_json(data, dict, source=FAIRNESS).get("candidate") != path.name:
        raise IntegrityError(f"Release {path.name[:12]}: {FAIRNESS} is about another release. Restore the folder.")
    return {FAIRNESS: data}


def signature_files(path: Path) -> list[Path]:
    """The files of decisions in a candidate or release folder, by role.

    Raises
    ------
    IntegrityError
        Something else stands beside them, or they are no plain files in a plain folder.
    """
    return _files_in(path, SIGNATURES, lambda file: file.suffix == ".json" and file.stem in get_args(Role))


def waiver_files(path: Path) -> list[Path]:
    """The files of waivers in a candidate or release folder, by name.

    Raises
    ------
    IntegrityError
        As `signature_files`.
    """
    return _files_in(path, WAIVERS, lambda file: _WAIVER.fullmatch(file.name) is not None)


def _files_in(path: Path, name: str, belongs: Callable[[Path], bool]) -> list[Path]:
    folder = path / name
    if not folder.exists() and not folder.is_symlink():
        return []
    _require_plain(folder, path, folder=True)
    files = sorted(folder.iterdir())
    extra = [file.name for file in files if not belongs(file)]
    if extra:
        raise IntegrityError(
            f"Release {path.name[:12]} holds files that do not belong to it: {', '.join(extra)} in {name}."
        )
    for file in files:
        _require_plain(file, path)
    return files


def _require_plain_folder(path: Path) -> None:
    """The folder and all that stands in it are what they seem: no links, no pipes, nothing too much."""
    try:
        _require_plain(path, path, folder=True)
        entries = sorted(path.iterdir())
        extra = [entry.name for entry in entries if entry.name not in {*FILES, MANIFEST, FAIRNESS, SIGNATURES, WAIVERS}]
        if extra:
            raise IntegrityError(f"Release {path.name[:12]} holds files that do not belong to it: {', '.join(extra)}.")
        for entry in entries:
            _require_plain(entry, path, folder=entry.name in (SIGNATURES, WAIVERS))
        signature_files(path)
        waiver_files(path)
    except OSError as error:
        raise _not_whole(path) from error


def _require_plain(entry: Path, path: Path, *, folder: bool = False) -> None:
    mode = entry.lstat().st_mode
    if not (stat.S_ISDIR(mode) if folder else stat.S_ISREG(mode)):
        wanted = "folder" if folder else "file"
        raise IntegrityError(
            f"Release {path.name[:12]}: {entry.name[:64]} is not a plain {wanted}. Restore it; links are not followed."
        )


def _parse_manifest(data: bytes, path: Path) -> dict[str, Any]:
    """A manifest of the form that `write_candidate` gives it, whose every field that is looked up is there."""
    manifest = parse_json(data, dict, source=MANIFEST)
    hashes = [
        manifest.get("files"),
        *(manifest.get(name) for name in ("taxonomy", "screening", "policy", "permission")),
    ]
    right = (
        all(isinstance(part, dict) for part in hashes)
        and set(manifest["files"]) == FILES
        and all(isinstance(manifest[name].get("sha256"), str) for name in ("taxonomy", "screening", "policy"))
        and all(isinstance(manifest.get(name), str) for name in ("model_version", "created_at"))
        and "names" in manifest
    )
    if not right:
        raise IntegrityError(f"Release {path.name[:12]}: the manifest is not one. Train again or restore the folder.")
    return manifest


def _not_whole(path: Path) -> IntegrityError:
    return IntegrityError(f"Release {path.name[:12]} is not whole. Train again or restore the folder.")


def find_candidate(folders: Sequence[Path], release_id: str) -> Path:
    """The folder of a release or candidate by its id or the unique beginning of it (8 digits or more).

    The first of `folders` that has one counts.

    Raises
    ------
    NoReleaseError
        There is none, or more than one.
    """
    if _BEGINNING.fullmatch(release_id):
        for folder in folders:
            found = [path for path in sorted(folder.glob(f"{release_id}*")) if _SHA256.fullmatch(path.name)]
            if len(found) == 1:
                return found[0]
    names = " or ".join(folder.name for folder in folders)
    raise NoReleaseError(f"There is none with this id in {names}, or more than one begins so. Give the whole id.")


def newest_candidate(home: Home) -> str:
    """The id of the candidate that was made last.

    Raises
    ------
    NoReleaseError
        There is no candidate.
    """
    candidates = list_candidates(home)
    if not candidates:
        raise NoReleaseError("There is no release and no candidate yet. Train one with `levensloop train`.")
    return candidates[0]


def list_candidates(home: Home) -> list[str]:
    """The ids of all candidates, the one that was made last first."""
    folders = [path for path in home.candidates.glob("*") if _SHA256.fullmatch(path.name)]
    return [path.name for path in sorted(folders, key=lambda path: (_created_at(path), path.name), reverse=True)]


def _created_at(path: Path) -> str:
    try:
        return str(read_json(path / MANIFEST, dict)["created_at"])
    except (OSError, KeyError) as error:
        raise IntegrityError(f"Candidate {path.name[:12]} is not whole. Restore or remove its folder.") from error
