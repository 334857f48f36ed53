"""Why a life event was detected: the bookings it rests on and the few words and facts in them that carried it.

Only words of the lexicon are named: a word that many texts share may still be somebody's first name. So no screened
booking and no private person can stand in an explanation.
"""

import tomllib
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import pandas as pd

from models.classifier import BookingClassifier
from models.contributions import Contributions, contributions_to
from models.detection import Model, admit
from models.lexicon import default_lexicon
from models.phrases import WordTable
from models.places import foreign_places
from models.statements.codes import KINDS
from models.taxonomy import LifeEvent
from models.terms import TermSpace
from models.text import PARTIES, Texts, word_concepts

EXPLANATION_COLUMNS: tuple[str, ...] = (
    "customer_id", "event", "onset_date", "booking_id", "words", "reason_nl", "reason_en",
)  # fmt: skip
_MOST_WORDS, _MOST_FACTS = 4, 2


@dataclass(frozen=True)
class Sentence:
    """The same in Dutch and English."""

    nl: str
    en: str


def explain_detections(bookings: pd.DataFrame, detections: pd.DataFrame, *, release: Model) -> pd.DataFrame:
    """One row per detection and booking of its evidence, in the order of the detections.

    Parameters
    ----------
    bookings : DataFrame
        The bookings table that was detected on.
    detections : DataFrame
        What `detect_events` gave.

    Returns
    -------
    DataFrame
        EXPLANATION_COLUMNS; `words` are the words that carried it, comma separated, the strongest first.
    """
    inside = admit(bookings, release.screening)
    place = {key: at for at, key in enumerate(zip(inside["customer_id"], inside["booking_id"], strict=True))}
    evidence = detections.assign(booking_id=detections["evidence"].str.split()).explode("booking_id")
    evidence = evidence.reset_index(drop=True)
    rows: dict[int, tuple[Any, ...]] = {}
    for event, found in evidence.groupby("event"):
        keys = zip(found["customer_id"], found["booking_id"], strict=True)
        at = np.array([place[key] for key in keys], dtype=np.int64)
        told = _explain(inside.iloc[at].reset_index(drop=True), release, release.taxonomy.event(str(event)))
        for one, (words, because) in zip(found.itertuples(), told, strict=True):
            reasons = ", ".join(words), because.nl, because.en
            rows[one.Index] = (one.customer_id, event, one.onset_date, one.booking_id, *reasons)
    return _as_explanations([rows[at] for at in range(len(evidence))])


def no_explanations() -> pd.DataFrame:
    """An empty table of explanations with its types."""
    return _as_explanations([])


def _as_explanations(rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    types = {name: "datetime64[s]" if name == "onset_date" else "str" for name in EXPLANATION_COLUMNS}
    return pd.DataFrame(rows, columns=list(EXPLANATION_COLUMNS)).astype(types)


def _explain(bookings: pd.DataFrame, release: Model, event: LifeEvent) -> list[tuple[list[str], Sentence]]:
    classifier = release.classifier
    if event.id not in classifier.classes_ or len(classifier.classes_) == 1:
        series = _phrases()["series"]
        return [([], _sentence(event, [], [Sentence(**series)]))] * len(bookings)
    told = []
    for spoken in contributions_to(classifier, bookings, event.id):
        words, facts = _strongest(spoken, classifier.space_, sayable=_sayable(classifier))
        told.append((words, _sentence(event, words, facts)))
    return told


def _sayable(classifier: BookingClassifier) -> set[str]:
    """Words that may be named beside those of the lexicon: a shared word may be a first name, so mostly none.

    Sets without evidence of companies, which no promotion accepts, name the words that many of their texts share.
    """
    return set(classifier.space_.spoken) - foreign_places() if classifier.names_ == "as_merchants" else set()


def _strongest(spoken: Contributions, space: TermSpace, *, sayable: set[str]) -> tuple[list[str], list[Sentence]]:
    """Words and facts that speak most for the event; a concept speaks through the words of the text that carry it."""
    words: defaultdict[str, float] = defaultdict(float, spoken.merchant)
    facts: defaultdict[tuple[str, int], float] = defaultdict(float)
    carried = _concept_words(spoken.texts, spoken.text)
    for term, weight in spoken.terms.items():
        kind, at = space.describe(term)
        if kind == "word":
            words[space.words[at[0]]] += weight
        elif kind == "pair":
            for word in at:
                words[space.words[word]] += weight / 2
        elif kind.startswith("concept"):
            concepts = at if kind == "concept_pair" else at[:1]
            for concept in concepts:
                words[carried.get(concept, "")] += weight / len(concepts)
        else:
            facts[_fact(kind, at)] += weight
    lexicon = default_lexicon()
    best: list[str] = []
    said_of_concepts = {*carried.values()} - foreign_places()
    for word, weight in _strongest_first(words):
        is_sayable = word in said_of_concepts or word in sayable or bool(lexicon.concept(word))
        if weight > 0 and is_sayable and not any(f" {word} " in f" {said} " for said in best):
            best.append(word)
    return best[:_MOST_WORDS], [_named(*fact) for fact, weight in _strongest_first(facts)[:_MOST_FACTS] if weight > 0]


def _strongest_first(weights: dict[Any, float]) -> list[tuple[Any, float]]:
    return sorted(weights.items(), key=lambda one: (-one[1], one[0]))


def _concept_words(texts: Texts, text: int) -> dict[int, str]:
    """The word or phrase of a text that each of its concepts was told by."""
    table = WordTable(texts.table)
    found: dict[int, str] = {}
    for part in (texts.merchant, texts.spoken):
        for concept, phrase in word_concepts(part.take(np.array([text])), table, default_lexicon()):
            found.setdefault(concept, phrase)
    return found


def _fact(kind: str, at: tuple[int, ...]) -> tuple[str, int]:
    """A fact without the figures that tell two amounts or directions of one fact apart."""
    if kind == "credit":
        return "credit", at[0]
    if kind == "kind":
        return "kind", at[1]
    if kind == "party":
        return "party", at[1]
    return (kind, 0) if kind != "round" or at[1] else ("amount", 0)


def _named(kind: str, at: int) -> Sentence:
    phrases = _phrases()
    if kind == "kind":
        return Sentence(**phrases["kinds"][KINDS[at]])
    if kind == "party":
        return Sentence(**phrases["parties"][PARTIES[at]])
    name = {"credit": ("money_out", "money_in")[at], "step": "amount"}.get(kind, kind)
    return Sentence(**phrases["facts"][name])


def _sentence(event: LifeEvent, words: list[str], facts: list[Sentence]) -> Sentence:
    """The event's own reason, then what carried it."""
    phrases = _phrases()
    told = {}
    for language, reason in (("nl", event.reason_nl), ("en", event.reason_en)):
        carried = [phrases["words"][language].format(", ".join(words))] if words else []
        carried += dict.fromkeys(getattr(fact, language) for fact in facts)
        joined = phrases["join"][language].join(carried)
        told[language] = f"{reason} ({joined})" if joined else reason
    return Sentence(**told)


@cache
def _phrases() -> dict[str, Any]:
    return tomllib.loads(resources.files("models").joinpath("explaining.toml").read_text("utf-8"))
