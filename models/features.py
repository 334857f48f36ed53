"""What the classifier looks at: coarse facts of the payment beside words and concepts, and which bookings are alike.

Never here: names of private persons, language, foreign places, country of an account, the amount of a state pension
(amounts enter only as a power-of-two step, so two pensions of different length look alike).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.bookings import amount_cents
from models.counterparties import Names
from models.payments import is_credit, is_direct_debit, kind_codes
from models.places import foreign_places
from models.statements.codes import KINDS
from models.text import Texts
from models.words import text_column

_ROUND_CENTS = 500  # private gifts and shares are round; invoices and benefits are not
_COARSEST_CENTS = 100
_LOWEST_STEP, _HIGHEST_STEP = -2, 18
STEPS = _HIGHEST_STEP - _LOWEST_STEP + 1


@dataclass(frozen=True)
class Facts:
    """Coarse facts of payments, one whole number per row: money in or out, kind (a position in KINDS), power-of-two
    step of the amount, whether it is round, whether a mandate stands behind it, purpose code (0 for none).
    """

    credit: np.ndarray
    kind: np.ndarray
    step: np.ndarray
    is_round: np.ndarray
    mandate: np.ndarray
    purpose: np.ndarray

    def take(self, rows: np.ndarray) -> "Facts":
        """The facts of these rows."""
        return Facts(*(fact[rows] for fact in vars(self).values()))


@dataclass(frozen=True)
class Documents:
    """Distinct documents: the text (of Texts) and the facts of each, and which document each booking has (`at`)."""

    text: np.ndarray
    facts: Facts
    at: np.ndarray


def learn_vocabulary(bookings: pd.DataFrame, texts: Texts, *, names: Names, min_customers: int) -> list[str]:
    """Words of remittance texts that at least `min_customers` customers share, minus persons' names and places.

    Without customer ids every booking counts as its own customer. With `names="as_merchants"` no word is left out.
    """
    if names == "as_merchants":
        return sorted(texts.table[word] for word in np.unique(texts.spoken.flat))
    size, distinct = max(len(texts.table), 1), max(len(texts.party), 1)
    seen = pd.unique(_customers(bookings) * distinct + texts.at)
    spoken = texts.spoken.take(seen % distinct)
    pairs = np.unique(np.repeat(seen // distinct, spoken.lengths) * size + spoken.flat)
    shared = np.bincount(pairs % size, minlength=size) >= min_customers
    shared[texts.persons.flat] = False
    words = {texts.table[word] for word in np.flatnonzero(shared)}
    return sorted(word for word in words - foreign_places() if len(word) > 1)


def list_purposes(bookings: pd.DataFrame) -> list[str]:
    """The purpose codes of a frame, sorted."""
    found = text_column(bookings, "purpose_code").unique().to_pylist()
    return sorted(set(found) - {""})


def build_documents(bookings: pd.DataFrame, texts: Texts, purposes: list[str]) -> Documents:
    """One document per distinct (text, payment facts); a code that is not among `purposes` counts as none."""
    facts = _payment_facts(bookings, purposes)
    sizes = (max(len(texts.party), 1), 2, len(KINDS), STEPS, 2, 2, len(purposes) + 1)
    at, distinct = pd.factorize(np.ravel_multi_index((texts.at, *vars(facts).values()), sizes))
    text, *parts = np.unravel_index(distinct, sizes)
    return Documents(text, Facts(*parts), at)


def _customers(bookings: pd.DataFrame) -> np.ndarray:
    if "customer_id" in bookings and bool((bookings["customer_id"].fillna("") != "").any()):
        return pd.factorize(bookings["customer_id"].to_numpy(dtype=object))[0]
    return np.arange(len(bookings))


def _payment_facts(bookings: pd.DataFrame, purposes: list[str]) -> Facts:
    cents = np.abs(amount_cents(bookings["amount"]))
    step = np.floor(np.log2(np.maximum(cents, 1) / _COARSEST_CENTS)).astype(np.int64)
    number = {purpose: at + 1 for at, purpose in enumerate(purposes)}
    encoded = text_column(bookings, "purpose_code").dictionary_encode()
    codes = np.array([number.get(purpose, 0) for purpose in encoded.dictionary.to_pylist()], dtype=np.int64)
    kinds = kind_codes(bookings)
    return Facts(
        credit=is_credit(bookings).astype(np.int64),
        kind=kinds,
        step=np.clip(step, _LOWEST_STEP, _HIGHEST_STEP) - _LOWEST_STEP,
        is_round=(cents % _ROUND_CENTS == 0).astype(np.int64),
        mandate=is_direct_debit(bookings, kinds).astype(np.int64),
        purpose=codes[encoded.indices.to_numpy()],
    )
