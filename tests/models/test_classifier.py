"""The classifier as scikit-learn users know estimators, on degenerate and foreign data too."""

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from models.classifier import BookingClassifier
from models.errors import UsageError
from models.payments import is_direct_debit
from models.release import TRUSTED_TYPES

MERCHANTS = {
    "groceries": ["Supermarkt {} Zuid", "Mercado {}", "Lebensmittel {}"],
    "fuel": ["Tankstelle {}", "Gasolinera {}", "Benzinepomp {}"],
    "rent": ["Vermietung {} Haus", "Alquiler {}", "Verhuur {}"],
}


def shops(rows: int, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.choice(list(MERCHANTS), rows)
    names = [rng.choice(MERCHANTS[label]).format(rng.integers(100)) for label in labels]
    frame = pd.DataFrame(
        {"counterparty_name": names, "remittance_information": "", "amount": 10.0, "credit_debit_indicator": "DBIT"}
    )
    return frame, labels


def test_two_hundred_rows_in_mixed_languages_are_learned() -> None:
    classifier = BookingClassifier().fit(*shops(200))
    frame, labels = shops(100, seed=1)
    assert (classifier.predict(frame) == labels).mean() > 0.95
    assert classifier.names_ == "as_merchants"


def test_the_name_of_a_category_is_a_text_of_it() -> None:
    frame, labels = shops(200)
    named = np.where(labels == "rent", "home_rental", labels)
    unseen = frame.head(1).assign(counterparty_name="City Rental Office")  # no word of it was in any text
    assert BookingClassifier().fit(frame, named).predict(unseen).tolist() == ["home_rental"]


def test_merchants_are_found_in_either_column() -> None:
    frame, labels = shops(200)
    moved = frame.assign(remittance_information=frame["counterparty_name"], counterparty_name="")
    new, truth = shops(100, seed=1)
    new = new.assign(remittance_information=new["counterparty_name"], counterparty_name="")
    assert (BookingClassifier().fit(moved, labels).predict(new) == truth).mean() > 0.95


def test_probabilities_are_rows_of_one_in_the_order_of_classes() -> None:
    classifier = BookingClassifier().fit(*shops(200))
    probabilities = classifier.predict_proba(shops(20, seed=1)[0])
    assert probabilities.shape == (20, 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert classifier.classes_.tolist() == ["fuel", "groceries", "rent"]


def test_batch_single_and_shuffled_order_agree_to_the_last_bit() -> None:
    classifier = BookingClassifier().fit(*shops(200))
    frame, _ = shops(40, seed=2)
    together = classifier.predict_proba(frame)
    alone = np.vstack([classifier.predict_proba(frame.iloc[[at]]) for at in range(len(frame))])
    order = np.random.default_rng(3).permutation(len(frame))
    np.testing.assert_array_equal(together, alone)
    np.testing.assert_array_equal(together[order], classifier.predict_proba(frame.iloc[order]))


def test_one_class_empty_input_and_missing_texts_are_ordinary() -> None:
    frame, labels = shops(30)
    one = BookingClassifier().fit(frame, ["none"] * 30)
    assert one.predict_proba(frame).tolist() == [[1.0]] * 30
    many = BookingClassifier().fit(frame, labels)
    assert many.predict_proba(frame.iloc[:0]).shape == (0, 3)
    blank = frame.assign(counterparty_name=None, remittance_information="")
    assert many.predict(blank).shape == (30,)


def test_a_text_without_known_words_is_abstained_from() -> None:
    frame, labels = shops(200)
    unknown = frame.head(1).assign(counterparty_name="")
    assert BookingClassifier().fit(frame, labels).classify(unknown)["abstained"].tolist() == [True]


@pytest.mark.parametrize("labels", [[], ["a"], ["a"] * 3])
def test_another_number_of_labels_than_bookings_is_refused(labels: list[str]) -> None:
    with pytest.raises(UsageError, match="one label per booking"):
        BookingClassifier().fit(shops(2)[0], labels)


def test_a_frame_without_texts_or_amounts_is_refused() -> None:
    frame, labels = shops(5)
    with pytest.raises(UsageError, match="amount"):
        BookingClassifier().fit(frame.drop(columns="amount"), labels)
    with pytest.raises(UsageError, match="counterparty_name"):
        BookingClassifier().fit(frame.drop(columns=["counterparty_name", "remittance_information"]), labels)


def test_it_is_an_estimator_with_manners() -> None:
    classifier = BookingClassifier(C=3.0)
    assert clone(classifier).get_params() == classifier.get_params()
    with pytest.raises(NotFittedError):
        classifier.predict(shops(2)[0])


def test_it_is_kept_and_opened_by_skops_with_our_list_alone(tmp_path) -> None:
    classifier = BookingClassifier().fit(*shops(200))
    skops.io.dump(classifier, tmp_path / "c.skops")
    opened = skops.io.load(tmp_path / "c.skops", trusted=list(TRUSTED_TYPES))
    frame, _ = shops(20, seed=4)
    np.testing.assert_array_equal(opened.predict_proba(frame), classifier.predict_proba(frame))


def test_names_of_private_persons_change_no_score() -> None:
    rng = np.random.default_rng(5)
    persons = ["J de Vries", "A Jansen", "K Visser", "M Smit"]
    rows = [
        {"customer_id": f"c{n % 40}", "counterparty_name": str(rng.choice(persons)), "amount": "50.00",
         "remittance_information": text, "credit_debit_indicator": sign, "bank_transaction_code": "SCT"}
        for n, (text, sign) in enumerate([("kinderalimentatie", "DBIT"), ("etentje gisteren", "CRDT")] * 100)
    ]  # fmt: skip
    frame = pd.DataFrame(rows)
    classifier = BookingClassifier().fit(frame, ["separation", "none"] * 100)
    swapped = frame.assign(counterparty_name="Oumaima Bouzambou")
    assert classifier.names_ == "as_persons"
    np.testing.assert_array_equal(classifier.predict_proba(frame), classifier.predict_proba(swapped))


@pytest.mark.parametrize("name", ["Oumaima Bouzambou", "H", "Q van der Velden-el Idrissi Yildiz"])
@pytest.mark.parametrize("repeated", [True, False])
def test_a_name_repeated_in_the_text_changes_no_score(name: str, repeated: bool) -> None:
    texts = ["kinderalimentatie maart {}", "etentje {} gisteren"] * 100
    rows = [
        {"customer_id": f"c{n % 40}", "counterparty_name": "J Jansen", "amount": "50.00",
         "remittance_information": text.format("J Jansen"), "credit_debit_indicator": "DBIT",
         "bank_transaction_code": "SCT"}
        for n, text in enumerate(texts)
    ]  # fmt: skip
    frame = pd.DataFrame(rows)
    classifier = BookingClassifier().fit(frame, ["separation", "none"] * 100)
    said = [text.format(name) for text in texts] if repeated else frame["remittance_information"]
    swapped = frame.assign(counterparty_name=name, remittance_information=said)
    np.testing.assert_array_equal(classifier.predict_proba(frame), classifier.predict_proba(swapped))


def lessons_and_shops() -> tuple[pd.DataFrame, list[str]]:
    """Lessons that are paid for, and other bookings that come in, go out and are collected."""
    rows = [
        ("Rijschool Blom", "rijles", "DBIT", "", "driving_licence"),
        ("Eneco", "termijnbedrag", "DBIT", "NL00ZZZ000000000001", "none"),
        ("Bakker BV", "salaris", "CRDT", "", "none"),
        ("Slager Jansen", "vlees", "DBIT", "", "none"),
    ] * 20
    columns = ("counterparty_name", "remittance_information", "credit_debit_indicator", "creditor_id", "label")
    table = pd.DataFrame(rows, columns=list(columns)).assign(amount=60.0, counterparty_iban="NL00TEST")
    table = pd.concat([table] * 2, ignore_index=True)
    return table.drop(columns="label"), table["label"].tolist()


def test_a_class_speaks_in_no_booking_of_a_way_that_its_own_never_go() -> None:
    bookings, labels = lessons_and_shops()
    classifier = BookingClassifier(calibrate=False).fit(bookings, labels)
    lesson = bookings.iloc[:1]
    wage = lesson.assign(credit_debit_indicator="CRDT")
    collected = lesson.assign(creditor_id="NL00ZZZ000000000001")
    told = classifier.predict_proba(pd.concat([lesson, wage, collected], ignore_index=True))
    column = list(classifier.classes_).index("driving_licence")
    assert told[0, column] > 0.9
    assert told[1:, column].tolist() == [0.0, 0.0]
    assert told.sum(axis=1) == pytest.approx(1.0)


def test_what_is_always_collected_is_read_where_a_bank_tells_no_creditor() -> None:
    bookings, labels = lessons_and_shops()
    collected = bookings.assign(
        creditor_id=["NL00ZZZ000000000001" if label == "driving_licence" else "" for label in labels]
    )
    classifier = BookingClassifier(calibrate=False).fit(collected, labels)
    assert classifier.predict(bookings.iloc[:1]).tolist() == ["driving_licence"]
    code_alone = bookings.iloc[:1].assign(bank_transaction_code="SDD")
    assert classifier.predict(code_alone).tolist() == ["driving_licence"]
    assert is_direct_debit(code_alone).tolist() == [True]


def test_a_text_between_people_that_says_nothing_known_speaks_to_nothing() -> None:
    bookings, labels = lessons_and_shops()
    private = bookings.iloc[:1].assign(counterparty_name="A de Vries")
    known = [private.assign(remittance_information=text) for text in ("zzgrumpf", "rijles")]
    classifier = BookingClassifier(calibrate=False).fit(bookings, labels)
    told = classifier.predict_proba(pd.concat(known, ignore_index=True))[:, list(classifier.classes_).index("none")]
    assert told[0] == 1.0
    assert told[1] < 0.9
