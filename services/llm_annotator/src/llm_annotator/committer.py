"""Group commit: results of many items become one transaction."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from prometheus_client import Counter

from chassis.db import Database
from chassis.errors import StorageFull, StorageUnavailable
from chassis.log import get_logger
from llm_annotator import items
from llm_annotator.items import Result

BATCH = 128
LINGER_SECONDS = 0.02
MAX_WAITING = 1_024
INTERNAL = ("INTERNAL", "Something went wrong on our side; it is in the log.")
_RETRY_SECONDS = 1.0

ITEMS = Counter(
    "labelmesh_llm_annotator_items", "Items of prediction runs that ended, by reason.", ["reason"]
)


class Committer:
    """Stores results in the order they came, at most `LINGER_SECONDS` late, and holds them while storage is away."""

    def __init__(self, database: Database, worker_uid: str) -> None:
        self._database = database
        self._worker_uid = worker_uid
        self._waiting: list[Result] = []
        self._arrived = asyncio.Event()
        self._filled = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self._log = get_logger()

    @property
    def full(self) -> bool:
        """Whether no more work should be started until results are stored."""
        return len(self._waiting) >= MAX_WAITING

    def put(self, result: Result) -> None:
        """Store a result soon."""
        self._waiting.append(result)
        self._empty.clear()
        self._arrived.set()
        if len(self._waiting) >= BATCH:
            self._filled.set()

    async def drain(self) -> None:
        """Wait until everything is stored."""
        await self._empty.wait()

    async def run(self) -> None:
        """Store results until cancelled."""
        while True:
            await self._arrived.wait()
            try:
                async with asyncio.timeout(LINGER_SECONDS):
                    await self._filled.wait()
            except TimeoutError:
                pass
            batch = self._waiting[:BATCH]
            await self._store(batch)
            del self._waiting[: len(batch)]
            self._filled.clear()
            if len(self._waiting) >= BATCH:
                self._filled.set()
            if not self._waiting:
                self._arrived.clear()
                self._empty.set()

    async def _store(self, batch: Sequence[Result]) -> None:
        while True:
            try:
                async with self._database.begin() as conn:
                    await items.finish(conn, self._worker_uid, batch)
            except (StorageFull, StorageUnavailable) as error:
                self._log.warning("results_held", error=type(error).__name__, results=len(batch))
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            except Exception as error:  # noqa: BLE001 - one result that cannot be stored must not hold up the rest
                await self._store_apart(batch, error)
                return
            for result in batch:
                ITEMS.labels(result.reason or "OK").inc()
            return

    async def _store_apart(self, batch: Sequence[Result], error: Exception) -> None:
        """Store results one by one; the one at fault ends as a failure that says so."""
        if len(batch) > 1:
            for result in batch:
                await self._store([result])
            return
        # The text of the error may quote the statement's values, which are customer data.
        self._log.error("result_not_storable", error=type(error).__name__, run=batch[0].job.run_uid)
        if batch[0].reason != INTERNAL[0]:
            await self._store([replace(batch[0], label=None, reason=INTERNAL[0], message=INTERNAL[1])])
