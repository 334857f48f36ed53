"""Screening: the second door, in front of every feature, training set, log and answer (owner: the review board).

A booking whose name or text tells who someone is, believes, loves, votes or suffers is stopped here. What stops it is
versioned data (`screening.toml`), not learned. One undifferentiated flag leaves this module: a reason kept per
customer would itself be the special-category data that is kept out.
"""

import tomllib
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as arrow
import pyarrow.compute as compute

from models.errors import UnreadableDataError
from models.screening_rules import (
    Abroad,
    Category,
    Persons,
    Rule,
    Salary,
    any_pattern,
    build_abroad,
    build_category,
    build_persons,
    build_salary,
    fill,
    one_of,
)
from models.screening_sieve import Sieve, build_sieve
from models.screening_text import (
    PARTS_BREAK,
    as_arrow,
    compile_words,
    encode,
    erase,
    is_one_of,
    join_spelled_letters,
    level_digits,
    match,
    normalise_text,
    place_of_account,
    strip_prefixes,
    turn_around,
)
from models.taxonomy import canonical_sha256

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

PASSES, NAMELESS, STOPPED = range(3)
_SPARED = -2  # a number below those of categories, as -1 for no category

# Bookings from which the sieve saves more than it costs: RE2 learns its large patterns anew for every frame (measured:
# twice the time at 30 bookings, equal at 8,000, less than half at 100,000).
_SIEVED_FROM = 10_000


@dataclass(frozen=True, slots=True)
class _Part:
    """One part of bookings (name or text): its distinct values in which a word of a category may stand, normalised.

    `at` is the value of each booking, -1 where no such word can stand.
    """

    values: arrow.Array
    at: np.ndarray

    def rows(self, flags: np.ndarray) -> np.ndarray:
        """Bookings whose value is flagged."""
        return np.append(flags, False)[self.at]


@dataclass(frozen=True, slots=True)
class _Suspects:
    """Bookings (a mask each) that hold anything of what a rule looks for: anywhere, in their name, in their text."""

    any: np.ndarray
    by_name: np.ndarray
    by_text: np.ndarray

    def of(self, rows: np.ndarray) -> "_Suspects":
        """The masks of these bookings."""
        return _Suspects(self.any[rows], self.by_name[rows], self.by_text[rows])


@dataclass(frozen=True, slots=True)
class _Names:
    """What the names of `_Part` become: with their words in other orders, and whole.

    `cut` are those (positions) that end where banks cut, in the beginning of a word of any category.
    """

    turned: arrow.Array
    whole: arrow.Array
    cut: np.ndarray
    cut_names: arrow.Array


@dataclass(frozen=True, slots=True)
class _Found:
    """Bookings with the words of a category: of who the counterparty is, of the text, and of each of its rules."""

    payer: np.ndarray
    other: np.ndarray
    rules: list[np.ndarray]


@dataclass(frozen=True, slots=True)
class _Whole:
    """Judged names and texts of the bookings that one word does not decide; `place` is that of each booking there."""

    names: arrow.Array
    texts: arrow.Array
    place: np.ndarray

    def in_names(self, pattern: str, rows: np.ndarray) -> np.ndarray:
        """Which of these bookings hold the pattern in their name."""
        return match(self.names.take(arrow.array(self.place[rows])), pattern)

    def in_texts(self, pattern: str, rows: np.ndarray) -> np.ndarray:
        """Which of these bookings hold the pattern in their text."""
        return match(self.texts.take(arrow.array(self.place[rows])), pattern)

    def anywhere(self, pattern: str, rows: np.ndarray) -> np.ndarray:
        """Which of these bookings hold the pattern in either."""
        at = arrow.array(self.place[rows])
        return match(compute.binary_join_element_wise(self.names.take(at), self.texts.take(at), PARTS_BREAK), pattern)


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
    sieve: Sieve = field(repr=False)
    near_misses: str = field(repr=False)
    persons: Persons = field(repr=False)
    card_prefixes: str = field(repr=False)
    cut_lengths: tuple[int, ...] = field(repr=False)
    abroad: Abroad = field(repr=False)
    salary: Salary = field(repr=False)
    generalised: tuple[tuple[str, str, str], ...] = field(repr=False)
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
        return self.judge(frame) == STOPPED

    def judge(self, frame: pd.DataFrame) -> np.ndarray:
        """As `screen`, and of which bookings nothing but that they are pay may be read; PASSES, NAMELESS or STOPPED.

        NAMELESS is a salary whose payer would be stopped: its name tells where somebody works, and a text can tell it
        in more ways than a name can be taken out of it.
        """
        found = self._find(frame)
        return np.select([found >= 0, found == _SPARED], [STOPPED, NAMELESS], PASSES)

    def generalise(self, name: str) -> str:
        """The plain category (`groceries`, `school`, `membership`) that stands in for a telling name, else ""."""
        return str(self.generalise_names(pd.Series([name], dtype="str"))[0])

    def generalise_names(self, names: pd.Series) -> np.ndarray:
        """Per name the category that replaces it, or "". Who shops where stays out; that they shop stays in."""
        distinct, at = encode(as_arrow(names))
        cleaned = self._plain_names(distinct)
        found = np.full(len(distinct), "", dtype=object)
        for category, words, unless in self.generalised:
            found[(found == "") & match(cleaned, words) & ~match(cleaned, unless)] = category
        return np.asarray(found[at])

    def is_salary(self, frame: pd.DataFrame) -> np.ndarray:
        """Credits marked as salary by their purpose code or transaction code; bool per row."""
        return self._coded_salary(_read_columns(frame))

    def count_by_category(self, frame: pd.DataFrame) -> dict[str, int]:
        """Screened bookings per category, for monitoring; aggregate only.

        A category is left out when it has fewer than `count_minimum` bookings, or stems from fewer than
        `count_minimum` customers where the frame says whose bookings they are.
        """
        found = self._find(frame)
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
        found = int(self._find(pd.DataFrame([row], dtype="str"))[0])
        return self._category_ids[found] if found >= 0 else ""

    def _find(self, frame: pd.DataFrame) -> np.ndarray:
        """Number of the first category that stops each booking, -1 where none does, _SPARED where it is pay."""
        bookings = _read_columns(frame)
        if len(bookings) < _SIEVED_FROM:
            distinct, at = _distinct(bookings)
            return self._judge(distinct)[at]
        found, suspects = np.full(len(bookings), -1), self._suspects(bookings)
        rows = np.flatnonzero(suspects.any)
        distinct, at = _distinct(bookings.iloc[rows])
        first = rows[np.unique(at, return_index=True)[1]]
        found[rows] = self._judge(distinct, suspects.of(first))[at]
        return found

    def _suspects(self, bookings: pd.DataFrame) -> _Suspects:
        """Bookings that may be stopped.

        Each distinct value is looked at once, texts that differ in their digits alone as one.
        """
        names, name_at = encode(as_arrow(bookings["counterparty_name"]))
        plain = self._plain_names(names)
        judged = self._judged_names(plain)
        by_name = match(turn_around(judged), self.sieve.name)
        cut = np.flatnonzero(self._are_cut(names))
        by_name[cut] |= self.sieve.cut.end(judged.take(cut))
        by_name |= is_one_of(_whole_names(plain), self.sieve.whole_names)
        texts, text_at = encode(as_arrow(bookings["remittance_information"]))
        if self.sieve.is_digit_blind:
            texts, at = encode(level_digits(texts))
            text_at = at[text_at]
        said = self._judged_texts(texts)
        by_text = match(said, self.sieve.text) | match(said, self.abroad.text_patterns)
        accounts, account_at = encode(as_arrow(bookings["counterparty_iban"]))
        by_account = np.isin(self._places(accounts), ("sepa", "outside"))
        creditors, creditor_at = encode(as_arrow(bookings["creditor_id"]))
        by_creditor = is_one_of(compute.utf8_upper(creditors), self.sieve.creditor_ids)
        named, told = by_name[name_at], by_text[text_at]
        return _Suspects(named | told | by_account[account_at] | by_creditor[creditor_at], named, told)

    def _judge(self, bookings: pd.DataFrame, suspects: _Suspects | None = None) -> np.ndarray:
        """Number of the first category that stops each booking, -1 where none does, _SPARED where it is pay.

        Without `suspects` every name and every text may hold a word of a category.
        """
        if not len(bookings):
            return np.full(0, -1)
        everything = np.ones(len(bookings), dtype=bool)
        raw_names, at = _may_hold(bookings["counterparty_name"], suspects.by_name if suspects else everything)
        plain = self._plain_names(raw_names)
        name = _Part(self._judged_names(plain), at)
        cut = np.flatnonzero(self._are_cut(raw_names))
        cut = cut[self.sieve.cut.end(name.values.take(cut))]
        names = _Names(turn_around(name.values), _whole_names(plain), cut, name.values.take(cut))
        raw_texts, at = _may_hold(bookings["remittance_information"], suspects.by_text if suspects else everything)
        text = _Part(self._judged_texts(raw_texts), at)
        hits = [self._hits(category, name, names, text) for category in self.categories]
        to_person = self._goes_abroad(bookings)
        whole = self._whole_of(bookings, self._undecided(hits, bookings) | to_person)
        found = self._first_category(bookings, hits, whole)
        rows = np.flatnonzero(to_person)
        to_person[rows] = ~whole.in_names(self.abroad.organisation_words, rows)
        outside = self._places(as_arrow(bookings["counterparty_iban"])) == "outside"
        told = text.rows(match(text.values, self.abroad.text_patterns))
        found[(found < 0) & (outside | to_person | told)] = len(self.categories)
        return found

    def _first_category(self, bookings: pd.DataFrame, hits: list[_Found], whole: _Whole) -> np.ndarray:
        """Number of the first category whose words stop each booking, -1 where none does, _SPARED where it is pay."""
        coded, credit = self._coded_salary(bookings), _is_credit(bookings)
        creditor_ids = compute.utf8_upper(as_arrow(bookings["creditor_id"]))
        found, stopped = np.full(len(bookings), -1), []
        for category, hit in zip(self.categories, hits, strict=True):
            payer, other = hit.payer, hit.other | is_one_of(creditor_ids, category.creditor_ids)
            for rule, said in zip(category.rules, hit.rules, strict=True):
                kept = _narrow(rule, said, whole)
                payer, other = (payer | kept, other) if rule.where == "name" else (payer, other | kept)
            stopped.append((payer, other, self._spare_salary(category, payer & credit, coded, whole)))
        silent = self._are_silent(bookings, [payer & other & spared for payer, other, spared in stopped])
        for number, (payer, other, spared) in enumerate(stopped):
            only_payer = payer & spared & silent
            found[(found < 0) & ((other & ~only_payer) | (payer & ~spared))] = number
        pay = np.logical_or.reduce([payer & spared for payer, _, spared in stopped])
        found[(found < 0) & pay] = _SPARED
        return found

    def _undecided(self, hits: list[_Found], bookings: pd.DataFrame) -> np.ndarray:
        """Bookings of which more must be read than the word that was found."""
        undecided, credit = np.zeros(len(bookings), dtype=bool), _is_credit(bookings)
        for category, hit in zip(self.categories, hits, strict=True):
            for rule, said in zip(category.rules, hit.rules, strict=True):
                if rule.also or rule.unless or category.employer == "worded":
                    undecided |= said
            if category.employer == "worded":
                undecided |= hit.payer & credit
        return undecided

    def _whole_of(self, bookings: pd.DataFrame, wanted: np.ndarray) -> _Whole:
        rows = np.flatnonzero(wanted)
        place = np.full(len(wanted), -1)
        place[rows] = np.arange(len(rows))
        names, name_at = encode(as_arrow(bookings["counterparty_name"].iloc[rows]))
        names = self._judged_names(self._plain_names(names)).take(arrow.array(name_at))
        return _Whole(names, self._judged_texts(as_arrow(bookings["remittance_information"].iloc[rows])), place)

    def _plain_names(self, raw: arrow.Array) -> arrow.Array:
        return strip_prefixes(normalise_text(raw), self.card_prefixes)

    def _judged_names(self, plain: arrow.Array) -> arrow.Array:
        """Names without near misses, "" for those of private persons."""
        is_person = match(plain, self.persons.forms) & ~match(plain, self.persons.trade_words)
        is_person &= ~match(plain, self.persons.not_initials)
        return join_spelled_letters(erase(compute.if_else(arrow.array(is_person), "", plain), self.near_misses))

    def _judged_texts(self, raw: arrow.Array) -> arrow.Array:
        return join_spelled_letters(erase(normalise_text(raw), self.near_misses))

    def _are_cut(self, raw: arrow.Array) -> arrow.Array:
        lengths = compute.utf8_length(raw)
        return compute.is_in(lengths, arrow.array(self.cut_lengths, lengths.type))

    def _places(self, accounts: arrow.Array) -> np.ndarray:
        accounts = compute.utf8_upper(compute.replace_substring_regex(accounts, r"[\s.]", ""))
        return place_of_account(
            accounts, home_country=self.abroad.home_country, sepa_countries=self.abroad.sepa_countries
        )

    def _hits(self, category: Category, name: _Part, names: _Names, text: _Part) -> _Found:
        # One call for names and texts: compiling the pattern is what costs time when the bookings are few.
        by_words = match(arrow.concat_arrays([names.turned, text.values]), category.words)
        payer, other = by_words[: len(names.turned)], by_words[len(names.turned) :]
        payer = payer | match(names.turned, category.name_words)
        payer[names.cut] |= category.cut_words.end(names.cut_names)
        payer |= is_one_of(names.whole, category.whole_names)
        other = other | match(text.values, category.text_words)
        return _Found(name.rows(payer), text.rows(other), [_hits_rule(rule, name, text) for rule in category.rules])

    def _spare_salary(self, category: Category, paid: np.ndarray, coded: np.ndarray, whole: _Whole) -> np.ndarray:
        """Credits that pass although the payer is of this category, because they are salary.

        The flag "this is a salary" may stay and the name is dropped for all payers, so people who work for a church, a
        mosque, a union or a hospital keep the events that salaries show (domain specification 2, payer of salary).
        Where a word for pay is rather a prize or that of a prisoner, only the bank's own code tells it ("coded").
        """
        if not category.employer:
            return np.zeros_like(coded)
        spared = coded.copy()
        if category.employer == "worded":
            rows = np.flatnonzero(paid)
            spared[rows] |= whole.in_texts(self.salary.words, rows) & ~whole.in_texts(self.salary.unless, rows)
        return spared

    def _are_silent(self, bookings: pd.DataFrame, salaries: list[np.ndarray]) -> np.ndarray:
        """Which of these salaries (a mask per category) are stopped by nothing but their payer's name.

        Many banks write the name of the payer in the text once more; that makes it no text about the customer.
        """
        silent = np.logical_or.reduce(salaries)
        rows = np.flatnonzero(silent)
        if len(rows):
            silent[rows] = self._judge(self._without_payers(bookings.iloc[rows])) < 0
        return silent

    def _without_payers(self, bookings: pd.DataFrame) -> pd.DataFrame:
        """These bookings with nobody's name, in their texts either. What goes on behind a name that was cut stays."""
        columns = (as_arrow(bookings[name]) for name in ("counterparty_name", "remittance_information"))
        parts = zip(*(normalise_text(column).to_pylist() for column in columns), strict=True)
        rest = [f" {text} ".replace(f" {name} ", f" {PARTS_BREAK} ") for name, text in parts]
        return bookings.assign(counterparty_name="", remittance_information=rest)

    def _coded_salary(self, bookings: pd.DataFrame) -> np.ndarray:
        coded = bookings["bank_transaction_code"].isin(self.salary.transaction_codes)
        coded = coded | bookings["purpose_code"].isin(self.salary.purpose_codes)
        return coded.to_numpy(dtype=bool) & _is_credit(bookings)

    def _goes_abroad(self, bookings: pd.DataFrame) -> np.ndarray:
        """Transfers to an account abroad: stopped where whoever gets it is not plainly an organisation.

        Only a series could show that a transfer abroad is a fixed one; then an earlier booking would be judged by
        later ones. So every transfer of that kind is stopped, the first one too.
        """
        abroad = self._places(as_arrow(bookings["counterparty_iban"])) == "sepa"
        is_transfer = bookings["bank_transaction_code"].isin(self.abroad.transfer_codes).to_numpy(dtype=bool)
        is_transfer = is_transfer & (bookings["creditor_id"] == "").to_numpy(dtype=bool) & ~_is_credit(bookings)
        return np.asarray(abroad & is_transfer)


def _whole_names(plain: arrow.Array) -> arrow.Array:
    """Whole names, of who is paid through somebody else (`Shop via Adyen`) without the other one."""
    return join_spelled_letters(compute.replace_substring_regex(plain, r" via .*$", ""))


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


@lru_cache(maxsize=4)  # the champion and the release before it; who opens one again does not build it again
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
    lists = {name: one_of(words) for name, words in data.get("list", {}).items()}
    patterns = [fill(pattern, lists) for group in data["near_miss"] for pattern in group["patterns"]]
    screening = Screening(
        version=str(data["version"]),
        sha256=canonical_sha256(data),
        categories=tuple(build_category(raw) for raw in data["category"]),
        sieve=build_sieve(
            data["category"],
            data.get("ordinary_words", []),
            same=(any_pattern(patterns), any_pattern(data["abroad"]["text_patterns"])),
        ),
        near_misses=any_pattern(patterns),
        persons=build_persons(data["persons"], lists),
        card_prefixes=one_of(data["card_prefixes"]),
        cut_lengths=tuple(int(length) for length in data["cut_lengths"]),
        abroad=build_abroad(data["abroad"]),
        salary=build_salary(data["salary"]),
        generalised=tuple(
            (str(raw["id"]), compile_words(raw["words"]), compile_words(raw.get("unless", ())))
            for raw in data["generalise"]
        ),
        count_minimum=int(data["count_minimum"]),
    )
    anything = _read_columns(pd.DataFrame({"counterparty_name": ["a"]}, dtype="str"))
    screening._suspects(anything), screening._judge(anything)  # faulty patterns fail here, not later
    return screening


def _read_columns(frame: pd.DataFrame) -> pd.DataFrame:
    """What is read of the bookings, "" for what is missing."""
    absent = pd.Series("", index=range(len(frame)), dtype="str")
    present = frame.reset_index(drop=True)
    return pd.DataFrame({name: present.get(name, absent).astype("str").fillna("") for name in READ_COLUMNS})


def _distinct(bookings: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray]:
    """The distinct bookings as far as they are judged, and for each row which of them it is."""
    at = bookings.groupby(list(READ_COLUMNS), sort=False, dropna=False).ngroup().to_numpy()
    firsts = np.unique(at, return_index=True)[1]
    return bookings.iloc[firsts].reset_index(drop=True), at


def _is_credit(bookings: pd.DataFrame) -> np.ndarray:
    return np.asarray((bookings["credit_debit_indicator"] == "CRDT").to_numpy(), dtype=bool)


def _hits_rule(rule: Rule, name: _Part, text: _Part) -> np.ndarray:
    """Bookings with a word of a rule where it looks for one."""
    said = (
        name.rows(match(name.values, rule.words)) if rule.where != "text" else text.rows(match(text.values, rule.words))
    )
    return said | text.rows(match(text.values, rule.words)) if rule.where == "any" else said


def _narrow(rule: Rule, said: np.ndarray, whole: _Whole) -> np.ndarray:
    """Of the bookings with a word of a rule those with one of its other words, and none that speaks against it."""
    if not (rule.also or rule.unless) or not said.any():
        return said
    rows, kept = np.flatnonzero(said), np.zeros_like(said)
    kept[rows] = whole.anywhere(rule.also, rows) if rule.also else True
    kept[rows] &= ~whole.anywhere(rule.unless, rows)
    return kept


def _may_hold(texts: pd.Series, flags: np.ndarray) -> tuple[arrow.Array, np.ndarray]:
    """The distinct texts of the flagged bookings, and for each booking which of them it has (-1: it is not flagged)."""
    rows = np.flatnonzero(flags)
    distinct, place = encode(as_arrow(texts.iloc[rows]))
    at = np.full(len(flags), -1)
    at[rows] = place
    return distinct, at
