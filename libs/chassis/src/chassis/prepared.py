"""Statements that are compiled once, for what a service does all day.

They go to the driver as they are, on SQLite and on those connections to PostgreSQL that commit each statement (see
kept.py): there SQLAlchemy's own work is two thirds of what a short statement costs. In a transaction on PostgreSQL they
are SQLAlchemy's like all others.
"""

import sqlite3
from collections import namedtuple
from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg
from asyncpg import exceptions
from sqlalchemy import Dialect
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.errors import StorageUnavailable
from chassis.kept import driver_of
from chassis.sqlite_dialect import Answer, Call, Connection
from chassis.storage_faults import in_terms_of_sqlalchemy

Values = Mapping[str, Any]
"""The parameters of a statement by name."""
_NO_COLUMNS: Mapping[str, Any] = {}
_LENGTHS = 256
"""Lengths of lists that a statement is kept for."""


class Prepared:
    """A statement with named parameters; values that it holds itself never change.

    A parameter that takes a list (`in_(bindparam("uids", expanding=True))`) is written out for as many values as come.
    """

    def __init__(self, statement: Any) -> None:
        self.statement = statement
        self._written: dict[object, _Written] = {}
        self._lists: tuple[str, ...] = ()

    async def rows(self, conn: AsyncConnection, values: Values) -> Sequence[Any]:
        """Execute it; its rows, with the columns as attributes. Raises what `AsyncConnection.execute` raises."""
        driver = driver_of(conn)
        if driver is None:
            return (await conn.execute(self.statement, values)).all()
        written = self._in_words(conn, values)
        if not isinstance(driver, Connection):
            return await _fetch(driver, written.sql, written.arguments(values))
        (answer,) = await _ask(driver, [(written.sql, written.arguments(values), False)])
        return written.read(answer[3])

    async def run(self, conn: AsyncConnection, values: Values | Sequence[Values]) -> int:
        """Execute it in a transaction, once for each of a list; how many rows it changed.

        Raises what `AsyncConnection.execute` raises.
        """
        (count,) = await together(conn, [(self, values)])
        return count

    def call(self, conn: AsyncConnection, values: Values | Sequence[Values]) -> Call:
        """What SQLite's connection is to do."""
        if isinstance(values, Mapping):
            written = self._in_words(conn, values)
            return written.sql, written.arguments(values), False
        written = self._in_words(conn, values[0])
        return written.sql, [written.arguments(each) for each in values], True

    def _in_words(self, conn: AsyncConnection, values: Values) -> "_Written":
        key = (conn.dialect.name, *[len(values[name]) for name in self._lists])
        return self._written.get(key) or self._write(conn, values)

    def _write(self, conn: AsyncConnection, values: Values) -> "_Written":
        if len(self._written) >= _LENGTHS:
            self._written.clear()
        written = _Written(self.statement, conn.dialect, values)
        # Known with the first one.
        self._lists = tuple(name for name, _ in written.lists)
        key = (conn.dialect.name, *[len(values[name]) for name in self._lists])
        self._written[key] = written
        return written


Step = tuple[Prepared, Values | Sequence[Values]]
"""A statement with its values, or a list of them for as many executions."""


async def together(conn: AsyncConnection, steps: Sequence[Step]) -> list[int]:
    """Execute statements of a transaction in this order; how many rows each changed.

    On SQLite all of them are one trip to the connection's thread. Raises what `AsyncConnection.execute` raises.
    """
    if not steps:
        return []
    driver = driver_of(conn)
    if not isinstance(driver, Connection):
        return [(await conn.execute(prepared.statement, values)).rowcount for prepared, values in steps]
    return [
        answer[1]
        for answer in await _ask(driver, [prepared.call(conn, values) for prepared, values in steps])
    ]


async def _ask(driver: Connection, steps: Sequence[Call]) -> list[Answer]:
    try:
        return await driver.ask(steps)
    except sqlite3.Error as error:
        raise in_terms_of_sqlalchemy(error) from error


async def _fetch(driver: Any, sql: str, arguments: Sequence[Any]) -> Sequence[Any]:
    try:
        return await driver.fetch(sql, *arguments)  # type: ignore[no-any-return]
    except exceptions.IntegrityConstraintViolationError as error:
        raise IntegrityError(None, None, error) from error
    except exceptions.PostgresError as error:
        raise DBAPIError(None, None, error) from error
    except (exceptions.InterfaceError, exceptions.InternalClientError, OSError) as error:
        raise StorageUnavailable from error


class _Written:
    """A statement in one database's words, for lists of certain lengths."""

    def __init__(self, statement: Any, dialect: Dialect, values: Values) -> None:
        whole = statement.compile(dialect=dialect).construct_expanded_state(dict(values))
        self.sql: str = whole.statement
        self._order = tuple(whole.positiontup or ())
        self._own = {name: value for name, value in whole.parameters.items() if name not in values}
        expanded = whole.parameter_expansion
        self.lists = [(name, expanded[name]) for name in values if name in expanded]
        columns = list(getattr(statement, "exported_columns", _NO_COLUMNS).items())
        row: Any = namedtuple("Row", [name for name, _ in columns], rename=True)  # type: ignore[misc]
        self._row = row._make
        self._bound, self._found = {}, []
        if dialect.name == "sqlite":
            # Where asyncpg knows a type, SQLite has numbers, texts and bytes.
            self._bound = {name: process for name, process in whole.processors.items() if name in self._order}
            found = [of.type.dialect_impl(dialect).result_processor(dialect, None) for _, of in columns]
            self._found = found if any(found) else []

    def arguments(self, values: Values) -> list[Any]:
        """The values in the order of the statement."""
        given = {**self._own, **values} if self._own else dict(values)
        for name, places in self.lists:
            given.update(zip(places, values[name], strict=True))
        for name, process in self._bound.items():
            given[name] = process(given[name])
        return [given[name] for name in self._order]

    def read(self, rows: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Rows of SQLite with their columns as attributes."""
        if self._found:
            rows = [
                tuple(
                    process(value) if process else value
                    for process, value in zip(self._found, row, strict=True)
                )
                for row in rows
            ]
        return [self._row(row) for row in rows]


class Record(asyncpg.Record):
    """A row with its columns as attributes, as SQLAlchemy's rows have them."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None
