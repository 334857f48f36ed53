"""The sieve in front of the screening lets nothing pass that a rule stops."""

import tomllib
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models import screening
from models.screening import _distinct, _read_columns, default_screening

RAW = tomllib.loads((Path(__file__).parents[2] / "models" / "screening.toml").read_text("utf-8"))


def list_words(category: dict[str, Any]) -> list[str]:
    """Everything that a category looks for."""
    rules = [word for rule in category.get("rule", []) for key in ("words", "also") for word in rule.get(key, [])]
    plain = [word for key in ("words", "name_words", "text_words", "whole_names") for word in category.get(key, [])]
    return plain + rules


WORDS = sorted({word for category in RAW["category"] for word in list_words(category)})


def write_word(word: str, more: str, gap: str) -> str:
    """A text that holds a word of the lists: with more letters at its stars, and its spaces or none."""
    return word.replace("*", more).replace("#", "20265").replace(" ", gap)


def is_stopped(bookings: pd.DataFrame) -> np.ndarray:
    """What the rules say of every booking, without a sieve."""
    distinct, at = _distinct(_read_columns(bookings))
    return np.asarray((default_screening()._judge(distinct) >= 0)[at])


@pytest.fixture(autouse=True)
def always_sieved(monkeypatch: pytest.MonkeyPatch) -> None:
    """However few bookings there are."""
    monkeypatch.setattr(screening, "_SIEVED_FROM", 0)


def holds_equal(names: list[str], texts: list[str], **columns: str) -> int:
    """How many bookings are stopped, after looking that the sieve changes nothing."""
    bookings = pd.DataFrame({"counterparty_name": names, "remittance_information": texts}, dtype="str").assign(
        **columns
    )
    stopped = is_stopped(bookings)
    assert bookings[default_screening().screen(bookings) != stopped].to_dict("records") == []
    return int(stopped.sum())


def test_every_word_of_the_lists_passes_the_sieve_however_it_is_written() -> None:
    written = [write_word(word, more, gap) for word, more, gap in product(WORDS, ("", "en", "s"), (" ", "", ", ", "-"))]
    spelled = [" ".join(word) for word in WORDS if len(word) <= 4]
    turned = [" ".join(reversed(word.split())) for word in written]
    cut = [word[:length] for word in written for length in RAW["cut_lengths"] if len(word) > length]
    padded = [f"stichting {word}"[:length] for word in written for length in (24, 27)]
    names = [*written, *spelled, *turned, *cut, *padded]
    assert holds_equal(names, [""] * len(names)) > len(WORDS)
    assert holds_equal([""] * len(names), names) > len(WORDS)
    assert holds_equal(names, [*names[1:], names[0]]) > len(WORDS)


def test_accounts_and_creditors_pass_the_sieve() -> None:
    creditors = sorted({one for category in RAW["category"] for one in category.get("creditor_ids", [])})
    for creditor in creditors:
        assert holds_equal(["a"], ["b"], creditor_id=creditor.lower()) == 1
    for account, stopped in (("TR330006100519786457841326", 1), ("be71 0961 2345 6769", 1), ("NL91ABNA0417164300", 0)):
        told = holds_equal(
            ["a"], ["b"], counterparty_iban=account, bank_transaction_code="SCT", credit_debit_indicator="DBIT"
        )
        assert told == stopped


parts = st.one_of(
    st.builds(
        write_word, st.sampled_from(WORDS), st.sampled_from(["", "en", "x1"]), st.sampled_from([" ", "", ".", "  "])
    ),
    st.sampled_from(["van", "de", "stichting", "kerkstraat", "R.K.", "J.", "BV", "factuur 2026", "|", "é", "Moskéé"]),
    st.text(max_size=6),
)
sentences = st.lists(parts, max_size=5).flatmap(
    lambda some: st.sampled_from([" ", "", "-"]).map(lambda by: by.join(some))
)


@given(
    st.lists(st.tuples(sentences, sentences), min_size=1, max_size=30),
    st.sampled_from(["DBIT", "CRDT"]),
    st.sampled_from(["", "SALARY", "SCT", "CARD"]),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_sieve_changes_no_answer(rows: list[tuple[str, str]], sign: str, kind: str) -> None:
    names, texts = (list(column) for column in zip(*rows, strict=True))
    holds_equal(names, texts, credit_debit_indicator=sign, bank_transaction_code=kind)
