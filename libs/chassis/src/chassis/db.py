"""One database a service: SQLite file or PostgreSQL behind the same few calls."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, NoReturn

from sqlalchemy import ColumnElement, Table, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from chassis import sqlite_dialect
from chassis.errors import SettingsRefused, StorageUnavailable
from chassis.kept import KeptConnections
from chassis.prepared import Record
from chassis.storage_faults import storage_error

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

    SQLite (WAL, synchronous NORMAL) has one writer connection behind a fair lock, so writers of this
    process queue instead of polling; readers see the last commit and never wait for it.
    """

    def __init__(
        self, writer: AsyncEngine, reader: AsyncEngine, dialect: Dialect, kept: KeptConnections | None = None
    ) -> None:
        self.engine = writer
        self.dialect: Dialect = dialect
        self._reader = reader
        self._kept = kept
        self._turn = asyncio.Lock() if dialect == "sqlite" else None
        self._callbacks: list[Callable[[], None]] = []

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Call this, on the event loop, after each commit that added events to the outbox."""
        self._callbacks.append(callback)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """A write transaction: commits at the end of the block, rolls back when it raises.

        SQLite begins IMMEDIATE, so two writers never deadlock over an upgrade of their locks. Raises
        StorageFull and StorageUnavailable; other errors of the driver pass as they are.
        """
        async with self._writing(self.engine.begin()) as conn:
            yield conn

    def write_one(self) -> _Transaction:
        """A connection for one statement that writes, and is all or nothing by itself.

        PostgreSQL commits it as it ends, which saves two trips; SQLite has a transaction as in `begin`, so that what
        takes one statement there may take several here (see at_once.py). Raises what `begin` raises.
        """
        return _Alone(self._kept, self._callbacks) if self._kept else self.begin()

    @asynccontextmanager
    async def _writing(self, transaction: _Transaction) -> AsyncIterator[AsyncConnection]:
        async with AsyncExitStack() as stack:
            if self._turn is not None:
                await stack.enter_async_context(self._turn)
            wrote = False
            async with _faults_told(transaction) as conn:
                try:
                    yield conn
                finally:
                    wrote = _wrote_events(conn)
        if wrote:
            for callback in self._callbacks:
                callback()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A read-only snapshot: every statement in the block sees the same state."""
        async with _faults_told(self._reader.begin()) as conn:
            yield conn

    def read_one(self) -> _Transaction:
        """A connection for one statement that reads, without a transaction around it where that costs trips."""
        return _Alone(self._kept, ()) if self._kept else self.read()


def announce_events(conn: AsyncConnection) -> None:
    """Mark the transaction as one that wrote to the outbox."""
    conn.info[_WROTE_EVENTS] = True


def _wrote_events(conn: AsyncConnection) -> bool:
    return bool(conn.info.pop(_WROTE_EVENTS, False))


class _Alone:
    """A kept connection for one statement. A class, since as generators these contexts cost as much as a statement."""

    __slots__ = ("_callbacks", "_conn", "_kept")
    _conn: AsyncConnection

    def __init__(self, kept: KeptConnections, callbacks: Sequence[Callable[[], None]]) -> None:
        self._kept = kept
        self._callbacks = callbacks

    async def __aenter__(self) -> AsyncConnection:
        try:
            self._conn = await self._kept.take()
        except (SQLAlchemyError, OSError) as error:
            _tell(error)
        return self._conn

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        wrote = _wrote_events(self._conn)
        await self._kept.give(self._conn, failed=error is not None)
        if error is None and wrote:
            for callback in self._callbacks:
                callback()
        if isinstance(error, SQLAlchemyError):
            _tell(error)


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
        if database._kept is not None:
            await database._kept.close()
        await database._reader.dispose()
        await database.engine.dispose()


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
    return Database(engines[0], engines[1], "sqlite")


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
    return Database(engine, reader, "postgresql", KeptConnections(engine, _POSTGRESQL_KEPT))


def dialect_of(conn: AsyncConnection) -> Dialect:
    """What the database of the connection speaks."""
    return "postgresql" if conn.dialect.name == "postgresql" else "sqlite"


def insert_ignore(conn: AsyncConnection, table: Table) -> Any:
    """An INSERT into the table that skips rows whose key exists, for the connection's dialect."""
    return _insert(conn, table).on_conflict_do_nothing()


async def upsert(
    conn: AsyncConnection,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    *,
    added: Iterable[str] = (),
    replaced: Iterable[str] = (),
    where: Callable[[Any], ColumnElement[bool]] | None = None,
) -> None:
    """Insert rows; where the primary key exists, add to some columns and replace others, if `where` holds.

    `where` is handed the columns of the new row. No two of the rows may have one key.
    """
    if not rows:
        return
    insert = _insert(conn, table)
    new = insert.excluded
    changes = {name: table.c[name] + new[name] for name in added} | {name: new[name] for name in replaced}
    keys = [column.name for column in table.primary_key]
    only = where(new) if where else None
    await conn.execute(insert.on_conflict_do_update(index_elements=keys, set_=changes, where=only), rows)


def _insert(conn: AsyncConnection, table: Table) -> Any:
    return (postgresql if dialect_of(conn) == "postgresql" else sqlite).insert(table)
