"""SQL room: sealing what was entered, in the background.

Reviewers never wait for each other over the chain: they only add entries. One loop a process closes what has come in
since; several processes may do so at once, and where two want to make the same seal one of them comes to nothing.
"""

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Self

from sqlalchemy import insert, select, tuple_, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.clock import now_us
from chassis.db import Database
from chassis.errors import StorageFull, StorageUnavailable
from chassis.log import get_logger
from review_queue.lineage.digest import FIRST, seal
from review_queue.lineage.tables import chain, seals

MAX_ENTRIES = 5_000
"""Entries of one seal, which verification holds in memory at once."""
_log = get_logger()
_c, _s = chain.c, seals.c


class Notary:
    """Seals every project's new entries each `every_seconds`, until the block ends."""

    def __init__(self, db: Database, every_seconds: float) -> None:
        self._db = db
        self._every = every_seconds
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
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
                await seal_all(self._db, self._stop)
            except (StorageUnavailable, StorageFull) as error:
                _log.warning("sealing_waits", reason=str(error))
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), self._every)


async def seal_all(db: Database, stop: asyncio.Event | None = None) -> int:
    """Seal all that is entered so far, or until `stop` is set; the number of entries sealed."""
    sealed = 0
    async with db.read() as conn:
        waiting = select(_c.project_uid).where(_c.seal == 0).distinct()
        projects = list((await conn.execute(waiting)).scalars())
    for project_uid in projects:
        while not (stop is not None and stop.is_set()):
            n = await seal_some(db, project_uid)
            sealed += n
            if n < MAX_ENTRIES:
                break
    return sealed


async def seal_some(db: Database, project_uid: str, most: int = MAX_ENTRIES) -> int:
    """Close up to `most` of a project's entries with one seal; how many, 0 where another process did it."""
    try:
        async with db.begin() as conn:
            return await _seal(conn, project_uid, most)
    except IntegrityError:
        return 0


async def _seal(conn: AsyncConnection, project_uid: str, most: int) -> int:
    last = select(_s.number, _s.digest).where(_s.project_uid == project_uid).order_by(_s.number.desc())
    row = (await conn.execute(last.limit(1))).one_or_none()
    number, previous = (row.number + 1, bytes(row.digest)) if row else (1, FIRST)
    waiting = select(_c.kind, _c.uid).where(_c.project_uid == project_uid, _c.seal == 0)
    some = waiting.order_by(_c.kind, _c.uid).limit(most).with_for_update(skip_locked=True)
    closed = await conn.execute(
        update(chain)
        .where(tuple_(_c.kind, _c.uid).in_(some))
        .values(seal=number)
        .returning(_c.kind, _c.uid, _c.hash)
    )
    entries = [(kind, uid, bytes(digest)) for kind, uid, digest in closed]
    if entries:
        values = {"entries": len(entries), "digest": seal(previous, number, entries)}
        key = {"project_uid": project_uid, "number": number}
        await conn.execute(insert(seals).values(**key, **values, create_time_us=now_us()))
    return len(entries)
