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
from models.classifier import Judged
from models.detection import Model, admit
from models.events import describe_hits, no_detections
from models.history import (
    LARGEST_CENTS,
    Course,
    build_background,
    concept_sets,
    facts_told,
    parameters,
    party_texts,
    payer_names,
    speaks_to_any,
    unexplained_by,
)
from models.lookback import Runs, day_keys, group_starts, window_starts
from models.payments import kind_codes
from models.places import is_abroad
from models.points import collect_points, draft_signs
from models.series import draft_series, find_refunds
from models.statements.codes import KINDS
from models.taxonomy import NONE, Taxonomy
from models.text import PARTIES, Texts, read_texts
from models.words import text_column

_FORMAT = "4"
_PERSON, _ABROAD = np.uint64(1), np.uint64(2)
_READ_BY = ("detection.toml", "lexicon.toml", "screening.toml")
# Bookings of these are compared by probabilities that may be small (`models.absences`).
_COMPARED = ("child_birth", "retirement", "study_start")
_COMPARED_CONCEPTS = ("child_benefit", "social_insurance_bank", "student_finance")
# What `find_gathered` and `update` look at.
_GATHERED_BY = ("customer_id", "booking_id", "account", "day", "cents", "facts", "balance")
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
        ("facts", arrow.uint64()),  # bits: the other side is a person, abroad, then what the text tells
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

    def select(self, columns: Iterable[str]) -> "Digest":
        """These columns of the rows."""
        return Digest(self.rows.select(list(columns)), self.keys)

    def followed_by(self, new: "Digest") -> "Digest":
        """Both as one: what was told last of a booking holds."""
        return Digest(update(self.rows, new), self.keys | new.keys)

    @property
    def customers(self) -> set[str]:
        """Whom anything is about."""
        return {key[0] for key in self.keys}


def state_id(release_id: str) -> str:
    """What a state is bound to: with another release or other rules it is made anew."""
    rules = (resources.files("models").joinpath(name).read_text("utf-8") for name in _READ_BY)
    return framed_sha256(_FORMAT, release_id, *rules)


def make_secret() -> str:
    """A new key of hashes, 16 characters; it stays with the state."""
    return secrets.token_hex(8)


def digest(bookings: pd.DataFrame, *, model: Model, secret: str) -> Digest:
    """Screen and read bookings once and for all; a booking after the day that is judged waits in the state."""
    account = _text_hashes(text_column(bookings, "account_iban"), secret)
    customers, ids = (text_column(bookings, name).to_pylist() for name in ("customer_id", "booking_id"))
    keys = frozenset(zip(customers, account.tolist(), ids, strict=True))
    kept = admit(bookings, model.screening)
    texts = read_texts(kept, names=model.classifier.names_)
    judged, classes = model.classifier.judge(kept, texts), model.classifier.classes_
    facts = _facts(kept, texts)
    unknown = kept["balance_after"].isna().to_numpy(dtype=bool)
    columns = {
        "customer_id": arrow.array(kept["customer_id"], arrow.string()).dictionary_encode(),
        "booking_id": arrow.array(kept["booking_id"], arrow.string()),
        "account": _text_hashes(text_column(kept, "account_iban"), secret),
        "day": kept["booking_date"].to_numpy().astype("datetime64[D]").astype(np.int32),
        "cents": signed_cents(kept).clip(-LARGEST_CENTS, LARGEST_CENTS),
        "party": _text_hashes(party_texts(kept), secret),
        "payer": _payer_hashes(kept, secret),
        "kind": kind_codes(kept).astype(np.uint8),
        "saying": _saying_hashes(texts, secret),
        "facts": facts,
        "balance": np.where(unknown, np.nan, amount_cents(kept["balance_after"])),
        "unexplained": unexplained_by(judged.probabilities, classes)[judged.at],
        "told": _told(judged, classes, facts),
    }
    return Digest(merge(no_state(), arrow.table(columns, schema=SCHEMA)), keys)


def no_state() -> arrow.Table:
    """A state without bookings."""
    return SCHEMA.empty_table()


def update(state: arrow.Table, new: Digest) -> arrow.Table:
    """The state with new, late and corrected bookings; what a booking of the same key said before is gone.

    The same bookings twice change nothing the second time.
    """
    gone = find_told_again(state, new)
    if len(gone):
        kept = np.ones(len(state), dtype=bool)
        kept[gone] = False
        state = state.filter(arrow.array(kept))
    return merge(state, new.rows)


def find_told_again(state: arrow.Table, new: Digest) -> np.ndarray:
    """Positions of the bookings of a state that are told anew."""
    if not len(state) or not new.keys:
        return np.zeros(0, dtype=np.int64)
    ids = arrow.array([key[2] for key in new.keys], arrow.string())
    near = np.flatnonzero(np.asarray(compute.is_in(state["booking_id"], value_set=ids)))
    some = state.take(arrow.array(near))
    told = zip(*(some[name].to_pylist() for name in ("customer_id", "account", "booking_id")), strict=True)
    return near[np.fromiter((key in new.keys for key in told), dtype=bool, count=len(near))]


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
    kept = _are_of(state, customer_ids)
    return state if kept.all() else state.filter(arrow.array(kept))


def _are_of(state: arrow.Table, customer_ids: Iterable[str]) -> np.ndarray:
    """Which rows are about these customers; each name is looked at once."""
    wanted = arrow.array(list(customer_ids), arrow.string())
    chunks = state["customer_id"].chunks
    flags = (
        np.asarray(compute.is_in(chunk.dictionary, value_set=wanted))[chunk.indices.to_numpy()] for chunk in chunks
    )
    return np.concatenate([np.zeros(0, dtype=bool), *flags])


def find_loud(rows: arrow.Table) -> np.ndarray:
    """Rows that may be a point of an event, or may change a point, refund or end of payments: one bool per row.

    With `find_gathered` more than those of `models.points` and the series (a test looks at every kind of point), never
    less. All other bookings are only ever counted by later points.
    """
    cents, facts = rows["cents"].to_numpy(), rows["facts"].to_numpy()
    series = parameters()["series"]
    loud = np.asarray(compute.not_equal(compute.binary_length(rows["told"].cast(arrow.binary())), 0))
    loud |= (facts & _ABROAD) != 0
    own = (rows["kind"].to_numpy() == KINDS.index("INTERNAL")) | ((facts & _bit("savings")) != 0)
    loud |= (cents >= 100 * min(float(series["lowest_pay"]), float(series["lowest_windfall"]))) & ~own
    paid = np.bitwise_or.reduce([_bit(name) for name in (*_COMPARED_CONCEPTS, "salary", "refund")])
    return loud | (((rows["kind"].to_numpy() == KINDS.index("SALARY")) | ((facts & paid) != 0)) & (cents > 0))


def _may_gather(rows: arrow.Table) -> np.ndarray:
    return _are_materials(rows) | (rows["balance"].to_numpy() < 0)


def _are_materials(rows: arrow.Table) -> np.ndarray:
    return ((rows["facts"].to_numpy() & _bit("do_it_yourself")) != 0) & (rows["cents"].to_numpy() < 0)


def find_gathered(rows: arrow.Table) -> np.ndarray:
    """Rows that are a point by what came before them alone: materials that add up, an account that goes below zero.

    The rows are those of whole customers in order; one bool per row.
    """
    owner, gathered = _owners(rows)[0], np.zeros(len(rows), dtype=bool)
    bought = np.flatnonzero(_are_materials(rows))
    keys = day_keys(owner[bought], rows["day"].to_numpy()[bought])
    near = window_starts(keys, group_starts(owner[bought]), parameters()["points"]["window_days"])
    spent = np.concatenate([[0], np.cumsum(-rows["cents"].to_numpy()[bought])])
    gathered[bought] = spent[1:] - spent[near] >= 100 * float(parameters()["series"]["lowest_materials"])
    balance = rows["balance"].to_numpy()
    known = np.flatnonzero(np.isfinite(balance))
    negative = balance[known] < 0
    before = Runs(owner[known], _codes(rows, "account")[known]).before(negative, 1, 0.0)
    gathered[known[negative & (before == 0)]] = True
    return gathered


def falls_due(rows: arrow.Table, after: date, up_to: date) -> np.ndarray:
    """Payments whose next one is overdue from a day after the first of these days up to the second (inclusive)."""
    settings = parameters()["absence"]
    begin, end = (np.datetime64(day, "D").astype(np.int64) for day in (after, up_to))
    asked = np.bitwise_or.reduce([_bit(name) for name in _COMPARED_CONCEPTS])
    paid = np.flatnonzero(((rows["facts"].to_numpy() & asked) != 0) & (rows["cents"].to_numpy() > 0))
    days = rows["day"].to_numpy()[paid].astype(np.int64)
    due = np.zeros(len(rows), dtype=bool)
    for period in ("quarter", "month"):
        last = days + settings[f"{period}_days"] + settings[f"{period}_grace_days"]
        due[paid] |= (last > begin) & (last <= end)
    return due


def find_changed(earlier: arrow.Table, newer: Digest, new: Digest, *, after: date, up_to: date) -> set[str]:
    """Customers of whom another event may be told on the second day than on the first.

    Their bookings tell of an event or of a day that was judged already, were told before in another way, or a payment
    is overdue. All others have the same detections on both days but for their status (`status_on`): points look back
    only, so that none of a judged day is moved by what is booked later.

    Parameters
    ----------
    earlier, newer : Table, Digest
        What was known on the first day, in two parts; they may hold bookings of later days.
    """
    begin, end = (np.datetime64(day, "D").astype(np.int64) for day in (after, up_to))
    days = new.rows["day"].to_numpy()
    changed = _customers_at(new.rows, (find_loud(new.rows) & (days <= end)) | (days <= begin))
    for rows in (earlier, newer.rows):
        known = rows["day"].to_numpy()
        some = ((known > begin) & (known <= end)) | falls_due(rows, after, up_to)
        some[find_told_again(rows, new)] = True
        changed |= _customers_at(rows, some)
    asked = _customers_at(new.rows, _may_gather(new.rows) & (days <= end)) - changed
    if asked:
        state = update(
            keep_customers(earlier.select(_GATHERED_BY), asked), newer.of_customers(asked).select(_GATHERED_BY)
        )
        state = update(state, new.of_customers(asked).select(_GATHERED_BY))
        known = state["day"].to_numpy()
        changed |= _customers_at(state, find_gathered(state) & (known > begin) & (known <= end))
    return changed


def _customers_at(rows: arrow.Table, flags: np.ndarray) -> set[str]:
    return set(rows["customer_id"].take(arrow.array(np.flatnonzero(flags))).to_pylist())


def status_on(told: pd.DataFrame, as_of: date, taxonomy: Taxonomy) -> pd.DataFrame:
    """What `detect_state` told on an earlier day, as it is told on this one if no booking has changed it."""
    if not len(told):
        return told
    useful = told["event"].map(lambda event: taxonomy.event(event).useful_days)
    ended = told["detected_on"] + pd.to_timedelta(useful, unit="D") < pd.Timestamp(as_of)
    expired = ended.to_numpy(dtype=bool) & (told["status"] != "contradicted").to_numpy(dtype=bool)
    return told.assign(status=told["status"].mask(expired, "expired"))


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
    refunds = find_refunds(course)
    return describe_hits(hits, course, state["booking_id"], refunds, taxonomy=model.taxonomy, as_of=as_of)


def course_of(state: arrow.Table, *, classes: np.ndarray, as_of: date) -> Course:
    """The course that `build_course` gives for the bookings of a state."""
    owner, names = _owners(state)
    bounds = np.searchsorted(owner, np.arange(len(names) + 1))
    days = state["day"].to_numpy().astype(np.int64)
    facts = state["facts"].to_numpy()
    probabilities, document = _probabilities(state, len(classes))
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
        abroad=(facts & _ABROAD).astype(bool),
        account=_codes(state, "account"),
        balance=state["balance"].to_numpy(),
        concepts={name: (facts & _bit(name)).astype(bool) for name in facts_told()},
        classes=tuple(str(name) for name in classes),
        probabilities=probabilities,
        document=document,
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
    for name, concepts in facts_told().items():
        facts |= np.where(speaks_to_any(texts, concepts), _bit(name), no)
    return facts


def _bit(fact: str) -> np.uint64:
    return np.uint64(4 << list(facts_told()).index(fact))


def _told(judged: Judged, classes: np.ndarray, facts: np.ndarray) -> arrow.Array:
    """Probabilities that detection looks at, the others zero; distinct rows are kept once."""
    compared = (facts & np.bitwise_or.reduce([_bit(name) for name in _COMPARED_CONCEPTS])) != 0
    at, kinds = pd.factorize(2 * judged.at + compared)
    probabilities = judged.probabilities[kinds // 2]
    seen = probabilities >= parameters()["points"]["lowest_probability"]
    seen |= (kinds % 2 == 1)[:, None] & np.isin(classes, _COMPARED)
    seen[:, classes == NONE] = False
    rows = np.where(seen, probabilities, 0.0)
    filled = seen.any(axis=1).tolist()
    told = [row.tobytes() if some else b"" for row, some in zip(rows, filled, strict=True)]
    return arrow.array(told, arrow.binary()).dictionary_encode().take(arrow.array(at))


def _probabilities(state: arrow.Table, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """The distinct rows of probabilities, and which of them each booking has."""
    told = state["told"].unify_dictionaries().combine_chunks()
    if isinstance(told, arrow.ChunkedArray):  # no rows
        return np.zeros((0, classes)), np.zeros(0, dtype=np.int64)
    empty = bytes(8 * classes)
    rows = b"".join(row or empty for row in told.dictionary.to_pylist())
    return np.frombuffer(rows, dtype=np.float64).reshape(-1, classes), told.indices.to_numpy().astype(np.int64)


def _codes(state: arrow.Table, name: str) -> np.ndarray:
    return pd.factorize(state[name].to_numpy())[0].astype(np.int64)


def _text_hashes(texts: arrow.Array, secret: str) -> np.ndarray:
    encoded = texts.dictionary_encode()
    return _hashes(encoded.dictionary.to_numpy(zero_copy_only=False), secret)[encoded.indices.to_numpy()]


def _hashes(values: np.ndarray, secret: str) -> np.ndarray:
    return np.asarray(pd.util.hash_array(values, hash_key=secret), dtype=np.uint64)


def _payer_hashes(kept: pd.DataFrame, secret: str) -> np.ndarray:
    names = payer_names(kept)
    return np.where(names == "", np.uint64(0), _hashes(names, secret))


def _saying_hashes(texts: Texts, secret: str) -> np.ndarray:
    sets = np.array([told.decode("latin-1") for told in concept_sets(texts)], dtype=object)
    return _hashes(sets, secret)[texts.at] if len(sets) else np.zeros(len(texts.at), dtype=np.uint64)
