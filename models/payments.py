"""How a booking was paid and what tells companies from persons, from whatever codes a frame has."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pyarrow as arrow
import pyarrow.compute as compute

from models.statements.codes import KINDS, kind_from_text, says_benefit, transaction_kind
from models.words import text_column

_KIND = {kind: at for at, kind in enumerate(KINDS)}
_TELLING = ("bank_transaction_code", "creditor_id", "purpose_code")


def kind_codes(bookings: pd.DataFrame) -> np.ndarray:
    """The kind of payment per booking, as a position in KINDS; OTHER when unknown.

    A benefit that a bank books with the code of a salary is none, if its text says so.
    """
    encoded = text_column(bookings, "bank_transaction_code").dictionary_encode()
    kinds = [_KIND[transaction_kind(code)] for code in encoded.dictionary.to_pylist()]
    codes = np.array(kinds, dtype=np.int64)[encoded.indices.to_numpy()]
    paid = compute.equal(text_column(bookings, "purpose_code"), "SALA")
    codes = np.where(np.asarray(paid, dtype=bool), _KIND["SALARY"], codes)
    salaries = np.flatnonzero(codes == _KIND["SALARY"])
    codes[salaries] = _by_text(bookings, salaries, lambda text: _KIND["SCT" if says_benefit(text) else "SALARY"])
    return codes


def _by_text(bookings: pd.DataFrame, rows: np.ndarray, kind: Callable[[str], int]) -> np.ndarray:
    """The kind that the text of each of these bookings tells; each distinct text is asked once."""
    texts = text_column(bookings, "remittance_information").take(arrow.array(rows)).dictionary_encode()
    told = np.array([kind(text) for text in texts.dictionary.to_pylist()], dtype=np.int64)
    return np.asarray(told[texts.indices.to_numpy()])


def kinds_of(bookings: pd.DataFrame) -> np.ndarray:
    """The kind of payment per booking in a word (CARD, SDD, ...), OTHER when unknown."""
    return np.array(KINDS, dtype=object)[kind_codes(bookings)]


def is_by_card(bookings: pd.DataFrame) -> np.ndarray:
    """Whether a card was used, at a shop or a machine, per booking; its text tells where it has no code."""
    kinds = kind_codes(bookings)
    unknown = np.flatnonzero(kinds == _KIND["OTHER"])
    kinds[unknown] = _by_text(bookings, unknown, lambda text: _KIND[kind_from_text(text)])
    return np.isin(kinds, (_KIND["CARD"], _KIND["CASH"]))


def is_credit(bookings: pd.DataFrame) -> np.ndarray:
    """Whether money came in, per booking."""
    credit = compute.equal(text_column(bookings, "credit_debit_indicator"), "CRDT")
    return np.asarray(credit, dtype=bool)


def is_direct_debit(bookings: pd.DataFrame, kinds: np.ndarray | None = None) -> np.ndarray:
    """Whether a creditor collected the payment: it has a creditor identifier, or the code of a direct debit.

    `kinds` are `kind_codes` of these bookings, for whoever has read them already.
    """
    filled = compute.not_equal(text_column(bookings, "creditor_id"), "")
    return np.asarray(filled, dtype=bool) | ((kind_codes(bookings) if kinds is None else kinds) == _KIND["SDD"])


def has_party_evidence(bookings: pd.DataFrame) -> bool:
    """Whether the frame has columns that tell companies from private persons at all."""
    return any(
        bool(compute.any(compute.not_equal(text_column(bookings, name), "")).as_py())
        for name in _TELLING
        if name in bookings
    )
