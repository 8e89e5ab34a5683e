"""SQLAlchemy's engines for either database: one that writes and one that reads."""

from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from chassis import sqlite_dialect
from chassis.errors import StorageUnavailable
from chassis.prepared import Record

Engines = tuple[AsyncEngine, AsyncEngine]
READERS = 4
"""Connections that read a file side by side."""
_CONNECTIONS = 20
KEPT = 8
"""Of the connections to PostgreSQL, for statements that are transactions of their own."""
_BUSY_MS = 10_000


def sqlite(path: Path) -> Engines:
    """Of a file, created when missing. Raises StorageUnavailable."""
    try:
        path.absolute().parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageUnavailable(f"The folder of the database {path} cannot be made.") from error
    made = []
    for begin, size in ((sqlite_dialect.WRITE, 1), (sqlite_dialect.READ, READERS)):
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
        made.append(engine)
    return made[0], made[1]


def _prepare_sqlite(engine: AsyncEngine, begin: str) -> None:
    readonly = "OFF" if begin == sqlite_dialect.WRITE else "ON"

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


def postgresql(url: str) -> Engines:
    """Of a url for asyncpg. Nothing is dialled yet."""
    engine = create_async_engine(
        url,
        # A connection beyond the pool's size would be closed after each use, and with it all that it has prepared.
        pool_size=_CONNECTIONS,
        max_overflow=0,
        pool_timeout=60,
        pool_pre_ping=False,
        hide_parameters=True,
        connect_args={"timeout": 10, "command_timeout": 120, "record_class": Record},
    )
    reader = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    return engine, reader
