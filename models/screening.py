"""Screening: the second door, in front of every feature, training set, log and answer (owner: the review board).

A booking whose name or text tells who someone is, believes, loves, votes or suffers is stopped here. What stops it is
versioned data (`screening.toml`), not learned. One undifferentiated flag leaves this module: a reason kept per
customer would itself be the special-category data that is kept out.
"""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
import pyarrow as arrow
import pyarrow.compute as compute

from models.errors import UnreadableDataError
from models.screening_text import (
    PARTS_BREAK,
    as_arrow,
    compile_cut_words,
    compile_words,
    erase,
    is_one_of,
    join_spelled_letters,
    match,
    normalise_text,
    place_of_account,
    strip_prefixes,
    turn_around,
)
from models.taxonomy import canonical_sha256

Where = Literal["any", "name", "text"]
# What a booking is judged by. Everything else (dates, amounts, ids, balance) never enters.
READ_COLUMNS = (
    "counterparty_name",
    "remittance_information",
    "creditor_id",
    "counterparty_iban",
    "credit_debit_indicator",
    "bank_transaction_code",
    "purpose_code",
)


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that needs more than a word: `words` at `where`, with one of `also`, without any of `unless`."""

    words: str
    where: Where
    also: str
    unless: str


@dataclass(frozen=True, slots=True)
class Category:
    """One reason to stop a booking, compiled. `employer`: a salary from such a payer may pass (see `_spare_salary`)."""

    id: str
    employer: Literal["", "coded", "worded"]
    words: str
    name_words: str
    text_words: str
    cut_words: str
    whole_names: frozenset[str]
    creditor_ids: frozenset[str]
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Abroad:
    """What tells a transfer to or from outside SEPA, and a transfer to a person abroad."""

    home_country: str
    sepa_countries: frozenset[str]
    transfer_codes: frozenset[str]
    organisation_words: str
    text_patterns: str


@dataclass(frozen=True, slots=True)
class Persons:
    """What tells the name of a private person, whose words are not judged."""

    forms: str
    trade_words: str
    not_initials: str


@dataclass(frozen=True, slots=True)
class Salary:
    """What tells that a credit is a salary: codes always, words only where a category allows it."""

    transaction_codes: frozenset[str]
    purpose_codes: frozenset[str]
    words: str


@dataclass(frozen=True, slots=True)
class _Texts:
    """The parts of distinct bookings that are judged, normalised and with near misses erased."""

    name: arrow.Array
    text: arrow.Array
    whole: arrow.Array
    turned: arrow.Array
    turned_and_text: arrow.Array
    cut: arrow.Array
    both: arrow.Array


@dataclass(frozen=True)
class Screening:
    """A version of the screening data, ready to judge bookings.

    Attributes
    ----------
    version : str
        Version of the data, as in the file.
    sha256 : str
        Hash of the data as canonical JSON; a release carries it.
    """

    version: str
    sha256: str
    categories: tuple[Category, ...] = field(repr=False)
    near_misses: str = field(repr=False)
    persons: Persons = field(repr=False)
    card_prefixes: str = field(repr=False)
    cut_lengths: tuple[int, ...] = field(repr=False)
    abroad: Abroad = field(repr=False)
    salary: Salary = field(repr=False)
    generalised: tuple[tuple[str, str], ...] = field(repr=False)
    count_minimum: int = field(repr=False)

    def screen(self, frame: pd.DataFrame) -> np.ndarray:
        """Say which bookings must never reach a feature.

        Parameters
        ----------
        frame : DataFrame
            Bookings; of the bookings table only counterparty_name, remittance_information, creditor_id,
            counterparty_iban, credit_debit_indicator, bank_transaction_code and purpose_code are read, and any of
            them may be missing. The answer for a row depends on that row alone.

        Returns
        -------
        numpy array of bool, one per row
            True: screened. The category is not told, on purpose.
        """
        distinct, codes = _distinct(frame)
        return (self._judge(distinct) >= 0)[codes]

    def generalise(self, name: str) -> str:
        """The plain category (`groceries`, `school`, `membership`) that stands in for a telling name, else ""."""
        return str(self.generalise_names(pd.Series([name], dtype="str"))[0])

    def generalise_names(self, names: pd.Series) -> np.ndarray:
        """Per name the category that replaces it, or "". Who shops where stays out; that they shop stays in."""
        cleaned = strip_prefixes(normalise_text(as_arrow(names)), self.card_prefixes)
        found = np.full(len(names), "", dtype=object)
        for category, words in self.generalised:
            found[(found == "") & match(cleaned, words)] = category
        return found

    def is_salary(self, frame: pd.DataFrame) -> np.ndarray:
        """Credits marked as salary by their purpose code or transaction code; bool per row."""
        distinct, codes = _distinct(frame)
        return self._coded_salary(distinct)[codes]

    def count_by_category(self, frame: pd.DataFrame) -> dict[str, int]:
        """Screened bookings per category, for monitoring; aggregate only.

        A category is left out when it has fewer than `count_minimum` bookings, or stems from fewer than
        `count_minimum` customers where the frame says whose bookings they are.
        """
        distinct, codes = _distinct(frame)
        found = self._judge(distinct)[codes]
        customers = frame["customer_id"].to_numpy() if "customer_id" in frame else np.arange(len(frame))
        counts: dict[str, int] = {}
        for number, category in enumerate(self._category_ids):
            hit = found == number
            if hit.sum() >= self.count_minimum and len(set(customers[hit])) >= self.count_minimum:
                counts[category] = int(hit.sum())
        return counts

    @property
    def _category_ids(self) -> tuple[str, ...]:
        return (*(category.id for category in self.categories), "abroad")

    def _category_of(self, name: str = "", remittance: str = "", **columns: str) -> str:
        """The category that stops one booking, "" when none does; for tests and review, never per customer."""
        row = {"counterparty_name": name, "remittance_information": remittance, **columns}
        found = int(self._judge(_distinct(pd.DataFrame([row], dtype="str"))[0])[0])
        return self._category_ids[found] if found >= 0 else ""

    def _judge(self, bookings: pd.DataFrame) -> np.ndarray:
        """Number of the first category that stops each booking, -1 where none does."""
        found = np.full(len(bookings), -1)
        if not len(bookings):
            return found
        texts = self._prepare(bookings)
        coded = self._coded_salary(bookings)
        worded = coded | (_is_credit(bookings) & match(texts.text, self.salary.words))
        for number, category in enumerate(self.categories):
            hit_payer, hit_other = self._hits(category, texts, bookings)
            spared = _spare_salary(category, coded=coded, worded=worded)
            found[(found < 0) & (hit_other | (hit_payer & ~spared))] = number
        found[(found < 0) & self._is_abroad(bookings, texts)] = len(self.categories)
        return found

    def _prepare(self, bookings: pd.DataFrame) -> _Texts:
        raw_name = as_arrow(bookings["counterparty_name"])
        plain_name = strip_prefixes(normalise_text(raw_name), self.card_prefixes)
        plain_text = normalise_text(as_arrow(bookings["remittance_information"]))
        is_person = match(plain_name, self.persons.forms) & ~match(plain_name, self.persons.trade_words)
        is_person &= ~match(plain_name, self.persons.not_initials)
        judged_name = compute.if_else(arrow.array(is_person), "", plain_name)
        name = join_spelled_letters(erase(judged_name, self.near_misses))
        text = join_spelled_letters(erase(plain_text, self.near_misses))
        turned = turn_around(name)
        lengths = compute.utf8_length(raw_name)
        is_cut = compute.is_in(lengths, arrow.array(self.cut_lengths, lengths.type))
        return _Texts(
            name=name,
            text=text,
            whole=join_spelled_letters(plain_name),
            turned=turned,
            turned_and_text=arrow.concat_arrays([turned, text]),
            cut=compute.if_else(is_cut, name, ""),
            both=compute.binary_join_element_wise(name, text, PARTS_BREAK),
        )

    def _hits(self, category: Category, texts: _Texts, bookings: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Bookings stopped by who the counterparty is, and those stopped by anything else."""
        # One call for names and texts: compiling the pattern is what costs time when the bookings are few.
        by_words = match(texts.turned_and_text, category.words)
        payer = by_words[: len(bookings)] | match(texts.turned, category.name_words)
        payer |= match(texts.cut, category.cut_words) | is_one_of(texts.whole, category.whole_names)
        creditor_ids = compute.utf8_upper(as_arrow(bookings["creditor_id"]))
        other = by_words[len(bookings) :] | match(texts.text, category.text_words)
        other |= is_one_of(creditor_ids, category.creditor_ids)
        for rule in category.rules:
            if rule.where == "name":
                payer |= _applies(rule, texts.name, texts.both)
            elif rule.where == "text":
                other |= _applies(rule, texts.text, texts.both)
            else:
                other |= _applies(rule, texts.both, texts.both)
        return payer, other

    def _coded_salary(self, bookings: pd.DataFrame) -> np.ndarray:
        coded = bookings["bank_transaction_code"].isin(self.salary.transaction_codes)
        coded = coded | bookings["purpose_code"].isin(self.salary.purpose_codes)
        return coded.to_numpy(dtype=bool) & _is_credit(bookings)

    def _is_abroad(self, bookings: pd.DataFrame, texts: _Texts) -> np.ndarray:
        """Outside SEPA in either direction, or a transfer to somebody abroad who is not plainly an organisation.

        Only a series could show that a transfer abroad is a fixed one; then an earlier booking would be judged by
        later ones. So every transfer of that kind is stopped, the first one too.
        """
        place = place_of_account(
            as_arrow(bookings["counterparty_iban"]),
            home_country=self.abroad.home_country,
            sepa_countries=self.abroad.sepa_countries,
        )
        is_transfer = bookings["bank_transaction_code"].isin(self.abroad.transfer_codes).to_numpy(dtype=bool)
        is_transfer = is_transfer & (bookings["creditor_id"] == "").to_numpy(dtype=bool) & ~_is_credit(bookings)
        to_person = (place == "sepa") & is_transfer & ~match(texts.name, self.abroad.organisation_words)
        return (place == "outside") | to_person | match(texts.text, self.abroad.text_patterns)


@cache
def default_screening() -> Screening:
    """The screening that ships with Levensloop."""
    return parse_screening(resources.files("models").joinpath("screening.toml").read_text("utf-8"))


def load_screening(path: str | Path) -> Screening:
    """Read a screening file.

    Raises
    ------
    UnreadableDataError
        Not there, not TOML, or not a screening.
    """
    path = Path(path)
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableDataError(f"{path.name} cannot be read. Give a screening in TOML.") from error
    return parse_screening(text, source=path.name)


def parse_screening(text: str, *, source: str = "screening") -> Screening:
    """Build a screening from TOML text; every fault in the data is an UnreadableDataError."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UnreadableDataError(f"{source} is not TOML: {error}") from error
    try:
        return _build(data)
    except (KeyError, TypeError, ValueError, AttributeError, arrow.ArrowInvalid) as error:
        raise UnreadableDataError(
            f"{source} is not a screening: {type(error).__name__} at {error}. See the head of screening.toml."
        ) from error


def _build(data: dict[str, Any]) -> Screening:
    if not data["category"]:
        raise ValueError("category, which is empty")
    lists = {name: _one_of(words) for name, words in data.get("list", {}).items()}
    patterns = [_fill(pattern, lists) for group in data["near_miss"] for pattern in group["patterns"]]
    screening = Screening(
        version=str(data["version"]),
        sha256=canonical_sha256(data),
        categories=tuple(_build_category(raw) for raw in data["category"]),
        near_misses=_any_pattern(patterns),
        persons=_build_persons(data["persons"], lists),
        card_prefixes=_one_of(data["card_prefixes"]),
        cut_lengths=tuple(int(length) for length in data["cut_lengths"]),
        abroad=_build_abroad(data["abroad"]),
        salary=_build_salary(data["salary"]),
        generalised=tuple((str(raw["id"]), compile_words(raw["words"])) for raw in data["generalise"]),
        count_minimum=int(data["count_minimum"]),
    )
    screening.screen(pd.DataFrame({"counterparty_name": ["a"]}, dtype="str"))  # faulty patterns fail here, not later
    return screening


def _build_category(raw: dict[str, Any]) -> Category:
    unknown = set(raw) - {
        "id", "why", "source", "marker", "employer", "words", "name_words", "text_words", "whole_names",
        "creditor_ids", "rule",
    }  # fmt: skip
    if unknown:
        raise ValueError(f"{raw['id']}: unknown {', '.join(sorted(unknown))}")
    if not raw["why"] or not raw["source"]:
        raise ValueError(f"{raw['id']}: a category says why it is there and its source")
    words = list(raw.get("words", []))
    name_words = list(raw.get("name_words", []))
    return Category(
        id=str(raw["id"]),
        employer=raw.get("employer", ""),
        words=compile_words(words),
        name_words=compile_words(name_words),
        text_words=compile_words(raw.get("text_words", [])),
        cut_words=compile_cut_words(words + name_words),
        whole_names=frozenset(raw.get("whole_names", [])),
        creditor_ids=frozenset(raw.get("creditor_ids", [])),
        rules=tuple(_build_rule(rule) for rule in raw.get("rule", [])),
    )


def _build_rule(raw: dict[str, Any]) -> Rule:
    where = raw.get("where", "any")
    if where not in get_args(Where):
        raise ValueError(f"where = {where}")
    also, unless = raw.get("also", []), raw.get("unless", [])
    return Rule(words=compile_words(raw["words"]), where=where, also=compile_words(also), unless=compile_words(unless))


def _build_abroad(raw: dict[str, Any]) -> Abroad:
    return Abroad(
        home_country=str(raw["home_country"]),
        sepa_countries=frozenset(raw["sepa_countries"]),
        transfer_codes=frozenset(raw["transfer_codes"]),
        organisation_words=compile_words(raw["organisation_words"]),
        text_patterns=_any_pattern(raw["text_patterns"]),
    )


def _build_persons(raw: dict[str, Any], lists: dict[str, str]) -> Persons:
    return Persons(
        forms=_any_pattern(_fill(pattern, lists) for pattern in raw["forms"]),
        trade_words=compile_words(raw["trade_words"]),
        not_initials=_any_pattern(raw["not_initials"]),
    )


def _build_salary(raw: dict[str, Any]) -> Salary:
    return Salary(
        transaction_codes=frozenset(raw["transaction_codes"]),
        purpose_codes=frozenset(raw["purpose_codes"]),
        words=compile_words(raw["words"]),
    )


def _fill(pattern: str, lists: dict[str, str]) -> str:
    for name, words in lists.items():
        pattern = pattern.replace(f"<{name}>", words)
    if "<" in pattern:
        raise ValueError(f"a list that is not there in {pattern}")
    return pattern


def _one_of(words: Iterable[str]) -> str:
    """An alternation; words of lists for near misses may hold patterns."""
    return "(?:" + "|".join(words) + ")"


def _any_pattern(patterns: Iterable[str]) -> str:
    return "|".join(f"(?:{pattern})" for pattern in patterns)


def _distinct(frame: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray]:
    """The distinct bookings as far as they are judged, and for each row which of them it is."""
    absent = pd.Series("", index=range(len(frame)), dtype="str")
    present = frame.reset_index(drop=True)
    texts = pd.DataFrame({name: present.get(name, absent).astype("str").fillna("") for name in READ_COLUMNS})
    texts["counterparty_iban"] = texts["counterparty_iban"].str.replace(r"[\s.]", "", regex=True).str.upper()
    codes = texts.groupby(list(READ_COLUMNS), sort=False, dropna=False).ngroup().to_numpy()
    firsts = np.unique(codes, return_index=True)[1]
    return texts.iloc[firsts].reset_index(drop=True), codes


def _is_credit(bookings: pd.DataFrame) -> np.ndarray:
    return np.asarray((bookings["credit_debit_indicator"] == "CRDT").to_numpy(), dtype=bool)


def _applies(rule: Rule, part: arrow.Array, both: arrow.Array) -> np.ndarray:
    hit = match(part, rule.words)
    if hit.any() and rule.also:
        hit &= match(both, rule.also)
    if hit.any() and rule.unless:
        hit &= ~match(both, rule.unless)
    return hit


def _spare_salary(category: Category, *, coded: np.ndarray, worded: np.ndarray) -> np.ndarray:
    """Credits that pass although the payer is of this category, because they are salary.

    The flag "this is a salary" may stay and the name is dropped for all payers, so people who work for a church, a
    mosque, a union or a hospital keep the events that salaries show. Where the payer hints at belief, only the bank's
    own code counts ("coded"); for care employers, whose staff say nothing about their own health, words do ("worded").
    """
    return {"coded": coded, "worded": worded, "": np.zeros_like(coded)}[category.employer]
