"""Topics: free words find their topic, what fits none is refused, and what is never asked is refused first."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from models.errors import UnreadableDataError
from serving.contact.topics import TopicRegistry, default_topics, parse_topics

WORDINGS: dict[str, Any] = tomllib.loads((Path(__file__).parent / "wordings.toml").read_text("utf-8"))
SHIPPED = (Path(__file__).parents[3] / "serving/contact/topics.toml").read_text("utf-8")
HELD_OUT = [
    (topic, text) for group in ("mapped", "fresh", "last") for topic, texts in WORDINGS[group].items() for text in texts
]


@pytest.fixture(scope="module")
def registry() -> TopicRegistry:
    return default_topics()


def test_every_topic_has_its_wordings_and_its_held_out_ones(registry: TopicRegistry) -> None:
    known = {wording for topic in registry.topics.values() for texts in topic.wordings.values() for wording in texts}
    assert not known & {text for _, text in HELD_OUT}
    for topic in registry.topics.values():
        assert all(len(set(wordings)) >= 10 for wordings in topic.wordings.values())
        assert sum(name == topic.id for name, _ in HELD_OUT) >= 5


@pytest.mark.parametrize("group", ["mapped", "fresh", "last"])
def test_questions_in_other_words_find_their_topic(registry: TopicRegistry, group: str) -> None:
    asked = [(topic, text) for topic, texts in WORDINGS[group].items() for text in texts]
    found = [registry.find_topic(text) for _, text in asked]
    hits = sum(topic is not None and topic.id == name for topic, (name, _) in zip(found, asked, strict=True))
    assert hits / len(asked) >= 0.95


@pytest.mark.parametrize("text", WORDINGS["no_topic"]["texts"])
def test_text_that_fits_no_topic_is_refused(registry: TopicRegistry, text: str) -> None:
    assert registry.find_topic(text) is None
    assert not registry.speaks_of_what_is_never_asked(text)


@pytest.mark.parametrize("text", WORDINGS["never"]["texts"])
def test_text_of_health_faith_or_descent_is_refused(registry: TopicRegistry, text: str) -> None:
    assert registry.speaks_of_what_is_never_asked(text)
    assert registry.find_topic(text) is None


def test_where_money_comes_from_may_be_asked_and_where_people_come_from_not(registry: TopicRegistry) -> None:
    asked = registry.find_topic("Waar komt het grote bedrag vandaan?")
    assert asked is not None
    assert asked.id == "large_amount"
    assert registry.find_topic("Waar komt u vandaan?") is None


def test_fence_reads_through_accents_and_capitals(registry: TopicRegistry) -> None:
    assert registry.speaks_of_what_is_never_asked("Bent ú GELÓVIG?")


NEW = """
[[topic]]
id = "newspaper"
valid_days = 30
wait_days = 10
label = { nl = "Krant", en = "Paper" }
nl = ["a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8", "a9", "a10"]
en = ["b1", "b2", "b3", "b4", "b5", "b6", "b7", "b8", "b9", "b10"]
"""


def test_topic_that_asks_nothing_forbidden_is_loaded() -> None:
    assert "newspaper" in parse_topics(SHIPPED + NEW).topics


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ('id = "newspaper"', 'id = "religion"', "never asked"),
        ('nl = "Krant"', 'nl = "Gezondheid"', "never asked"),
        ('"a7"', '"Bent u gelovig?"', "never asked"),
        ('"b3"', '"Where were you born?"', "never asked"),
        ('"a10"', '"a1"', "fewer than 10 wordings"),
        ("valid_days = 30", "valid_days = 0", "no validity"),
        ("wait_days = 10", 'wait_days = 10\nknown_from = ["pregnancy"]', "event that there is not"),
        ('id = "newspaper"', 'id = "call_window"', "twice"),
        ("valid_days = 30\n", "", "not complete"),
    ],
)
def test_topic_that_must_not_be_asked_is_not_loaded(before: str, after: str, fault: str) -> None:
    assert before in NEW
    with pytest.raises(UnreadableDataError, match=fault):
        parse_topics(SHIPPED + NEW.replace(before, after))
