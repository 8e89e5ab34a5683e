"""One stream's events for one service: take a batch, handle it, settle every message."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from google.protobuf.message import Message
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis import deadletters, inbox, telemetry
from chassis.clock import now_us
from chassis.connection import Bus
from chassis.db import Database
from chassis.delivery import Delivery, decode, receive
from chassis.errors import BrokerUnavailable, ChassisError, StorageFull, StorageUnavailable
from chassis.event import Event, NotYet, Poison
from chassis.log import get_logger, where
from chassis.metrics import BATCHES, HANDLED
from chassis.pulling import Puller
from chassis.subjects import stream_of

Handler = Callable[[AsyncConnection, Sequence[Event[Any]]], Awaitable[None]]

# From this delivery on an event is handled alone: if it kills the process, it kills no neighbours.
_SUSPECT = 4
_FIRST_DELAY_SECONDS = 0.1
_LONGEST_DELAY_SECONDS = 30.0
_STORAGE_PAUSE_SECONDS = (0.1, 0.5, 1.0, 2.0, 5.0)
_INBOX_DAYS = 45
_PRUNE_SECONDS = 3600
_log = get_logger(__name__)


class Reader:
    """The loop of one durable consumer."""

    def __init__(
        self,
        bus: Bus,
        db: Database,
        service: str,
        package: str,
        handled: Mapping[str, tuple[type[Message], Handler]],
        *,
        batch: int,
        max_deliver: int,
        ack_wait: float,
    ) -> None:
        self.stream = stream_of(package)
        self._bus = bus
        self._db = db
        self._service = service
        self._types = {name: cls for name, (cls, _) in handled.items()}
        self._handlers = {name: handler for name, (_, handler) in handled.items()}
        self._max_deliver = max_deliver
        self._ack_wait = ack_wait
        self._puller = Puller(bus, package, service, [f"{name}.*" for name in handled], batch, ack_wait)
        self._in_hand: list[Msg] = []
        self._stopping = asyncio.Event()

    @property
    def idle(self) -> bool:
        """Whether no batch is in hand."""
        return not self._in_hand

    def stop(self) -> None:
        """Take no further batch."""
        self._stopping.set()
        self._puller.stop()

    async def run(self) -> None:
        """Until stop()."""
        side = [asyncio.create_task(self._keep_hold()), asyncio.create_task(self._prune())]
        try:
            while not self._stopping.is_set():
                self._in_hand = await self._puller.take()
                try:
                    await self._handle([receive(msg) for msg in self._in_hand])
                except Exception as error:  # noqa: BLE001 - whatever is not settled comes again
                    _log.error("event batch failed", stream=self.stream, fault=where(error))
                    await asyncio.sleep(_STORAGE_PAUSE_SECONDS[1])
                self._in_hand = []
        finally:
            for task in side:
                task.cancel()
            await asyncio.gather(*side, return_exceptions=True)
            await self._puller.close()

    async def _handle(self, deliveries: Sequence[Delivery]) -> None:
        readable = []
        for delivery in deliveries:
            if delivery.delivered > self._max_deliver:
                await self._bury(delivery, "MAX_DELIVERIES", "The event was delivered too often.")
                continue
            try:
                readable.append(await decode(delivery, self._types, self._bus.blobs.events))
            except ChassisError as error:
                await self._settle(delivery, error)
        for part in _parts(readable):
            await self._apply(part)

    async def _apply(self, part: Sequence[Delivery]) -> None:
        """Handle the deliveries in one transaction; halve after a failure until the culprits are alone."""
        pauses = iter((*_STORAGE_PAUSE_SECONDS,))
        pause = 0.0
        while True:
            try:
                await self._transact(part)
                break
            except (StorageFull, StorageUnavailable) as error:
                BATCHES.labels("storage").inc()
                pause = next(pauses, pause)
                _log.warning("events wait for the storage", stream=self.stream, error=type(error).__name__)
                if await self._stopped_within(pause):
                    return
            except Exception as error:  # noqa: BLE001 - a handler may fail in any way; the event is settled
                BATCHES.labels("failed").inc()
                await self._divide(part, error)
                return
        BATCHES.labels("done").inc()
        await self._ack(part)

    async def _transact(self, part: Sequence[Delivery]) -> None:
        async with self._db.begin() as conn:
            new = await inbox.claim(conn, self.stream, [delivery.msg_id for delivery in part])
            fresh = list({d.msg_id: d for d in part if d.msg_id in new}.values())
            for name, run in groupby(fresh, key=lambda delivery: delivery.type_name):
                events = [delivery.event for delivery in run if delivery.event is not None]
                with telemetry.handling(self._service, name, events):
                    await self._handlers[name](conn, events)

    async def _divide(self, part: Sequence[Delivery], error: Exception) -> None:
        named = {id(event) for event in getattr(error, "events", ())}
        culprits = [d for d in part if id(d.event) in named] if named else []
        if len(part) == 1 or len(culprits) == len(part):
            culprits = list(part)
        for culprit in culprits:
            await self._settle(culprit, error)
        rest = [delivery for delivery in part if delivery not in culprits]
        if not rest:
            return
        if culprits:
            await self._apply(rest)
            return
        half = len(rest) // 2
        await self._apply(rest[:half])
        await self._apply(rest[half:])

    async def _settle(self, delivery: Delivery, error: Exception) -> None:
        """Decide about an event that failed alone: dead letter or later."""
        if isinstance(error, Poison):
            await self._bury(delivery, "POISON", str(error))
            return
        if delivery.delivered >= self._max_deliver:
            said = str(error) if isinstance(error, ChassisError) else "The handler failed."
            await self._bury(delivery, type(error).__name__, said)
            return
        if not isinstance(error, NotYet):
            _log.warning("event failed", type=delivery.type_name, msg_id=delivery.msg_id, fault=where(error))
        delay = min(_LONGEST_DELAY_SECONDS, _FIRST_DELAY_SECONDS * 2 ** (delivery.delivered - 1))
        await self._reply([delivery.msg], b'-NAK {"delay": %d}' % int(delay * 1e9))
        HANDLED.labels(delivery.type_name, "waits" if isinstance(error, NotYet) else "retried").inc()

    async def _bury(self, delivery: Delivery, reason: str, sentence: str) -> None:
        try:
            await deadletters.bury(self._bus, self._service, self.stream, delivery, reason, sentence)
        except BrokerUnavailable:
            return  # Not settled, so it comes again.
        await self._reply([delivery.msg], b"+TERM")

    async def _ack(self, part: Sequence[Delivery]) -> None:
        await self._reply([delivery.msg for delivery in part], b"+ACK")
        for name, run in groupby(part, key=lambda delivery: delivery.type_name):
            HANDLED.labels(name, "done").inc(sum(1 for _ in run))

    async def _reply(self, msgs: Sequence[Msg], answer: bytes) -> None:
        """Tell the broker; if it is away the messages come again and the inbox knows them."""
        try:
            client = self._bus.client_now()
            for msg in msgs:
                await client.publish(msg.reply, answer)
        except (NatsError, BrokerUnavailable, OSError):
            _log.info("acknowledgements lost", stream=self.stream, count=len(msgs))

    async def _keep_hold(self) -> None:
        """Say that work goes on, so that slow work is not delivered to somebody else."""
        while True:
            await asyncio.sleep(self._ack_wait / 3)
            await self._reply([*self._in_hand, *self._puller.waiting], b"+WPI")

    async def _prune(self) -> None:
        while True:
            await asyncio.sleep(_PRUNE_SECONDS)
            try:
                await inbox.prune(self._db, now_us() - _INBOX_DAYS * 86_400_000_000)
            except ChassisError as error:
                _log.warning("inbox not pruned", error=type(error).__name__)

    async def _stopped_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return False
        return True


def _parts(deliveries: Sequence[Delivery]) -> Iterator[list[Delivery]]:
    """Runs to handle together: suspects alone, the others as they came."""
    for suspect, run in groupby(deliveries, key=lambda delivery: delivery.delivered >= _SUSPECT):
        if suspect:
            yield from ([delivery] for delivery in run)
        else:
            yield list(run)
