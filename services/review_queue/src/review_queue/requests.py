"""SQL room: answers to requests that may come again.

A request claims its id before it changes anything and leaves its answer beside the id in the same transaction; a
claim by another transaction that is still under way is waited for.
"""

from sqlalchemy import ColumnElement, delete, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.clock import now_us
from chassis.db import insert_ignore
from review_queue import tables
from review_queue.errors import RequestIdReused
from review_queue.request import Request

KEEP_US = 48 * 3_600_000_000
"""How long an answer is kept."""
# One claim in 32 forgets up to 64 old answers, so there are never many more than those of the last 48 hours.
_EVERY, _FORGET = 32, 64
_r = tables.requests.c


async def claim(conn: AsyncConnection, project_uid: str, request: Request) -> bytes | None:
    """None when the request is new; else the answer it got. Raises RequestIdReused."""
    now = now_us()
    values = {
        "project_uid": project_uid,
        "actor": request.actor,
        "request_id": request.request_id,
        "digest": request.digest,
        "response": b"",
        "create_time_us": now,
    }
    claimed = await conn.execute(insert_ignore(conn, tables.requests).values(values))
    if claimed.rowcount:
        if request.digest[0] % _EVERY == 0:
            await _forget(conn, now - KEEP_US)
        return None
    return await seen(conn, project_uid, request)


async def seen(conn: AsyncConnection, project_uid: str, request: Request) -> bytes | None:
    """The answer that the request got before, None when there is none. Raises RequestIdReused."""
    query = select(_r.digest, _r.response).where(*_is(project_uid, request))
    row = (await conn.execute(query)).one_or_none()
    if row is None:
        return None
    if row.digest != request.digest:
        raise RequestIdReused
    return bytes(row.response)


async def answer(conn: AsyncConnection, project_uid: str, request: Request, response: bytes) -> None:
    """Keep the answer of a claimed request."""
    await conn.execute(update(tables.requests).where(*_is(project_uid, request)).values(response=response))


def _is(project_uid: str, request: Request) -> tuple[ColumnElement[bool], ...]:
    return (
        _r.project_uid == project_uid,
        _r.actor == request.actor,
        _r.request_id == request.request_id,
    )


async def _forget(conn: AsyncConnection, before_us: int) -> None:
    key = (_r.project_uid, _r.actor, _r.request_id)
    old = select(*key).where(_r.create_time_us < before_us).order_by(_r.create_time_us).limit(_FORGET)
    await conn.execute(delete(tables.requests).where(tuple_(*key).in_(old)))
