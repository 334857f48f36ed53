"""Levelling and splitting: what stays of a text, whatever stands around it."""

import numpy as np
import pyarrow as arrow
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.ragged import Ragged, distinct_in_rows, join_rows, ragged
from models.words import clean_many, clean_words, level_texts, split_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("SALARIS2026 EV123 NL12INGB0001234567", ["salaris"]),
        ("MD01 13e maand, 2e kwartaal", ["md00", "00e", "maand", "0e", "kwartaal"]),
        ("/TRTP/SEPA OVERBOEKING/IBAN/NL12ABNA0001/REMI/KINDERBIJSLAG 1E", ["trtp", "sepa", "overboeking", "iban",
                                                                           "remi", "kinderbijslag", "0e"]),
        ("McDonald's H&M  Müller’s", ["mcdonalds", "h", "m", "mullers"]),
        ("Teşekkürler ISPANAK ıspanak Żółw 北京 №5", ["tesekkurler", "ispanak", "ispanak", "zolw", "北京", "no0"]),
        ("12-09-2026 14:32 1 22", []),
        ("", []),
    ],
)  # fmt: skip
def test_words_of_a_text(text: str, words: list[str]) -> None:
    assert clean_words(text) == words


@pytest.mark.parametrize(
    ("text", "plate"),
    [
        ("LT-544-G 01-09-2026 t/m", True), ("mrb h-213-zs vanaf", True), ("polis 1-ABC-23.", True), ("12-XY-34", True),
        ("99-XYZ-9", True), ("12-09-26", False), ("NL12-AB-34-CD", False), ("AB-12", False), ("A-1-B", False),
    ],
)  # fmt: skip
def test_a_number_plate_is_read_as_one(text: str, plate: bool) -> None:
    assert ("kenteken" in clean_words(text)) == plate


def test_texts_that_differ_in_references_alone_are_one() -> None:
    texts = ["Factuur 20261 ref. AB12CD34", "factuur 20262  REF", "ref factuur", ""]
    assert level_texts(arrow.array(texts)).to_pylist() == ["factuur ref", "factuur ref", "ref factuur", ""]


@given(st.lists(st.text(alphabet="aB1 '.é", max_size=12), max_size=8))
def test_no_text_changes_another(texts: list[str]) -> None:
    assert clean_many(texts) == [clean_words(text) for text in texts]


def test_a_slice_of_a_column_and_many_blocks_are_read_like_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = arrow.array([f"woord {n} tekst" if n % 3 else "Café" for n in range(50)])
    whole = level_texts(texts).to_pylist()
    monkeypatch.setattr("models.words._BLOCK", 7)
    assert level_texts(texts.slice(10, 30)).to_pylist() == whole[10:40]


def test_columns_share_one_numbering() -> None:
    table, (first, second) = split_words(arrow.array(["huur juli", ""]), arrow.array(["juli", "huur huur"]))
    assert [table[word] for word in first.row(0)] == ["huur", "juli"]
    assert second.row(1).tolist() == [first.flat[0]] * 2


def test_rows_are_taken_filtered_and_joined() -> None:
    rows = ragged([[3, 1], [], [2, 2, 5]])
    assert [rows.take(np.array([2, 0])).row(at).tolist() for at in (0, 1)] == [[2, 2, 5], [3, 1]]
    assert rows.where(rows.flat > 1).lengths.tolist() == [1, 0, 3]
    assert rows.any(rows.flat == 5).tolist() == [False, False, True]
    assert (rows.firsts(-1).tolist(), rows.lasts(-1).tolist()) == ([3, -1, 2], [1, -1, 5])
    joined = join_rows(rows, ragged([[9], [8], []]))
    assert [joined.row(at).tolist() for at in range(3)] == [[3, 1, 9], [8], [2, 2, 5]]
    assert [distinct_in_rows(rows, below=6).row(at).tolist() for at in range(3)] == [[1, 3], [], [2, 5]]
    assert isinstance(rows.keep_rows(np.array([False, True, True])), Ragged)
    assert rows.keep_rows(np.array([False, True, True])).lengths.tolist() == [0, 0, 3]


def test_a_word_that_stands_in_a_text_as_something_else_has_one_number() -> None:
    long = "a" * 30  # too long for a word by itself, but not beside a letter beyond ASCII
    table, (rows,) = split_words(arrow.array([long, f"{long}-é", "0 é0"]))
    assert len(set(table)) == len(table)
    assert [[table[word] for word in rows.row(at)] for at in range(3)] == [[], [long, "e"], ["e0"]]
