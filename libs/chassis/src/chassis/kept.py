"""Connections to PostgreSQL on which each statement is a transaction of its own.

They stay out of the pool while nothing fails: to take a connection from it, begin, end and give it back costs as much
as a statement does.
"""

import asyncio
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

_KEPT = "labelmesh_kept"


class KeptConnections:
    """At most `size` connections of an engine, which commit each statement."""

    def __init__(self, engine: AsyncEngine, size: int) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT", **{_KEPT: True})
        self._turns = asyncio.Semaphore(size)
        self._free: list[AsyncConnection] = []

    async def take(self) -> AsyncConnection:
        """One of them, dialled when none is free; to be given back."""
        await self._turns.acquire()
        try:
            return self._free.pop() if self._free else await self._engine.connect()
        except BaseException:
            self._turns.release()
            raise

    async def give(self, conn: AsyncConnection, *, failed: bool) -> None:
        """Give one back. After an error it goes back to the engine, which looks after it."""
        try:
            if failed:
                await asyncio.shield(asyncio.create_task(self._give_back(conn)))
            else:
                self._free.append(conn)
        finally:
            self._turns.release()

    async def _give_back(self, conn: AsyncConnection) -> None:
        if not (conn.invalidated or _driver(conn).is_closed()):
            await conn.close()
            return
        # Whatever took it took the others, too.
        lost, self._free = [conn, *self._free], []
        for each in lost:
            await each.invalidate()
            await each.close()

    async def close(self) -> None:
        """Give back those that nobody uses."""
        while self._free:
            await self._free.pop().close()


def driver_of(conn: AsyncConnection) -> Any:
    """The driver's own connection under one of these, None under any other."""
    sync = conn.sync_connection
    return _driver(conn) if sync is not None and sync.get_execution_options().get(_KEPT) else None


def _driver(conn: AsyncConnection) -> Any:
    return conn.sync_connection.connection.driver_connection if conn.sync_connection else None
