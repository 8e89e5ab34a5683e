"""The run loop: every running run gets a lane, lanes share the endpoint fairly, nothing claimed is forgotten."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from chassis.blobs import Blobs
from chassis.db import Database
from chassis.errors import ChassisError, reason
from chassis.log import get_logger
from llm_annotator import items, runs
from llm_annotator.annotator import Annotator
from llm_annotator.committer import Committer
from llm_annotator.errors import EndpointError
from llm_annotator.lane import Lane
from llm_annotator.patience import PatientModel
from llm_annotator.plan import Plan
from llm_annotator.run import Item, Job

LOOK_SECONDS = 1.0
LIFE_SECONDS = 3.0
DEAD_AFTER_SECONDS = 15.0
_FINISH_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Limits:
    """Requests under way at once: a run's default, and all runs together."""

    concurrency: int
    max_concurrency: int


class Worker:
    """Works on prediction runs while it is open; an async context manager, one a process."""

    def __init__(
        self,
        database: Database,
        blobs: Blobs,
        annotator: Annotator,
        model: PatientModel,
        limits: Limits,
        *,
        uid: str,
        plan: Callable[[Job], Plan],
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._annotator = annotator
        self._model = model
        self._limits = limits
        self._uid = uid
        self._plan = plan
        self._committer = Committer(database, uid)
        self._lanes: dict[str, Lane] = {}
        self._left: list[tuple[Job, list[Item]]] = []
        self._troubles: dict[str, str] = {}
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._log = get_logger()

    def wake(self) -> None:
        """A run or its items changed: look now."""
        self._wake.set()

    async def __aenter__(self) -> "Worker":
        loops = (self._look(), self._live(), self._committer.run())
        self._tasks = [asyncio.create_task(loop) for loop in loops]
        return self

    async def __aexit__(self, *_: object) -> None:
        look, live, commit = self._tasks
        look.cancel()
        with suppress(asyncio.CancelledError):
            await look
        await self._close([*self._lanes])
        with suppress(TimeoutError, ChassisError):
            async with asyncio.timeout(_FINISH_SECONDS):
                await self._committer.drain()
                async with self._database.begin() as conn:
                    await items.bury(conn, [self._uid])
        for task in (live, commit):
            task.cancel()
        await asyncio.gather(live, commit, return_exceptions=True)

    async def _live(self) -> None:
        """Say again and again that this worker lives, and free what dead ones hold."""
        while True:
            await asyncio.sleep(LIFE_SECONDS)
            try:
                await items.sign_of_life(self._database, self._uid, DEAD_AFTER_SECONDS)
            except ChassisError as error:
                self._log.warning("sign_of_life_failed", error=type(error).__name__)

    async def _look(self) -> None:
        """Open and close lanes as runs start and stop."""
        alive = False
        while True:
            try:
                if not alive:
                    await items.sign_of_life(self._database, self._uid, DEAD_AFTER_SECONDS)
                    alive = True
                await self._settle()
                await self._follow()
            except ChassisError as error:
                self._log.warning("look_failed", error=type(error).__name__)
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._wake.wait()
            self._wake.clear()

    async def _follow(self) -> None:
        async with self._database.read() as conn:
            running = await runs.running(conn)
            fresh = [await runs.job(conn, uid) for uid in running if uid not in self._lanes]
        await self._close([uid for uid in self._lanes if uid not in running])
        for job in fresh:
            self._lanes[job.run_uid] = self._lane(job)
        share = max(1, self._limits.max_concurrency // max(1, len(self._lanes)))
        for lane in self._lanes.values():
            lane.limit = min(lane.job.config.concurrency or self._limits.concurrency, share)
            lane.wake()

    def _lane(self, job: Job) -> Lane:
        return Lane(
            job,
            self._plan(job),
            database=self._database,
            blobs=self._blobs,
            annotator=self._annotator,
            model=self._model,
            committer=self._committer,
            worker_uid=self._uid,
            on_trouble=self._trouble,
        )

    def _trouble(self, lane: Lane, error: EndpointError) -> None:
        self._log.warning("run_paused", run=lane.job.run_uid, error=type(error).__name__)
        self._troubles[lane.job.run_uid] = f"{reason(type(error))}: {error}"
        self.wake()

    async def _settle(self) -> None:
        """Pause runs in trouble and give back what closed lanes left; what fails is tried again."""
        troubled = {uid: why for uid, why in self._troubles.items() if uid in self._lanes}
        await self._close([*troubled])
        for uid, why in [*self._troubles.items()]:
            async with self._database.begin() as conn:
                await runs.pause(conn, uid, why)
            del self._troubles[uid]
        await self._give_back()

    async def _close(self, run_uids: list[str]) -> None:
        for uid in run_uids:
            lane = self._lanes.pop(uid)
            left = await lane.close()
            if left:
                self._left.append((lane.job, left))
        with suppress(ChassisError):
            await self._give_back()

    async def _give_back(self) -> None:
        while self._left:
            job, left = self._left[0]
            async with self._database.begin() as conn:
                await items.release(conn, job, self._uid, left)
            self._left.pop(0)
