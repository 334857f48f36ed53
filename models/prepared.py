"""Statements that are run with every answer, handed to the driver as they were compiled once.

SQLAlchemy takes about 45 microseconds to run a statement, SQLite itself 6 of these; an answer runs sixteen. The text,
the order of its values and what turns them into Python are SQLAlchemy's; only its execution is left out.
"""

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import repeat
from typing import Any, TypeVar

import sqlalchemy as sa

from models.errors import StoreUnavailableError

T = TypeVar("T")
Turn = Callable[[Any], Any]
_GIVEN = object()  # the value comes with each run


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A statement for one dialect: its values in the order of the text, each with what makes it the driver's."""

    text: str
    values: tuple[tuple[str, Any, Turn | None], ...]
    is_positional: bool
    error: type[Exception]


@dataclass(frozen=True, slots=True)
class _Reader:
    """How rows of a statement are read; `columns` are those that come from the driver as something else."""

    make: Callable[[Sequence[Any]], Any]
    columns: tuple[tuple[int, Turn], ...]

    def read(self, row: Sequence[Any]) -> Any:
        if not self.columns:
            return self.make(row)
        turned = list(row)
        for at, turn in self.columns:
            turned[at] = turn(turned[at])
        return self.make(turned)


class Prepared:
    """One statement with bound values; compiled when a dialect runs it first, then kept.

    Parameters
    ----------
    statement : sa.Select, sa.Insert or sa.TextClause
        Without lists of values (`IN`), whose text changes with every run.
    """

    def __init__(self, statement: sa.Select[Any] | sa.Insert | sa.TextClause) -> None:
        self.statement = statement
        self._compiled: dict[str, _Compiled] = {}
        self._readers: dict[str, _Reader] = {}

    def rows(self, connection: sa.Connection, values: Mapping[str, Any] | None = None) -> list[Any]:
        """All rows as named tuples, inside `store.read()` or `store.write()`.

        Raises
        ------
        sa.exc.DBAPIError
            As SQLAlchemy would raise it.
        """
        return self._execute(connection, _bind_one, values or {}, self._read)

    def first(self, connection: sa.Connection, values: Mapping[str, Any] | None = None) -> Any | None:
        """The first row, None when there is none; for statements that find one row at most."""
        found = self.rows(connection, values)
        return found[0] if found else None

    def run(self, connection: sa.Connection, values: Mapping[str, Any]) -> None:
        """Run what gives no rows, inside `store.write()`; raises as `rows` does."""
        self._execute(connection, _bind_one, values, _nothing)

    def run_columns(self, connection: sa.Connection, columns: Mapping[str, Sequence[Any]]) -> None:
        """As `run`, once for each row of columns of one length."""
        if len(next(iter(columns.values()))):
            self._execute(connection, _bind_columns, columns, _nothing, many=True)

    def _execute(
        self,
        connection: sa.Connection,
        bind: Callable[[_Compiled, Mapping[str, Any]], Any],
        values: Mapping[str, Any],
        read: Callable[..., T],
        *,
        many: bool = False,
    ) -> T:
        """What `read` makes of the statement's cursor. A lost connection leaves the pool when its transaction ends."""
        compiled = self._compiled.get(connection.dialect.name) or self._compile(connection.dialect)
        cursor = None
        try:
            given = bind(compiled, values)
            cursor = connection.connection.cursor()
            (cursor.executemany if many else cursor.execute)(compiled.text, given)
            return read(connection.dialect, cursor)
        except (ValueError, TypeError, OverflowError) as error:
            # A stored value that cannot be read, or a number that no database holds.
            raise StoreUnavailableError(
                f"The store holds or was asked something that it cannot tell ({type(error).__name__}). Nothing was "
                "written. Run `levensloop doctor`."
            ) from None  # its text may hold a customer's values
        except compiled.error as error:
            raise sa.exc.DBAPIError.instance(
                compiled.text, None, error, compiled.error, hide_parameters=True, dialect=connection.dialect
            ) from error
        finally:
            # An open one would keep the connection's view of the store as it was, also after a withdrawal.
            if cursor is not None:
                with suppress(compiled.error):
                    cursor.close()

    def _read(self, dialect: sa.Dialect, cursor: Any) -> list[Any]:
        reader = self._readers.get(dialect.name) or self._open_reader(dialect, cursor)
        return [reader.read(row) for row in cursor.fetchall()]

    def _compile(self, dialect: sa.Dialect) -> _Compiled:
        """The statement by SQLAlchemy's own compiler and types."""
        keys = [c.name for c in self.statement.table.columns] if isinstance(self.statement, sa.Insert) else None
        made: Any = self.statement.compile(dialect=dialect, column_keys=keys)
        names = made.positiontup if made.positional else list(made.binds)
        values = tuple(
            (name, _GIVEN if bind.required else bind.value, bind.type.dialect_impl(dialect).bind_processor(dialect))
            for name, bind in ((name, made.binds[name]) for name in names)
        )
        compiled = _Compiled(str(made), values, made.positional, dialect.dbapi.Error)  # type: ignore[union-attr]
        self._compiled[dialect.name] = compiled
        return compiled

    def _open_reader(self, dialect: sa.Dialect, cursor: Any) -> _Reader:
        """By the types of the statement and, where a driver tells it, of what came."""
        columns: list[Any] = list(self.statement.selected_columns) if isinstance(self.statement, sa.Select) else []
        make: Any = namedtuple("Row", [column.key for column in columns])  # type: ignore[misc]  # known when it runs
        turns = (
            column.type.dialect_impl(dialect).result_processor(dialect, told[1])
            for column, told in zip(columns, cursor.description, strict=True)
        )
        reader = _Reader(make._make, tuple((at, turn) for at, turn in enumerate(turns) if turn is not None))
        self._readers[dialect.name] = reader
        return reader


def _bind_one(compiled: _Compiled, values: Mapping[str, Any]) -> list[Any] | dict[str, Any]:
    """Values of one row as the driver takes them."""
    given = []
    for name, own, turn in compiled.values:
        value = values[name] if own is _GIVEN else own
        given.append((name, value if turn is None else turn(value)))
    return [value for _, value in given] if compiled.is_positional else dict(given)


def _bind_columns(compiled: _Compiled, columns: Mapping[str, Sequence[Any]]) -> list[Any]:
    """Values of many rows as the driver takes them."""
    names, given = [name for name, _, _ in compiled.values], []
    count = len(next(iter(columns.values())))
    for name, own, turn in compiled.values:
        column = columns[name] if own is _GIVEN else repeat(own, count)
        given.append(column if turn is None else map(turn, column))
    rows = zip(*given, strict=True)
    return list(rows) if compiled.is_positional else [dict(zip(names, row, strict=True)) for row in rows]


def _nothing(_dialect: sa.Dialect, _cursor: Any) -> None:
    """Of a statement that gives no rows."""
