"""SQL room: answers to requests that may come again.

A request claims its id before it changes anything and leaves its answer beside the id in the same transaction; a
claim by another transaction that is still under way is waited for.
"""

from typing import Any

from sqlalchemy import bindparam, delete, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.at_once import store_new
from chassis.clock import now_us
from chassis.prepared import Prepared, Step, together
from review_queue import tables
from review_queue.errors import RequestIdReused
from review_queue.request import Request

KEEP_US = 48 * 3_600_000_000
"""How long an answer is kept."""
# One claim in 32 forgets up to 64 old answers, so there are never many more than those of the last 48 hours.
_EVERY, _FORGET = 32, 64
_r = tables.requests.c
_is = (
    _r.project_uid == bindparam("in_project"),
    _r.actor == bindparam("by_actor"),
    _r.request_id == bindparam("of_request"),
)
_SEEN = Prepared(select(_r.digest, _r.response).where(*_is))
_ANSWER = Prepared(update(tables.requests).where(*_is).values(response=bindparam("answer")))


async def claim(conn: AsyncConnection, project_uid: str, request: Request) -> bytes | None:
    """None when the request is new; else the answer it got. Raises RequestIdReused."""
    values = row(project_uid, request, b"")
    if await store_new(conn, tables.requests, [values], "request_id"):
        if forgets(request):
            await forget(conn)
        return None
    return await seen(conn, project_uid, request)


async def seen(conn: AsyncConnection, project_uid: str, request: Request) -> bytes | None:
    """The answer that the request got before, None when there is none. Raises RequestIdReused."""
    for found in await _SEEN.rows(conn, _key(project_uid, request)):
        return answered(request, found.digest, found.response)
    return None


def answered(request: Request, digest: bytes, response: bytes) -> bytes:
    """What is stored under the request's id, if it is the request's answer. Raises RequestIdReused."""
    if digest != request.digest:
        raise RequestIdReused
    return bytes(response)


def row(project_uid: str, request: Request, response: bytes) -> dict[str, Any]:
    """The row of a request with its answer; a second one of the same id is refused by the table's key."""
    return {
        "project_uid": project_uid,
        "actor": request.actor,
        "request_id": request.request_id,
        "digest": request.digest,
        "response": response,
        "create_time_us": now_us(),
    }


async def answer(conn: AsyncConnection, project_uid: str, request: Request, response: bytes) -> None:
    """Keep the answer of a claimed request."""
    await together(conn, [answering(project_uid, request, response)])


def answering(project_uid: str, request: Request, response: bytes) -> Step:
    """The step of `together` that keeps the answer of a claimed request."""
    return _ANSWER, {**_key(project_uid, request), "answer": response}


def _key(project_uid: str, request: Request) -> dict[str, str]:
    return {"in_project": project_uid, "by_actor": request.actor, "of_request": request.request_id}


def forgets(request: Request) -> bool:
    """Whether it falls to this request to forget old answers."""
    return request.digest[0] % _EVERY == 0


async def forget(conn: AsyncConnection) -> None:
    """Forget some of the answers that have been kept long enough."""
    key = (_r.project_uid, _r.actor, _r.request_id)
    old = (
        select(*key).where(_r.create_time_us < now_us() - KEEP_US).order_by(_r.create_time_us).limit(_FORGET)
    )
    await conn.execute(delete(tables.requests).where(tuple_(*key).in_(old)))
