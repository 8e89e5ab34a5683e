"""One run at work in one process: claims items, keeps requests under way, decides what an error means."""

import asyncio
from collections import deque
from collections.abc import Callable
from time import monotonic

from chassis.blobs import Blobs
from chassis.db import Database
from chassis.errors import ChassisError, StorageUnavailable, reason
from chassis.log import get_logger
from llm_annotator import items, texts
from llm_annotator.annotator import Annotator
from llm_annotator.committer import INTERNAL, Committer
from llm_annotator.errors import (
    EndpointError,
    EndpointRefuses,
    EndpointUnavailable,
    ItemError,
    LogprobsUnreadable,
    RequestRefused,
)
from llm_annotator.items import Result
from llm_annotator.patience import PatientModel
from llm_annotator.plan import Plan
from llm_annotator.run import Item, Job

MOST_REFUSED = 16
"""Refusals in a row, none accepted before, after which the endpoint is at fault and not the texts."""
_MOST_CLAIMED = 1_024
# One transaction for many items: claiming by the concurrency alone would cost more than the calls.
_FEWEST_CLAIMED = 128
_STORAGE_RETRY_SECONDS = 1.0


class Lane:
    """Works on one run until it is closed; never blocks on one item."""

    def __init__(
        self,
        job: Job,
        plan: Plan,
        *,
        database: Database,
        blobs: Blobs,
        annotator: Annotator,
        model: PatientModel,
        committer: Committer,
        worker_uid: str,
        on_trouble: Callable[["Lane", EndpointError], None],
    ) -> None:
        """`on_trouble` is told when the endpoint cannot be used; the lane has then stopped starting work."""
        self.job = job
        self.limit = 1
        self.closed = False
        self._plan = plan
        self._database = database
        self._shelf = blobs.of(job.tenant)
        self._annotator = annotator
        self._model = model
        self._committer = committer
        self._worker_uid = worker_uid
        self._on_trouble = on_trouble
        self._ready: deque[Item] = deque()
        self._under_way: dict[asyncio.Task[None], Item] = {}
        self._refill: asyncio.Task[None] | None = None
        self._exhausted = False
        self._accepted = job.succeeded > 0
        self._refused = 0
        self._log = get_logger().bind(run=job.run_uid)

    def wake(self) -> None:
        """There may be new items or room for more."""
        self._exhausted = False
        self._pump()

    def _pump(self) -> None:
        """Start what may be started; called whenever something ends."""
        if self.closed:
            return
        while self._ready and len(self._under_way) < self.limit and not self._committer.full:
            item = self._ready.popleft()
            task = asyncio.create_task(self._work(item))
            self._under_way[task] = item
            task.add_done_callback(self._ended)
        if len(self._ready) < self.limit and not self._exhausted and self._refill is None:
            self._refill = asyncio.create_task(self._claim())
            self._refill.add_done_callback(self._refilled)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            del self._under_way[task]
        self._pump()

    def _refilled(self, _task: asyncio.Task[None]) -> None:
        self._refill = None
        self._pump()

    async def _claim(self) -> None:
        """Claim the next items; after none, or when storage is away, the worker's next look tries again."""
        wanted = min(_MOST_CLAIMED, max(_FEWEST_CLAIMED, 2 * self.limit))
        try:
            async with self._database.begin() as conn:
                claimed = await items.claim(conn, self.job, self._worker_uid, wanted)
        except ChassisError as error:
            self._log.warning("claim_failed", error=type(error).__name__)
            claimed = None
        self._exhausted = not claimed or len(claimed) < wanted
        self._ready.extend(claimed or ())

    async def _work(self, item: Item) -> None:
        started = monotonic()
        try:
            text, context = await texts.read(item.body, self._shelf)
            prediction = await self._annotator.pre_annotate(text, context, self._plan)
        except ItemError as error:
            self._failed(item, error)
        except EndpointUnavailable as error:
            # Others got through meanwhile: this one goes behind them. It stays pending either way.
            self._ready.append(item)
            if self._model.last_success < started:
                self._stop(error)
        except EndpointError as error:
            self._ready.append(item)
            self._stop(error)
        except StorageUnavailable:
            await asyncio.sleep(_STORAGE_RETRY_SECONDS)
            self._ready.append(item)
        except Exception as error:  # noqa: BLE001 - an item that breaks us must not end the run, nor be lost
            self._log.error("item_failed", error=type(error).__name__)
            self._committer.put(Result(self.job, item, reason=INTERNAL[0], message=INTERNAL[1]))
        else:
            self._accepted = True
            self._refused = 0
            self._committer.put(
                Result(
                    self.job,
                    item,
                    prediction.label,
                    prompt_tokens=prediction.prompt_tokens,
                    completion_tokens=prediction.completion_tokens,
                )
            )

    def _failed(self, item: Item, error: ItemError) -> None:
        self._committer.put(Result(self.job, item, reason=reason(type(error)), message=str(error)))
        if isinstance(error, RequestRefused | LogprobsUnreadable):
            self._refused += 1
            if self._refused >= MOST_REFUSED and not self._accepted:
                self._stop(EndpointRefuses())

    def _stop(self, error: EndpointError) -> None:
        if not self.closed:
            self.closed = True
            self._on_trouble(self, error)

    async def close(self) -> list[Item]:
        """Stop all work; returns the items that are still this worker's and untried."""
        self.closed = True
        tasks = [*self._under_way, *([self._refill] if self._refill else [])]
        for task in self._under_way:
            task.cancel()
        # A claim under way is waited for: its items must be given back too.
        await asyncio.gather(*tasks, return_exceptions=True)
        left = [*self._ready, *(item for task, item in self._under_way.items() if task.cancelled())]
        self._ready.clear()
        self._under_way.clear()
        return left
