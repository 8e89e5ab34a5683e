"""Statements that are compiled once, for what a service does all day.

On a connection that PostgreSQL commits each statement on (see kept.py) they go to the driver as they are: there
SQLAlchemy's own work is two thirds of what a short statement costs. Everywhere else they are SQLAlchemy's.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg
from asyncpg import exceptions
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.errors import StorageUnavailable
from chassis.kept import driver_of


class Prepared:
    """A statement with named parameters; values that it holds itself never change."""

    def __init__(self, statement: Any) -> None:
        self._statement = statement
        self._sql = ""
        self._order: tuple[str, ...] = ()
        self._own: Mapping[str, Any] = {}

    async def rows(self, conn: AsyncConnection, values: Mapping[str, Any]) -> Sequence[Any]:
        """Execute it; its rows, with the columns as attributes. Raises what `AsyncConnection.execute` raises."""
        driver = driver_of(conn)
        if driver is None:
            return (await conn.execute(self._statement, values)).all()
        if not self._sql:
            self._compile(conn, values)
        own = self._own
        arguments = [values[name] if name in values else own[name] for name in self._order]
        try:
            return await driver.fetch(self._sql, *arguments)  # type: ignore[no-any-return]
        except exceptions.IntegrityConstraintViolationError as error:
            raise IntegrityError(None, None, error) from error
        except exceptions.PostgresError as error:
            raise DBAPIError(None, None, error) from error
        except (exceptions.InterfaceError, OSError) as error:
            raise StorageUnavailable from error

    def _compile(self, conn: AsyncConnection, values: Mapping[str, Any]) -> None:
        # With values, as a list that the statement holds is written out as so many parameters.
        whole = self._statement.compile(dialect=conn.dialect).construct_expanded_state(dict(values))
        self._order = tuple(whole.positiontup)
        self._own = {name: value for name, value in whole.parameters.items() if name not in values}
        self._sql = whole.statement


class Record(asyncpg.Record):
    """A row with its columns as attributes, as SQLAlchemy's rows have them."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None
