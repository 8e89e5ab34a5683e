"""Summing reviews in the background, and telling Prometheus of each once."""

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Self

from chassis.db import Database
from chassis.errors import StorageFull, StorageUnavailable
from chassis.log import get_logger
from review_queue.measures import gauges, rollup

_EVERY_SECONDS = 1.0
_log = get_logger(__name__)


class Summing:
    """Adds new reviews to the running sums every second, until the block ends.

    Several processes may do so at once: each takes reviews that no other is taking.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="summing reviews")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Told, not cancelled: a statement that is cut off may leave its connection in an odd state.
        self._stop.set()
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        while not self._stop.is_set():
            try:
                await sum_all(self._db, self._stop)
            except (StorageUnavailable, StorageFull) as error:
                _log.warning("summing_waits", reason=str(error))
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), _EVERY_SECONDS)


async def sum_all(db: Database, stop: asyncio.Event | None = None) -> int:
    """Sum all that was reviewed so far, or until `stop` is set; how many reviews were added."""
    added = 0
    while not (stop is not None and stop.is_set()):
        found = await rollup.sum_some(db)
        gauges.tell(found)
        added += len(found)
        if len(found) < rollup.BATCH:
            break
    return added
