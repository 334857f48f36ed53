"""What bookings may be used for: versioned data of the data protection officer, in which some things cannot be said.

Passing on to third parties and special categories of personal data have no way into a registry: a file that names them
does not load. What no registry knows is refused.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal, Protocol, get_args
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from models.canonical import canonical_json, sha256_of
from models.errors import PermissionRefusedError, UnreadableDataError
from models.taxonomy import FORBIDDEN, OfferClass, canonical_sha256

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
Regime = Literal["opt_in", "opt_out"]
# Words in a purpose's id that make it a purpose nobody can register (design rule 3, article 9 GDPR).
THIRD_PARTY = ("third", "part(y|ies)", "shar(e|ing)", "sell", "resale", "broker", "partner", "partners")
SPECIAL_CATEGORY = (
    "relig.*", "faith", "belief.*", "church", "mosque", "synagogue", "health.*", "medical", "illness", "disab.*",
    "pregnan.*", "union", "politic.*", "party", "ethnic.*", "race", "racial", "origin", "descent", "national.*",
    "sex.*", "orientation", "gender", "genetic", "biometric", "crim.*", "detention", "addiction", "remittances?",
)  # fmt: skip
_FORBIDDEN_WORD = re.compile("|".join((*THIRD_PARTY, *SPECIAL_CATEGORY)))
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_OPTIONAL = frozenset({"compatibility_test", "purpose_type", "personal_data", "retention_period"})
_ID = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class Purpose:
    """One purpose; the fields are explained at the head of `purposes.toml`."""

    id: str
    regime: Regime
    lawful_basis: str
    justification: str
    notice_version: str
    notice_sha256: str
    notice_from: str
    notice_days: int
    valid_hours: int
    event_classes: tuple[OfferClass, ...]
    products: bool
    clients: tuple[str, ...]
    languages: tuple[str, ...]
    notice: tuple[tuple[str, str], ...]  # (language, text)
    compatibility_test: str = ""
    # For receipts alone (models/receipts.py): what the standard asks for beyond what decides.
    purpose_type: str = ""
    personal_data: tuple[str, ...] = ()
    retention_period: str = ""

    @property
    def notice_start(self) -> datetime:
        """The first moment of the notice in force."""
        return datetime.combine(date.fromisoformat(self.notice_from), time.min, tzinfo=AMSTERDAM).astimezone(UTC)

    def notice_text(self, language: str) -> str:
        """The notice in force in a language; KeyError when there is none."""
        return dict(self.notice)[language]


@dataclass(frozen=True, slots=True)
class Controller:
    """Who answers for the processing, as a receipt names it; the fields are explained in `purposes.toml`."""

    name: str = ""
    address: str = ""
    contact: str = ""
    jurisdiction: str = ""
    storage_locations: tuple[str, ...] = ()
    recipients: tuple[str, ...] = ()
    withdrawal_method: str = ""
    authority: str = ""


@dataclass(frozen=True)
class PurposeRegistry:
    """A version of the list of purposes, with its hash."""

    version: str
    purposes: tuple[Purpose, ...]
    sha256: str
    controller: Controller = Controller()

    def in_force(self, _connection: sa.Connection) -> "PurposeRegistry":
        """Itself: a registry that was given by hand is in force for whoever was given it."""
        return self

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of all purposes, in the order of the file."""
        return tuple(purpose.id for purpose in self.purposes)

    def purpose(self, purpose_id: str) -> Purpose:
        """The purpose with this id.

        Raises
        ------
        PermissionRefusedError
            No such purpose: what is not registered is not allowed.
        """
        for purpose in self.purposes:
            if purpose.id == purpose_id:
                return purpose
        raise PermissionRefusedError(f"This purpose is not registered. Registered are {', '.join(self.ids)}.")


class PurposeSource(Protocol):
    """Where a gate or a ledger asks, in each transaction anew, which registry is in force."""

    def in_force(self, connection: sa.Connection, /) -> PurposeRegistry:
        """The registry that this transaction sees; IntegrityError when it does not verify."""


@cache
def default_purposes() -> PurposeRegistry:
    """The registry that ships with Levensloop."""
    return parse_purposes(resources.files("models").joinpath("purposes.toml").read_text("utf-8"), source="purposes")


def load_purposes(path: str | Path) -> PurposeRegistry:
    """Read a registry from a TOML file.

    Raises
    ------
    UnreadableDataError
        Not TOML, not a registry, or a purpose that may never be one.
    """
    path = Path(path)
    try:
        return parse_purposes(path.read_text("utf-8"), source=path.name)
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableDataError(f"{path.name} cannot be read. Give a purpose registry in TOML.") from error


def parse_purposes(text: str, *, source: str) -> PurposeRegistry:
    """Build a registry from TOML text; see `load_purposes`."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UnreadableDataError(f"{source} is not TOML: {error}") from error
    raw = data.get("purpose", [])
    if not raw:
        raise UnreadableDataError(f"{source} has no [[purpose]] in it, so it is not a purpose registry.")
    purposes = tuple(_parse_purpose(entry, source=source) for entry in raw)
    repeated = sorted({p.id for p in purposes if sum(other.id == p.id for other in purposes) > 1})
    if repeated:
        raise UnreadableDataError(f"{source}: a purpose stands there twice: {', '.join(repeated)}.")
    controller = _parse_controller(data.get("controller", {}), source=source)
    return PurposeRegistry(str(data.get("version", "0")), purposes, canonical_sha256(data), controller)


def notice_sha256(notice: Mapping[str, str]) -> str:
    """The address of a notice: SHA-256 of its texts by language as canonical JSON."""
    return sha256_of(canonical_json(dict(notice)).encode())


def _parse_controller(raw: Mapping[str, Any], *, source: str) -> Controller:
    unknown = sorted(set(raw) - set(Controller.__dataclass_fields__))
    if unknown:
        raise UnreadableDataError(f"{source}: [controller] has unknown fields: {', '.join(unknown)}.")
    fields: dict[str, Any] = {name: str(value) for name, value in raw.items()}
    fields |= {name: tuple(raw.get(name, ())) for name in ("storage_locations", "recipients")}
    return Controller(**fields)


def _parse_purpose(raw: Mapping[str, Any], *, source: str) -> Purpose:
    fields = set(Purpose.__dataclass_fields__)
    name = str(raw.get("id", ""))
    unknown, missing = sorted(set(raw) - fields), sorted(fields - _OPTIONAL - set(raw))
    if unknown or missing:
        raise UnreadableDataError(
            f"{source}: purpose {name or '?'} has unknown fields ({', '.join(unknown) or 'none'}) "
            f"or misses some ({', '.join(missing) or 'none'})."
        )
    lists = {key: tuple(raw.get(key, ())) for key in ("event_classes", "clients", "languages", "personal_data")}
    purpose = Purpose(**{**raw, **lists, "notice": tuple(sorted(raw["notice"].items()))})
    faults = _faults(purpose)
    if faults:
        raise UnreadableDataError(f"{source}: purpose {name} cannot be registered: {'; '.join(faults)}.")
    return purpose


def _faults(purpose: Purpose) -> list[str]:
    """Why this may not be a purpose; empty when it may."""
    words = purpose.id.split("_")
    checks = {
        "its id is not in snake_case": not _ID.fullmatch(purpose.id),
        "passing on to third parties and special categories of personal data can never be a purpose": (
            purpose.id in FORBIDDEN or any(_FORBIDDEN_WORD.fullmatch(word) for word in words)
        ),
        "its regime is neither opt_in nor opt_out": purpose.regime not in get_args(Regime),
        "opt_out needs a justification and the id of a recorded compatibility test": (
            purpose.regime == "opt_out" and not (purpose.justification.strip() and purpose.compatibility_test.strip())
        ),
        "it has no lawful basis or no notice version": not (purpose.lawful_basis and purpose.notice_version),
        "an event class is not S, L or C": not set(purpose.event_classes) <= set(get_args(OfferClass)),
        "a care event (class C) can never go along with products": purpose.products and "C" in purpose.event_classes,
        "the overdraft signal never carries a product": purpose.id == "overdraft_signal" and purpose.products,
        "notice_from is not a day (YYYY-MM-DD)": not _is_day(purpose.notice_from),
        "notice_days is below 0 or valid_hours below 1": purpose.notice_days < 0 or purpose.valid_hours < 1,
        "a language has no notice text": {language for language, text in purpose.notice if text.strip()}
        != set(purpose.languages),
        "notice_sha256 is not the hash of the notice's texts, which is " + notice_sha256(dict(purpose.notice)): (
            purpose.notice_sha256 != notice_sha256(dict(purpose.notice))
        ),
    }
    return [fault for fault, holds in checks.items() if holds]


def _is_day(text: object) -> bool:
    if not isinstance(text, str) or not _DAY.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
