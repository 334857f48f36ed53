"""What detection needs of bookings that were read before, so that their texts are never read again.

A state is a table with one row per booking that passed screening, in order of customer, day and booking id. It holds no
text and no name: counterparties, accounts and what a text speaks to are keyed hashes, of which only equality is used,
and probabilities are kept where detection looks at them. Detection from a state equals detection from the bookings.
"""

import secrets
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from importlib import resources

import numpy as np
import pandas as pd
import pyarrow as arrow
import pyarrow.compute as compute

from models.bookings import amount_cents, signed_cents
from models.canonical import framed_sha256
from models.detection import Model, admit
from models.events import describe_hits, no_detections
from models.history import (
    LARGEST_CENTS,
    Course,
    build_background,
    concept_sets,
    facts_told,
    parameters,
    party_keys,
    payer_names,
    speaks_to_any,
)
from models.lookback import day_keys
from models.payments import kind_codes
from models.places import is_abroad
from models.points import collect_points, draft_signs
from models.series import draft_series, find_refunds
from models.statements.codes import KINDS
from models.taxonomy import NONE
from models.text import PARTIES, Texts, read_texts

_FORMAT = "3"
_PERSON, _COMPANY, _ABROAD = np.uint64(1), np.uint64(2), np.uint64(4)
_READ_BY = ("detection.toml", "lexicon.toml", "screening.toml")
# Bookings of these are compared by probabilities that may be small (`models.series`).
_COMPARED = ("child_birth", "retirement", "study_start")
_COMPARED_CONCEPTS = ("child_benefit", "social_insurance_bank", "student_finance")
SCHEMA = arrow.schema(
    [
        ("customer_id", arrow.dictionary(arrow.int32(), arrow.string())),
        ("booking_id", arrow.string()),
        ("account", arrow.uint64()),
        ("day", arrow.int32()),
        ("cents", arrow.int64()),
        ("party", arrow.uint64()),
        ("payer", arrow.uint64()),  # 0 where it is not asked
        ("kind", arrow.uint8()),
        ("saying", arrow.uint64()),
        ("facts", arrow.uint64()),  # bits: the other side is a person, a company, abroad, then what the text tells
        ("balance", arrow.float64()),
        ("unexplained", arrow.float64()),
        ("told", arrow.dictionary(arrow.int32(), arrow.binary())),  # probabilities as bytes; empty: all zero
    ]
)


@dataclass(frozen=True)
class Digest:
    """Bookings as rows of a state, and the keys of all that came, screened ones too: earlier rows of these are gone."""

    rows: arrow.Table
    keys: frozenset[tuple[str, int, str]]

    def of_customers(self, customer_ids: Collection[str]) -> "Digest":
        """What is about these customers alone."""
        keys = frozenset(key for key in self.keys if key[0] in customer_ids)
        return Digest(keep_customers(self.rows, customer_ids), keys)


def state_id(release_id: str) -> str:
    """What a state is bound to: with another release or other rules it is made anew."""
    rules = (resources.files("models").joinpath(name).read_text("utf-8") for name in _READ_BY)
    return framed_sha256(_FORMAT, release_id, *rules)


def make_secret() -> str:
    """A new key of hashes, 16 characters; it stays with the state."""
    return secrets.token_hex(8)


def digest(bookings: pd.DataFrame, *, model: Model, secret: str) -> Digest:
    """Screen and read bookings once and for all; a booking after the day that is judged waits in the state."""
    account = _hashes(bookings["account_iban"].to_numpy(dtype=object), secret)
    keys = frozenset(zip(bookings["customer_id"], account.tolist(), bookings["booking_id"], strict=True))
    kept = admit(bookings, model.screening)
    texts = read_texts(kept, names=model.classifier.names_)
    probabilities, classes = model.classifier.probabilities_of(kept, texts), model.classifier.classes_
    facts = _facts(kept, texts)
    unknown = kept["balance_after"].isna().to_numpy(dtype=bool)
    columns = {
        "customer_id": arrow.array(kept["customer_id"], arrow.string()).dictionary_encode(),
        "booking_id": arrow.array(kept["booking_id"], arrow.string()),
        "account": _hashes(kept["account_iban"].to_numpy(dtype=object), secret),
        "day": kept["booking_date"].to_numpy().astype("datetime64[D]").astype(np.int32),
        "cents": signed_cents(kept).clip(-LARGEST_CENTS, LARGEST_CENTS),
        "party": _hashes(party_keys(kept), secret),
        "payer": _payer_hashes(kept, secret),
        "kind": kind_codes(kept).astype(np.uint8),
        "saying": _saying_hashes(texts, secret),
        "facts": facts,
        "balance": np.where(unknown, np.nan, amount_cents(kept["balance_after"])),
        "unexplained": 1 - np.ascontiguousarray(probabilities[:, classes != NONE]).sum(axis=1),
        "told": _told(probabilities, classes, facts),
    }
    return Digest(merge(no_state(), arrow.table(columns, schema=SCHEMA)), keys)


def no_state() -> arrow.Table:
    """A state without bookings."""
    return SCHEMA.empty_table()


def update(state: arrow.Table, new: Digest) -> arrow.Table:
    """The state with new, late and corrected bookings; what a booking of the same key said before is gone.

    The same bookings twice change nothing the second time.
    """
    ids = arrow.array(sorted({key[2] for key in new.keys}), arrow.string())
    near = np.flatnonzero(np.asarray(compute.is_in(state["booking_id"], value_set=ids)))
    gone = np.zeros(len(state), dtype=bool)
    if len(near):
        some = state.take(arrow.array(near))
        told = zip(*(some[name].to_pylist() for name in ("customer_id", "account", "booking_id")), strict=True)
        gone[near] = [key in new.keys for key in told]
    return merge(state.filter(arrow.array(~gone)) if gone.any() else state, new.rows)


def merge(state: arrow.Table, rows: arrow.Table) -> arrow.Table:
    """Both in order of customer, day and booking id; a state is in order already, so little is moved."""
    if not len(rows):
        return state
    both = arrow.concat_tables([state, rows]).unify_dictionaries().combine_chunks()
    owner, names = _owners(both)
    key = day_keys(owner, both["day"].to_numpy())
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    tied = np.zeros(len(ordered), dtype=bool)
    same = np.flatnonzero(ordered[1:] == ordered[:-1])
    tied[same] = tied[same + 1] = True
    fresh = np.isin(ordered, key[len(state) :]) & tied
    at = np.flatnonzero(fresh)
    if len(at):
        ids = both["booking_id"].take(arrow.array(order[at])).to_numpy(zero_copy_only=False)
        order[at] = order[at][np.lexsort((pd.factorize(ids, sort=True)[0], ordered[at]))]
    table = both.take(arrow.array(order))
    column = arrow.DictionaryArray.from_arrays(arrow.array(owner[order], arrow.int32()), arrow.array(names))
    return table.set_column(0, SCHEMA.field(0), column)


def keep_customers(state: arrow.Table, customer_ids: Iterable[str]) -> arrow.Table:
    """The rows of these customers alone."""
    return state.filter(
        compute.is_in(state["customer_id"].cast(arrow.string()), arrow.array(sorted(customer_ids), arrow.string()))
    )


def detect_state(state: arrow.Table, *, as_of: date, model: Model) -> pd.DataFrame:
    """What `detect_events` tells of the bookings that the state was made of."""
    known = state["day"].to_numpy() <= np.datetime64(as_of, "D").astype(np.int64)
    if not known.all():
        state = state.filter(arrow.array(known))
    if not len(state):
        return no_detections()
    course = course_of(state, classes=model.classifier.classes_, as_of=as_of)
    background, events = build_background(course), tuple(sorted(model.taxonomy.ids))
    drafts = [draft_signs(course, background, events), *draft_series(course, background, events)]
    hits = model.detector.detect(collect_points(drafts, course, events), course)
    told = np.unique([row for hit in hits for row in hit.evidence]).astype(np.int64)
    ids = np.full(len(state), "", dtype=object)  # few are ever told, so few become texts
    ids[told] = state["booking_id"].take(arrow.array(told)).to_numpy()
    return describe_hits(hits, course, ids, find_refunds(course), taxonomy=model.taxonomy, as_of=as_of)


def course_of(state: arrow.Table, *, classes: np.ndarray, as_of: date) -> Course:
    """The course that `build_course` gives for the bookings of a state."""
    owner, names = _owners(state)
    bounds = np.searchsorted(owner, np.arange(len(names) + 1))
    days = state["day"].to_numpy().astype(np.int64)
    facts = state["facts"].to_numpy()
    return Course(
        customers=names,
        row=np.arange(len(state)),
        owner=owner,
        start=bounds[owner],
        days=days,
        keys=day_keys(owner, days),
        cents=state["cents"].to_numpy(),
        party=_codes(state, "party"),
        payer=np.where(state["payer"].to_numpy() == 0, -1, _codes(state, "payer")),
        kinds=np.array(KINDS, dtype=object)[state["kind"].to_numpy()],
        saying=_codes(state, "saying"),
        person=(facts & _PERSON).astype(bool),
        company=(facts & _COMPANY).astype(bool),
        abroad=(facts & _ABROAD).astype(bool),
        account=_codes(state, "account"),
        balance=state["balance"].to_numpy(),
        concepts={name: (facts & _bit(name)).astype(bool) for name in facts_told()},
        classes=tuple(str(name) for name in classes),
        probabilities=_probabilities(state, len(classes)),
        unexplained=state["unexplained"].to_numpy(),
        bounds=bounds,
        as_of=int(np.datetime64(as_of, "D").astype(np.int64)),
    )


def _owners(state: arrow.Table) -> tuple[np.ndarray, np.ndarray]:
    """Number of each row's customer, and the names in order."""
    told = state["customer_id"].unify_dictionaries().combine_chunks()
    if isinstance(told, arrow.ChunkedArray):  # no rows
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=object)
    at, names = told.indices.to_numpy(), told.dictionary.to_numpy(zero_copy_only=False)
    used = np.unique(at)
    ordered = used[np.argsort(names[used])]
    place = np.zeros(len(names), dtype=np.int64)
    place[ordered] = np.arange(len(ordered))
    return place[at], names[ordered]


def _facts(kept: pd.DataFrame, texts: Texts) -> np.ndarray:
    party, no = texts.party[texts.at], np.uint64(0)
    facts = np.where(party == PARTIES.index("person"), _PERSON, no) | np.where(is_abroad(kept), _ABROAD, no)
    facts |= np.where(party == PARTIES.index("company"), _COMPANY, no)
    for name, concepts in facts_told().items():
        facts |= np.where(speaks_to_any(texts, concepts), _bit(name), no)
    return facts


def _bit(fact: str) -> np.uint64:
    return np.uint64(8 << list(facts_told()).index(fact))


def _told(probabilities: np.ndarray, classes: np.ndarray, facts: np.ndarray) -> arrow.Array:
    """Probabilities that detection looks at, the others zero; distinct rows are kept once."""
    seen = probabilities >= parameters()["points"]["lowest_probability"]
    compared = (facts & np.bitwise_or.reduce([_bit(name) for name in _COMPARED_CONCEPTS])) != 0
    seen |= compared[:, None] & np.isin(classes, _COMPARED)
    seen[:, classes == NONE] = False
    rows = np.where(seen, probabilities, 0.0)
    filled = seen.any(axis=1)
    told = np.full(len(rows), b"", dtype=object)
    told[filled] = [row.tobytes() for row in rows[filled]]
    return arrow.array(told, arrow.binary()).dictionary_encode()


def _probabilities(state: arrow.Table, classes: int) -> np.ndarray:
    told = state["told"].unify_dictionaries().combine_chunks()
    empty = bytes(8 * classes)
    rows = b"".join(row or empty for row in told.dictionary.to_pylist())
    return np.frombuffer(rows, dtype=np.float64).reshape(-1, classes)[told.indices.to_numpy()]


def _codes(state: arrow.Table, name: str) -> np.ndarray:
    return pd.factorize(state[name].to_numpy())[0].astype(np.int64)


def _hashes(values: np.ndarray, secret: str) -> np.ndarray:
    return np.asarray(pd.util.hash_array(values, hash_key=secret), dtype=np.uint64)


def _payer_hashes(kept: pd.DataFrame, secret: str) -> np.ndarray:
    names = payer_names(kept)
    return np.where(names == "", np.uint64(0), _hashes(names, secret))


def _saying_hashes(texts: Texts, secret: str) -> np.ndarray:
    sets = np.array([told.decode("latin-1") for told in concept_sets(texts)], dtype=object)
    return _hashes(sets, secret)[texts.at] if len(sets) else np.zeros(len(texts.at), dtype=np.uint64)
