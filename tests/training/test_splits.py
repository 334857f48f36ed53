"""Four ways to split: what each keeps apart, and that a broken promise fails the run."""

import numpy as np
import pandas as pd
import pytest

from models.errors import IntegrityError
from training.dataset import Dataset
from training.splits import (
    KINDS,
    Split,
    SplitKind,
    counterparty_groups,
    describe_bookings,
    make_splits,
    validate_split,
)


def table(*rows: tuple[str, str, str, str, str, str]) -> pd.DataFrame:
    names = ["customer_id", "booking_date", "creditor_id", "counterparty_iban", "counterparty_name"]
    made = pd.DataFrame(rows, columns=[*names, "remittance_information"]).astype("str")
    return made.assign(booking_date=pd.to_datetime(made["booking_date"]))


SHOP = table(
    ("anna", "2026-01-01", "", "", "Shop 12", "one"),  # a card payment shows the name alone
    ("anna", "2026-01-02", "NL01ZZZ1", "", "SHOP", "two"),
    ("bert", "2026-01-03", "NL01ZZZ1", "NL02BANK1", "Shop Incasso", "three"),
    ("bert", "2026-01-04", "", "NL02BANK1", "Somebody else", "four"),
    ("carl", "2026-01-05", "", "", "", "Cash 3"),
    ("carl", "2026-01-06", "", "", "", "cash 99"),
    ("dora", "2026-01-07", "", "", "Other shop", "one"),
    ("dora", "2026-01-08", "", "", "", ""),
)


def test_one_counterparty_is_one_by_name_creditor_id_or_account() -> None:
    groups = counterparty_groups(SHOP)
    # By name 0-1, by creditor id 1-2, by account 2-3; the two cash bookings by their text; two stand alone.
    assert pd.factorize(groups)[0].tolist() == [0, 0, 0, 0, 1, 1, 2, 3]


def test_descriptions_have_no_case_digits_or_signs_and_keep_name_and_text_apart() -> None:
    assert describe_bookings(SHOP).tolist()[:2] == ["shop|one", "shop|two"]
    assert describe_bookings(SHOP)[7] == ""
    joined = table(("a", "2026-01-01", "", "", "ab", "c"), ("a", "2026-01-01", "", "", "a", "bc"))
    assert len(set(describe_bookings(joined))) == 2


def test_letters_of_other_scripts_are_letters() -> None:
    assert describe_bookings(table(("a", "2026-01-01", "", "", "北京 7", "Å-1"))).tolist() == ["北京|å"]


@pytest.mark.parametrize(
    ("kind", "fit", "test", "said"),
    [
        ("row", [0, 1], [1, 2], "1 bookings"),
        ("customer", [0], [1], "1 customers"),
        ("counterparty", [0], [1], "1 names of counterparties"),
        ("counterparty", [1], [2], "1 creditor ids"),
        ("counterparty", [2], [3], "1 IBANs"),
        ("counterparty", [4], [5], "1 normalised descriptions"),
        ("time", [0, 3], [2, 4], "1 fitted bookings are as late"),
    ],
)
def test_a_split_that_breaks_its_promise_fails_the_run(
    kind: SplitKind, fit: list[int], test: list[int], said: str
) -> None:
    with pytest.raises(IntegrityError, match=f"Split by {kind}: {said}"):
        validate_split(kind, SHOP, Split(np.array(fit), np.array(test)))


@pytest.mark.parametrize(
    ("kind", "fit", "test"),
    [
        ("row", [0], [1]),
        ("customer", [0, 1], [2, 3]),
        ("counterparty", [0, 1, 2, 3, 7], [4, 5, 6]),
        ("time", [0, 1], [2, 3]),
    ],
)
def test_a_split_that_keeps_its_promise_passes(kind: SplitKind, fit: list[int], test: list[int]) -> None:
    validate_split(kind, SHOP, Split(np.array(fit), np.array(test)))


def test_a_bank_is_split_in_four_ways_that_each_keep_their_promise(small_dataset: Dataset) -> None:
    made = make_splits(small_dataset.bookings, small_dataset.labels, test_share=0.2, seed=0)
    assert list(made) == list(KINDS)
    for kind, split in made.items():
        assert split is not None
        validate_split(kind, small_dataset.bookings, split)
        assert len(split.fit) + len(split.test) == len(small_dataset.bookings)
        assert 0.05 < len(split.test) / len(small_dataset.bookings) < 0.45


def test_every_label_of_several_counterparties_is_on_both_sides_of_the_split_by_counterparty() -> None:
    names = [f"party {chr(97 + at)}{chr(97 + at)}" for at in range(20)]
    bookings = table(*[("a", "2026-01-01", "", "", name, name) for name in names])
    labels = np.array(["move"] * 2 + ["car"] * 3 + ["none"] * 15)
    split = make_splits(bookings, labels, test_share=0.2, seed=0)["counterparty"]
    assert split is not None
    # One of 2, one of 3 (a fifth of 3 is less than one: at least one), 3 of 15.
    assert pd.Series(labels[split.test]).value_counts().to_dict() == {"none": 3, "move": 1, "car": 1}


def test_forward_in_time_no_day_is_on_both_sides() -> None:
    days = ["2026-01-01"] * 3 + ["2026-01-02"] * 6 + ["2026-01-03"]
    bookings = table(*[("a", day, "", "", f"n{at}", "x") for at, day in enumerate(days)])
    split = make_splits(bookings, np.array(["none"] * 10), test_share=0.2, seed=0)["time"]
    assert split is not None
    # A fifth are two bookings, but the ninth is of 2 January, so that whole day is tested.
    assert split.test.tolist() == [3, 4, 5, 6, 7, 8, 9]


def test_what_cannot_be_split_is_not_split() -> None:
    one_day = table(*[("", "2026-01-01", "", "", "same", "x")] * 8)
    made = make_splits(one_day, np.array(["none"] * 8), test_share=0.2, seed=0)
    assert {kind: split is None for kind, split in made.items()} == {
        "row": False, "customer": True, "counterparty": True, "time": True,
    }  # fmt: skip


def test_a_frame_of_four_columns_is_split_by_what_it_has() -> None:
    bookings = pd.DataFrame(
        {
            "counterparty_name": [f"shop {chr(97 + at)}" for at in range(10)],
            "remittance_information": "x",
            "amount": 1.0,
            "credit_debit_indicator": "DBIT",
        }
    )
    made = make_splits(bookings, np.array(["none"] * 10), test_share=0.2, seed=0)
    assert [kind for kind, split in made.items() if split is not None] == ["row", "counterparty"]


def test_a_day_on_both_sides_of_a_split_in_time_fails_the_run() -> None:
    same_day = table(("a", "2026-01-01", "", "", "x", "x"), ("b", "2026-01-01", "", "", "y", "y"))
    with pytest.raises(IntegrityError, match="Split by time: 1 fitted bookings are as late"):
        validate_split("time", same_day, Split(np.array([0]), np.array([1])))
