"""Levelling by bytes and looking up cut words answer as the patterns of their definition do."""

import re

import pyarrow as arrow
import pyarrow.compute as compute
from hypothesis import example, given
from hypothesis import strategies as st

from models.screening_text import CutWords, cut_words, normalise_text

TEXTS = st.lists(st.text(alphabet="abDL 09-_'`’/\n\x00\x7féßıع\u0301\u00ad|", max_size=12), max_size=12)
WORDS = ["moskee", "rode kruis", "*gemeente", "st martin*", "ziekenhuis", "kerk"]
CUT = r"\b(?:moske|rode kru?i?|st marti?|ziekenhu?i?)$|\w*(?:gemeent?)$"  # by hand: 5 letters and 70 % of the word


def plainly(text: str) -> str:
    """A text of ASCII letters as `normalise_text` defines it."""
    text = re.sub(r"\b([dl])['`]", r"\1 ", text.lower())
    return " ".join(re.findall(r"[a-z0-9]+", re.sub(r"['`]", "", text)))


@given(TEXTS)
@example(["a'b d'b L`Bb", "a`b", "ab"])
def test_a_text_is_levelled_alike_whatever_stands_beside_it(texts: list[str]) -> None:
    column = arrow.array(texts, arrow.string())
    together = normalise_text(column).to_pylist()
    assert together == [normalise_text(column.slice(at, 1))[0].as_py() for at in range(len(texts))]
    plain = [at for at, text in enumerate(texts) if text.isascii()]
    assert [together[at] for at in plain] == [plainly(texts[at]) for at in plain]


@given(
    st.lists(st.text(alphabet="abdeijkmnorstuz |é", max_size=6), max_size=3), st.sampled_from(WORDS), st.integers(0, 9)
)
def test_cut_words_are_those_of_a_pattern(before: list[str], word: str, cut: int) -> None:
    names = [" ".join([*before, word.strip("*")])[: -cut or None], "".join([*before, word.strip("*")[:-1]])]
    column = arrow.array(names, arrow.string())
    assert cut_words(WORDS).end(column).tolist() == compute.match_substring_regex(column, CUT).to_pylist()


def test_a_cut_word_is_neither_whole_nor_shorter_than_what_tells_it() -> None:
    assert cut_words(["moskee", "kerk"]).bounded == {"moske"}
    assert cut_words(["*gemeente"]) == CutWords(frozenset(), frozenset({"gemeen", "gemeent"}))
