"""The model that anyone would build first, for the report to show beside a release: it steps into every trap.

No screening, no masking: pieces of the raw texts, names included, and the amount go into a logistic regression, and the
first booking told above one half is the event, whatever came before. Events that no booking is labelled with are told
by the sentence of the taxonomy as it stands. It is measured, never served.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from models.bookings import signed_cents
from models.taxonomy import NONE
from training.settings import settings

_AT_ONCE = 50_000  # bookings in one matrix: pieces of words take much room


@dataclass(frozen=True)
class NaiveModel:
    """Pieces of words and a logistic regression over them; see `fit_naive`."""

    pieces: TfidfVectorizer
    regression: LogisticRegression

    @classmethod
    def fit(cls, bookings: pd.DataFrame, labels: np.ndarray) -> Self:
        """Learn from labelled bookings, all of them: nothing is screened and nothing is hidden."""
        figures = settings("naive")
        pieces = TfidfVectorizer(
            analyzer="char_wb",
            ngram_range=tuple(figures["letters"]),
            min_df=figures["seen_at_least"],
            dtype=np.float32,
        )
        matrix = _with_amounts(pieces.fit_transform(_raw_texts(bookings)), bookings)
        regression = LogisticRegression(C=figures["freedom"], tol=figures["tolerance"], max_iter=figures["steps"])
        return cls(pieces, regression.fit(matrix, labels))

    def detect(self, bookings: pd.DataFrame) -> pd.DataFrame:
        """customer_id, event and detected_on: per customer and event the first booking that tells it.

        A booking of a joint account counts once, for the holder who stands first: one bank reference, one row.
        """
        rows = bookings.drop_duplicates(["account_iban", "booking_id"]).reset_index(drop=True)
        rows = rows.sort_values(["booking_date"], kind="stable", ignore_index=True)
        told = pd.concat([self._told_by_bookings(rows), *(rule(rows) for rule in _RULES)])
        first = told.sort_values("detected_on", kind="stable").drop_duplicates(["customer_id", "event"])
        return first.sort_values(["customer_id", "event"], ignore_index=True)

    def classify(self, bookings: pd.DataFrame) -> pd.DataFrame:
        """Columns label and probability (0..1) per booking; `none` where nothing is told above one half."""
        parts = [self._classify(bookings.iloc[begin : begin + _AT_ONCE]) for begin in range(0, len(bookings), _AT_ONCE)]
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame({"label": [], "probability": []})

    def _classify(self, rows: pd.DataFrame) -> pd.DataFrame:
        at, texts = pd.factorize(_raw_texts(rows))  # histories repeat themselves; each wording is taken to pieces once
        matrix = _with_amounts(self.pieces.transform(texts)[at], rows)
        probabilities = self.regression.predict_proba(matrix)
        highest = probabilities.max(axis=1)
        label = self.regression.classes_[probabilities.argmax(axis=1)]
        told = np.where(highest > settings("naive")["told_above"], label, NONE)
        return pd.DataFrame({"label": told, "probability": highest})

    def _told_by_bookings(self, rows: pd.DataFrame) -> pd.DataFrame:
        label = self.classify(rows)["label"].to_numpy(dtype=object)
        told = label != NONE
        return _alerts(rows[told], label[told])


def fit_naive(bookings: pd.DataFrame, labels: np.ndarray, *, seed: int = 0) -> NaiveModel:
    """Fit on labelled bookings of customers who allow training; nothing of it is screened.

    Of a large bank, on so many of its customers as `most_bookings` has room for: it gets no better from more, only
    slower.
    """
    customers = bookings["customer_id"].to_numpy(dtype=object)
    codes, names = pd.factorize(customers)
    order = np.random.default_rng(seed).permutation(len(names))
    sizes = np.cumsum(np.bincount(codes, minlength=len(names))[order])
    kept = np.isin(codes, order[: max(1, np.searchsorted(sizes, settings("naive")["most_bookings"], side="right"))])
    return NaiveModel.fit(bookings[kept].reset_index(drop=True), labels[kept])


def _raw_texts(bookings: pd.DataFrame) -> np.ndarray:
    texts = bookings["counterparty_name"] + " " + bookings["remittance_information"]
    return np.asarray(texts.to_numpy(dtype=object))


def _with_amounts(matrix: sparse.csr_matrix, bookings: pd.DataFrame) -> sparse.csr_matrix:
    """Beside the texts: the direction of the money and the logarithm of the euros."""
    cents = signed_cents(bookings).astype(float)
    amounts = np.column_stack([np.sign(cents), np.log1p(np.abs(cents) / 100)]).astype(np.float32)
    return sparse.hstack([matrix, sparse.csr_matrix(amounts)]).tocsr()


def _alerts(rows: pd.DataFrame, events: str | np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"customer_id": rows["customer_id"], "event": events, "detected_on": rows["booking_date"]})


def _windfalls(rows: pd.DataFrame) -> pd.DataFrame:
    """ "One credit above EUR 5,000"."""
    large = signed_cents(rows) > 100 * settings("naive")["large_euros"]
    return _alerts(rows[large], "windfall")


def _days_abroad(rows: pd.DataFrame) -> pd.DataFrame:
    """ "Card payments in another currency on at least two days"."""
    foreign = rows[rows["remittance_information"].str.contains(settings("naive")["currency_words"])]
    days = foreign.drop_duplicates(["customer_id", "booking_date"])
    return _alerts(days[days.groupby("customer_id").cumcount() == 1], "travel_in_progress")


def _salaries(rows: pd.DataFrame) -> pd.DataFrame:
    """Pay by the words for it, with what came before: the pay before and its payer."""
    paid = rows["remittance_information"].str.contains(settings("naive")["salary_words"])
    pay = rows[paid & (rows["credit_debit_indicator"] == "CRDT")]
    pay = pay.assign(cents=signed_cents(pay))
    before = pay.groupby("customer_id")[["cents", "counterparty_name"]].shift()
    return pay.assign(cents_before=before["cents"], payer_before=before["counterparty_name"])


def _income_rises(rows: pd.DataFrame) -> pd.DataFrame:
    """ "Regular salary is at least 8 % higher"."""
    pay = _salaries(rows)
    return _alerts(pay[pay["cents"] >= settings("naive")["rise"] * pay["cents_before"]], "income_rise")


def _job_changes(rows: pd.DataFrame) -> pd.DataFrame:
    """ "Salary of one payer stops and salary of another starts"."""
    pay = _salaries(rows)
    other = pay["payer_before"].notna() & (pay["payer_before"] != pay["counterparty_name"])
    return _alerts(pay[other], "job_change")


def _overdrafts(rows: pd.DataFrame) -> pd.DataFrame:
    """More money out than in within a month: who spends it all will be overdrawn."""
    days = rows["booking_date"].to_numpy().astype("datetime64[D]").astype(np.int64)
    owner = pd.factorize(rows["customer_id"])[0].astype(np.int64)
    order, window = np.argsort(owner, kind="stable"), settings("naive")["month_days"]
    days, owner = days[order], owner[order]
    # The days of all customers on one line, so far apart that no window reaches from one customer into another.
    line = days + owner * (days.max(initial=0) + window + 1)
    opened = np.searchsorted(line, line - window, side="right")
    spent = np.append(0, np.cumsum(signed_cents(rows)[order]))
    known = days >= days[np.searchsorted(owner, owner)] + window
    return _alerts(rows.iloc[order[known & (spent[1:] - spent[opened] < 0)]], "overdraft")


_RULES = (_windfalls, _days_abroad, _income_rises, _job_changes, _overdrafts)
