"""The loop that works on runs: a picture or two at a time, each committed with its event; nothing claimed is lost."""

import asyncio
import traceback
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from prometheus_client import Counter

from chassis.db import Database
from chassis.errors import (
    BlobCorrupt,
    BlobMissing,
    BlobTooLarge,
    BlobUriRefused,
    ChassisError,
    MessageTooLarge,
    reason,
)
from chassis.log import get_logger
from labels.errors import LabelError
from labels.label import Label
from sam_segmenter.batch import items, runs
from sam_segmenter.batch.answer import answer
from sam_segmenter.batch.items import Outcome
from sam_segmenter.batch.run import Job, Masks
from sam_segmenter.errors import EncoderError, PictureTooHard

LOOK_SECONDS = 1.0
LEASE_SECONDS = 30.0
MAX_TRIES = 5
_RENEW_SECONDS = 5.0
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 30.0
_STOP_SECONDS = 5.0
_INTERNAL = "Something went wrong on our side; it is in the log."
_BAD_CONTENT = (BlobCorrupt, BlobMissing, BlobTooLarge, BlobUriRefused)

PICTURES = Counter(
    "labelmesh_sam_segmenter_batch_pictures", "Pictures of runs that ended, by reason.", ["reason"]
)


class Worker:
    """Works on runs while it is open; an async context manager, one a process."""

    def __init__(self, database: Database, masks: Masks, *, model: str, uid: str, at_once: int = 1) -> None:
        """`uid` is this process's; `at_once` pictures are under way together."""
        self._database = database
        self._masks = masks
        self._model = model
        self._uid = uid
        self._at_once = at_once
        self._served: dict[str, int] = {}
        self._wake = asyncio.Event()
        self._stop = asyncio.Event()
        self._answers: set[asyncio.Task[Label]] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._log = get_logger(__name__)

    def wake(self) -> None:
        """A run or its pictures changed: look now."""
        self._wake.set()

    async def __aenter__(self) -> Self:
        lanes = [self._lane() for _ in range(self._at_once)]
        self._tasks = [asyncio.create_task(loop) for loop in (self._live(), *lanes)]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """What is under way is given up and goes back; after SIGKILL the same happens when the lease ends."""
        # Only the finding of masks is cancelled: a cancelled statement can come out as another error, and a loop go on.
        self._stop.set()
        self._wake.set()
        for answering in self._answers:
            answering.cancel()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=_STOP_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
        with suppress(TimeoutError, ChassisError):
            async with asyncio.timeout(_STOP_SECONDS), self._database.begin() as conn:
                await items.release_all(conn, self._uid)

    async def _live(self) -> None:
        """Keep what this worker holds. Nobody else works on an SQLite file, so what is held there at first is free."""
        buried = self._database.dialect != "sqlite"
        while not self._stop.is_set():
            try:
                async with self._database.begin() as conn:
                    if not buried:
                        await items.bury(conn, self._uid)
                        buried = True
                    await items.renew(conn, self._uid, _us(LEASE_SECONDS))
            except ChassisError as error:
                self._log.warning("claims not renewed", error=type(error).__name__)
            await self._pause(_RENEW_SECONDS)

    async def _lane(self) -> None:
        """Picture after picture."""
        pause = 0.0
        while not self._stop.is_set():
            job = None
            try:
                job = await self._claim()
                if job is None:
                    await self._rest()
                    continue
                outcome = await self._outcome(job)
                if outcome is not None:
                    await self._finish(job, outcome)
                    pause = 0.0
                    continue
            except Exception as error:  # noqa: BLE001 - whatever it is, the next picture may be better
                self._log.warning("picture not ended", error=type(error).__name__, at=_where(error))
            pause = min(_LONGEST_PAUSE_SECONDS, 2 * pause or _FIRST_PAUSE_SECONDS)
            if job is not None:
                await self._release(job, pause)
            await self._pause(pause)

    async def _release(self, job: Job, seconds: float) -> None:
        """Give a picture back for somebody to try later, however long the storage is away: claims are renewed."""
        while not self._stop.is_set():
            try:
                async with self._database.begin() as conn:
                    await items.release(conn, job, self._uid, _us(seconds))
                return
            except ChassisError as error:
                self._log.warning("picture not given back", error=type(error).__name__)
                await self._pause(_FIRST_PAUSE_SECONDS)

    async def _rest(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS):
                await self._wake.wait()
        self._wake.clear()

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stop.wait()

    async def _claim(self) -> Job | None:
        """A picture of the run that was served least lately, so that a short run need not wait for a long one."""
        async with self._database.read() as conn:
            running = await runs.running(conn)
        self._served = {uid: self._served.get(uid, 0) for uid in running}
        for uid in sorted(running, key=lambda uid: self._served[uid]):
            async with self._database.begin() as conn:
                job = await items.claim(conn, uid, self._uid, _us(LEASE_SECONDS))
            if job is not None:
                self._served[uid] = max(self._served.values()) + 1
                return job
        return None

    async def _answer(self, job: Job) -> Label:
        """The answer, in a task of its own that can be cancelled."""
        task = asyncio.create_task(answer(job, self._masks, self._model))
        self._answers.add(task)
        try:
            return await task
        finally:
            self._answers.discard(task)

    async def _outcome(self, job: Job) -> Outcome | None:
        """How the picture ends; None when it must be tried again later, because something it needs is away."""
        try:
            if job.tries > MAX_TRIES:
                raise PictureTooHard
            return Outcome(await self._answer(job))
        except asyncio.CancelledError:
            if not self._stop.is_set():
                raise
            return None
        except EncoderError as error:
            self._log.warning("picture waits for the encoder", run=job.run_uid, error=type(error).__name__)
            return None
        except (LabelError, *_BAD_CONTENT) as error:
            return Outcome(reason=reason(type(error)), message=str(error)[:500])
        except ChassisError as error:
            self._log.warning("picture waits for its content", run=job.run_uid, error=type(error).__name__)
            return None
        except Exception as error:  # noqa: BLE001 - one picture must not stop the others
            self._log.error("picture failed", run=job.run_uid, error=type(error).__name__, at=_where(error))
            return Outcome(reason="INTERNAL", message=_INTERNAL)

    async def _finish(self, job: Job, outcome: Outcome) -> None:
        """Store how the picture ended, however long the storage is away: the work is not done twice."""
        while True:
            try:
                async with self._database.begin() as conn:
                    mine = await items.finish(conn, job, self._uid, outcome)
            except MessageTooLarge as error:
                outcome = Outcome(reason=reason(type(error)), message=str(error))
            except ChassisError as error:
                self._log.warning("picture waits for the storage", error=type(error).__name__)
                if self._stop.is_set():
                    return
                await self._pause(_FIRST_PAUSE_SECONDS)
            else:
                if mine:
                    PICTURES.labels(outcome.reason or "OK").inc()
                return


def _where(error: Exception) -> str:
    """File and line; what the error says may hold what a picture holds."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}"


def _us(seconds: float) -> int:
    return int(seconds * 1_000_000)
