"""SQL of the worker: which webhook is its turn, what it is sent, and what came of it.

A webhook is leased as a whole: one worker at a time sends to it, so events stay in order and an endpoint never gets
more than its share. Schedules hold when they were made; one that was made in the future is from before the clock was
set back, and is moved back with it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, and_, bindparam, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.db import insert_ignore
from chassis.prepared import Prepared
from qa_engine.webhooks.book import NEVER_US, webhook_of
from qa_engine.webhooks.log import MAX_ATTEMPTS_KEPT
from qa_engine.webhooks.schedule import BACKWARDS_US, Outcome, health_after, next_due_us
from qa_engine.webhooks.tables import webhook_attempts, webhook_deliveries, webhook_events, webhooks
from qa_engine.webhooks.webhook import CircuitState, DeliveryState, Webhook, WebhookState

LEASE_US = 60_000_000
AT_ONCE = 8
"""Deliveries under way to an endpoint that keeps no order."""
_w, _d, _e, _a = webhooks.c, webhook_deliveries.c, webhook_events.c, webhook_attempts.c


@dataclass(frozen=True, slots=True)
class Turn:
    """A webhook in this worker's hand."""

    webhook: Webhook
    tenant: str


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A delivery to send: `attempts` were made before, `tries` of them since it was last asked for."""

    uid: str
    event_uid: str
    body: str
    attempts: int
    tries: int


@dataclass(frozen=True, slots=True)
class Tried:
    """A delivery that was tried, and what came of it."""

    outgoing: Outgoing
    start_time_us: int
    duration_ms: int
    outcome: Outcome


def _due(now: Any) -> Any:
    free = or_(_w.lease_until_us <= now, _w.lease_until_us > now + 2 * LEASE_US)
    due = or_(_w.due_time_us <= now, _w.set_time_us > now + BACKWARDS_US)
    return and_(_w.state == WebhookState.ENABLED.value, due, free)


_ANY_DUE = Prepared(
    select(_w.uid)
    .where(_due(bindparam("now", type_=BigInteger())), _w.uid.not_in(bindparam("in_hand", expanding=True)))
    .limit(1)
)


async def any_due(conn: AsyncConnection, now: int, in_hand: Collection[str]) -> bool:
    """Whether a claim would find anything."""
    return bool(await _ANY_DUE.rows(conn, {"now": now, "in_hand": sorted(in_hand)}))


async def claim(
    conn: AsyncConnection,
    owner: str,
    now: int,
    limit: int,
    *,
    in_hand: Collection[str],
    full_tenants: Collection[str],
) -> list[Turn]:
    """Lease webhooks that are due, longest overdue first, none of the tenants that have their share.

    `in_hand` are those whose turn it is: a clock that jumps forward ends their leases early.
    """
    free = select(webhooks).where(_due(now), _w.uid.not_in(in_hand), _w.tenant.not_in(full_tenants))
    found = await conn.execute(free.order_by(_w.due_time_us).limit(limit).with_for_update(skip_locked=True))
    turns = []
    for row in found.all():
        lease = {"lease_owner": owner, "lease_until_us": now + LEASE_US}
        if row.set_time_us > now + BACKWARDS_US:
            lease["retry_time_us"] = _moved(row.retry_time_us, row.set_time_us, now)
            await _move_back(conn, row.uid, now)
        changed = update(webhooks).where(_w.uid == row.uid).values(**lease).returning(webhooks)
        turns.append(Turn(webhook_of((await conn.execute(changed)).one()), row.tenant))
    return turns


async def outgoing(conn: AsyncConnection, webhook: Webhook, now: int) -> list[Outgoing]:
    """What may be sent now: the first of an ordered webhook, or of one whose endpoint failed; otherwise up to
    AT_ONCE."""
    circuit = webhook.health.circuit(now)
    if circuit is CircuitState.OPEN:
        return []
    query = (
        select(_d.uid, _d.event_uid, _d.attempts, _d.tries, _d.due_time_us, _e.body)
        .join(webhook_events, _e.uid == _d.event_uid)
        .where(_d.webhook_uid == webhook.uid, _d.state == DeliveryState.PENDING.value)
    )
    if webhook.wanted.ordered:
        query = query.order_by(_d.seq, _d.uid).limit(1)
    else:
        size = AT_ONCE if circuit is CircuitState.CLOSED else 1
        query = query.where(_d.due_time_us <= now).order_by(_d.due_time_us, _d.seq).limit(size)
    return [
        Outgoing(row.uid, row.event_uid, row.body, row.attempts, row.tries)
        for row in await conn.execute(query)
        if row.due_time_us <= now
    ]


async def record(
    conn: AsyncConnection, owner: str, webhook_uid: str, tried: Sequence[Tried], now: int
) -> Webhook | None:
    """Keep what came of attempts; returns the webhook, or None when it is gone or in other hands.

    Attempts count whoever holds the lease: what an endpoint took, it took.
    """
    row = (await conn.execute(select(webhooks).where(_w.uid == webhook_uid).with_for_update())).one_or_none()
    if row is None:
        return None
    health = webhook_of(row).health
    values: dict[str, Any] = {}
    for one in tried:
        await _record_one(conn, one, now)
        health = health_after(health, one.outcome, now)
        if one.outcome.gone:
            values = {
                "state": WebhookState.DISABLED.value,
                "state_reason": "The endpoint answered 410: it wants no more events.",
            }
    values |= {"failures": health.failures, "retry_time_us": health.retry_time_us, "set_time_us": now}
    mine = row.lease_owner == owner
    if mine:
        values["lease_until_us"] = now + LEASE_US
    changed = update(webhooks).where(_w.uid == webhook_uid).values(**values).returning(webhooks)
    after = webhook_of((await conn.execute(changed)).one())
    return after if mine else None


async def release(conn: AsyncConnection, owner: str, webhook: Webhook, now: int) -> None:
    """Give the webhook back, due when its next delivery is and its circuit lets it."""
    # Held first: what is told meanwhile then waits for this, or is seen below.
    mine = and_(_w.uid == webhook.uid, _w.lease_owner == owner)
    row = (await conn.execute(select(webhooks).where(mine).with_for_update())).one_or_none()
    if row is None:
        return
    pending = and_(_d.webhook_uid == webhook.uid, _d.state == DeliveryState.PENDING.value)
    if row.ordered:
        first = select(_d.due_time_us).where(pending).order_by(_d.seq, _d.uid).limit(1)
    else:
        first = select(func.min(_d.due_time_us)).where(pending)
    due = await conn.scalar(first)
    values = {
        "lease_owner": "",
        "lease_until_us": 0,
        "due_time_us": NEVER_US if due is None else max(due, row.retry_time_us),
        "set_time_us": now,
    }
    await conn.execute(update(webhooks).where(_w.uid == webhook.uid).values(**values))


async def _record_one(conn: AsyncConnection, tried: Tried, now: int) -> None:
    outgoing, outcome = tried.outgoing, tried.outcome
    number = outgoing.attempts + 1
    attempt = {
        "delivery_uid": outgoing.uid,
        "number": number,
        "start_time_us": tried.start_time_us,
        "duration_ms": tried.duration_ms,
        "http_status": outcome.http_status,
        "fault": outcome.fault,
        "excerpt": outcome.excerpt,
    }
    await conn.execute(insert_ignore(conn, webhook_attempts).values(**attempt))
    if number > MAX_ATTEMPTS_KEPT:
        old = and_(_a.delivery_uid == outgoing.uid, _a.number <= number - MAX_ATTEMPTS_KEPT)
        await conn.execute(delete(webhook_attempts).where(old))
    values: dict[str, Any] = {"attempts": number, "tries": outgoing.tries + 1, "set_time_us": now}
    due = None if outcome.gone else next_due_us(outgoing.tries + 1, outcome, now)
    if outcome.accepted:
        values["state"] = DeliveryState.DELIVERED.value
    elif due is None:
        values["state"] = DeliveryState.DEAD.value
    else:
        values["due_time_us"] = due
    # Another worker may have delivered it meanwhile; that stands.
    pending = and_(_d.uid == outgoing.uid, _d.state == DeliveryState.PENDING.value)
    await conn.execute(update(webhook_deliveries).where(pending).values(**values))


def _moved(time_us: int, set_us: int, now: int) -> int:
    """A time as far from now as it was from when it was set."""
    return max(0, time_us - set_us + now) if time_us else 0


async def _move_back(conn: AsyncConnection, webhook_uid: str, now: int) -> None:
    """Deliveries scheduled before the clock was set back wait as long as they were to wait."""
    early = and_(
        _d.webhook_uid == webhook_uid,
        _d.state == DeliveryState.PENDING.value,
        _d.set_time_us > now + BACKWARDS_US,
    )
    await conn.execute(
        update(webhook_deliveries)
        .where(early)
        .values(due_time_us=_d.due_time_us - _d.set_time_us + now, set_time_us=now)
    )
