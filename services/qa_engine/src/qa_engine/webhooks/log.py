"""SQL of the delivery log: look, send again, forget."""

from typing import Any

from sqlalchemy import Row, and_, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.ids import new_uid
from qa_engine.webhooks.announce import delivery_row
from qa_engine.webhooks.book import try_now
from qa_engine.webhooks.errors import DeliveryUnknown
from qa_engine.webhooks.notice import Notice
from qa_engine.webhooks.tables import webhook_attempts, webhook_deliveries, webhook_events, webhook_sequences
from qa_engine.webhooks.webhook import PING, Attempt, Delivery, DeliveryState, Webhook, wants

MAX_REPLAYED = 5_000
MAX_ATTEMPTS_KEPT = 50
MAX_EVENTS = 1_000_000
"""Events kept of one project."""
_d, _a, _e = webhook_deliveries.c, webhook_attempts.c, webhook_events.c
_WITH_LAST = select(
    webhook_deliveries,
    _a.number,
    _a.start_time_us,
    _a.duration_ms,
    _a.http_status,
    _a.fault,
    _a.excerpt,
).outerjoin(webhook_attempts, and_(_a.delivery_uid == _d.uid, _a.number == _d.attempts))


async def page(
    conn: AsyncConnection, webhook_uid: str, state: DeliveryState | None, before: str | None, size: int
) -> list[Delivery]:
    """At most `size` deliveries below `before`, newest first."""
    query = _WITH_LAST.where(_d.webhook_uid == webhook_uid)
    if state is not None:
        query = query.where(_d.state == state.value)
    if before is not None:
        query = query.where(_d.uid < before)
    return [_delivery(row) for row in await conn.execute(query.order_by(_d.uid.desc()).limit(size))]


async def get(conn: AsyncConnection, webhook_uid: str, uid: str) -> tuple[Delivery, list[Attempt], str]:
    """A delivery, its attempts in order and the body that is posted; raises DeliveryUnknown."""
    delivery = await _get(conn, webhook_uid, uid)
    rows = await conn.execute(
        select(webhook_attempts).where(_a.delivery_uid == uid).order_by(_a.number).limit(MAX_ATTEMPTS_KEPT)
    )
    body = await conn.scalar(select(_e.body).where(_e.uid == delivery.event_uid))
    return delivery, [_attempt(row) for row in rows], body or ""


async def ping(conn: AsyncConnection, webhook: Webhook, project: str, now: int) -> Delivery:
    """Put a ping in front of what waits."""
    uid = new_uid()
    notice = Notice(PING, uid, {"webhook": f"{project}/webhooks/{webhook.uid}"})
    event = {
        "uid": uid,
        "project_uid": webhook.project_uid,
        "seq": 0,
        "event_key": notice.event_key,
        "topic": PING,
        "body": notice.body(project, 0, now),
        "create_time_us": now,
    }
    await conn.execute(webhook_events.insert().values(**event))
    # Due since ever, so that it goes before all that is due since a while.
    row = delivery_row(webhook.uid, uid, 0, PING, now) | {"due_time_us": 0}
    await conn.execute(webhook_deliveries.insert().values(**row))
    await try_now(conn, webhook.uid, now)
    return await _get(conn, webhook.uid, row["uid"])


async def again(conn: AsyncConnection, webhook_uid: str, uid: str, now: int) -> Delivery:
    """Make a delivery pending, with all its tries before it; raises DeliveryUnknown."""
    delivery = await _get(conn, webhook_uid, uid)
    if await conn.scalar(select(_e.uid).where(_e.uid == delivery.event_uid)) is None:
        raise DeliveryUnknown
    await conn.execute(update(webhook_deliveries).where(_d.uid == uid).values(**_fresh(now)))
    await try_now(conn, webhook_uid, now)
    return await _get(conn, webhook_uid, uid)


async def replay(conn: AsyncConnection, webhook: Webhook, sequence: int, now: int) -> tuple[int, int]:
    """Send the project's events from a sequence on again, at most MAX_REPLAYED of them in one call.

    Returns how many are pending because of it, and the sequence to go on from; 0 at the end.
    """
    query = select(_e.uid, _e.seq, _e.topic).where(
        _e.project_uid == webhook.project_uid, _e.seq >= max(sequence, 1)
    )
    rows = (await conn.execute(query.order_by(_e.seq).limit(MAX_REPLAYED + 1))).all()
    more = rows[MAX_REPLAYED].seq if len(rows) > MAX_REPLAYED else 0
    wanted = {row.uid: row for row in rows[:MAX_REPLAYED] if wants(webhook.wanted.topics, row.topic)}
    if not wanted:
        return 0, more
    for uids in _parts(sorted(wanted)):
        mine = and_(_d.webhook_uid == webhook.uid, _d.event_uid.in_(uids))
        known = set((await conn.execute(select(_d.event_uid).where(mine))).scalars())
        await conn.execute(update(webhook_deliveries).where(mine).values(**_fresh(now)))
        new = [
            delivery_row(webhook.uid, uid, wanted[uid].seq, wanted[uid].topic, now)
            for uid in uids
            if uid not in known
        ]
        if new:
            await conn.execute(webhook_deliveries.insert(), new)
    await try_now(conn, webhook.uid, now)
    return len(wanted), more


async def prune(conn: AsyncConnection, before_us: int, rows: int, most_events: int = MAX_EVENTS) -> int:
    """Forget events told before that time, and a project's oldest beyond `most_events`, with their deliveries; at
    most `rows` of either. Returns how many of the kind that had more.
    """
    old = select(_e.uid).where(_e.create_time_us < before_us).order_by(_e.create_time_us).limit(rows)
    last = webhook_sequences.c
    many = (
        select(_e.uid)
        .join(webhook_sequences, last.project_uid == _e.project_uid)
        .where(_e.seq > 0, _e.seq <= last.last_seq - most_events)
        .limit(rows)
    )
    found = [list((await conn.execute(query)).scalars()) for query in (old, many)]
    uids = sorted({uid for some in found for uid in some})
    for part in _parts(uids):
        mine = select(_d.uid).where(_d.event_uid.in_(part))
        await conn.execute(delete(webhook_attempts).where(_a.delivery_uid.in_(mine)))
        await conn.execute(delete(webhook_deliveries).where(_d.event_uid.in_(part)))
        await conn.execute(delete(webhook_events).where(_e.uid.in_(part)))
    return max(map(len, found))


def _fresh(now: int) -> dict[str, Any]:
    return {"state": DeliveryState.PENDING.value, "tries": 0, "due_time_us": now, "set_time_us": now}


def _parts(uids: list[str], size: int = 500) -> list[list[str]]:
    """Few enough for one statement."""
    return [uids[i : i + size] for i in range(0, len(uids), size)]


async def _get(conn: AsyncConnection, webhook_uid: str, uid: str) -> Delivery:
    query = _WITH_LAST.where(_d.webhook_uid == webhook_uid, _d.uid == uid)
    row = (await conn.execute(query)).one_or_none()
    if row is None:
        raise DeliveryUnknown
    return _delivery(row)


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(
        row.uid,
        row.event_uid,
        row.topic,
        row.seq,
        DeliveryState(row.state),
        row.attempts,
        row.due_time_us,
        row.create_time_us,
        _attempt(row) if row.number is not None else None,
    )


def _attempt(row: Row[Any]) -> Attempt:
    return Attempt(row.number, row.start_time_us, row.duration_ms, row.http_status, row.fault, row.excerpt)
