"""One database a service: SQLite file or PostgreSQL behind the same few calls."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, NoReturn

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.pool import QueuePool

from chassis import engines
from chassis.errors import SettingsRefused, StorageUnavailable
from chassis.kept import KeptConnections, driver_of, each_alone
from chassis.sqlite_dialect import READ, WRITE
from chassis.storage_faults import in_terms_of_sqlalchemy, storage_error

Dialect = Literal["sqlite", "postgresql"]
_WRONG_URL = "The database url must begin with sqlite:/// or postgresql://."
_CLOSE_SECONDS = 5.0
_WROTE_EVENTS = "labelmesh_wrote_events"
_Transaction = AbstractAsyncContextManager[AsyncConnection]


class Database:
    """A writer and readers over one database.

    SQLite (WAL, synchronous NORMAL) has one writer connection that is had in turns, so writers of this process queue
    instead of polling; readers see the last commit and never wait for it.
    """

    def __init__(self, dialect: Dialect, writer: AsyncEngine, reader: AsyncEngine) -> None:
        self.engine = writer
        self.dialect: Dialect = dialect
        self._reader = reader
        self._callbacks: list[Callable[[], None]] = []
        if dialect == "sqlite":
            self._writers = KeptConnections(writer, 1)
            self._readers = KeptConnections(reader, engines.READERS)
        else:
            self._writers = self._readers = KeptConnections(each_alone(writer), engines.KEPT)

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Call this, on the event loop, after each commit that added events to the outbox."""
        self._callbacks.append(callback)

    def begin(self) -> _Transaction:
        """A write transaction: commits at the end of the block, rolls back when it raises.

        SQLite begins IMMEDIATE, so two writers never deadlock over an upgrade of their locks. Raises
        StorageFull and StorageUnavailable; other errors of the driver pass as they are.
        """
        if self.dialect == "sqlite":
            return _Kept(self._writers, self._callbacks, WRITE)
        return self._writing()

    def write_one(self) -> _Transaction:
        """A connection for one statement that writes, and is all or nothing by itself.

        PostgreSQL commits it as it ends, which saves two trips; SQLite has a transaction as in `begin`, so that what
        takes one statement there may take several here (see at_once.py). Raises what `begin` raises.
        """
        return self.begin() if self.dialect == "sqlite" else _Kept(self._writers, self._callbacks)

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[AsyncConnection]:
        wrote = False
        async with _faults_told(self.engine.begin()) as conn:
            try:
                yield conn
            finally:
                wrote = _wrote_events(conn)
        if wrote:
            _call(self._callbacks)

    def read(self) -> _Transaction:
        """A read-only snapshot: every statement in the block sees the same state."""
        if self.dialect == "sqlite":
            return _Kept(self._readers, (), READ)
        return _faults_told(self._reader.begin())

    def read_one(self) -> _Transaction:
        """A connection for one statement that reads, without a transaction around it where that costs trips."""
        return self.read() if self.dialect == "sqlite" else _Kept(self._readers, ())

    async def close(self) -> None:
        """Close the connections; those in use as soon as they are free, which is waited for a short time.

        A server that stops cancels its calls, and they may end after it. What is open when its pool is gone stays so.
        """
        pools = (self._reader, self.engine)
        end = time.monotonic() + _CLOSE_SECONDS
        while True:
            for kept in (self._writers, self._readers):
                await kept.close()
            if not any(map(_in_use, pools)) or time.monotonic() > end:
                break
            await asyncio.sleep(0.01)
        for engine in pools:
            await engine.dispose()


def _in_use(engine: AsyncEngine) -> bool:
    pool = engine.pool
    return isinstance(pool, QueuePool) and pool.checkedout() > 0


def announce_events(conn: AsyncConnection) -> None:
    """Mark the transaction as one that wrote to the outbox."""
    conn.info[_WROTE_EVENTS] = True


def _wrote_events(conn: AsyncConnection) -> bool:
    return bool(conn.info.pop(_WROTE_EVENTS, False))


def _call(callbacks: Sequence[Callable[[], None]]) -> None:
    for callback in callbacks:
        callback()


class _Kept:
    """A kept connection: on PostgreSQL for one statement, on SQLite for the transaction that `begin` begins.

    A class, since as generators these contexts cost as much as a statement.
    """

    __slots__ = ("_begin", "_callbacks", "_conn", "_kept")
    _conn: AsyncConnection

    def __init__(
        self, kept: KeptConnections, callbacks: Sequence[Callable[[], None]], begin: str = ""
    ) -> None:
        self._kept = kept
        self._callbacks = callbacks
        self._begin = begin

    async def __aenter__(self) -> AsyncConnection:
        try:
            self._conn = conn = await self._kept.take()
        except (SQLAlchemyError, OSError) as error:
            _tell(error)
        if self._begin:
            driver_of(conn).held_begin = self._begin
        return conn

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        wrote = _wrote_events(self._conn)
        try:
            if self._begin:
                await self._end(error)
        finally:
            failed = self._conn.invalidated if self._begin else error is not None
            await self._kept.give(self._conn, failed=failed, lost=_lost(error))
        if error is None and wrote:
            _call(self._callbacks)
        if isinstance(error, SQLAlchemyError):
            _tell(error)

    async def _end(self, error: BaseException | None) -> None:
        """End the transaction."""
        if self._conn.invalidated:
            return
        driver = driver_of(self._conn)
        if error is not None or self._begin == READ:
            driver.undo()
            return
        try:
            await driver.end_write()
        except sqlite3.Error as refused:
            driver.undo()
            _tell(in_terms_of_sqlalchemy(refused))


def _lost(error: BaseException | None) -> bool:
    """Whether the error says that the database is away."""
    known = storage_error(error) if isinstance(error, SQLAlchemyError) else error
    return isinstance(known, StorageUnavailable)


@asynccontextmanager
async def _faults_told(transaction: _Transaction) -> AsyncIterator[AsyncConnection]:
    """The transaction, with errors of the storage as the service tells them."""
    try:
        async with transaction as conn:
            try:
                yield conn
            except OSError as error:
                # Not the database's: hand it past the handler below, which is for connecting.
                raise _Foreign(error) from error
    except _Foreign as foreign:
        raise foreign.error from None
    except (SQLAlchemyError, OSError) as error:
        _tell(error)


def _tell(error: SQLAlchemyError | OSError) -> NoReturn:
    """Raise the error as the service tells it."""
    known = StorageUnavailable() if isinstance(error, OSError) else storage_error(error)
    if known is None:
        raise error
    raise known from error


class _Foreign(Exception):
    def __init__(self, error: OSError) -> None:
        self.error = error


@asynccontextmanager
async def connect(url: str) -> AsyncIterator[Database]:
    """The database of `sqlite:///path` (created when missing) or `postgresql://user:password@host/name`.

    Nothing is dialled yet: a database that is down shows at the first transaction. Raises
    SettingsRefused.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise SettingsRefused(_WRONG_URL) from None
    if parsed.drivername == "sqlite" and parsed.database and parsed.database != ":memory:":
        database = Database("sqlite", *engines.sqlite(Path(parsed.database)))
    elif parsed.drivername in ("postgresql", "postgres"):
        url = parsed.set(drivername="postgresql+asyncpg").render_as_string(hide_password=False)
        database = Database("postgresql", *engines.postgresql(url))
    else:
        raise SettingsRefused(_WRONG_URL)
    try:
        yield database
    finally:
        await database.close()


def dialect_of(conn: AsyncConnection) -> Dialect:
    """What the database of the connection speaks."""
    return "postgresql" if conn.dialect.name == "postgresql" else "sqlite"


def insert_ignore(conn: AsyncConnection, table: Table) -> Any:
    """An INSERT into the table that skips rows whose key exists, for the connection's dialect."""
    return dialect_insert(dialect_of(conn), table).on_conflict_do_nothing()


def dialect_insert(dialect: Dialect, table: Table) -> Any:
    """An INSERT into the table that can say what a key that exists means."""
    return (postgresql if dialect == "postgresql" else sqlite).insert(table)
