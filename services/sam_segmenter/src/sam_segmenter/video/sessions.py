"""Sessions on videos: few, each of one tenant, forgotten when nobody uses them."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from time import time
from types import TracebackType
from typing import Self

from prometheus_client import Gauge

from chassis.ids import new_uid
from sam_segmenter.errors import SessionNotFound, SessionsFull
from sam_segmenter.video.frames import Frames
from sam_segmenter.video.tracker import Step, Tracker

# Videos that are read and looked through at once; each may be as large as a video may be.
_OPENED_AT_ONCE = 2

OPEN = Gauge("labelmesh_sam_segmenter_video_sessions", "Video sessions in this process.")


@dataclass(frozen=True, slots=True)
class Limits:
    """Sessions that a tenant and the process may have, bytes of all their videos, seconds that one lives unused."""

    a_tenant: int = 8
    in_all: int = 64
    bytes: int = 512 << 20
    unused_seconds: float = 1_800.0


@dataclass(slots=True, eq=False)
class Session:
    """A video under work; `expires_at` is in seconds since the Unix epoch, `users` are calls that use it now."""

    name: str
    tenant: str
    frames: Frames
    tracker: Tracker
    expires_at: float
    users: int = 0
    ended: bool = False


class Sessions:
    """Finds sessions by tenant and name, and ends those that are not used. An async context manager."""

    def __init__(
        self, track: Callable[[Frames, str], Tracker], limits: Limits, clock: Callable[[], float] = time
    ) -> None:
        """`track` makes the tracker for a tenant's frames; `clock` gives seconds since the Unix epoch."""
        self._track = track
        self._limits = limits
        self._clock = clock
        # Least recently used first.
        self._held: dict[tuple[str, str], Session] = {}
        self._opening = asyncio.Semaphore(_OPENED_AT_ONCE)
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._sweep(), name="video sessions")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends all sessions."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for session in [*self._held.values()]:
            await self._end(session)

    async def open(self, tenant: str, frames: Callable[[], Awaitable[Frames]]) -> Session:
        """A session on what `frames` opens; the tenant's least recently used one makes room where it has too many.

        Raises SessionsFull and what `frames` raises.
        """
        async with self._opening:
            await self.sweep()
            opened = await frames()
            try:
                going = self._in_the_way(tenant, opened.bytes)
            except SessionsFull:
                await opened.close()
                raise
            # Nothing is waited for before the new one is counted.
            name = f"videoSessions/{new_uid()}"
            session = Session(name, tenant, opened, self._track(opened, tenant), 0.0)
            self._touch(session)
            for one in going:
                await self._end(one)
            return session

    @asynccontextmanager
    async def use(self, tenant: str, name: str) -> AsyncIterator[Session]:
        """A tenant's session, which is not forgotten meanwhile. Raises SessionNotFound."""
        session = self._held.get((tenant, name))
        if session is None or self._expired(session):
            raise SessionNotFound
        session.users += 1
        self._touch(session)
        try:
            yield session
        finally:
            session.users -= 1
            if not session.ended:
                self._touch(session)
            elif not session.users:
                await session.frames.close()

    async def end(self, tenant: str, name: str) -> None:
        """End a tenant's session; calls that use it end at the next frame. Raises SessionNotFound."""
        async with self.use(tenant, name) as session:
            await self._end(session)

    async def sweep(self) -> None:
        """End the sessions that have not been used for long."""
        for session in [*self._held.values()]:
            if self._expired(session):
                await self._end(session)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(self._limits.unused_seconds / 10)
            await self.sweep()

    def _in_the_way(self, tenant: str, needed: int) -> list[Session]:
        """The tenant's least recently used sessions that have to end for another of so many bytes.

        Raises SessionsFull when that would not help, or all are at work.
        """
        idle = [s for s in self._held.values() if s.tenant == tenant and not s.users]
        for count in range(len(idle) + 1):
            if self._fits(tenant, needed, idle[:count]):
                return idle[:count]
        raise SessionsFull

    def _fits(self, tenant: str, needed: int, going: Sequence[Session]) -> bool:
        staying = [session for session in self._held.values() if session not in going]
        own = sum(session.tenant == tenant for session in staying)
        held = sum(session.frames.bytes for session in staying)
        limits = self._limits
        return own < limits.a_tenant and len(staying) < limits.in_all and held + needed <= limits.bytes

    def _expired(self, session: Session) -> bool:
        return not session.users and session.expires_at <= self._clock()

    def _touch(self, session: Session) -> None:
        session.expires_at = self._clock() + self._limits.unused_seconds
        key = (session.tenant, session.name)
        self._held.pop(key, None)
        self._held[key] = session
        OPEN.set(len(self._held))

    async def _end(self, session: Session) -> None:
        self._held.pop((session.tenant, session.name), None)
        OPEN.set(len(self._held))
        session.ended = True
        if not session.users:
            await session.frames.close()


async def steps(
    session: Session, made: AsyncGenerator[Step, None], most: int | None
) -> AsyncGenerator[Step, None]:
    """What a tracker makes, at most `most` frames of it. Raises SessionNotFound when the session ends meanwhile.

    Takes `made` over: it is closed in any case, so that a caller who goes away leaves nothing running.
    """
    done = 0
    async with aclosing(made):
        async for one in made:
            yield one
            done += 1
            if done == most:
                return
            if session.ended:
                raise SessionNotFound
