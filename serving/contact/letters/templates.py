"""Letters as reviewable data: what was seen, why the customer gets it, what it is about, how to stop.

Owned by the contact team. A template has a version and a hash over all its words in all languages, so that a review of
an interest group holds for exactly what it read. Placeholders are `$name`: a template cannot compute.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from string import Template
from typing import Any, Literal, get_args

from models.errors import UnreadableDataError, UsageError
from models.taxonomy import Taxonomy, canonical_sha256, default_taxonomy
from serving.contact.reading_level import LANGUAGES

Kind = Literal["event", "refusal", "care", "question", "overdraft", "complaint"]
_FILES = ("events", "service")
# Every letter has these, so that none leaves the customer without a reason or a way out.
_PARTS = ("greeting", "seen", "why", "message", "stop", "closing")


@dataclass(frozen=True, slots=True)
class LetterWords:
    """One letter in one language, its placeholders still in it; `parts` are paragraphs in order."""

    subject: str
    parts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Letter:
    """A version of a template. `event` is the life event it tells of, `offer_class` that of the event; else empty."""

    id: str
    kind: Kind
    event: str
    offer_class: str
    version: int
    words: Mapping[str, LetterWords]
    examples: Mapping[str, Mapping[str, str]]  # by language
    sha256: str

    @property
    def placeholders(self) -> frozenset[str]:
        """Names of the values that rendering needs."""
        return frozenset(
            name
            for words in self.words.values()
            for text in (words.subject, *words.parts.values())
            for name in Template(text).get_identifiers()
        )


@dataclass(frozen=True, slots=True)
class RenderedLetter:
    """A letter as the customer reads it."""

    letter: str
    version: int
    sha256: str
    language: str
    subject: str
    paragraphs: tuple[str, ...]

    @property
    def text(self) -> str:
        """Everything below the subject."""
        return "\n\n".join(self.paragraphs)

    @property
    def body(self) -> str:
        """What is told, without greeting and closing, which are plain in every letter."""
        return "\n".join((self.subject, *self.paragraphs[1:-1]))


@cache
def default_letters() -> Mapping[str, Letter]:
    """The letters that ship with Levensloop, by id."""
    folder = resources.files("serving.contact.letters")
    shared, *files = (
        _parse_toml(folder.joinpath(f"{name}.toml").read_text("utf-8"), source=name) for name in ("parts", *_FILES)
    )
    return build_letters([raw for file in files for raw in file["letter"]], shared, default_taxonomy())


def build_letters(raws: list[dict[str, Any]], shared: dict[str, Any], taxonomy: Taxonomy) -> Mapping[str, Letter]:
    """Letters from raw data, their shared parts filled in.

    Raises
    ------
    UnreadableDataError
        A letter misses a part, a language or an example value, or stands there twice.
    """
    letters: dict[str, Letter] = {}
    for raw in raws:
        try:
            letter = _build_letter(raw, shared, taxonomy)
        except (KeyError, TypeError, ValueError) as error:
            raise UnreadableDataError(
                f"Letter {raw.get('id', '(without id)')} is not complete: {type(error).__name__} at {error}."
            ) from error
        if letter.id in letters:
            raise UnreadableDataError(f"Letter {letter.id} stands there twice.")
        letters[letter.id] = letter
    return letters


def find_letter(letter_id: str, letters: Mapping[str, Letter] | None = None) -> Letter:
    """The letter of this id; UsageError when there is none."""
    known = default_letters() if letters is None else letters
    if letter_id not in known:
        raise UsageError("There is no such letter. `levensloop letter --list` names them.")
    return known[letter_id]


def render_letter(letter: Letter, language: str, values: Mapping[str, str]) -> RenderedLetter:
    """The letter with values in their places.

    Raises
    ------
    UsageError
        Another language, a value that is missing, that no placeholder waits for, or that holds control characters.
    """
    if language not in letter.words:
        raise UsageError(f"Letters are written in {' and '.join(LANGUAGES)}.")
    if set(values) != letter.placeholders:
        needed = ", ".join(sorted(letter.placeholders))
        raise UsageError(f"Letter {letter.id} needs exactly these values: {needed}.")
    if any(not value.strip() or not value.isprintable() for value in values.values()):
        raise UsageError(f"A value for letter {letter.id} is empty or holds control characters.")
    words = letter.words[language]
    subject, *paragraphs = (Template(text).substitute(values) for text in (words.subject, *words.parts.values()))
    return RenderedLetter(letter.id, letter.version, letter.sha256, language, subject, tuple(paragraphs))


def render_example(letter: Letter, language: str) -> RenderedLetter:
    """The letter with its example values, for reviewers and tests."""
    return render_letter(letter, language, letter.examples.get(language, {}))


def _parse_toml(text: str, *, source: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UnreadableDataError(f"{source} is not TOML: {error}") from error


def _build_letter(raw: dict[str, Any], shared: dict[str, Any], taxonomy: Taxonomy) -> Letter:
    event = taxonomy.event(raw["event"]) if "event" in raw else None
    kind: Any = "event" if event else raw["kind"]
    if kind not in get_args(Kind) or int(raw["version"]) < 1:
        raise ValueError("kind or version")
    reasons = {"nl": event.reason_nl, "en": event.reason_en} if event else {}
    words = {language: _build_words(raw, language, shared, seen=reasons.get(language)) for language in LANGUAGES}
    hashed = {language: {"subject": one.subject, "parts": dict(one.parts)} for language, one in words.items()}
    letter = Letter(
        id=raw["id"],
        kind=kind,
        event=event.id if event else "",
        offer_class=event.offer_class if event else "",
        version=int(raw["version"]),
        words=words,
        examples={"nl": dict(raw["example"]), "en": {**raw["example"], **raw.get("example_en", {})}},
        sha256=canonical_sha256({"id": raw["id"], "version": int(raw["version"]), "words": hashed}),
    )
    if any(set(values) != letter.placeholders for values in letter.examples.values()):
        raise ValueError("example, which has not one value per placeholder")
    return letter


def _build_words(raw: dict[str, Any], language: str, shared: dict[str, Any], *, seen: str | None) -> LetterWords:
    own = raw[language]
    filled = {
        "greeting": shared["greeting"][language],
        "seen": seen or own["seen"],
        "why": shared["why"][raw["why"]][language],
        "message": own["message"],
        "stop": shared["stop"][raw["stop"]][language],
        "closing": shared["closing"][language],
    }
    empty = [name for name in _PARTS if not filled[name].strip()]
    if empty or not own["subject"].strip():
        raise ValueError(f"{', '.join(empty) or 'subject'}, which is empty")
    return LetterWords(own["subject"], filled)
