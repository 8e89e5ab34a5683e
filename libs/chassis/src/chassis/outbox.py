"""Events that are committed together with the facts they tell."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from google.protobuf.message import Message
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis import at_once, tracecontext
from chassis.clock import now_us
from chassis.db import announce_events
from chassis.errors import MessageTooLarge
from chassis.event import Event
from chassis.event_tables import outbox
from chassis.ids import new_uid
from chassis.relay import Relay
from chassis.subjects import subject

#: Largest event, bytes: what a gRPC message may be too.
MAX_BODY_BYTES = 4 << 20


async def add(
    conn: AsyncConnection,
    message: Message,
    project_uid: str,
    *,
    msg_id: str | None = None,
    cause: Event[Any] | None = None,
) -> None:
    """Emit one event when this transaction commits; see add_many."""
    await add_many(conn, [(message, project_uid, msg_id)], cause)


async def add_many(
    conn: AsyncConnection,
    events: Iterable[tuple[Message, str, str | None]],
    cause: Event[Any] | None = None,
) -> None:
    """Emit events `(message, project_uid, msg_id)` in this order when this transaction commits.

    A msg_id of None becomes a new ULID; give one (at most 128 characters) where the same fact may be told
    twice, and consumers see it once. `cause` is the event being handled: its trace goes on. Raises
    MessageTooLarge and SubjectRefused.
    """
    await put(conn, rows(events, cause))


async def put(conn: AsyncConnection, stored: Sequence[Mapping[str, Any]]) -> None:
    """Emit the events of rows that `rows` made, in this order, when this transaction commits."""
    if stored:
        await at_once.store(conn, [(outbox, stored)])
        announce_events(conn)


def rows(
    events: Iterable[tuple[Message, str, str | None]], cause: Event[Any] | None = None
) -> list[dict[str, Any]]:
    """The rows of `outbox` that emit events; for `put`, or a statement of one's own and announce_events.

    Raises what add_many raises.
    """
    now = now_us()
    traceparent = cause.traceparent if cause is not None else tracecontext.current()
    found = []
    for message, project_uid, msg_id in events:
        body = message.SerializeToString()
        if len(body) > MAX_BODY_BYTES:
            raise MessageTooLarge
        found.append(
            {
                "msg_id": msg_id or new_uid(),
                "subject": subject(message.DESCRIPTOR.full_name, project_uid),
                "body": body,
                "traceparent": traceparent,
                "create_time_us": now,
            }
        )
    return found


__all__ = ["MAX_BODY_BYTES", "Relay", "add", "add_many", "announce_events", "outbox", "put", "rows"]
