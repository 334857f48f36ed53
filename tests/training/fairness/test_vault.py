"""The vault opens for the audit, until its day, with its key; every opening is recorded, and its end is certified."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa

from models.errors import (
    IntegrityError,
    NoReleaseError,
    PermissionRefusedError,
    StoreUnavailableError,
    UnreadableDataError,
    UsageError,
)
from models.home import Home
from models.store import open_store, trail
from models.trail import verify_trail
from training.fairness import vault
from training.fairness.vault import VAULT_FILE, create_vault, delete_vault, open_vault, read_header

MONDAY = datetime(2026, 11, 23, 9, tzinfo=UTC)
WORDS = "secret"
LAST_DAY = date(2026, 12, 31)
ROWS = "customer_id,religion,age_band\nc-1,QXMARKERQX,18-24\nc-2,none,67+\nc-3,,25-34\n"


@dataclass(frozen=True)
class Kept:
    """A home, the bank's plain file and the place of the key."""

    home: Home
    groups: Path
    key: Path

    def create(self, **changes: Any) -> vault.VaultHeader:
        given: dict[str, Any] = {
            "purpose": "fairness_audit", "delete_after": LAST_DAY, "key_file": self.key, "passphrase": WORDS,
            "who": "Dana", "at": MONDAY,
        }  # fmt: skip
        return create_vault(self.home, self.groups, **{**given, **changes})

    def open(self, **changes: Any) -> vault.Groups:
        given: dict[str, Any] = {
            "key_file": self.key, "passphrase": WORDS, "purpose": "fairness_audit", "who": "Dana", "at": MONDAY,
        }  # fmt: skip
        return open_vault(self.home, **{**given, **changes})

    def rows(self) -> list[tuple[str, dict[str, Any]]]:
        """Kind and body of every row of the trail, which must verify."""
        store = open_store(self.home.database_url)
        assert verify_trail(store, None, None).ok
        with store.read() as connection:
            found = connection.execute(sa.select(trail).order_by(trail.c.seq)).all()
        store.close()
        return [(row.kind, json.loads(row.body)["body"]) for row in found]


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    groups = tmp_path / "bank" / "vault" / "groups.csv"
    groups.parent.mkdir(parents=True)
    groups.write_text(ROWS)
    return Kept(Home(tmp_path / "home"), groups, tmp_path / "audit" / "vault.key")


def test_the_audit_reads_back_what_the_bank_delivered(kept: Kept) -> None:
    kept.create()
    told = kept.open().of_customers(["c-3", "stranger", "c-1"])
    assert list(told.columns) == ["religion", "age_band"]
    assert told.iloc[0].tolist() == ["", "25-34"]
    assert told.iloc[1].isna().all()
    assert told.iloc[2].tolist() == ["QXMARKERQX", "18-24"]


def test_parquet_is_taken_over_too(kept: Kept, tmp_path: Path) -> None:
    path = tmp_path / "groups.parquet"
    pd.DataFrame({"customer_id": ["c-1", "c-2"], "born_abroad": [True, False]}).to_parquet(path)
    create_vault(
        kept.home, path, purpose="fairness_audit", delete_after=LAST_DAY, who="Dana", at=MONDAY,
        key_file=kept.key, passphrase=WORDS,
    )  # fmt: skip
    assert kept.open().of_customers(["c-2", "c-1"])["born_abroad"].tolist() == ["False", "True"]


def test_nothing_of_a_customer_stands_in_the_file_the_key_or_the_trail(kept: Kept) -> None:
    kept.create()
    kept.open()
    paths = [path for folder in (kept.home.path, kept.key.parent) for path in folder.rglob("*") if path.is_file()]
    assert {VAULT_FILE, "vault.key", "levensloop.db"} <= {path.name for path in paths}
    for path in paths:
        assert not any(word in path.read_bytes() for word in (b"QXMARKERQX", b"c-1", b"religion"))


def test_join_keys_of_two_vaults_have_nothing_in_common(kept: Kept) -> None:
    kept.create()
    first = set(kept.open().attributes.index)
    delete_vault(kept.home, who="Dana", why="next audit", key_file=kept.key)
    kept.create()
    assert len(first) == 3
    assert not first & set(kept.open().attributes.index)


def test_vault_and_key_are_for_their_owner_alone(kept: Kept) -> None:
    kept.create()
    paths = (kept.home.vault, *kept.home.vault.iterdir(), kept.key)
    modes = {path.name: path.stat().st_mode & 0o777 for path in paths}
    assert modes == {"vault": 0o700, VAULT_FILE: 0o600, ".lock": 0o600, "vault.key": 0o600}


def test_every_opening_is_in_the_trail_with_who_and_what_for(kept: Kept) -> None:
    header = kept.create()
    kept.open(who="Eva")
    with pytest.raises(PermissionRefusedError, match="nothing else"):
        kept.open(purpose="model_training")
    with pytest.raises(UnreadableDataError, match="passphrase"):
        kept.open(passphrase=WORDS.upper())
    kinds, bodies = zip(*kept.rows(), strict=True)
    assert kinds == ("vault_created", "vault_opened", "vault_refused", "vault_refused")
    assert bodies[0].items() >= {"id": header.id, "purpose": "fairness_audit", "customers": 3, "who": "Dana"}.items()
    assert bodies[1] == {"vault": header.id, "purpose": "fairness_audit", "who": "Eva"}
    assert (bodies[2]["purpose"], bodies[3]["why"]) == ("model_training", "UnreadableDataError")


def test_nothing_is_given_out_that_cannot_be_recorded(kept: Kept) -> None:
    kept.create()
    database = kept.home.path / "levensloop.db"
    database.unlink()
    database.mkdir()
    with pytest.raises(StoreUnavailableError):
        kept.open()


@pytest.mark.parametrize(
    ("at", "opens"),
    [
        (datetime(2026, 12, 31, 22, 59, tzinfo=UTC), True),  # 23:59 in Amsterdam
        (datetime(2026, 12, 31, 23, 0, tzinfo=UTC), False),  # midnight
    ],
)
def test_vault_opens_until_the_end_of_its_last_day(kept: Kept, at: datetime, opens: bool) -> None:
    kept.create()
    if opens:
        assert len(kept.open(at=at).attributes) == 3
        return
    with pytest.raises(PermissionRefusedError, match="2026-12-31"):
        kept.open(at=at)
    assert kept.rows()[-1][0] == "vault_refused"


@pytest.mark.parametrize(
    ("old", "new"),
    [(b"2026-12-31", b"2036-12-31"), (b"fairness_audit", b"model_training"), (b'"customers":3', b'"customers":4')],
)
def test_no_word_of_the_header_can_be_changed(kept: Kept, old: bytes, new: bytes) -> None:
    kept.create()
    path = kept.home.vault / VAULT_FILE
    assert old in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(old, new))
    purpose = "model_training" if b"training" in new else "fairness_audit"
    with pytest.raises(IntegrityError, match="changed"):
        kept.open(purpose=purpose)


@pytest.mark.parametrize("place", [-1, 400])
def test_no_byte_of_the_content_can_be_changed(kept: Kept, place: int) -> None:
    kept.create()
    path = kept.home.vault / VAULT_FILE
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(IntegrityError, match="changed"):
        kept.open()


def test_key_of_another_vault_does_not_open(kept: Kept, tmp_path: Path) -> None:
    kept.create()
    other = Kept(Home(tmp_path / "other"), kept.groups, tmp_path / "other-audit" / "vault.key")
    other.create()
    with pytest.raises(UnreadableDataError, match="another vault"):
        kept.open(key_file=other.key)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"kind":"vault_key","vault_id":1,"scrypt":2,"salt":3}', "\x00"])
def test_what_is_no_key_opens_nothing(kept: Kept, content: str) -> None:
    kept.create()
    kept.key.write_text(content)
    with pytest.raises(UnreadableDataError, match="key file"):
        kept.open()


@pytest.mark.parametrize("content", [b"", b"[]\n", b"{}\n", b'{"id":"x"}\n', b"\xff\n"])
def test_what_is_no_vault_is_an_integrity_error(kept: Kept, content: bytes) -> None:
    kept.create()
    (kept.home.vault / VAULT_FILE).write_bytes(content)
    with pytest.raises(IntegrityError):
        kept.open()


@pytest.mark.parametrize("place", ["home/vault.key", "home/vault/vault.key", "bank/vault/vault.key"])
def test_key_cannot_lie_where_training_and_serving_read(kept: Kept, tmp_path: Path, place: str) -> None:
    with pytest.raises(UsageError, match="must not lie"):
        kept.create(key_file=tmp_path / place)
    assert not (kept.home.vault / VAULT_FILE).exists()


def test_key_cannot_get_there_by_a_link_either(kept: Kept, tmp_path: Path) -> None:
    kept.home.path.mkdir()
    (tmp_path / "link").symlink_to(kept.home.path)
    with pytest.raises(UsageError, match="must not lie"):
        kept.create(key_file=tmp_path / "link" / "vault.key")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"passphrase": ""}, UsageError),
        ({"delete_after": date(2026, 11, 22)}, UsageError),
        ({"purpose": "model_training"}, PermissionRefusedError),
        ({"purpose": "third_party_sharing"}, PermissionRefusedError),
    ],
)
def test_vault_is_not_made_without_passphrase_day_to_come_or_purpose_of_the_audit(
    kept: Kept, changes: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        kept.create(**changes, remove_source=True)
    assert not (kept.home.vault / VAULT_FILE).exists()
    assert kept.groups.read_text() == ROWS


@pytest.mark.parametrize(
    "rows",
    ["customer_id\nc-1\n", "religion,age\nnone,4\n", "customer_id,religion\nc-1,a\nc-1,b\n", "customer_id,a\n,b\n", ""],
)
def test_table_that_is_none_of_groups_is_refused_without_a_value_in_the_error(kept: Kept, rows: str) -> None:
    kept.groups.write_text(rows)
    with pytest.raises(UnreadableDataError) as caught:
        kept.create()
    assert "c-1" not in str(caught.value)


def test_a_second_vault_is_not_made_over_the_first(kept: Kept, tmp_path: Path) -> None:
    kept.create()
    with pytest.raises(UsageError, match="already"):
        kept.create(key_file=tmp_path / "audit" / "second.key")
    assert len(kept.open().attributes) == 3


def test_plain_file_is_removed_on_request_only_after_the_vault_opened(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.create()
    assert kept.groups.exists()
    delete_vault(kept.home, who="Dana", why="again", key_file=kept.key)
    with monkeypatch.context() as broken:
        broken.setattr(vault, "seal", lambda *_, **__: b"0" * 64)
        with pytest.raises(IntegrityError):
            kept.create(remove_source=True)
    assert kept.groups.exists()
    delete_vault(kept.home, who="Dana", why="broken", key_file=kept.key)
    kept.create(remove_source=True)
    assert not kept.groups.exists()
    assert len(kept.open().attributes) == 3


def test_deletion_removes_vault_and_key_and_leaves_a_certificate(kept: Kept) -> None:
    header = kept.create()
    told = delete_vault(kept.home, who="Bram", why="audit done", key_file=kept.key, at=MONDAY)
    assert [path.name for path in kept.home.vault.iterdir() if path.name != ".lock"] == [f"deleted-{header.id}.json"]
    assert not kept.key.exists()
    kind, body = kept.rows()[-1]
    certificate = json.loads((kept.home.vault / f"deleted-{header.id}.json").read_text())
    assert kind == "vault_deleted"
    assert certificate == {**body, "trail": told["trail"]}
    assert (body["who"], body["why"], body["key_removed"], body["vault"]["customers"]) == (
        "Bram",
        "audit done",
        True,
        3,
    )
    with pytest.raises(NoReleaseError):
        kept.open()
    with pytest.raises(NoReleaseError):
        delete_vault(kept.home, who="Bram", why="audit done")


def test_deletion_that_was_cut_off_goes_on(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    header = kept.create()

    def pull_the_plug(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as killed:
        killed.setattr(vault, "_record", pull_the_plug)
        with pytest.raises(KeyboardInterrupt):
            delete_vault(kept.home, who="Bram", why="audit done", key_file=kept.key)
    assert not (kept.home.vault / VAULT_FILE).exists()
    told = delete_vault(kept.home, who="Bram", why="audit done")
    assert (told["vault"]["id"], told["key_removed"]) == (header.id, True)
    assert kept.rows()[-1][0] == "vault_deleted"


def test_deletion_never_removes_a_file_that_is_no_key_of_this_vault(kept: Kept) -> None:
    kept.create()
    for path in (kept.groups, kept.home.path / "none"):
        with pytest.raises(UsageError, match="no vault key"):
            delete_vault(kept.home, who="Bram", why="audit done", key_file=path)
    assert kept.groups.exists()
    assert len(kept.open().attributes) == 3


def run_levensloop(kept: Kept, *arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    known = {**os.environ, "LEVENSLOOP_HOME": str(kept.home.path), "COLUMNS": "300", **environ}
    command = [sys.executable, "-m", "models.command_line", *arguments]
    return subprocess.run(command, env=known, capture_output=True, text=True, timeout=200, check=False)


@pytest.mark.slow
def test_the_verbs_make_show_and_delete_a_vault(kept: Kept) -> None:
    def told(*arguments: str) -> "subprocess.CompletedProcess[str]":
        given = {"LEVENSLOOP_VAULT_KEY_FILE": str(kept.key), "LEVENSLOOP_VAULT_PASSPHRASE": WORDS}
        return run_levensloop(kept, "vault", *arguments, **given)

    day = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()
    assert told("status").returncode == 13
    made = told("create", "--groups", str(kept.groups), "--delete-after", day, "--purpose", "fairness_audit")
    assert (made.returncode, made.stdout) == (0, "")
    assert "3 customers are in the vault" in made.stderr
    assert f"Remove {kept.groups} now" in made.stderr
    shown = told("status")
    assert f"To be deleted after {day}: until then it opens." in shown.stderr
    assert len(kept.open(at=datetime.now(UTC)).attributes) == 3
    gone = told("delete", "--why", "audit done")
    assert "deleted, with its key" in gone.stderr
    assert not kept.key.exists()
    assert read_certificate(kept)["why"] == "audit done"
    with pytest.raises(NoReleaseError):
        read_header(kept.home)


def read_certificate(kept: Kept) -> dict[str, Any]:
    (path,) = kept.home.vault.glob("deleted-*.json")
    return dict(json.loads(path.read_text()))
