"""SQL of webhooks as people see and change them."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.db import announce_events, insert_ignore
from chassis.ids import new_uid
from qa_engine.projects import Project
from qa_engine.webhooks.errors import WebhookChanged, WebhooksTooMany, WebhookUnknown
from qa_engine.webhooks.tables import (
    webhook_attempts,
    webhook_deliveries,
    webhook_sequences,
    webhooks,
)
from qa_engine.webhooks.webhook import (
    MAX_WEBHOOKS,
    DeliveryState,
    Health,
    SecretRef,
    Wanted,
    Webhook,
    WebhookState,
)

NEVER_US = 1 << 60
"""When a webhook is due for which nothing waits."""
MAX_COUNTED = 10_000
_c = webhooks.c


def webhook_of(row: Row[Any], pending: int = 0) -> Webhook:
    """The webhook that a row holds."""
    former = SecretRef(row.former_key_id, row.former_salt) if row.former_salt else None
    wanted = Wanted(
        row.url, tuple(json.loads(row.topics)), row.description, row.ordered, WebhookState(row.state)
    )
    return Webhook(
        uid=row.uid,
        project_uid=row.project_uid,
        wanted=wanted,
        secret=SecretRef(row.key_id, row.salt),
        create_time_us=row.create_time_us,
        former=former,
        former_expire_time_us=row.former_expire_time_us if former else 0,
        state_reason=row.state_reason,
        health=Health(row.failures, row.retry_time_us),
        pending=pending,
    )


async def add(
    conn: AsyncConnection, project: Project, wanted: Wanted, secret: SecretRef, now: int
) -> Webhook:
    """A new webhook of the project; raises WebhooksTooMany."""
    await conn.execute(
        insert_ignore(conn, webhook_sequences).values(project_uid=project.uid, last_seq=0),
    )
    # The row is held, so that two callers cannot pass the limit together.
    await last_sequence(conn, project.uid, lock=True)
    many = await conn.scalar(select(func.count()).select_from(webhooks).where(_c.project_uid == project.uid))
    if (many or 0) >= MAX_WEBHOOKS:
        raise WebhooksTooMany
    uid = new_uid()
    values = {
        "uid": uid,
        "project_uid": project.uid,
        "tenant": project.tenant,
        **_wanted_values(wanted),
        "state_reason": "",
        **_secret_values(secret, SecretRef("", ""), 0),
        "failures": 0,
        "retry_time_us": 0,
        "due_time_us": NEVER_US,
        "set_time_us": now,
        "lease_owner": "",
        "lease_until_us": 0,
        "create_time_us": now,
    }
    await conn.execute(webhooks.insert().values(**values))
    return await get(conn, project.uid, uid)


async def last_sequence(conn: AsyncConnection, project_uid: str, *, lock: bool = False) -> int:
    """Sequence of the project's last event; 0 before the first."""
    query = select(webhook_sequences.c.last_seq).where(webhook_sequences.c.project_uid == project_uid)
    return await conn.scalar(query.with_for_update() if lock else query) or 0


async def get(conn: AsyncConnection, project_uid: str, uid: str, *, lock: bool = False) -> Webhook:
    """The project's webhook of that uid; raises WebhookUnknown."""
    query = select(webhooks).where(_c.project_uid == project_uid, _c.uid == uid)
    row = (await conn.execute(query.with_for_update() if lock else query)).one_or_none()
    if row is None:
        raise WebhookUnknown
    return webhook_of(row, await _pending(conn, uid))


async def all_of(conn: AsyncConnection, project_uid: str) -> list[Webhook]:
    """The project's webhooks, oldest first."""
    rows = await conn.execute(
        select(webhooks).where(_c.project_uid == project_uid).order_by(_c.uid).limit(MAX_WEBHOOKS)
    )
    return [webhook_of(row, await _pending(conn, row.uid)) for row in rows.all()]


async def change(
    conn: AsyncConnection, project_uid: str, uid: str, wanted: Wanted, etag: str, now: int
) -> Webhook:
    """Set what can be set, close the circuit and look at it at once. Raises WebhookUnknown or WebhookChanged."""
    before = await get(conn, project_uid, uid, lock=True)
    if etag and etag != before.wanted.etag:
        raise WebhookChanged
    values = {**_wanted_values(wanted), "state_reason": ""}
    await conn.execute(update(webhooks).where(_c.uid == uid).values(**values))
    await try_now(conn, uid, now)
    return await get(conn, project_uid, uid)


async def try_now(conn: AsyncConnection, uid: str, now: int) -> None:
    """Look at the webhook at once, whatever its circuit says."""
    values = {"retry_time_us": 0, "due_time_us": now, "set_time_us": now}
    await conn.execute(update(webhooks).where(_c.uid == uid).values(**values))
    announce_events(conn)


async def rotate(
    conn: AsyncConnection, project_uid: str, uid: str, secret: SecretRef, former_until_us: int
) -> Webhook:
    """Sign with a new secret, and with the former one until then; a third one is forgotten. Raises WebhookUnknown."""
    before = await get(conn, project_uid, uid, lock=True)
    values = _secret_values(secret, before.secret, former_until_us)
    await conn.execute(update(webhooks).where(_c.uid == uid).values(**values))
    return await get(conn, project_uid, uid)


async def remove(conn: AsyncConnection, project_uid: str, uid: str) -> None:
    """Forget a webhook and its deliveries; raises WebhookUnknown."""
    await get(conn, project_uid, uid, lock=True)
    mine = select(webhook_deliveries.c.uid).where(webhook_deliveries.c.webhook_uid == uid)
    await conn.execute(delete(webhook_attempts).where(webhook_attempts.c.delivery_uid.in_(mine)))
    await conn.execute(delete(webhook_deliveries).where(webhook_deliveries.c.webhook_uid == uid))
    await conn.execute(delete(webhooks).where(_c.uid == uid))


async def _pending(conn: AsyncConnection, uid: str) -> int:
    """How many deliveries wait, counted up to MAX_COUNTED."""
    d = webhook_deliveries.c
    some = select(d.uid).where(d.webhook_uid == uid, d.state == DeliveryState.PENDING).limit(MAX_COUNTED)
    return await conn.scalar(select(func.count()).select_from(some.subquery())) or 0


def _wanted_values(wanted: Wanted) -> dict[str, Any]:
    topics: Sequence[str] = wanted.topics
    return {
        "url": wanted.url,
        "topics": json.dumps(list(topics)),
        "description": wanted.description,
        "ordered": wanted.ordered,
        "state": wanted.state.value,
    }


def _secret_values(secret: SecretRef, former: SecretRef, former_until_us: int) -> dict[str, Any]:
    return {
        "key_id": secret.key_id,
        "salt": secret.salt,
        "former_key_id": former.key_id,
        "former_salt": former.salt,
        "former_expire_time_us": former_until_us,
    }
