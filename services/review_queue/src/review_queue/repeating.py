"""Work that is done again and again beside the calls, until its block ends."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from chassis.errors import StorageFull, StorageUnavailable
from chassis.log import get_logger

_log = get_logger(__name__)


@asynccontextmanager
async def repeating(
    name: str, work: Callable[[asyncio.Event], Awaitable[object]], every_seconds: float
) -> AsyncIterator[None]:
    """Do the work now and each `every_seconds` after it ended; it is handed the event that tells it to stop.

    While the database is away or full it waits for the next time.
    """
    stop = asyncio.Event()
    task = asyncio.create_task(_repeat(name, work, every_seconds, stop), name=name)
    try:
        yield
    finally:
        # Told, not cancelled: a statement that is cut off may leave its connection in an odd state.
        stop.set()
        await task


async def _repeat(
    name: str, work: Callable[[asyncio.Event], Awaitable[object]], every_seconds: float, stop: asyncio.Event
) -> None:
    while not stop.is_set():
        try:
            await work(stop)
        except (StorageUnavailable, StorageFull) as error:
            _log.warning(f"{name}_waits", reason=str(error))
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), every_seconds)
