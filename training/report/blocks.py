"""What a page of the report is made of. Templates know how each block is laid out and nothing of what it says.

Every text is plain; the templates escape it. Only `Plot.svg` is markup, made by `training.report.forest`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from markupsafe import Markup

Tone = Literal["", "good", "bad", "open"]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One cell of a table. `mark` is a sign that says the same as the tone, for whoever sees no colours."""

    text: str
    note: str = ""
    tone: Tone = ""
    mark: str = ""
    code: bool = False


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    kind: ClassVar[str] = "text"
    text: str


@dataclass(frozen=True)
class Heading:
    """A heading inside a section."""

    kind: ClassVar[str] = "heading"
    text: str


@dataclass(frozen=True, kw_only=True)
class Note:
    """A paragraph that must not be overlooked."""

    kind: ClassVar[str] = "note"
    title: str
    text: str = ""
    tone: Tone = "open"
    mark: str = ""


@dataclass(frozen=True)
class Bullets:
    """A list."""

    kind: ClassVar[str] = "bullets"
    items: Sequence[str]


@dataclass(frozen=True)
class Pairs:
    """Terms and what is said of them."""

    kind: ClassVar[str] = "pairs"
    items: Sequence[tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table; the first cell of a row names the row, and columns in `numeric` (from 0) hold numbers."""

    kind: ClassVar[str] = "table"
    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell | str]]
    numeric: frozenset[int] = frozenset()
    foot: str = ""


@dataclass(frozen=True, kw_only=True)
class Plot:
    """A picture and the text that says the same."""

    kind: ClassVar[str] = "plot"
    title: str
    svg: Markup
    says: Sequence[str]


@dataclass(frozen=True)
class Verbatim:
    """A file as it is, in the language it is written in."""

    kind: ClassVar[str] = "verbatim"
    text: str
    label: str
    lang: str = "en"


@dataclass(frozen=True, kw_only=True)
class Fold:
    """Blocks that open on demand; on paper they are open, or left out where another place has them."""

    kind: ClassVar[str] = "fold"
    summary: str
    blocks: Sequence[Any]
    printed: bool = True


Block = Text | Heading | Note | Bullets | Pairs | Table | Plot | Verbatim | Fold


@dataclass(frozen=True, kw_only=True)
class Section:
    """A chapter: `id` is its anchor, `number` what stands before its title."""

    id: str
    number: str
    title: str
    blocks: Sequence[Block] = field(default_factory=tuple)
