"""The words of the report: equal keys in both languages, short sentences in Dutch, numbers as it writes them."""

import re
import tomllib
from collections.abc import Iterator
from importlib import resources
from typing import Any

import pandas as pd
import pytest

from models.screening import default_screening
from models.text import read_texts
from training.report.texts import LANGUAGES, list_blanks, load_texts

MOST_WORDS = 20


def leaves(data: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every text with the way to it."""
    if isinstance(data, str):
        yield path, data
    elif isinstance(data, dict):
        for key, value in data.items():
            yield from leaves(value, f"{path}.{key}")
    else:
        for number, value in enumerate(data):
            yield from leaves(value, f"{path}.{number}")


def strings(language: str) -> dict[str, str]:
    text = resources.files("training.report").joinpath(f"texts_{language}.toml").read_text("utf-8")
    return dict(leaves(tomllib.loads(text)))


def test_both_languages_have_the_same_keys_and_blanks() -> None:
    dutch, english = strings("nl"), strings("en")
    assert set(dutch) == set(english)
    patterns = {key for key in dutch if re.fullmatch(r"\.coverage\.sentences\.\d+\.0", key)}
    assert patterns
    assert {key for key in patterns if dutch[key] != english[key]} == set()
    differ = {k for k in dutch.keys() - patterns if list_blanks(dutch[k]) != list_blanks(english[k])}
    assert differ == set()


def test_no_dutch_sentence_is_longer_than_twenty_words() -> None:
    sentences = [
        (key, sentence)
        for key, text in strings("nl").items()
        if not key.startswith(".names.") and "(?P<" not in text
        for sentence in re.split(r"(?<=[.?!])\s+", text)
    ]
    assert len(sentences) > 300
    assert [one for one in sentences if len(one[1].split()) > MOST_WORDS] == []


def test_numbers_and_dates_are_written_as_the_language_does() -> None:
    dutch, english = (load_texts(language) for language in LANGUAGES)
    assert (dutch.count(1234567), english.count(1234567)) == ("1.234.567", "1,234,567")
    assert (dutch.percent(0.0625), english.percent(0.0625)) == ("6,2%", "6.2%")
    assert (dutch.decimal(-1234.5, 1), english.decimal(-1234.5, 1)) == ("−1.234,5", "−1,234.5")
    assert english.decimal(-0.0001, 2) == "0.00"
    assert [english.number(value) for value in (3, 0.5, 0.0041, 12.345)] == ["3", "0.500", "0.0041", "12.35"]
    assert dutch.number(0.000007) == "minder dan 0,0001"
    assert (dutch.day("2026-03-01T09:00:00Z"), english.day("2026-03-01")) == ("1 maart 2026", "1 March 2026")


def test_a_name_that_no_file_has_is_told_by_its_id() -> None:
    assert load_texts("en").name("groups.new_ground", "part_time") == "part time"
    assert load_texts("en").name("nothing", "part_time") == "part time"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_example_of_what_the_model_reads_is_true(language: Any) -> None:
    (masked, left), (stopped, _) = load_texts(language).pairs("reading.examples")
    bookings = pd.DataFrame(
        {
            "counterparty_name": ["", stopped.split(",")[0]],
            "remittance_information": [masked, stopped.split(",")[1]],
            "amount": [900.0, 25.0],
            "credit_debit_indicator": ["DBIT", "DBIT"],
        }
    )
    assert default_screening().screen(bookings).tolist() == [False, True]
    texts = read_texts(bookings.head(1), names="masked")
    assert "Jansen" in masked
    spoken = {texts.table[number] for number in texts.spoken.flat}
    assert spoken == set(left.split(", ")[1:])
