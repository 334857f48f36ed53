"""From labelled bookings to detections: what the detector may know when, and what a release keeps."""

import builtins
import io
import os
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import hypothesis
import numpy as np
import pandas as pd
import pyarrow as arrow
import pytest
from pyarrow import csv as arrow_csv
from pyarrow import parquet

from models import answering
from models.answering import classify_file, detect_file, explain_file
from models.bookings import load_bookings, write_bookings
from models.detection import classify_bookings, detect_events, prepare_screened
from models.events import DETECTION_COLUMNS
from models.explaining import explain_detections
from models.matching import Spans, match_hits
from models.screening import default_screening
from models.taxonomy import default_taxonomy
from models.text import read_texts
from training.dataset import Dataset, load_dataset, split_as_given
from training.fitting import Fitted
from training.run import build_facts
from training.simulation import persona
from training.splits import Split, split_by_customer


@pytest.fixture
def fitted(small_release: Fitted) -> Fitted:
    return small_release


def detections(fitted: Fitted, bookings: pd.DataFrame, as_of: date) -> pd.DataFrame:
    return detect_events(bookings, as_of=as_of, release=fitted)


def test_a_first_child_benefit_payment_is_a_new_child(fitted: Fitted) -> None:
    bookings = persona("child_benefit", seed=5, until=date(2026, 10, 31))
    found = detections(fitted, bookings, date(2026, 10, 31)).set_index("event")
    paid = bookings[bookings["remittance_information"].str.contains("(?i)kinderbijslag|AKW")].iloc[-1]
    assert found.loc["child_birth", "onset_date"] == paid["booking_date"]
    assert paid["booking_id"] in found.loc["child_birth", "evidence"].split()
    assert found.loc["child_birth", "offer_class"] == "S"


def test_a_customer_who_just_came_from_another_bank_has_no_first_child_benefit(fitted: Fitted) -> None:
    bookings = persona("child_benefit", seed=5, until=date(2026, 10, 31))
    recent = bookings[bookings["booking_date"] >= "2026-08-01"]
    assert "child_birth" not in set(detections(fitted, recent, date(2026, 10, 31))["event"])


def test_later_bookings_never_change_what_was_known_before(fitted: Fitted, small_dataset: Dataset) -> None:
    customers = small_dataset.bookings["customer_id"].unique()[:15]
    mine = small_dataset.bookings[small_dataset.bookings["customer_id"].isin(customers)]
    day = (mine["booking_date"].max() - timedelta(days=120)).date()
    before = mine[mine["booking_date"] <= pd.Timestamp(day)]
    then, now = detections(fitted, before, day), detections(fitted, mine, day)
    pd.testing.assert_frame_equal(then, now)
    end = detections(fitted, mine, mine["booking_date"].max().date())
    key = ["customer_id", "event", "onset_date", "detected_on", "probability"]
    known = end[end["detected_on"] <= pd.Timestamp(day)][key].reset_index(drop=True)
    pd.testing.assert_frame_equal(known, then[key])


@hypothesis.settings(max_examples=10, deadline=None, suppress_health_check=list(hypothesis.HealthCheck))
@hypothesis.given(back=hypothesis.strategies.integers(1, 400))
def test_on_any_day_the_past_is_what_it_was(fitted: Fitted, small_dataset: Dataset, back: int) -> None:
    customers = small_dataset.bookings["customer_id"].unique()[:6]
    mine = small_dataset.bookings[small_dataset.bookings["customer_id"].isin(customers)]
    last = mine["booking_date"].max()
    day = last - timedelta(days=back)
    then = detections(fitted, mine[mine["booking_date"] <= day], day.date())
    pd.testing.assert_frame_equal(then, detections(fitted, mine, day.date()))
    end = detections(fitted, mine, last.date())
    key = ["customer_id", "event", "onset_date", "detected_on", "probability"]
    pd.testing.assert_frame_equal(end[end["detected_on"] <= day][key].reset_index(drop=True), then[key])


def test_any_order_and_any_company_of_customers_gives_the_same_answer(fitted: Fitted, small_dataset: Dataset) -> None:
    customers = small_dataset.bookings["customer_id"].unique()[:8]
    mine = small_dataset.bookings[small_dataset.bookings["customer_id"].isin(customers)]
    day = mine["booking_date"].max().date()
    together = detections(fitted, mine, day)
    shuffled = detections(fitted, mine.sample(frac=1, random_state=1), day)
    alone = pd.concat([detections(fitted, mine[mine["customer_id"] == c], day) for c in sorted(customers)])
    pd.testing.assert_frame_equal(together, shuffled)
    pd.testing.assert_frame_equal(together, alone.reset_index(drop=True))


@pytest.mark.parametrize(("rows", "chunks"), [(1, 20), (1000, 12)])
def test_labels_of_bookings_do_not_depend_on_the_bookings_beside_them(
    fitted: Fitted, small_dataset: Dataset, rows: int, chunks: int
) -> None:
    mine = small_dataset.bookings[: rows * chunks]
    whole = classify_bookings(mine, release=fitted)
    parts = [classify_bookings(mine[at : at + rows], release=fitted) for at in range(0, len(mine), rows)]
    pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), whole, check_exact=True)
    likely = [fitted.classifier.predict_proba(mine[at : at + rows]) for at in range(0, len(mine), rows)]
    np.testing.assert_array_equal(np.concatenate(likely), fitted.classifier.predict_proba(mine))


def test_points_are_the_same_whether_bookings_share_a_row_of_probabilities_or_not(
    fitted: Fitted, small_dataset: Dataset
) -> None:
    kept, day = small_dataset.bookings[:20_000], date(2026, 10, 31)
    texts = read_texts(kept, names=fitted.classifier.names_)
    judged = fitted.classifier.judge(kept, texts)
    shared = prepare_screened(kept, texts, judged.probabilities, as_of=day, model=fitted, documents=judged.at)
    own = prepare_screened(kept, texts, judged.probabilities[judged.at], as_of=day, model=fitted)
    assert len(judged.probabilities) < len(kept) / 2
    np.testing.assert_array_equal(shared.points.matrix, own.points.matrix)
    np.testing.assert_array_equal(shared.points.evidence, own.points.evidence)
    np.testing.assert_array_equal(shared.course.likely("child_birth"), own.course.likely("child_birth"))


@pytest.mark.parametrize(("kind", "mixed"), [("csv", True), ("parquet", False)])
def test_files_are_answered_in_a_stream_as_in_one_piece(
    kind: str, mixed: bool, fitted: Fitted, small_bank: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = SimpleNamespace(**vars(fitted), warning="")
    monkeypatch.setattr(answering, "load_release", lambda *_, **__: opened)
    bookings = load_bookings(small_bank / "bookings.parquet").frame
    if mixed:
        bookings = bookings.sample(frac=1, random_state=1, ignore_index=True)
    table, day = tmp_path / f"bookings.{kind}", bookings["booking_date"].max().date()
    write_bookings(bookings, table)
    found = detections(fitted, bookings, day)
    expected = {
        "classify": classify_bookings(bookings, release=fitted),
        "detect": found,
        "explain": explain_detections(bookings, found, release=fitted),
    }
    for name, frame in expected.items():
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
    given = {"release_id": None, "as_of": day}
    classify_file(table, out=tmp_path / "classified.csv", release_id=None)
    detect_file(table, out=tmp_path / "detected.csv", **given)
    explain_file(table, out=tmp_path / "explained.csv", **given)
    for name, answer in {"classify": "classified", "detect": "detected", "explain": "explained"}.items():
        assert (tmp_path / f"{answer}.csv").read_bytes() == (tmp_path / f"{name}.csv").read_bytes()
    assert len(found) > 20


def test_detections_have_the_columns_of_the_contract(fitted: Fitted, small_dataset: Dataset) -> None:
    found = detections(fitted, small_dataset.bookings.iloc[:0], date(2026, 1, 1))
    assert list(found.columns) == list(DETECTION_COLUMNS)


def last_trip(found: pd.DataFrame) -> pd.Series:
    return found[found["event"] == "travel_booked"].iloc[-1]


def test_a_refund_contradicts_a_trip(fitted: Fitted) -> None:
    until = date(2026, 10, 31)
    bookings = persona("plane_ticket", seed=6, until=until)
    ticket = bookings.tail(1).assign(
        booking_id="ticket", booking_date=pd.Timestamp("2026-10-28"), amount=Decimal("412.00"), counterparty_iban="",
        credit_debit_indicator="DBIT", bank_transaction_code="IDEAL", counterparty_name="Transavia",
        remittance_information="vliegticket boeking 4471029",
    )  # fmt: skip
    bookings = pd.concat([bookings, ticket], ignore_index=True)
    trip = last_trip(detections(fitted, bookings, until))
    paid = bookings[bookings["booking_id"].isin(trip["evidence"].split())]
    refund = paid.assign(
        booking_id="refund-" + paid["booking_id"], booking_date=pd.Timestamp(until), credit_debit_indicator="CRDT",
        remittance_information="refund annulering boeking",
    )  # fmt: skip
    after = detections(fitted, pd.concat([bookings, refund], ignore_index=True), until)
    assert trip["status"] in ("open", "confirmed")
    assert last_trip(after)["status"] == "contradicted"


def test_screened_bookings_are_labelled_screened_and_reach_no_evidence(fitted: Fitted) -> None:
    bookings = persona("plane_ticket", seed=5, until=date(2026, 10, 31))
    gift = bookings.tail(1).assign(
        booking_id="gift", counterparty_name="Stichting Moskee Voorbeeld", remittance_information="zakat vliegticket"
    )
    told = classify_bookings(pd.concat([bookings, gift], ignore_index=True), release=fitted).set_index("booking_id")
    assert told.loc["gift", "label"] == "screened"
    assert len(told) == len(bookings) + 1


def test_names_of_private_persons_change_no_detection(fitted: Fitted) -> None:
    until = date(2026, 10, 31)
    bookings = persona("child_benefit", seed=9, until=until)
    names = bookings["counterparty_name"]
    private = names.str.match(r"^(Hr|Mw) ") & ~names.str.contains(" via ")
    assert private.sum() >= 5
    swapped = bookings.copy()
    swapped.loc[private, "counterparty_name"] = "Hr O Bouzambou"
    np.testing.assert_array_equal(fitted.classifier.predict_proba(bookings), fitted.classifier.predict_proba(swapped))
    pd.testing.assert_frame_equal(detections(fitted, bookings, until), detections(fitted, swapped, until))


def test_figures_of_unseen_customers_are_complete_json(fitted: Fitted, small_dataset: Dataset) -> None:
    import json

    split = split_by_customer(small_dataset.bookings, test_share=0.25, seed=0)
    facts = build_facts(fitted, small_dataset, split)
    assert json.loads(json.dumps(facts, allow_nan=False))["headline"]["name"] == "event_macro_f1"
    assert facts["counts"]["kept"] == len(small_dataset.bookings)


def test_a_set_without_customers_or_events_gives_booking_figures_only(fitted: Fitted, small_dataset: Dataset) -> None:
    part = small_dataset.bookings.head(300).assign(customer_id="")
    dataset = Dataset(part, small_dataset.labels[:300], small_dataset.events.iloc[:0], {}, {}, [])
    facts = build_facts(fitted, dataset, Split(np.arange(200), np.arange(200, 300)))
    assert facts["headline"]["name"] == "booking_macro_f1"
    assert facts["events"]["per_event"] == {}


@pytest.mark.parametrize(
    ("detected", "spans", "hits"),
    [
        ([5], [(1, 10)], 1),
        ([5, 6], [(1, 10)], 1),
        ([5, 6], [(1, 10), (6, 12)], 2),
        ([11], [(1, 10)], 0),
        ([1, 10], [(1, 10), (10, 20)], 2),
        ([], [(1, 10)], 0),
    ],
)
def test_hits_are_counted_one_to_one(
    count_hits: Callable[..., int], detected: list[int], spans: list[tuple[int, int]], hits: int
) -> None:
    assert count_hits(detected, spans) == hits
    begin, end = (np.array([span[at] for span in spans]) for at in (0, 1))
    days, group = np.array(detected, dtype=np.int64), np.zeros(len(detected), dtype=np.int64)
    true = Spans(np.zeros(len(spans), dtype=np.int64), begin, end, np.arange(len(spans)))
    assert (match_hits(group, days, true) >= 0).sum() == hits


def refuse_below(vault: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on every way of opening a file fails for files below the vault."""

    def guard(owner: object, name: str) -> None:
        opened = getattr(owner, name)

        def checked(file: object, *others: object, **options: object) -> object:
            if isinstance(file, str | os.PathLike) and vault in Path(file).resolve().parents:
                raise AssertionError("Something opened a file of the vault.")
            return opened(file, *others, **options)

        monkeypatch.setattr(owner, name, checked)

    for owner, names in (
        (builtins, ["open"]), (io, ["open"]), (os, ["open"]), (pd, ["read_csv", "read_parquet"]),
        (arrow_csv, ["open_csv", "read_csv"]), (arrow, ["memory_map", "OSFile"]),
        (parquet, ["ParquetFile", "read_table"]),
    ):  # fmt: skip
        for name in names:
            guard(owner, name)


def test_vault_is_not_read_by_training(small_bank: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    groups = small_bank / "vault" / "groups.csv"
    assert groups.read_text("utf-8").startswith("customer_id,origin_class")
    refuse_below(groups.parent.resolve(), monkeypatch)
    for opening in (groups.read_text, groups.read_bytes, partial(pd.read_csv, groups), partial(open, str(groups))):
        with pytest.raises(AssertionError, match="vault"):
            opening()
    dataset = load_dataset(
        small_bank / "bookings.parquet", small_bank / "labels.csv", taxonomy=default_taxonomy(),
        screening=default_screening(), events=small_bank / "events.csv", permissions=small_bank / "permissions.csv",
    )  # fmt: skip
    split = split_as_given(dataset.bookings, small_bank / "splits.csv", dataset.notes)
    assert len(split.fit) + len(split.test) == len(dataset.bookings) > 0
    groups_told = {"origin_class", "born_abroad", "religion", "gender", "age_band", "income_quintile", "household"}
    assert not groups_told & {*dataset.bookings.columns, *dataset.events.columns}
