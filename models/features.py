"""What the classifier looks at: words that many customers share, concepts, and coarse facts of the payment.

Never here: names of private persons, language, foreign places, country of an account, the amount of a state pension
(amounts enter only as a power-of-two step, so two pensions of different length look alike).
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from models.bookings import amount_cents
from models.text import Names, Texts, foreign_places, kinds_of, read_texts

_ROUND_CENTS = 500  # private gifts and shares are round; invoices and benefits are not
_COARSEST_CENTS = 100


@dataclass(frozen=True)
class Documents:
    """Distinct documents of a bookings frame (`merchant`, `words` as token strings) and which booking has which."""

    merchant: list[str]
    words: list[str]
    known_share: np.ndarray
    at: np.ndarray


def learn_vocabulary(bookings: pd.DataFrame, *, names: Names, min_customers: int) -> tuple[list[str], Texts]:
    """Words of remittance texts that at least `min_customers` customers share, minus persons' names and places.

    Without customer ids every booking counts as its own customer. With `names="as_merchants"` no word is left out.
    """
    texts = read_texts(bookings, names=names)
    if names == "as_merchants":
        return sorted({word for words in texts.words for word in words}), texts
    customers = _customers(bookings)
    seen = pd.DataFrame({"customer": customers, "text": texts.at}).drop_duplicates()
    words = pd.DataFrame(
        [(text, word) for text, words in enumerate(texts.words) for word in set(words)], columns=["text", "word"]
    )
    shared = seen.merge(words, on="text").drop_duplicates(["customer", "word"]).groupby("word").size()
    persons = {word for words in texts.person_words for word in words}
    kept = set(shared.index[shared >= min_customers]) - persons - foreign_places()
    return sorted(word for word in kept if len(word) > 1), texts


def build_documents(bookings: pd.DataFrame, texts: Texts, vocabulary: frozenset[str], *, names: Names) -> Documents:
    """One document per distinct (text, payment facts); most bookings repeat."""
    facts = _payment_facts(bookings)
    keys = pd.Series(list(zip(texts.at.tolist(), facts, strict=True)), dtype=object)
    at, distinct = pd.factorize(keys)
    kept = [_kept_words(words, vocabulary) for words in texts.words]
    seen: dict[tuple[str, str], int] = {}
    known: list[float] = []
    document = np.zeros(len(distinct), dtype=np.int64)
    for key, (text, fact) in enumerate(distinct):
        mine, merchant = kept[text], texts.merchant[text]
        tokens = _tokens(mine, merchant, texts.concepts[text], texts.party[text], fact)
        content = (" ".join((*merchant, *mine)), " ".join(tokens))
        document[key] = seen.setdefault(content, len(seen))
        if document[key] == len(known):
            total = len(texts.words[text]) + len(merchant)
            known.append((len(mine) + len(merchant)) / total if total else 0.0)
    merchants, words = zip(*seen, strict=True) if seen else ((), ())
    return Documents(list(merchants), list(words), np.array(known), document[at])


def blind_documents(documents: Documents) -> tuple[Documents, np.ndarray]:
    """The distinct documents without merchant and words, and which of them each document becomes."""
    stripped = [" ".join(token for token in words.split() if "=" in token) for words in documents.words]
    at, distinct = pd.factorize(np.array(stripped, dtype=object))
    blind = Documents([""] * len(distinct), list(distinct), np.ones(len(distinct)), np.arange(len(distinct)))
    return blind, at


def _customers(bookings: pd.DataFrame) -> np.ndarray:
    if "customer_id" in bookings and bool((bookings["customer_id"].fillna("") != "").any()):
        return pd.factorize(bookings["customer_id"].to_numpy(dtype=object))[0]
    return np.arange(len(bookings))


def _payment_facts(bookings: pd.DataFrame) -> list[str]:
    """Sign, kind, amount step, roundness, purpose and mandate, as one string per booking."""
    cents = np.abs(amount_cents(bookings["amount"]))
    sign = np.where(bookings["credit_debit_indicator"].to_numpy(dtype=object) == "CRDT", "+", "-")
    step = np.where(cents > 0, np.floor(np.log2(np.maximum(cents, 1) / _COARSEST_CENTS)), -9).astype(int).clip(-2, 18)
    rounded = np.where(cents % _ROUND_CENTS == 0, "r", "u")
    purpose = bookings["purpose_code"].fillna("") if "purpose_code" in bookings else pd.Series([""] * len(bookings))
    mandate = (
        (bookings["creditor_id"].fillna("") != "") if "creditor_id" in bookings else pd.Series([False] * len(cents))
    )
    return [
        "|".join(fact)
        for fact in zip(
            sign.tolist(),
            kinds_of(bookings).tolist(),
            step.astype(str).tolist(),
            rounded.tolist(),
            purpose.astype(str).tolist(),
            np.where(mandate.to_numpy(), "m", "").tolist(),
            strict=True,
        )
    ]


def _kept_words(words: list[str], vocabulary: frozenset[str]) -> list[str]:
    return [word for word in words if word in vocabulary]


def _tokens(words: list[str], merchant: list[str], concepts: list[str], party: str, fact: str) -> list[str]:
    """Words and their pairs, concepts with and without the direction of the money, and the payment's facts."""
    sign, kind, step, rounded, purpose, mandate = fact.split("|")
    spoken = [*merchant, *words]
    told = sorted(set(concepts))
    return [
        *spoken,
        *(f"{a}_{b}" for a, b in pairwise(spoken)),
        *(f"c={concept}" for concept in told),
        *(f"c={concept}{sign}" for concept in told),
        *(f"c={concept}{sign}{kind}" for concept in told),
        *(f"c={concept}/{party}" for concept in told),
        *(f"c={a}&{b}" for n, a in enumerate(told) for b in told[n + 1 :]),
        f"sign={sign}",
        f"kind={sign}{kind}",
        f"step={sign}{step}",
        f"round={sign}{rounded}{party}",
        f"party={sign}{party}",
        *([f"purpose={purpose}"] if purpose else []),
        *([f"mandate={mandate}"] if mandate else []),
    ]
