"""The swap suite as values: which names, shops, places, payers and spellings must not matter (`swaps.toml`)."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from models.errors import UnreadableDataError
from models.taxonomy import canonical_sha256

PLACEBO = "placebo"
WAYS = ("upper_case", "without_diacritics", "transliterated", "decomposed", "composed", "mixed")
Wording = tuple[str, str]  # name of the counterparty and remittance text


@dataclass(frozen=True, slots=True)
class Names:
    """First names and family names of one origin, each of one word; every origin has equally many."""

    first: tuple[str, ...]
    last: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Proxy:
    """What is planted in histories, and what a swap writes in its place: wordings per origin, `placebo` among them."""

    reference: tuple[Wording, ...]
    origins: Mapping[str, tuple[Wording, ...]]
    amounts: tuple[str, ...]
    credit_debit_indicator: str
    bank_transaction_code: str


@dataclass(frozen=True, slots=True)
class Suite:
    """A version of the suite; `customers` and `planted` say how much of it is done, `examples` how much is shown."""

    version: str
    sha256: str
    customers: int
    planted: int
    examples: int
    reference: str
    names: Mapping[str, Names]
    spelling_origin: str
    ways: tuple[str, ...]
    proxies: Mapping[str, Proxy]

    @property
    def origins(self) -> tuple[str, ...]:
        """Origins of names other than the reference."""
        return tuple(origin for origin in self.names if origin != self.reference)


@cache
def default_suite() -> Suite:
    """The suite that ships with Levensloop."""
    return parse_suite(resources.files("training").joinpath("fairness/swaps.toml").read_text("utf-8"))


def parse_suite(text: str, *, source: str = "swaps.toml") -> Suite:
    """Build a suite from TOML text.

    Raises
    ------
    UnreadableDataError
        Not TOML, a part is missing, or the origins have unequally many names.
    """
    try:
        data = tomllib.loads(text)
        suite = _build(data)
    except tomllib.TOMLDecodeError as error:
        raise UnreadableDataError(f"{source} is not TOML: {error}") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnreadableDataError(f"{source} is not a swap suite: {type(error).__name__} at {error}.") from error
    sizes = {(len(names.first), len(names.last)) for names in suite.names.values()}
    if len(sizes) != 1 or not {suite.reference, suite.spelling_origin} <= set(suite.names):
        raise UnreadableDataError(
            f"{source}: give every origin equally many names, and names to the reference and the origin of spelling."
        )
    unknown = sorted(set(suite.ways) - set(WAYS))
    if unknown:
        raise UnreadableDataError(f"{source}: spelling {', '.join(unknown)} is none of {', '.join(WAYS)}.")
    return suite


def _build(data: Mapping[str, Any]) -> Suite:
    return Suite(
        version=str(data["version"]),
        sha256=canonical_sha256(dict(data)),
        customers=int(data["customers"]),
        planted=int(data["planted"]),
        examples=int(data["examples"]),
        reference=data["reference"],
        names={origin: Names(tuple(raw["first"]), tuple(raw["last"])) for origin, raw in data["names"].items()},
        spelling_origin=data["spelling"]["origin"],
        ways=tuple(data["spelling"]["ways"]),
        proxies={kind: _build_proxy(raw) for kind, raw in data["proxies"].items()},
    )


def _build_proxy(raw: Mapping[str, Any]) -> Proxy:
    return Proxy(
        reference=_wordings(raw["reference"]),
        origins={name: _wordings(one) for name, one in {PLACEBO: raw[PLACEBO], **raw["origins"]}.items()},
        amounts=tuple(raw["amounts"]),
        credit_debit_indicator=raw["credit_debit_indicator"],
        bank_transaction_code=raw["bank_transaction_code"],
    )


def _wordings(raw: Any) -> tuple[Wording, ...]:
    if not raw:
        raise ValueError("an empty list of wordings")
    return tuple((name, text) for name, text in raw)
