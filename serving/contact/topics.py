"""What may be asked: topics with their wordings, and which of them a text in free words means.

A text is compared with all wordings by letters and words (TF-IDF, logistic regression); one that is like none of them
is refused, for who asks outside the registry asks something that nobody agreed on. Health, faith, descent, politics,
union and sexual life are no topics: neither a topic nor a text that speaks of them passes.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import pyarrow as arrow
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline, make_union

from models.errors import UnreadableDataError
from models.screening_text import compile_words, match, normalise_text
from models.taxonomy import default_taxonomy
from serving.contact.giving import Words
from serving.contact.reading_level import LANGUAGES

_FEWEST_WORDINGS = 10
_NO_TOPIC = ""


@dataclass(frozen=True, slots=True)
class Topic:
    """A question of ours; the fields are explained in `topics.toml`. `wordings` are by language, the first is ours."""

    id: str
    label: Words
    valid_days: int
    wait_days: int
    known_from: tuple[str, ...]
    calendar_first: bool
    words: tuple[str, ...]
    wordings: Mapping[str, tuple[str, ...]]

    def sentence(self, language: str) -> str:
        """How we ask it."""
        return self.wordings[language][0]


@dataclass(frozen=True)
class TopicRegistry:
    """A version of the topics, ready to read free text."""

    version: str
    topics: Mapping[str, Topic]
    because: Mapping[str, Words]  # sentences for a colleague, by reason
    least_score: float
    _never: str = field(repr=False)
    _matcher: Pipeline = field(repr=False)

    def speaks_of_what_is_never_asked(self, text: str) -> bool:
        """Whether a text speaks of health, faith, descent, politics, union or sexual life."""
        return _speak_of(self._never, [text])

    def find_topic(self, text: str) -> Topic | None:
        """The topic that a text means; None when it is like none, or speaks of what is never asked."""
        if self.speaks_of_what_is_never_asked(text):
            return None
        scores = self._matcher.predict_proba([text])[0]
        best = int(np.argmax(scores))
        name = str(self._matcher.classes_[best])
        return self.topics[name] if name != _NO_TOPIC and scores[best] >= self.least_score else None


@cache
def default_topics() -> TopicRegistry:
    """The topics that ship with Levensloop."""
    return parse_topics(resources.files("serving.contact").joinpath("topics.toml").read_text("utf-8"))


def parse_topics(text: str) -> TopicRegistry:
    """Build the registry from TOML text.

    Raises
    ------
    UnreadableDataError
        Not TOML, not complete, too few wordings, or a topic that speaks of what is never asked.
    """
    try:
        data = tomllib.loads(text)
        topics = {raw["id"]: _topic(raw) for raw in data["topic"]}
        never = compile_words(word for words in data["never"].values() for word in words)
        _validate(topics.values(), never, is_twice=len(topics) < len(data["topic"]))
        return TopicRegistry(
            version=str(data["version"]),
            topics=topics,
            because={reason: Words(raw["nl"], raw["en"]) for reason, raw in data["because"].items()},
            least_score=float(data["least_score"]),
            _never=never,
            _matcher=_learn(topics.values(), [line for lines in data["off_topic"].values() for line in lines]),
        )
    except tomllib.TOMLDecodeError as error:
        raise UnreadableDataError(f"The topics are not TOML: {error}") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnreadableDataError(
            f"A topic is not complete: {type(error).__name__} at {error}. See the head of topics.toml."
        ) from error


def _topic(raw: dict[str, Any]) -> Topic:
    return Topic(
        id=raw["id"],
        label=Words(raw["label"]["nl"], raw["label"]["en"]),
        valid_days=int(raw["valid_days"]),
        wait_days=int(raw["wait_days"]),
        known_from=tuple(raw.get("known_from", ())),
        calendar_first=bool(raw.get("calendar_first", False)),
        words=tuple(raw.get("words", ())),
        wordings={language: tuple(raw[language]) for language in LANGUAGES},
    )


def _learn(topics: Iterable[Topic], off_topic: list[str]) -> Pipeline:
    """A matcher from wordings to topics. Deterministic: the data are small and the solver needs no chance."""
    texts, names = list(off_topic), [_NO_TOPIC] * len(off_topic)
    for topic in topics:
        mine = [*topic.words, *(wording for wordings in topic.wordings.values() for wording in wordings)]
        texts += mine
        names += [topic.id] * len(mine)
    plain = {"sublinear_tf": True, "strip_accents": "unicode"}
    features = make_union(
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), **plain),
        TfidfVectorizer(analyzer="word", ngram_range=(1, 2), **plain),
    )
    matcher = make_pipeline(features, LogisticRegression(C=10, max_iter=500, class_weight="balanced"))
    return matcher.fit(texts, names)


def _speak_of(never: str, texts: Iterable[str]) -> bool:
    """Whether any of the texts holds a word of these.

    The screening of bookings is no judge here: it stops every gift, which organisations may be asked about.
    """
    return bool(match(normalise_text(arrow.array(list(texts), arrow.string())), never).any())


def _validate(topics: Iterable[Topic], never: str, *, is_twice: bool) -> None:
    faults = ["an id stands there twice"] if is_twice else []
    known = set(default_taxonomy().ids)
    for topic in topics:
        said = [topic.id.replace("_", " "), topic.label.nl, topic.label.en, *topic.words]
        said += [wording for wordings in topic.wordings.values() for wording in wordings]
        if _speak_of(never, said):
            faults.append(f"{topic.id} speaks of what is never asked")
        if any(len(set(wordings)) < _FEWEST_WORDINGS for wordings in topic.wordings.values()):
            faults.append(f"{topic.id} has fewer than {_FEWEST_WORDINGS} wordings in a language")
        if topic.valid_days < 1 or topic.wait_days < 1 or not set(topic.known_from) <= known:
            faults.append(f"{topic.id} has no validity, or is known from an event that there is not")
    if faults:
        raise UnreadableDataError(f"The topics are not valid: {'; '.join(faults)}.")
