"""Which letters interest groups have read: outside the demo, nothing else is sent."""

import tomllib
from dataclasses import dataclass
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Any

from models.errors import GateBlockedError, UnreadableDataError
from models.home import Home
from serving.contact.letters.templates import Letter

FILE_OF_HOME = "letter_reviews.toml"


@dataclass(frozen=True, slots=True)
class LetterReview:
    """Who of an interest group read which version of a letter, when, and what they changed."""

    letter: str
    version: int
    sha256: str
    organisation: str
    reader: str
    read_on: date
    changed: str


def load_reviews(home: Home | None = None) -> tuple[LetterReview, ...]:
    """Reviews that ship with Levensloop and those that the bank keeps in its state folder.

    Raises
    ------
    UnreadableDataError
        A file is not TOML or a review in it is not complete.
    """
    shipped = resources.files("serving.contact.letters").joinpath("reviews.toml").read_text("utf-8")
    reviews = parse_reviews(shipped, source="reviews.toml")
    own = home.path / FILE_OF_HOME if home else None
    return reviews + (_read_own(own) if own and own.exists() else ())


def parse_reviews(text: str, *, source: str) -> tuple[LetterReview, ...]:
    """Reviews from TOML text; one that leaves anything open is none."""
    try:
        raws: list[dict[str, Any]] = tomllib.loads(text).get("review", [])
        reviews = tuple(LetterReview(**raw) for raw in raws)
    except (tomllib.TOMLDecodeError, TypeError, AttributeError) as error:
        raise UnreadableDataError(f"{source} holds a review that is not complete: {error}.") from error
    for review in reviews:
        texts = (review.organisation, review.reader, review.changed)
        if not isinstance(review.read_on, date) or not all(isinstance(text, str) and text.strip() for text in texts):
            raise UnreadableDataError(
                f"{source}: a review of {review.letter} does not say who read it, when and what changed."
            )
    return reviews


def find_review(letter: Letter, reviews: tuple[LetterReview, ...]) -> LetterReview | None:
    """The last review of exactly these words, None when nobody read them."""
    mine = (letter.id, letter.version, letter.sha256)
    found = [review for review in reviews if (review.letter, review.version, review.sha256) == mine]
    return max(found, key=lambda review: review.read_on, default=None)


def require_review(letter: Letter, reviews: tuple[LetterReview, ...], *, demo: bool) -> None:
    """Let a letter pass that an interest group read, or any letter of the demo.

    Raises
    ------
    GateBlockedError
        Nobody read this version.
    """
    if not demo and find_review(letter, reviews) is None:
        raise GateBlockedError(
            f"Letter {letter.id}, version {letter.version}, was read by no interest group, so it is not sent. "
            f"Have it read and record who, when and what changed in {FILE_OF_HOME} of the state folder."
        )


def _read_own(path: Path) -> tuple[LetterReview, ...]:
    try:
        return parse_reviews(path.read_text("utf-8"), source=path.name)
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableDataError(f"{path.name} cannot be read. Look at its rights, or restore it.") from error
