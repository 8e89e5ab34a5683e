"""SQL that puts notices on their way to a project's webhooks, inside the transaction of the fact they tell."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message
from sqlalchemy import bindparam, case, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.bus import Event, Handler
from chassis.clock import now_us
from chassis.db import announce_events
from chassis.ids import new_uid
from chassis.prepared import Prepared
from labels.names import asset_name, label_name, project_name
from qa_engine.operation import Emit
from qa_engine.projects import Project
from qa_engine.tables import projects
from qa_engine.webhooks import telling
from qa_engine.webhooks.notice import Notice, emitted
from qa_engine.webhooks.tables import webhook_deliveries, webhook_events, webhook_sequences, webhooks
from qa_engine.webhooks.webhook import DeliveryState, WebhookState, wants

_OF_PROJECTS = Prepared(
    select(webhooks.c.uid, webhooks.c.project_uid, webhooks.c.topics, webhooks.c.state, projects.c.project_id)
    .join(projects, projects.c.project_uid == webhooks.c.project_uid)
    .where(webhooks.c.project_uid.in_(bindparam("uids", expanding=True)))
)


@dataclass(frozen=True, slots=True)
class _Listener:
    uid: str
    project: str
    topics: tuple[str, ...]
    listening: bool


async def messages(conn: AsyncConnection, rows: Iterable[tuple[Message, str, str | None]]) -> None:
    """Tell the webhooks of their projects about events `(message, project_uid, msg_id)`, as outbox.add_many takes
    them; the same msg_id is told once. Projects without a webhook cost one query for all of them.
    """
    by_project: dict[str, list[tuple[Message, str]]] = {}
    for message, project_uid, msg_id in rows:
        by_project.setdefault(project_uid, []).append((message, msg_id or new_uid()))
    # Looked up first, so that nothing is made of events that nobody listens to.
    for project_uid, listeners in (await _listeners(conn, by_project)).items():
        told = [n for message, msg_id in by_project[project_uid] for n in telling.notices(message, msg_id)]
        await _tell(conn, project_uid, listeners, told)


async def notices(conn: AsyncConnection, project_uid: str, told: Sequence[Notice]) -> None:
    """Tell the project's webhooks that ask for it; what was told before under its key is not told again."""
    if not told:
        return
    for listeners in (await _listeners(conn, [project_uid])).values():
        await _tell(conn, project_uid, listeners, told)


async def emits(
    conn: AsyncConnection,
    project: Project,
    key: str,
    label_uid: str,
    asset_uid: str,
    asked: Sequence[tuple[str, Emit]],
) -> None:
    """Tell what rules ask to be told about one label, each with the rule's id, as topics `rule.<topic>`.

    `key` names the evaluation, such as its message id: under the same key nothing is told twice.
    """
    label, asset = label_name(project.id, label_uid), asset_name(project.id, asset_uid)
    await notices(conn, project.uid, emitted(key, label, asset, asked))


def also_telling(
    handlers: Mapping[type[Message], Handler], kinds: Iterable[type[Message]]
) -> dict[Any, Handler]:
    """The handlers, of which those of `kinds` also tell webhooks, in the same transaction."""
    return {**handlers, **{kind: _telling(handlers.get(kind)) for kind in kinds}}


def _telling(handler: Handler | None) -> Handler:
    async def handle(conn: AsyncConnection, events: Sequence[Event[Any]]) -> None:
        if handler is not None:
            await handler(conn, events)
        await messages(conn, [(event.message, event.project_uid, event.msg_id) for event in events])

    return handle


async def _listeners(conn: AsyncConnection, project_uids: Iterable[str]) -> dict[str, list[_Listener]]:
    """The webhooks of each project that has any, projects in order so that two transactions lock them in the same
    order."""
    uids = sorted(set(project_uids))
    found: dict[str, list[_Listener]] = {}
    rows = await _OF_PROJECTS.rows(conn, {"uids": uids})
    for row in sorted(rows, key=lambda row: (row.project_uid, row.uid)):
        listener = _Listener(
            row.uid,
            project_name(row.project_id),
            tuple(json.loads(row.topics)),
            row.state != WebhookState.DISABLED,
        )
        found.setdefault(row.project_uid, []).append(listener)
    return found


async def _tell(
    conn: AsyncConnection, project_uid: str, listeners: Sequence[_Listener], told: Sequence[Notice]
) -> None:
    wanted = {n.event_key: n for n in told if any(wants(who.topics, n.topic) for who in listeners)}
    if not wanted:
        return
    mine = webhook_sequences.c.project_uid == project_uid
    last = await conn.scalar(select(webhook_sequences.c.last_seq).where(mine).with_for_update()) or 0
    keys = webhook_events.c.event_key
    known = select(keys).where(webhook_events.c.project_uid == project_uid, keys.in_(wanted))
    for key in (await conn.execute(known)).scalars():
        del wanted[key]
    if not wanted:
        return
    now = now_us()
    events = [
        {
            "uid": new_uid(),
            "project_uid": project_uid,
            "seq": seq,
            "event_key": notice.event_key,
            "topic": notice.topic,
            "body": notice.body(listeners[0].project, seq, now),
            "create_time_us": now,
        }
        for seq, notice in enumerate(wanted.values(), last + 1)
    ]
    await conn.execute(webhook_events.insert(), events)
    await conn.execute(update(webhook_sequences).where(mine).values(last_seq=last + len(events)))
    await _send_to(conn, listeners, events, now)


async def _send_to(
    conn: AsyncConnection, listeners: Sequence[_Listener], events: Sequence[Mapping[str, Any]], now: int
) -> None:
    rows = [
        delivery_row(who.uid, event["uid"], event["seq"], event["topic"], now)
        for who in listeners
        for event in events
        if who.listening and wants(who.topics, event["topic"])
    ]
    if rows:
        await conn.execute(webhook_deliveries.insert(), rows)
        await wake(conn, sorted({row["webhook_uid"] for row in rows}), now)


def delivery_row(webhook_uid: str, event_uid: str, seq: int, topic: str, now: int) -> dict[str, Any]:
    """A delivery that is due at once."""
    return {
        "uid": new_uid(),
        "webhook_uid": webhook_uid,
        "event_uid": event_uid,
        "seq": seq,
        "topic": topic,
        "state": DeliveryState.PENDING.value,
        "attempts": 0,
        "tries": 0,
        "due_time_us": now,
        "set_time_us": now,
        "create_time_us": now,
    }


async def wake(conn: AsyncConnection, uids: Sequence[str], now: int) -> None:
    """Have the worker look at these webhooks now, or when their circuit lets it.

    The rows are written whatever they say, so that a worker that lets go of one waits for this transaction and then
    sees its deliveries.
    """
    c = webhooks.c
    earliest = case((c.retry_time_us > now, c.retry_time_us), else_=now)
    sooner = c.due_time_us > earliest
    await conn.execute(
        update(webhooks)
        .where(c.uid.in_(uids))
        .values(
            due_time_us=case((sooner, earliest), else_=c.due_time_us),
            set_time_us=case((sooner, now), else_=c.set_time_us),
        )
    )
    # The worker listens for commits that brought events.
    announce_events(conn)
