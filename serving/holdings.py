"""Which table holds what about a customer, in plain words: the one list that access, erasure and retention work from.

A table that is not in `holdings.toml` fails a test, so nothing can be kept about anybody that these three do not know.
"""

import json
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any, Literal

import sqlalchemy as sa

from models.store import METADATA
from serving.policy import Sentence

# How a row is linked to a customer: by a column, by the row it belongs to, by an id inside JSON, by a commitment of the
# trail, or not at all.
Link = Literal["column", "parent", "json", "commitment", "none"]


@dataclass(frozen=True, slots=True)
class Holding:
    """One table: how its rows are linked to a customer, what it holds, and what its columns are called.

    `source` is the column of the link; `columns` lists those that a customer is shown, with their names.
    """

    table: str
    link: Link
    title: Sentence
    source: str = "customer_id"
    columns: dict[str, Sentence] = field(default_factory=dict)

    def is_about(self, customer_id: str) -> sa.ColumnElement[bool]:
        """The condition for rows of one customer; for JSON a wide one, to be narrowed by `holds_id`."""
        column: sa.Column[Any] = METADATA.tables[self.table].c[self.source]
        if self.link == "parent":
            (key,) = column.foreign_keys
            return column.in_(sa.select(key.column).where(key.column.table.c.customer_id == customer_id))
        if self.link == "json":
            return column.contains(json.dumps(customer_id, ensure_ascii=False), autoescape=True)
        return column == customer_id


@cache
def load_holdings() -> tuple[Holding, ...]:
    """All tables of the store, in the order in which a customer reads of them."""
    data = tomllib.loads(resources.files("serving").joinpath("holdings.toml").read_text("utf-8"))
    return tuple(_parse(table, raw) for table, raw in data["holding"].items())


def personal_holdings(link: Link) -> tuple[Holding, ...]:
    """Those whose rows are linked to a customer in one way."""
    return tuple(holding for holding in load_holdings() if holding.link == link)


def find_traces(connection: sa.Connection, customer_id: str) -> Iterator[str]:
    """`table.column` of every text anywhere in the database that is this id or holds it, one entry per row.

    The tables are those the database has, not those we know.
    """
    found = sa.MetaData()
    found.reflect(connection)
    for table in found.sorted_tables:
        for column in table.columns:
            if isinstance(column.type, sa.String):
                near = sa.select(column).where(column.contains(_core_of(customer_id), autoescape=True))
                texts = connection.execute(near).scalars()
                yield from (f"{table.name}.{column.name}" for text in texts if holds_id(text, customer_id))


def holds_id(text: str, customer_id: str) -> bool:
    """Whether a text is an id, has it among its words, or is JSON with it as a text or a name inside."""
    if text == customer_id or customer_id in text.split():
        return True
    if not text.startswith(("{", "[", '"')):
        return False
    try:
        return customer_id in _texts_of(json.loads(text))
    except ValueError:
        return False


def _texts_of(data: Any) -> Iterator[str]:
    if isinstance(data, str):
        yield data
        yield from data.split()
    elif isinstance(data, dict):
        for name, value in data.items():
            yield name
            yield from _texts_of(value)
    elif isinstance(data, list):
        for value in data:
            yield from _texts_of(value)


def _core_of(customer_id: str) -> str:
    """The longest part of an id that stands the same in a column and inside JSON."""
    parts = customer_id.replace("\\", '"').split('"')
    return max(parts, key=len)


def _parse(table: str, raw: dict[str, Any]) -> Holding:
    columns = {name: Sentence(*texts) for name, texts in raw.get("columns", {}).items()}
    return Holding(table, raw["link"], Sentence(raw["nl"], raw["en"]), raw.get("source", "customer_id"), columns)
