"""Explanations: the words that carried a detection, never a person's, never a screened one."""

from datetime import date
from types import SimpleNamespace

import pandas as pd
import pytest

from models.bookings import bookings_from_records
from models.classifier import BookingClassifier
from models.events import DETECTION_COLUMNS
from models.explaining import explain_detections
from models.screening import default_screening
from models.taxonomy import default_taxonomy


def record(number: int, name: str, text: str, sign: str, code: str = "SCT") -> dict[str, str]:
    return {
        "customer_id": f"c{number % 40}", "account_iban": "NL00TEST", "booking_id": f"b{number}",
        "booking_date": "2026-03-02", "amount": "50.00", "credit_debit_indicator": sign, "counterparty_name": name,
        "remittance_information": text, "bank_transaction_code": code,
    }  # fmt: skip


@pytest.fixture(scope="module")
def release() -> SimpleNamespace:
    persons = ["J de Vries", "Oumaima Bouzambou", "K Visser"]
    rows = [record(n, persons[n % 3], f"kinderalimentatie {persons[n % 3]}", "DBIT") for n in range(0, 120, 2)]
    rows += [record(n, "Bakker Bart BV", "brood en taart", "DBIT", "CARD") for n in range(1, 120, 2)]
    labels = ["separation"] * 60 + ["none"] * 60
    bookings = bookings_from_records(rows, source="test").frame
    classifier = BookingClassifier(calibrate=False).fit(bookings, labels)
    return SimpleNamespace(
        classifier=classifier, screening=default_screening(), taxonomy=default_taxonomy(), bookings=bookings
    )


def detections(event: str, evidence: str, customer: str = "c0") -> pd.DataFrame:
    day = pd.Timestamp(2026, 3, 2)
    return pd.DataFrame([(customer, event, day, day, 0.9, "open", "C", evidence)], columns=list(DETECTION_COLUMNS))


def test_the_word_that_carried_it_is_named_and_no_person(release: SimpleNamespace) -> None:
    told = explain_detections(release.bookings, detections("separation", "b0 b40"), release=release)
    assert told["booking_id"].tolist() == ["b0", "b40"]
    assert told["words"].tolist() == ["kinderalimentatie"] * 2
    assert told["onset_date"].dt.date.tolist() == [date(2026, 3, 2)] * 2
    assert "(de woorden: kinderalimentatie en " in told["reason_nl"][0]
    assert "(the words: kinderalimentatie and " in told["reason_en"][0]
    everything = told.to_csv().lower()
    assert not [name for name in ("vries", "oumaima", "bouzambou", "visser") if name in everything]


def test_an_event_told_from_a_series_says_so(release: SimpleNamespace) -> None:
    told = explain_detections(release.bookings, detections("job_change", "b0"), release=release)
    assert told["words"].tolist() == [""]
    assert told["reason_en"][0].endswith("(a series of payments, not a single one)")


def test_reasons_stand_in_the_order_of_the_detections(release: SimpleNamespace) -> None:
    found = [detections(*one) for one in (("separation", "b40 b0"), ("job_change", "b80"), ("separation", "b2", "c2"))]
    told = explain_detections(release.bookings, pd.concat(found), release=release)
    assert told["booking_id"].tolist() == ["b40", "b0", "b80", "b2"]
    assert told["event"].tolist() == ["separation", "separation", "job_change", "separation"]


def test_no_detection_gives_an_empty_table(release: SimpleNamespace) -> None:
    none = detections("separation", "b0").iloc[:0]
    assert len(explain_detections(release.bookings, none, release=release)) == 0


def test_a_first_name_that_many_texts_share_is_not_named() -> None:
    rows = [record(n, "K Visser", "kinderalimentatie noor", "DBIT") for n in range(0, 120, 2)]
    rows += [record(n, "Bakker Bart BV", "brood en taart", "DBIT", "CARD") for n in range(1, 120, 2)]
    bookings = bookings_from_records(rows, source="test").frame
    classifier = BookingClassifier(calibrate=False).fit(bookings, ["separation"] * 60 + ["none"] * 60)
    assert "noor" in classifier.space_.spoken  # the classifier may look at it
    made = SimpleNamespace(classifier=classifier, screening=default_screening(), taxonomy=default_taxonomy())
    told = explain_detections(bookings, detections("separation", "b0"), release=made)
    assert told["words"].tolist() == ["kinderalimentatie"]
    assert "noor" not in told.to_csv().lower()
