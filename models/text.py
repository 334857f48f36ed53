"""What a booking says, in words that bookings share: roles instead of names, concepts beside words.

A counterparty's name counts only with evidence that it is a company; everyone else is a person, whose name never leaves
this module. Written by hand because no library knows Dutch statement boilerplate, and the masking has to be exact.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as arrow
import pyarrow.compute as compute

from models.counterparties import Names, NamesRead, read_names
from models.lexicon import Lexicon, default_lexicon
from models.named_parts import take_out_names
from models.payments import is_credit, is_direct_debit, kind_codes
from models.phrases import WordTable
from models.ragged import Ragged, distinct_in_rows, join_rows
from models.statements.codes import KINDS
from models.words import level_texts, split_words, text_column

TEXT_COLUMNS = ("counterparty_name", "remittance_information")
PARTIES = ("none", "person", "payer", "company")
_NOBODY, _PERSON, _PAYER, _COMPANY = range(len(PARTIES))
_PLAIN, _MERCHANT, _CREDIT, _SALARY, _ONLINE, _LONG_ONLINE = range(6)  # what a booking's codes say of its other side
_MERCHANT_KINDS = [KINDS.index(kind) for kind in ("CARD", "CASH", "FEE", "INTERNAL")]
_CUT_FROM = 23  # characters: banks cut names at 24, 27, 32 or 35 (domain specification), and a space behind goes too
_REQUEST = "payment_request"
_UNKNOWN = ""  # stands for a word that may not be read


@dataclass(frozen=True)
class Texts:
    """The distinct texts of a bookings frame and which booking has which (`at`, one index per booking).

    `table` has the word of each number. Per distinct text: `merchant`, words of an organisation's name; `spoken`, words
    of the remittance text; `concepts`, what both speak to, sorted, as positions in `Lexicon.concepts`; `party`, a
    position in PARTIES; `persons`, words of a name that is masked (only to keep them out of a vocabulary).
    """

    table: list[str]
    merchant: Ragged
    spoken: Ragged
    concepts: Ragged
    party: np.ndarray
    persons: Ragged
    at: np.ndarray

    def speaks_to(self, concept: str) -> np.ndarray:
        """Whether each booking's text speaks to a concept, one bool per booking."""
        number = default_lexicon().concepts.index(concept)
        return np.asarray(self.concepts.any(self.concepts.flat == number)[self.at])


def read_texts(bookings: pd.DataFrame, *, names: Names) -> Texts:
    """Words, concepts and party of every booking; the work is done once per distinct text."""
    lexicon = default_lexicon()
    columns, at = _distinct_pairs(*(text_column(bookings, name) for name in TEXT_COLUMNS))
    (named, name_at), (told, told_at) = map(_level_distinct, _without_names(*columns, names=names))
    name_at, told_at = name_at[at], told_at[at]
    words, (name_words, told_words) = split_words(named, told)
    told_words, words = _complete_lasts(told_words, words, lexicon)
    name_words, words = _complete_lasts(name_words, words, lexicon)
    words.append(_UNKNOWN)
    table = WordTable(words)
    read = read_names(name_words, table, lexicon, mode=names)
    keys = np.stack([name_at, told_at, _evidence(bookings)])
    (name, text, evidence), at = _distinct_columns(keys)
    told_concepts = _concepts(told_words, table, lexicon)
    salary = told_concepts.any(told_concepts.flat == lexicon.concepts.index("salary"))
    party = np.full(len(name), _COMPANY) if names == "as_merchants" else _party(read, name, evidence, salary[text])
    company = party == _COMPANY
    persons = read.words.take(name).keep_rows(~company)
    themselves = read.itself.take(name).keep_rows(~company)
    # Who pays a person through iDEAL was asked to; in a transfer an app is told only where no name can push it out.
    asked = (read.app_first[name] | np.isin(evidence, (_ONLINE, _LONG_ONLINE))) & (party == _PERSON)
    request = Ragged(np.full(asked.sum(), lexicon.concepts.index(_REQUEST)), np.append(0, np.cumsum(asked)))
    named_concepts = _concepts(read.merchant, table, lexicon).take(name).keep_rows(company)
    said, repeats = _without_own_name(told_words.take(text), themselves, table=table)
    told_concepts = join_rows(
        told_concepts.take(text).keep_rows(~repeats), _concepts(said.keep_rows(repeats), table, lexicon)
    )
    concepts = join_rows(told_concepts, named_concepts, request)
    noise = table.is_in(lexicon.noise)
    merchant = read.merchant.take(name).keep_rows(company)
    spoken = said.where(~noise[said.flat])
    if names == "as_merchants":  # such sets put the merchant into either column
        merchant, spoken = join_rows(merchant, said), spoken.keep_rows(~company)
    return Texts(
        table=words,
        merchant=merchant,
        spoken=spoken,
        concepts=distinct_in_rows(concepts, below=len(lexicon.concepts)),
        party=party,
        persons=persons,
        at=at,
    )


def _distinct_pairs(names: arrow.Array, texts: arrow.Array) -> tuple[tuple[arrow.Array, arrow.Array], np.ndarray]:
    """The distinct pairs of a name and a text in order of appearance, and which of them each booking has."""
    named, told = names.dictionary_encode(), texts.dictionary_encode()
    size = max(len(told.dictionary), 1)
    at, pairs = pd.factorize(named.indices.to_numpy().astype(np.int64) * size + told.indices.to_numpy())
    distinct = named.dictionary.take(arrow.array(pairs // size)), told.dictionary.take(arrow.array(pairs % size))
    return distinct, at


def _level_distinct(texts: arrow.Array) -> tuple[arrow.Array, np.ndarray]:
    """The distinct levelled texts, and which of them each text is; each distinct text is levelled once."""
    raw = texts.dictionary_encode()
    levelled = level_texts(raw.dictionary).dictionary_encode()
    return levelled.dictionary, levelled.indices.to_numpy()[raw.indices.to_numpy()]


def _without_names(names_column: arrow.Array, texts: arrow.Array, *, names: Names) -> tuple[arrow.Array, arrow.Array]:
    return (names_column, texts) if names == "as_merchants" else take_out_names(names_column, texts)


def _without_own_name(said: Ragged, persons: Ragged, *, table: WordTable) -> tuple[Ragged, np.ndarray]:
    """Texts in which the name of the private person beside them is an unknown word, and which texts repeated it.

    Unknown rather than gone, so that a text reads alike whether the name in it is that of its counterparty or not.
    """
    size = len(table.words)
    own = np.isin(said.rows * size + said.flat, persons.rows * size + persons.flat)
    return Ragged(np.where(own, table.words.index(_UNKNOWN), said.flat), said.starts), said.any(own)


def _evidence(bookings: pd.DataFrame) -> np.ndarray:
    """What the codes of each booking say of its other side.

    iDEAL pays shops, and friends through a payment request. A name as long as banks cut may have lost the end that
    tells them apart, so that there iDEAL says nothing: the longer a name, the sooner it would be read.
    """
    kinds, credit = kind_codes(bookings), is_credit(bookings)
    lengths = compute.utf8_length(text_column(bookings, "counterparty_name"))
    online = np.where(np.asarray(lengths) < _CUT_FROM, _ONLINE, _LONG_ONLINE)
    evidence = np.where(kinds == KINDS.index("IDEAL"), online, _PLAIN)
    evidence = np.where(is_direct_debit(bookings, kinds) | np.isin(kinds, _MERCHANT_KINDS), _MERCHANT, evidence)
    evidence = np.where((kinds == KINDS.index("SALARY")) & credit, _SALARY, evidence)
    return np.where((evidence == _PLAIN) & credit, _CREDIT, evidence)


def _party(names: NamesRead, name: np.ndarray, evidence: np.ndarray, salary: np.ndarray) -> np.ndarray:
    """Who the other side is, per distinct text; payers of salary stay unnamed too."""
    paid = (evidence == _SALARY) | ((evidence == _CREDIT) & salary)
    proven = (evidence == _MERCHANT) | ((evidence == _ONLINE) & ~names.personal[name]) | names.company[name]
    party = np.where(proven & ~names.requested[name], _COMPANY, _PERSON)
    party = np.where(paid, _PAYER, party)
    return np.where(names.empty[name], _NOBODY, party)


def _concepts(texts: Ragged, table: WordTable, lexicon: Lexicon) -> Ragged:
    """Concepts of each text, a phrase before the words in it; reading goes from left to right."""
    told, _ = _told(texts, table, lexicon)
    return Ragged(told, texts.starts).where(told >= 0)


def word_concepts(text: Ragged, table: WordTable, lexicon: Lexicon) -> list[tuple[int, str]]:
    """Concepts of one text with the word or phrase that each was told by, from left to right."""
    told, words = _told(text, table, lexicon)
    phrases = (" ".join(table.words[n] for n in text.flat[at : at + words[at]]) for at in range(len(told)))
    return [(int(concept), phrase) for concept, phrase in zip(told, phrases, strict=True) if concept >= 0]


def _told(texts: Ragged, table: WordTable, lexicon: Lexicon) -> tuple[np.ndarray, np.ndarray]:
    """The concept that begins at each entry, -1 for none, and the number of words that tell it."""
    number = {concept: at for at, concept in enumerate(lexicon.concepts)}
    told = table.values(lambda word: number.get(lexicon.concept(word), -1))[texts.flat]
    length = np.ones(len(told), dtype=np.int64)
    covered = 0
    found = table.find(texts, lexicon.phrase_openings, lexicon.concept_of_phrase)
    for at, words, concept in zip(found.at.tolist(), found.words.tolist(), found.value, strict=True):
        if at >= covered:
            covered = at + words
            told[at:covered] = -1
            told[at], length[at] = number[concept], words
    return told, length


def _complete_lasts(texts: Ragged, words: list[str], lexicon: Lexicon) -> tuple[Ragged, list[str]]:
    """Texts whose last word, when it was cut off, is the only word that it can be."""
    lasts = np.flatnonzero(texts.lengths > 0)
    at = texts.starts[1:][lasts] - 1
    number = {word: n for n, word in enumerate(words)}
    whole = {n: lexicon.completed(words[n]) for n in np.unique(texts.flat[at]).tolist()}
    flat = texts.flat.copy()
    flat[at] = [number.setdefault(whole[n], len(number)) for n in flat[at].tolist()]
    return Ragged(flat, texts.starts), list(number)


def _distinct_columns(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct columns of a small matrix of whole numbers, in order of appearance, and which one each column is."""
    sizes = tuple(keys.max(axis=1, initial=0) + 1)
    at, distinct = pd.factorize(np.ravel_multi_index(tuple(keys), sizes))
    return np.stack(np.unravel_index(distinct, sizes)), at
