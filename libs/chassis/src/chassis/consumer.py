"""Consumers: events become effects once, however often they are delivered."""

import asyncio
import itertools
import random
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import sqlalchemy as sa
from google.protobuf.message import DecodeError, Message
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig

from chassis.bus import (
    DEAD_LETTER_SUBJECT,
    MSG_ID,
    TRACEPARENT,
    Bus,
    Event,
    Handler,
    NotYet,
    Poison,
    stream_name,
)
from chassis.clock import now_us
from chassis.db import Database, insert_ignore
from chassis.errors import BlobCorrupt, BlobMissing, StorageFull, StorageUnavailable
from chassis.log import get_logger

_ACK_WAIT_SECONDS = 60
_FETCH_SECONDS = 5.0
_MAX_DELAY_SECONDS = 30.0
_INBOX_KEEP_US = 30 * 24 * 3600 * 1_000_000
_log = get_logger()
metadata = sa.MetaData()
inbox = sa.Table(
    "inbox", metadata, sa.Column("msg_id", sa.Text, primary_key=True), sa.Column("time_us", sa.BigInteger)
)


class Consumer:
    """The durable pull consumers of one service; an async context manager that works while it is open.

    Messages of one stream are handled in order, in batches: consecutive messages of one type go to their handler
    inside one write transaction that also fills the inbox, and are acknowledged after the commit. When a batch fails,
    its messages are handled one by one, so that one bad message does not hold up the others.
    """

    def __init__(
        self,
        bus: Bus,
        database: Database,
        *,
        service: str,
        handlers: Mapping[type[Message], Handler],
        batch: int = 256,
        max_deliver: int = 20,
    ) -> None:
        self._bus = bus
        self._database = database
        self._service = service
        self._types = {cls.DESCRIPTOR.full_name: (cls, handler) for cls, handler in handlers.items()}
        self._batch = batch
        self._max_deliver = max_deliver
        self._stopping = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> "Consumer":
        for package in sorted({name.rpartition(".")[0] for name in self._types}):
            self._tasks.append(asyncio.create_task(self._run(package), name=f"consume-{package}"))
        self._tasks.append(asyncio.create_task(self._prune(), name="inbox-prune"))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stopping.set()
        _done, pending = await asyncio.wait(self._tasks, timeout=10)
        for task in pending:
            task.cancel()

    async def _run(self, package: str) -> None:
        """Fetch and handle until stopped, whatever happens to the broker meanwhile."""
        while not self._stopping.is_set():
            try:
                await self._wait_or_stop(self._bus.ready.wait())
                subscription = await self._bind(package)
                while not self._stopping.is_set():
                    messages = await self._fetch(subscription)
                    if messages:
                        await self._handle(messages)
            except (NatsError, TimeoutError, OSError) as error:
                _log.info("consumer_retry", package=package, error=type(error).__name__)
                await self._wait_or_stop(asyncio.sleep(0.5))

    async def _wait_or_stop(self, what: Any) -> None:
        waiting = {asyncio.ensure_future(what), asyncio.create_task(self._stopping.wait())}
        _done, pending = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()

    async def _bind(self, package: str) -> JetStreamContext.PullSubscription:
        stream = stream_name(package)
        names = sorted(name for name in self._types if name.rpartition(".")[0] == package)
        config = ConsumerConfig(
            durable_name=self._service,
            filter_subjects=[f"{name}.>" for name in names],
            ack_wait=_ACK_WAIT_SECONDS,
            max_deliver=1000,
            max_ack_pending=self._batch * 4,
        )
        await self._bus.js.add_consumer(stream, config)
        return await self._bus.js.pull_subscribe_bind(durable=self._service, stream=stream)

    async def _fetch(self, subscription: JetStreamContext.PullSubscription) -> list[Msg]:
        fetch = asyncio.ensure_future(subscription.fetch(self._batch, timeout=_FETCH_SECONDS))
        stop = asyncio.create_task(self._stopping.wait())
        await asyncio.wait({fetch, stop}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if not fetch.done():
            fetch.cancel()
            return []
        try:
            return fetch.result()
        except (TimeoutError, asyncio.TimeoutError):
            return []

    async def _handle(self, messages: list[Msg]) -> None:
        for name, group in itertools.groupby(messages, key=lambda m: m.subject.rpartition(".")[0]):
            members = list(group)
            try:
                await self._apply(name, members)
            except Exception as error:  # noqa: BLE001 - which one is bad shows one by one
                if len(members) == 1:
                    await self._refuse(members[0], error)
                else:
                    await self._one_by_one(name, members)
            else:
                await asyncio.gather(*(message.ack() for message in members))

    async def _one_by_one(self, name: str, messages: Sequence[Msg]) -> None:
        for message in messages:
            try:
                await self._apply(name, [message])
            except Exception as error:  # noqa: BLE001 - every failure has its answer in _refuse
                await self._refuse(message, error)
            else:
                await message.ack()

    async def _apply(self, name: str, messages: Sequence[Msg]) -> None:
        """Handle messages of one type in one transaction; those in the inbox already are left out."""
        message_class, handler = self._types[name]
        events = [await self._event(message_class, message) for message in messages]
        async with self._database.begin() as connection:
            fresh = await self._fresh(connection, events)
            if fresh:
                await handler(connection, fresh)

    async def _event(self, message_class: type[Message], message: Msg) -> Event[Message]:
        headers = message.headers or {}
        metadata = message.metadata
        try:
            decoded = message_class.FromString(await self._bus.body(message))
        except (DecodeError, BlobMissing, BlobCorrupt) as error:
            raise Poison(type(error).__name__) from error
        return Event(
            message=decoded,
            project_uid=message.subject.rpartition(".")[2],
            msg_id=headers.get(MSG_ID) or f"{metadata.stream}:{metadata.sequence.stream}",
            time_us=int(metadata.timestamp.timestamp() * 1_000_000),
            delivered=metadata.num_delivered or 1,
            traceparent=headers.get(TRACEPARENT, ""),
        )

    async def _fresh(self, connection: Any, events: Sequence[Event[Message]]) -> list[Event[Message]]:
        """The events whose ids were not in the inbox; they are now."""
        by_id = {event.msg_id: event for event in events}
        now = now_us()
        insert = insert_ignore(connection, inbox).returning(inbox.c.msg_id)
        rows = await connection.execute(insert.values([{"msg_id": i, "time_us": now} for i in by_id]))
        taken = set(rows.scalars())
        return [event for msg_id, event in by_id.items() if msg_id in taken]

    async def _refuse(self, message: Msg, error: Exception) -> None:
        """Put a message that failed back for later, or among the dead letters."""
        delivered = message.metadata.num_delivered or 1
        delay = min(_MAX_DELAY_SECONDS, 0.1 * 2 ** min(delivered, 10)) * random.uniform(0.8, 1.2)  # noqa: S311
        storage = isinstance(error, (StorageFull, StorageUnavailable))
        if storage or (delivered < self._max_deliver and not isinstance(error, Poison)):
            _log.info("event_deferred", subject=message.subject, error=type(error).__name__, delivered=delivered)
            await message.nak(delay=delay)
            return
        _log.error("event_dead", subject=message.subject, error=type(error).__name__, exc_info=error)
        await self._bury(message, error)
        await message.term()

    async def _bury(self, message: Msg, error: Exception) -> None:
        metadata = message.metadata
        headers = dict(message.headers or {})
        identity = headers.get(MSG_ID) or f"{metadata.stream}:{metadata.sequence.stream}"
        headers |= {
            "Labelmesh-Subject": message.subject,
            "Labelmesh-Service": self._service,
            "Labelmesh-Reason": str(error) if isinstance(error, Poison) else type(error).__name__,
            "Labelmesh-Original-Id": identity,
            MSG_ID: f"dead:{self._service}:{identity}",
        }
        subject = f"{DEAD_LETTER_SUBJECT}.{self._service}.{message.subject}"
        await self._bus.js.publish(subject, message.data, headers=headers)

    async def _prune(self) -> None:
        """Forget inbox rows that are older than any redelivery can be."""
        while not self._stopping.is_set():
            with suppress(Exception):
                async with self._database.begin() as connection:
                    await connection.execute(inbox.delete().where(inbox.c.time_us < now_us() - _INBOX_KEEP_US))
            await self._wait_or_stop(asyncio.sleep(3600))
