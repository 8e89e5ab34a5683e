"""SQL room: sealing what was entered, in the background.

Reviewers never wait for each other over the chain: they only add entries. One loop a process closes what has come in
since; several processes may do so at once, and where two want to make the same seal one of them comes to nothing.
"""

import asyncio
from contextlib import AbstractAsyncContextManager
from functools import partial

from sqlalchemy import insert, select, tuple_, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.clock import now_us
from chassis.db import Database
from review_queue.lineage.digest import FIRST, seal
from review_queue.lineage.tables import chain, seals
from review_queue.repeating import repeating

MAX_ENTRIES = 5_000
"""Entries of one seal, which verification holds in memory at once."""
_c, _s = chain.c, seals.c


def sealing(db: Database, every_seconds: float) -> AbstractAsyncContextManager[None]:
    """Seals every project's new entries each `every_seconds`, until the block ends."""
    return repeating("sealing", partial(seal_all, db), every_seconds)


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
