"""One database a service: SQLite file or PostgreSQL behind the same few calls."""

import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, NoReturn

from sqlalchemy import Table, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from chassis import sqlite_dialect
from chassis.errors import SettingsRefused, StorageUnavailable
from chassis.kept import KeptConnections, driver_of, each_alone
from chassis.prepared import Record
from chassis.storage_faults import in_terms_of_sqlalchemy, storage_error

Dialect = Literal["sqlite", "postgresql"]
_BUSY_MS = 10_000
_WRONG_URL = "The database url must begin with sqlite:/// or postgresql://."
_READERS = 4
_POSTGRESQL_CONNECTIONS = 20
_POSTGRESQL_KEPT = 8
"""Of these, for statements that are transactions of their own."""
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
            self._writers, self._readers = KeptConnections(writer, 1), KeptConnections(reader, _READERS)
        else:
            self._writers = self._readers = KeptConnections(each_alone(writer), _POSTGRESQL_KEPT)

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Call this, on the event loop, after each commit that added events to the outbox."""
        self._callbacks.append(callback)

    def begin(self) -> _Transaction:
        """A write transaction: commits at the end of the block, rolls back when it raises.

        SQLite begins IMMEDIATE, so two writers never deadlock over an upgrade of their locks. Raises
        StorageFull and StorageUnavailable; other errors of the driver pass as they are.
        """
        if self.dialect == "sqlite":
            return _Kept(self._writers, self._callbacks, "BEGIN IMMEDIATE")
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
            return _Kept(self._readers, (), "BEGIN")
        return _faults_told(self._reader.begin())

    def read_one(self) -> _Transaction:
        """A connection for one statement that reads, without a transaction around it where that costs trips."""
        return self.read() if self.dialect == "sqlite" else _Kept(self._readers, ())

    async def close(self) -> None:
        """Close the connections that nobody uses."""
        for kept in {self._writers, self._readers}:
            await kept.close()
        for engine in (self._reader, self.engine):
            await engine.dispose()


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
            lost = error is not None if not self._begin else self._conn.invalidated
            await self._kept.give(self._conn, failed=lost)
        if error is None and wrote:
            _call(self._callbacks)
        if isinstance(error, SQLAlchemyError):
            _tell(error)

    async def _end(self, error: BaseException | None) -> None:
        """End the transaction."""
        if self._conn.invalidated:
            return
        driver = driver_of(self._conn)
        if error is not None or self._begin == "BEGIN":
            driver.undo()
            return
        try:
            await driver.end_write()
        except sqlite3.Error as refused:
            driver.undo()
            _tell(in_terms_of_sqlalchemy(refused))


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
        database = _sqlite(Path(parsed.database))
    elif parsed.drivername in ("postgresql", "postgres"):
        database = _postgresql(
            parsed.set(drivername="postgresql+asyncpg").render_as_string(hide_password=False)
        )
    else:
        raise SettingsRefused(_WRONG_URL)
    try:
        yield database
    finally:
        await database.close()


def _sqlite(path: Path) -> Database:
    try:
        path.absolute().parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageUnavailable(f"The folder of the database {path} cannot be made.") from error
    engines = []
    for begin, size in (("BEGIN IMMEDIATE", 1), ("BEGIN", _READERS)):
        engine = create_async_engine(
            f"{sqlite_dialect.SCHEME}:///{path}",
            begin=begin,
            pool_size=size,
            max_overflow=0,
            pool_timeout=60,
            # Every use ends its own transaction, so the pool need not roll back once more.
            pool_reset_on_return=None,
            hide_parameters=True,
            connect_args={"isolation_level": None, "timeout": _BUSY_MS / 1000, "cached_statements": 512},
        )
        _prepare_sqlite(engine, begin)
        engines.append(engine)
    return Database("sqlite", *engines)


def _prepare_sqlite(engine: AsyncEngine, begin: str) -> None:
    readonly = "OFF" if begin == "BEGIN IMMEDIATE" else "ON"

    @event.listens_for(engine.sync_engine, "connect")
    def _configure(connection: Any, record: object) -> None:
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            "synchronous=NORMAL",
            "foreign_keys=ON",
            # KiB a connection. It fills as the file grows and then stays, so it is most of a service's growth.
            "cache_size=-4096",
            "temp_store=MEMORY",
            "journal_size_limit=67108864",
            f"query_only={readonly}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()


def _postgresql(url: str) -> Database:
    engine = create_async_engine(
        url,
        # A connection beyond the pool's size would be closed after each use, and with it all that it has prepared.
        pool_size=_POSTGRESQL_CONNECTIONS,
        max_overflow=0,
        pool_timeout=60,
        pool_pre_ping=False,
        hide_parameters=True,
        connect_args={"timeout": 10, "command_timeout": 120, "record_class": Record},
    )
    reader = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    return Database("postgresql", engine, reader)


def dialect_of(conn: AsyncConnection) -> Dialect:
    """What the database of the connection speaks."""
    return "postgresql" if conn.dialect.name == "postgresql" else "sqlite"


def insert_ignore(conn: AsyncConnection, table: Table) -> Any:
    """An INSERT into the table that skips rows whose key exists, for the connection's dialect."""
    return (postgresql if dialect_of(conn) == "postgresql" else sqlite).insert(table).on_conflict_do_nothing()
