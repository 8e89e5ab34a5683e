"""Events leave the way facts are kept: an outbox row commits with the fact, the relay publishes it after.

The relay publishes in the order of the rows with `Nats-Msg-Id`, and deletes what the broker acknowledged. A publish
whose acknowledgement was lost is repeated under the same id, which the broker drops inside its window and the
consumers' inbox drops for good.
"""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import asynccontextmanager
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import sqlalchemy as sa
from google.protobuf.message import Message
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis import telemetry
from chassis.db import OUTBOX_MARK, Database
from chassis.errors import ChassisError
from chassis.ids import new_uid
from chassis.log import get_logger

if TYPE_CHECKING:
    from chassis.bus import Bus, Event

BATCH = 256
_RETRY_SECONDS = 0.5
_IDLE_SECONDS = 5.0
metadata = sa.MetaData()
outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
    sa.Column("msg_id", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("traceparent", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
)
_log = get_logger()


async def add(
    connection: AsyncConnection,
    message: Message,
    project_uid: str,
    *,
    msg_id: str | None = None,
    cause: "Event[Message] | None" = None,
) -> None:
    """Put one event into the outbox of the transaction; `cause` carries its trace on."""
    await add_many(connection, [(message, project_uid, msg_id)], cause=cause)


async def add_many(
    connection: AsyncConnection,
    events: Iterable[tuple[Message, str, str | None]],
    *,
    cause: "Event[Message] | None" = None,
) -> None:
    """Put events of (message, project_uid, msg_id or None) into the outbox, in order, with one statement."""
    traceparent = cause.traceparent if cause else telemetry.traceparent()
    rows = [
        {
            "msg_id": msg_id or new_uid(),
            "subject": f"{message.DESCRIPTOR.full_name}.{project_uid}",
            "traceparent": traceparent,
            "body": message.SerializeToString(),
        }
        for message, project_uid, msg_id in events
    ]
    if rows:
        await connection.execute(outbox.insert(), rows)
        connection.info[OUTBOX_MARK] = True


class Relay:
    """Publishes outbox rows; an async context manager that works in the background while it is open."""

    def __init__(self, database: Database, bus: "Bus") -> None:
        self._database = database
        self._bus = bus
        self._wake = asyncio.Event()
        self._stopping = False
        self._task: asyncio.Task[None] | None = None
        database.after_commit(self.notify)

    def notify(self) -> None:
        """There may be new rows."""
        self._wake.set()

    async def __aenter__(self) -> "Relay":
        self._task = asyncio.create_task(self._run(), name="outbox-relay")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stopping = True
        self._wake.set()
        if self._task:
            done, _pending = await asyncio.wait({self._task}, timeout=5)
            if not done:
                self._task.cancel()

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            try:
                while await self._relay_batch():
                    pass
                pause = _IDLE_SECONDS
            except (ChassisError, sa.exc.SQLAlchemyError, OSError) as error:
                _log.warning("outbox_retry", error=type(error).__name__)
                pause = _RETRY_SECONDS
            if self._stopping:
                return
            try:
                await asyncio.wait_for(self._wake.wait(), pause)
            except TimeoutError:
                continue

    async def _relay_batch(self) -> bool:
        """Publish the oldest rows; True when there may be more at once."""
        if self._database.dialect == "sqlite":
            async with self._database.read() as connection:
                rows = await self._oldest(connection)
            published = await self._bus.publish_rows(rows) if rows else []
            if published:
                async with self._database.begin() as connection:
                    await self._delete(connection, published)
        else:
            async with self._database.begin() as connection:
                rows = await self._oldest(connection)
                published = await self._bus.publish_rows(rows) if rows else []
                await self._delete(connection, published)
        if len(published) < len(rows):
            raise ChassisError("The broker did not acknowledge every event.")
        return len(rows) == BATCH

    async def _oldest(self, connection: AsyncConnection) -> Sequence[sa.Row[tuple[int, str, str, str, bytes]]]:
        query = sa.select(outbox).order_by(outbox.c.id).limit(BATCH).with_for_update(skip_locked=True)
        return (await connection.execute(query)).all()

    async def _delete(self, connection: AsyncConnection, ids: Sequence[int]) -> None:
        if ids:
            await connection.execute(outbox.delete().where(outbox.c.id.in_(ids)))


@asynccontextmanager
async def relaying(database: Database, bus: "Bus") -> AsyncIterator[Relay]:
    """A relay that works while the context is open."""
    async with Relay(database, bus) as relay:
        yield relay
