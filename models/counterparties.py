"""Who stands on the other side: a company when something proves it, else a person whose name is masked."""

from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np

from models.lexicon import Lexicon
from models.phrases import WordTable, openings
from models.places import country_codes
from models.ragged import Ragged

Names = Literal["as_persons", "as_merchants"]
_TITLES = frozenset(
    article + title
    for article in ("", "de ")
    for title in (
        "hr", "dhr", "heer", "mw", "mevr", "mevrouw", "meneer", "mej", "fam", "familie", "mr", "mrs", "ms", "herr",
        "frau", "mme", "monsieur", "e o",
    )
)  # fmt: skip
_VIA = frozenset(("via", "inz"))
_JOINTS = frozenset(("via", "by", "inzake", "door"))
_FEWEST_WITH_CITY = 3  # words of a card terminal's name that ends in a city and its country


@dataclass(frozen=True)
class NamesRead:
    """What distinct names say by themselves.

    `itself`: its words without an app of payment requests; `merchant`: the words of the merchant in it; `company`: the
    name alone proves a company; `requested`: an app of payment requests stands in it, if only its beginning;
    `app_first`: it begins with such an app; `personal`: it begins with a title or an initial; `empty`: no name.
    """

    words: Ragged
    itself: Ragged
    merchant: Ragged
    company: np.ndarray
    requested: np.ndarray
    app_first: np.ndarray
    personal: np.ndarray
    empty: np.ndarray


def read_names(names: Ragged, table: WordTable, lexicon: Lexicon, *, mode: Names) -> NamesRead:
    """Read the distinct names of a frame; `as_merchants` takes every name for a merchant's, whole."""
    nobody = np.zeros(len(names), dtype=bool)
    if mode == "as_merchants":
        return NamesRead(names, names, names, ~nobody, nobody, nobody, nobody, nobody)
    between = _entries_of(lexicon.intermediaries, names, table)
    titled = _starts_with(names, table, _TITLES)
    estate = _is_estate(names, table, lexicon)
    itself = ~titled & (_is_company(names, table, lexicon) | estate)
    app = _app_entries(names, table, lexicon.payment_requests, company=itself)
    requested = names.any(app)
    company = names.any(between) | itself
    return NamesRead(
        words=names,
        itself=names.where(~app),
        merchant=_merchant_words(names, between, estate, table, lexicon),
        company=company,
        requested=requested,
        app_first=_begins_with_app(names, requested, table, lexicon.payment_requests),
        personal=titled | _is_initialled(names, table),
        empty=names.lengths == 0,
    )


def _is_company(names: Ragged, table: WordTable, lexicon: Lexicon) -> np.ndarray:
    """A terminal prefix, a legal form at the start or end (elsewhere it may be an initial), a known organisation.

    Or a trade at the end of a word.
    """
    first, last = names.firsts(-1), names.lasts(-1)
    form = table.is_in(lexicon.legal_forms)
    telling = table.is_in(lexicon.organisations)
    telling |= table.begins_with((*lexicon.legal_beginnings, *lexicon.organisation_beginnings))
    telling |= table.ends_with(lexicon.trades)
    proven = table.is_in(lexicon.terminal_prefixes)[first] | form[first] | form[last] | names.any(telling[names.flat])
    phrases = table.find(names, openings(lexicon.legal_forms), lambda p: p if p in lexicon.legal_forms else "")
    row = names.rows[phrases.at]
    proven[row[(phrases.at == names.starts[row]) | (phrases.at + phrases.words == names.starts[row + 1])]] = True
    known = table.find(names, lexicon.phrase_openings, lambda p: p if lexicon.is_organisation(p) else "")
    proven[names.rows[known.at]] = True
    return proven


def _is_estate(names: Ragged, table: WordTable, lexicon: Lexicon) -> np.ndarray:
    """Whether a name begins as that of an estate does and goes on ("Erven K": a family name and an initial)."""
    spelled = np.bincount(names.rows, weights=table.lengths[names.flat] > 1, minlength=len(names))
    return np.asarray(table.is_in(lexicon.estates)[names.firsts(-1)] & (spelled > 1))


def _app_entries(names: Ragged, table: WordTable, listed: frozenset[str], *, company: np.ndarray) -> np.ndarray:
    """Which entries belong to an app of payment requests, "via" before it too; a name cut off may end in half of one.

    Long names are cut sooner, and how long a name is must not decide whether it is read, unless a company stands in it
    anyway. A text that tells of a request does not repeat the name of who asked.
    """
    app, via = _entries_of(listed, names, table), table.is_in(_VIA)[names.flat]
    last = names.starts[1:][names.lengths > 0] - 1
    follows = np.append(app[1:], False)
    follows[last] = False
    ends = np.zeros(len(names), dtype=bool)
    ends[names.lengths > 0] = app[last]
    begun = _beginnings(listed)
    for row in np.flatnonzero(names.any(via) & ~ends & ~company).tolist():
        words = [table.words[word] for word in names.row(row)]
        behind = max(at for at, word in enumerate(words) if word in _VIA)
        if " ".join(words[behind + 1 :]) in begun:
            app[names.starts[row] + behind : names.starts[row + 1]] = True
    return np.asarray(app | (via & follows))


def _begins_with_app(names: Ragged, requested: np.ndarray, table: WordTable, listed: frozenset[str]) -> np.ndarray:
    begun = np.zeros(len(names), dtype=bool)
    whole, cut = tuple(listed), _beginnings(listed)
    for row in np.flatnonzero(requested).tolist():
        name = " ".join([table.words[word] for word in names.row(row).tolist()])
        begun[row] = name.startswith(whole) or name in cut
    return begun


@cache
def _beginnings(phrases: frozenset[str]) -> frozenset[str]:
    """All that a phrase can be when its end is cut off, nothing and the whole of it too."""
    return frozenset(phrase[:length] for phrase in phrases for length in range(len(phrase) + 1))


def _is_initialled(names: Ragged, table: WordTable) -> np.ndarray:
    """One letter in front and a word behind it: "R Mulder", though T-Mobile too where nothing else proves it."""
    begins = table.lengths[names.firsts(-1)] == 1
    return np.asarray(begins & names.any(table.lengths[names.flat] > 1))


def _starts_with(names: Ragged, table: WordTable, phrases: frozenset[str]) -> np.ndarray:
    found = table.find(names, openings(phrases), lambda phrase: phrase if phrase in phrases else "")
    started = np.zeros(len(names), dtype=bool)
    row = names.rows[found.at]
    started[row[found.at == names.starts[row]]] = True
    return started


def _entries_of(listed: frozenset[str], names: Ragged, table: WordTable) -> np.ndarray:
    """Which entries belong to one of the listed phrases."""
    found = table.find(names, openings(listed), lambda phrase: phrase if phrase in listed else "")
    between = np.zeros(len(names.flat) + 1, dtype=np.int64)
    np.add.at(between, found.at, 1)
    np.add.at(between, found.at + found.words, -1)
    return np.cumsum(between)[:-1] > 0


def _merchant_words(
    names: Ragged, between: np.ndarray, estate: np.ndarray, table: WordTable, lexicon: Lexicon
) -> Ragged:
    """The merchant itself: without terminal prefix, intermediary, city and country of a card terminal."""
    kept = ~between & ~table.is_in(_JOINTS)[names.flat]
    ended = table.is_in(country_codes())[names.lasts(-1)] & (names.lengths >= _FEWEST_WITH_CITY)
    kept[names.starts[1:][ended] - 1] = kept[names.starts[1:][ended] - 2] = False
    kept &= ~np.repeat(estate, names.lengths) | table.is_in(lexicon.estates)[names.flat]  # whose it is stays unread
    prefixed = table.is_in(lexicon.terminal_prefixes)[names.firsts(-1)] & (names.lengths > 1)
    kept[names.starts[:-1][prefixed]] = False
    # A name of nothing but such words is the merchant's after all.
    return names.where(kept | np.repeat(~names.any(kept), names.lengths))
