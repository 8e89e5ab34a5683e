"""Connections that stay out of the pool while nothing fails.

To take a connection from it, begin, end and give it back costs SQLAlchemy as much as several statements do.
"""

import asyncio
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from chassis.sqlite_dialect import Connection

_ALONE = "labelmesh_alone"


def each_alone(engine: AsyncEngine) -> AsyncEngine:
    """The engine of PostgreSQL with each statement a transaction of its own."""
    return engine.execution_options(isolation_level="AUTOCOMMIT", **{_ALONE: True})


class KeptConnections:
    """At most `size` connections of an engine, in turns."""

    def __init__(self, engine: AsyncEngine, size: int) -> None:
        self._engine = engine
        self._turns = asyncio.Semaphore(size)
        self._free: list[AsyncConnection] = []

    async def take(self) -> AsyncConnection:
        """One of them, dialled when none is free; to be given back."""
        await self._turns.acquire()
        try:
            return self._free.pop() if self._free else await self._dial()
        except BaseException:
            self._turns.release()
            raise

    async def _dial(self) -> AsyncConnection:
        conn = await self._engine.connect()
        # For good: SQLAlchemy begins nothing by itself, whoever has the connection does.
        await conn.begin()
        return conn

    async def give(self, conn: AsyncConnection, *, failed: bool, lost: bool = False) -> None:
        """Give one back.

        One that failed goes back to the engine, which looks after it. What is `lost` is closed, and the free ones too.
        """
        try:
            if failed:
                await asyncio.shield(asyncio.create_task(self._give_back(conn, lost=lost)))
            else:
                self._free.append(conn)
        finally:
            self._turns.release()

    async def _give_back(self, conn: AsyncConnection, *, lost: bool) -> None:
        if not (lost or conn.invalidated or _is_closed(conn)):
            await conn.close()
            return
        # Whatever took it took the others, too.
        gone, self._free = [conn, *self._free], []
        for each in gone:
            await each.invalidate()
            await each.close()

    async def close(self) -> None:
        """Give back those that nobody uses."""
        while self._free:
            await self._free.pop().close()


def driver_of(conn: AsyncConnection) -> Any:
    """What statements can be handed to as they are, past SQLAlchemy.

    That is asyncpg's connection where each statement is a transaction of its own, a sqlite_dialect.Connection on
    SQLite, and None elsewhere.
    """
    sync = conn.sync_connection
    if sync is None:
        return None
    connection = sync.connection.dbapi_connection
    if isinstance(connection, Connection):
        return connection
    return sync.connection.driver_connection if sync.get_execution_options().get(_ALONE) else None


def _is_closed(conn: AsyncConnection) -> bool:
    driver = conn.sync_connection.connection.driver_connection if conn.sync_connection else None
    is_closed = getattr(driver, "is_closed", None)
    return bool(is_closed and is_closed())
