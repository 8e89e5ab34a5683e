"""SQLite for asyncio with one thread hop a statement.

SQLAlchemy's dialect over aiosqlite sends a statement through the connection's thread four times: open a
cursor, execute, fetch, close. Here the thread does all of it at once, BEGIN goes along with the first
statement, and the end of a read is not waited for. Measured on short transactions, that is a third of the CPU.
Statements that are prepared (see prepared.py) pass SQLAlchemy by, several at once where nothing lies between them.
"""

import sqlite3
from collections import deque
from collections.abc import Sequence
from typing import Any

from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.aiosqlite import (
    AsyncAdapt_aiosqlite_connection,
    AsyncAdapt_aiosqlite_cursor,
    AsyncAdapt_aiosqlite_dbapi,
    SQLiteDialect_aiosqlite,
)
from sqlalchemy.util.concurrency import await_only

#: Scheme of urls for create_async_engine.
SCHEME = "sqlite+labelmesh"
READ, WRITE = "BEGIN", "BEGIN IMMEDIATE"
"""How transactions begin."""
Answer = tuple[Any, int, int | None, list[Any]]
"""What a statement gave: a description of its columns, the count of rows it changed, the last row's id, its rows."""
Call = tuple[str, Sequence[Any], bool]
"""A statement and its parameters, or with True a list of them."""


class _Cursor(AsyncAdapt_aiosqlite_cursor):
    """A cursor that exists only in the thread, and here as its outcome."""

    __slots__ = ("_arraysize", "_outcome")

    _adapt_connection: "Connection"

    def __init__(self, adapt_connection: Any) -> None:
        self._adapt_connection = adapt_connection
        self._rows = deque()
        self._arraysize = 1
        self._outcome: tuple[Any, int, int | None] = (None, -1, None)

    @property
    def description(self) -> Any:
        return self._outcome[0]

    @property
    def rowcount(self) -> int:
        return self._outcome[1]

    @property
    def lastrowid(self) -> Any:
        return self._outcome[2]

    @property
    def arraysize(self) -> int:
        return self._arraysize

    @arraysize.setter
    def arraysize(self, value: int) -> None:
        self._arraysize = value

    def execute(self, operation: Any, parameters: Any = None) -> Any:
        self._take(self._adapt_connection.run((operation, parameters or (), False)))
        return self

    def executemany(self, operation: Any, seq_of_parameters: Any) -> Any:
        self._take(self._adapt_connection.run((operation, seq_of_parameters, True)))
        return self

    def close(self) -> None:
        self._rows.clear()

    def setinputsizes(self, *inputsizes: Any) -> None:
        """SQLite has no use for them."""

    async def _async_soft_close(self) -> None:
        """There is nothing open."""

    def _take(self, answer: Answer) -> None:
        self._outcome = answer[:3]
        self._rows = deque(answer[3])


class Connection(AsyncAdapt_aiosqlite_connection):
    """Holds back BEGIN until there is something to do."""

    __slots__ = ("held_begin",)

    _cursor_cls = _Cursor

    def __init__(self, dbapi: Any, connection: Any) -> None:
        super().__init__(dbapi, connection)
        self.held_begin = ""

    def run(self, call: Call) -> Answer:
        """Do a statement of SQLAlchemy's."""
        try:
            (answer,) = await_only(self.ask([call]))
        except Exception as error:  # noqa: BLE001 - handed on in the driver's terms
            self._handle_exception(error)
        return answer

    async def ask(self, calls: Sequence[Call]) -> list[Answer]:
        """Do the statements, one after the other, in one trip; raises the driver's errors as they are."""
        begin, self.held_begin = self.held_begin, ""
        driver = self._connection
        answers: list[Answer] = await driver._execute(_answers, driver._conn, begin, calls)
        return answers

    async def end_write(self) -> None:
        """Commit; raises the driver's errors as they are."""
        if self.held_begin:
            self.held_begin = ""
        else:
            driver = self._connection
            await driver._execute(driver._conn.commit)

    def undo(self) -> None:
        """Let what was read or written go without waiting: what comes next on this connection stands behind it."""
        if self.held_begin:
            self.held_begin = ""
            return
        driver: Any = self._connection
        if driver._connection is not None:
            driver._tx.put_nowait((None, driver._connection.rollback))


class _Driver(AsyncAdapt_aiosqlite_dbapi):
    def connect(self, *arg: Any, **kw: Any) -> AsyncAdapt_aiosqlite_connection:
        plain = super().connect(*arg, **kw)
        return Connection(self, plain._connection)


class Dialect(SQLiteDialect_aiosqlite):
    """`begin` is the statement that begins a transaction."""

    supports_statement_cache = True

    def __init__(self, begin: str = WRITE, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._begin = begin

    @classmethod
    def import_dbapi(cls) -> AsyncAdapt_aiosqlite_dbapi:
        """The driver with the connections of this module."""
        return _Driver(__import__("aiosqlite"), sqlite3)

    def do_begin(self, dbapi_connection: Any) -> None:
        """Begin with the next statement."""
        _adapted(dbapi_connection).held_begin = self._begin

    def do_commit(self, dbapi_connection: Any) -> None:
        """Commit; a transaction without statements never began."""
        connection = _adapted(dbapi_connection)
        if self._begin == READ:
            connection.undo()
        elif connection.held_begin:
            connection.held_begin = ""
        else:
            connection.commit()

    def do_rollback(self, dbapi_connection: Any) -> None:
        """Undo; a transaction without statements never began."""
        connection = _adapted(dbapi_connection)
        if self._begin == READ:
            connection.undo()
        elif connection.held_begin:
            connection.held_begin = ""
        else:
            connection.rollback()


def _adapted(connection: Any) -> Connection:
    adapted = getattr(connection, "dbapi_connection", connection)
    if not isinstance(adapted, Connection):
        raise TypeError("not a connection of this dialect")
    return adapted


def _answers(connection: sqlite3.Connection, begin: str, calls: Sequence[Call]) -> list[Answer]:
    if begin:
        connection.execute(begin)
    return [
        _answer((connection.executemany if many else connection.execute)(operation, parameters))
        for operation, parameters, many in calls
    ]


def _answer(cursor: sqlite3.Cursor) -> Answer:
    rows = cursor.fetchall() if cursor.description is not None else []
    return cursor.description, cursor.rowcount, cursor.lastrowid, rows


registry.register("sqlite.labelmesh", __name__, "Dialect")
