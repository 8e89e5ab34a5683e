"""One database a service: PostgreSQL in production, an SQLite file when embedded; SQLAlchemy Core over both."""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from collections.abc import Iterator
from typing import Any, Literal

from sqlalchemy import Table, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from chassis.errors import SettingsRefused, StorageFull, StorageUnavailable

Dialect = Literal["sqlite", "postgresql"]
_BUSY_SECONDS = 30
_FULL = re.compile(r"database or disk is full|disk I/O error|No space left|could not extend file|DiskFull", re.I)
_AWAY = re.compile(
    r"unable to open|database is locked|connect|closed|terminat|shutting down|starting up|too many clients", re.I
)
OUTBOX_MARK = "labelmesh_outbox"
"""Set in a connection's info by the outbox, so that only commits with events wake the relay."""


class Database:
    """Write and read transactions on one database.

    Writers of an SQLite file wait in line for the one writing connection, which takes the file's lock at once
    (BEGIN IMMEDIATE); readers have their own connections and see the last commit.
    """

    def __init__(self, dialect: Dialect, engine: AsyncEngine, reader: AsyncEngine) -> None:
        self.dialect: Dialect = dialect
        self.engine = engine
        self._reader = reader
        self._after_commit: list[Callable[[], None]] = []

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Call back after every commit that put rows into the outbox."""
        self._after_commit.append(callback)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """A write transaction: commits at the end, rolls back on any exception.

        Raises StorageFull or StorageUnavailable when the database cannot take it.
        """
        with _typed_errors():
            async with self.engine.begin() as connection:
                yield connection
                marked = connection.info.pop(OUTBOX_MARK, False)
        if marked:
            for callback in self._after_commit:
                callback()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A read transaction on the last committed state."""
        with _typed_errors():
            async with self._reader.connect() as connection:
                yield connection

    async def dispose(self) -> None:
        """Close every connection."""
        await self.engine.dispose()
        if self._reader is not self.engine:
            await self._reader.dispose()


@contextmanager
def _typed_errors() -> Iterator[None]:
    try:
        yield
    except PoolTimeout as error:
        raise StorageUnavailable from error
    except DBAPIError as error:
        text = str(error.orig)
        if _FULL.search(text) or getattr(error.orig, "sqlstate", "") == "53100":
            raise StorageFull from error
        if isinstance(error, (OperationalError, InterfaceError)) and _AWAY.search(text):
            raise StorageUnavailable from error
        if error.connection_invalidated:
            raise StorageUnavailable from error
        raise
    except ConnectionError as error:
        raise StorageUnavailable from error


@asynccontextmanager
async def connect(url: str) -> AsyncIterator[Database]:
    """Open the database of a URL: `sqlite:///file` or `postgresql://user:password@host:port/name`."""
    if url.startswith("sqlite:"):
        database = _sqlite(url)
    elif url.startswith(("postgresql:", "postgres:")):
        database = _postgresql(url)
    else:
        raise SettingsRefused("database_url must start with sqlite:/// or postgresql://.")
    try:
        yield database
    finally:
        await database.dispose()


def _sqlite(url: str) -> Database:
    async_url = url.replace("sqlite:", "sqlite+aiosqlite:", 1)
    arguments: dict[str, Any] = {"timeout": _BUSY_SECONDS, "isolation_level": None}
    writer = create_async_engine(
        async_url, pool_size=1, max_overflow=0, pool_timeout=_BUSY_SECONDS, connect_args=arguments
    )
    reader = create_async_engine(async_url, pool_size=4, max_overflow=4, connect_args=arguments)
    for engine, begin in ((writer, "BEGIN IMMEDIATE"), (reader, "BEGIN")):
        _prepare(engine, begin)
    return Database("sqlite", writer, reader)


def _prepare(engine: AsyncEngine, begin: str) -> None:
    @event.listens_for(engine.sync_engine, "connect")
    def _connected(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        # WAL lets readers go on beside the writer. NORMAL survives a killed process; after a power cut the last
        # commits may be missing, as they may in the broker's store.
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "temp_store=MEMORY"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def _begun(connection: Any) -> None:
        connection.exec_driver_sql(begin)


def _postgresql(url: str) -> Database:
    async_url = re.sub(r"^postgres(ql)?:", "postgresql+asyncpg:", url, count=1)
    engine = create_async_engine(async_url, pool_size=8, max_overflow=8, pool_timeout=_BUSY_SECONDS, pool_pre_ping=True)
    return Database("postgresql", engine, engine)


def insert_ignore(connection: AsyncConnection, table: Table) -> Any:
    """INSERT that leaves rows alone whose key is there already."""
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table).on_conflict_do_nothing()
    return postgresql.insert(table).on_conflict_do_nothing()


Transaction = AbstractAsyncContextManager[AsyncConnection]
