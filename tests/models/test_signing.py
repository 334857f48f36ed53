"""Keys of persons in roles: three different people, proof of possession, and no quiet replacement."""

import json
import stat
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from models.canonical import canonical_json, framed_sha256, sha256_of
from models.errors import IntegrityError, UnreadableDataError, UsageError
from models.home import Home
from models.signing import (
    PrivateKey,
    PublicKey,
    Role,
    Signature,
    endorse_key_replacement,
    generate_key,
    load_private_key,
    load_registry,
    request_key_replacement,
    sign_statement,
    verify_signature,
)

PEOPLE: dict[Role, str] = {
    "owner": "Anna de Vries",
    "data_protection_officer": "Bram",
    "ethics_chair": "Chris",
    "operations": "Dana",
}
MONDAY = datetime(2026, 11, 23, 9, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def _generate_all(home: Home) -> dict[Role, PrivateKey]:
    for role, person in PEOPLE.items():
        generate_key(home, role, person, f"secret of {role}", at=MONDAY)
    return {role: load_private_key(home.keys / f"{role}.pem", f"secret of {role}") for role in PEOPLE}


def _loose_key() -> tuple[PrivateKey, PublicKey]:
    key = Ed25519PrivateKey.generate()
    raw = key.public_key().public_bytes_raw()
    private = PrivateKey(sha256_of(raw), key)
    return private, PublicKey(private.id, "owner", "Anna", raw.hex(), False, "2026-11-23T09:00:00.000000Z")


_STATEMENTS = st.dictionaries(st.text(), st.integers() | st.text() | st.booleans(), max_size=4)


@given(statement=_STATEMENTS, other=_STATEMENTS)
def test_signature_holds_for_its_statement_alone(statement: dict[str, Any], other: dict[str, Any]) -> None:
    private, public = _loose_key()
    signature = sign_statement(private, statement)
    verify_signature(public, dict(reversed(statement.items())), signature)
    if json.dumps(other, sort_keys=True) != json.dumps(statement, sort_keys=True):
        with pytest.raises(IntegrityError):
            verify_signature(public, other, signature)


@pytest.mark.parametrize("part", ["key_id", "statement_sha256", "signature"])
def test_any_part_of_a_signature_counts(part: str) -> None:
    private, public = _loose_key()
    signature = sign_statement(private, {"a": 1})
    parts = {name: getattr(signature, name) for name in ("key_id", "statement_sha256", "signature")}
    for wrong in ("0" * len(parts[part]), "", "zz"):
        with pytest.raises(IntegrityError):
            verify_signature(public, {"a": 1}, Signature(**{**parts, part: wrong}))


def test_signature_of_another_key_is_refused() -> None:
    (private, _), (_, other) = _loose_key(), _loose_key()
    with pytest.raises(IntegrityError):
        verify_signature(other, {"a": 1}, sign_statement(private, {"a": 1}))


def test_private_key_is_encrypted_and_for_its_holder_alone(home: Home) -> None:
    generate_key(home, "owner", "Anna", "secret")
    path = home.keys / "owner.pem"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert b"ENCRYPTED PRIVATE KEY" in path.read_bytes()
    for wrong in ("Secret", ""):
        with pytest.raises(UnreadableDataError):
            load_private_key(path, wrong)
    assert "key=" not in repr(load_private_key(path, "secret"))


def test_registry_knows_every_role(home: Home) -> None:
    keys = _generate_all(home)
    registry = load_registry(home)
    for role, person in PEOPLE.items():
        known = registry.key_of(role)
        assert known is not None
        assert (known.id, known.person, known.demo) == (keys[role].id, person, False)


def test_empty_home_has_an_empty_registry(home: Home) -> None:
    assert load_registry(home).keys == ()
    assert load_registry(home).key_of("owner") is None


@pytest.mark.parametrize(
    "again",
    [
        "Anna de Vries",
        "anna  de vries ",
        "ＡＮＮＡ de Vries",
        "Anna\u200b de Vries",
        "\u2066Anna de\u00ad Vries\u2069",
        "Anna\u00a0de\u2003Vries",
        "Anna de Vries\u034f\ufe0f",
        "Anna\u3164 de Vries",
        "Anna\u2800de Vries.",
    ],
)
def test_one_person_cannot_hold_two_roles(home: Home, again: str) -> None:
    generate_key(home, "owner", "Anna de Vries", "secret")
    with pytest.raises(UsageError, match="own person"):
        generate_key(home, "ethics_chair", again, "secret")
    assert not (home.keys / "ethics_chair.pem").exists()


@pytest.mark.parametrize("again", ["Rene\u0301e", "Rene\u034f\u0301e", "RENÉE"])
def test_accents_are_compared_however_they_are_typed(home: Home, again: str) -> None:
    generate_key(home, "owner", "Renée", "secret")
    with pytest.raises(UsageError, match="own person"):
        generate_key(home, "ethics_chair", again, "secret")
    generate_key(home, "ethics_chair", "Renee", "secret")


@pytest.mark.parametrize("person", ["J\u0430n Jansen", "Jan J\u03b1nsen", "J\u0430\u200bn Jansen", "Ꭻan", "Anna 李"])
def test_name_of_several_scripts_is_refused(home: Home, person: str) -> None:
    with pytest.raises(UsageError, match="several scripts"):
        generate_key(home, "owner", person, "secret")
    assert load_registry(home).keys == ()


@pytest.mark.parametrize("person", ["\u200b", "\u3164", "...", "12", "Jan \ue000", "Jan \ud800", "Jan \u0378"])
def test_name_that_cannot_be_read_is_refused(home: Home, person: str) -> None:
    with pytest.raises(UsageError, match="Give the person's name"):
        generate_key(home, "owner", person, "secret")
    assert load_registry(home).keys == ()


@pytest.mark.parametrize(
    "person", ["Zoë O'Brien-Łukasz", "Анна Каренина", "山田 ひろみ", "محمد", "Person 1", "Þóra ʻĀina"]
)
def test_name_of_one_script_is_accepted(home: Home, person: str) -> None:
    assert generate_key(home, "owner", person, "secret").person == person


def test_role_with_a_key_gets_no_second_one(home: Home) -> None:
    generate_key(home, "owner", "Anna", "secret")
    before = (home.keys / "owner.pem").read_bytes()
    with pytest.raises(UsageError, match="replacement"):
        generate_key(home, "owner", "Eve", "secret")
    assert (home.keys / "owner.pem").read_bytes() == before


def test_demo_keys_never_stand_beside_real_ones(home: Home) -> None:
    assert generate_key(home, "owner", "Anna", "secret", demo=True).demo
    with pytest.raises(UsageError, match="Demo keys"):
        generate_key(home, "ethics_chair", "Chris", "secret")


@pytest.mark.parametrize(
    ("role", "person", "passphrase"), [("boss", "Anna", "x"), ("owner", " ", "x"), ("owner", "Anna", "")]
)
def test_incomplete_key_is_refused(home: Home, role: Any, person: str, passphrase: str) -> None:
    with pytest.raises(UsageError):
        generate_key(home, role, person, passphrase)
    assert load_registry(home).keys == ()


def test_lost_key_is_replaced_by_two_other_roles(home: Home) -> None:
    keys = _generate_all(home)
    old = load_registry(home).key_of("owner")
    waiting = request_key_replacement(home, "owner", "Eva", "new")
    assert load_registry(home).key_of("owner") == old
    assert endorse_key_replacement(home, "owner", keys["ethics_chair"]) is False
    assert endorse_key_replacement(home, "owner", keys["ethics_chair"]) is False  # one role counts once
    assert endorse_key_replacement(home, "owner", keys["operations"]) is True
    registry = load_registry(home)
    assert registry.key_of("owner") == waiting
    assert old is not None
    assert registry.key(old.id) == old
    assert load_private_key(home.keys / "owner.pem", "new").id == waiting.id


def test_lost_key_cannot_endorse_its_own_replacement_nor_can_a_stranger(home: Home) -> None:
    keys = _generate_all(home)
    request_key_replacement(home, "owner", "Eva", "new")
    for endorser in (keys["owner"], _loose_key()[0]):
        with pytest.raises(UsageError, match="another role"):
            endorse_key_replacement(home, "owner", endorser)


@pytest.mark.parametrize("text", ["[" * 100_000, "[]", "{}", '{"entry": 5}', '{"entry": {"endorsements": {}}}'])
def test_damaged_waiting_key_is_an_integrity_error(home: Home, text: str) -> None:
    keys = _generate_all(home)
    request_key_replacement(home, "owner", "Eva", "new")
    (home.keys / "owner.waiting.json").write_text(text)
    with pytest.raises(IntegrityError):
        endorse_key_replacement(home, "owner", keys["operations"])


def test_replaced_key_endorses_nothing_any_more(home: Home) -> None:
    keys = _generate_all(home)
    request_key_replacement(home, "owner", "Eva", "new")
    for role in ("ethics_chair", "operations"):
        endorse_key_replacement(home, "owner", keys[role])
    request_key_replacement(home, "ethics_chair", "Finn", "new")
    with pytest.raises(UsageError, match="in force"):
        endorse_key_replacement(home, "ethics_chair", keys["owner"])


def test_nobody_can_enter_a_key_that_its_holder_did_not_bring(home: Home) -> None:
    """The holder of the newest key rewrites the registry with somebody else's public key as the owner's."""
    generate_key(home, "owner", "Anna", "secret")
    generate_key(home, "ethics_chair", "Chris", "secret")
    forger = load_private_key(home.keys / "ethics_chair.pem", "secret")
    data = json.loads((home.keys / "registry.json").read_text())
    stranger = _loose_key()[1]
    data["entries"][0]["key"].update(id=stranger.id, public=stranger.public)
    chained = "0" * 64
    for entry in data["entries"]:
        entry["previous"] = chained
        told = {"kind": "key_possession", **{name: entry[name] for name in ("key", "replaces", "previous")}}
        entry["proof"] = {**asdict(sign_statement(forger, told)), "key_id": entry["key"]["id"]}
        chained = framed_sha256(chained, canonical_json(told), canonical_json(entry["proof"]))
    data["sha256"] = chained
    data["signature"] = asdict(sign_statement(forger, {"kind": "key_registry", "sha256": chained}))
    (home.keys / "registry.json").write_text(json.dumps(data))
    with pytest.raises(IntegrityError, match="signature of role owner"):
        load_registry(home)


def test_replacement_needs_a_request_and_a_key_to_replace(home: Home) -> None:
    keys = _generate_all(home)
    with pytest.raises(UsageError, match="waiting"):
        endorse_key_replacement(home, "owner", keys["operations"])
    with pytest.raises(UsageError, match="no key to replace"):
        request_key_replacement(Home(home.path / "other"), "owner", "Eva", "new")


def _replaced(home: Home) -> dict[str, Any]:
    keys = _generate_all(home)
    request_key_replacement(home, "owner", "Eva", "new")
    for role in ("ethics_chair", "operations"):
        endorse_key_replacement(home, "owner", keys[role])
    return dict(json.loads((home.keys / "registry.json").read_text()))


def test_registry_with_an_endorsement_taken_out_is_refused(home: Home) -> None:
    data = _replaced(home)
    del data["entries"][4]["endorsements"]["operations"]
    (home.keys / "registry.json").write_text(json.dumps(data))
    with pytest.raises(IntegrityError, match="without the signatures"):
        load_registry(home)


@pytest.mark.parametrize(
    "path",
    [
        ("entries", 0, "key", "person"),
        ("entries", 0, "key", "role"),
        ("entries", 0, "key", "public"),
        ("entries", 0, "key", "demo"),
        ("entries", 1, "key", "added_at"),
        ("entries", 1, "previous"),
        ("entries", 1, "proof", "signature"),
        ("entries", 4, "replaces"),
        ("entries", 4, "endorsements", "operations", "signature"),
        ("sha256",),
        ("signature", "signature"),
        ("entries",),
    ],
)
def test_any_change_of_the_registry_is_found(home: Home, path: tuple[Any, ...]) -> None:
    data = _replaced(home)
    place: Any = data
    for step in path[:-1]:
        place = place[step]
    old = place[path[-1]]
    place[path[-1]] = "ethics_chair" if isinstance(old, str) and len(old) < 20 else "00" * 32 if old else "x"
    (home.keys / "registry.json").write_text(json.dumps(data))
    with pytest.raises(IntegrityError):
        load_registry(home)


@pytest.mark.parametrize("kept", [0, 1, 3])
def test_registry_cut_short_is_found(home: Home, kept: int) -> None:
    _generate_all(home)
    data = json.loads((home.keys / "registry.json").read_text())
    data["entries"] = data["entries"][:kept]
    (home.keys / "registry.json").write_text(json.dumps(data))
    with pytest.raises(IntegrityError):
        load_registry(home)


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", "not json", '{"entries": 5}', "[" * 100_000])
def test_file_that_is_no_registry_is_found(home: Home, text: str) -> None:
    home.keys.mkdir(parents=True)
    (home.keys / "registry.json").write_text(text)
    with pytest.raises(IntegrityError):
        load_registry(home)


def test_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableDataError):
        load_private_key(tmp_path / "nowhere.pem", "x")
