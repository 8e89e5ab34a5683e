"""Events into handlers: batches, one transaction each, effects exactly once."""

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from google.protobuf.message import Message

from chassis.connection import Bus
from chassis.db import Database
from chassis.reader import Handler, Reader

_STOP_SECONDS = 10.0
_IDLE_STOP_SECONDS = 0.5

__all__ = ["Consumer", "Handler"]


class Consumer:
    """Reads the streams of the handled types, one durable pull consumer a stream, and calls handlers.

    A handler `async def h(conn, events)` gets consecutive events of one type in one write transaction,
    which also marks them as handled. An event whose handler failed comes again after a growing delay and
    goes to the dead letters after `max_deliver` deliveries, or at once when the handler raises Poison.
    While the storage is full or away the events wait here and nothing is counted against them.
    """

    def __init__(
        self,
        bus: Bus,
        db: Database,
        *,
        service: str,
        handlers: Mapping[type[Any], Handler],
        batch: int = 256,
        max_deliver: int = 20,
        ack_wait: float = 30.0,
    ) -> None:
        """`handlers` maps message classes to handlers; `ack_wait` seconds until a lost event comes again."""
        by_package: dict[str, dict[str, tuple[type[Message], Handler]]] = {}
        for cls, handler in handlers.items():
            package = cls.DESCRIPTOR.file.package
            by_package.setdefault(package, {})[cls.DESCRIPTOR.full_name] = (cls, handler)
        self._readers = [
            Reader(
                bus, db, service, package, handled, batch=batch, max_deliver=max_deliver, ack_wait=ack_wait
            )
            for package, handled in by_package.items()
        ]
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [
            asyncio.create_task(reader.run(), name=f"events of {reader.stream}") for reader in self._readers
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish the batch in hand; what was not begun goes back to the broker."""
        for reader in self._readers:
            reader.stop()
        if not self._tasks:
            return
        await asyncio.wait(self._tasks, timeout=_IDLE_STOP_SECONDS)
        for reader, task in zip(self._readers, self._tasks, strict=True):
            if reader.idle:  # It waits for a broker that is away.
                task.cancel()
        _, late = await asyncio.wait(self._tasks, timeout=_STOP_SECONDS)
        for task in late:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
