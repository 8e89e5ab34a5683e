"""A durable pull consumer that survives the broker, its stream and itself being gone."""

import asyncio
import json
from collections import deque
from collections.abc import Sequence

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import Error as JetStreamError

from chassis.connection import Bus
from chassis.errors import BrokerUnavailable
from chassis.log import get_logger

_EXPIRES_SECONDS = 20.0
_SILENCE_SECONDS = _EXPIRES_SECONDS + 5
# Also the wait before a deleted stream is made again: nats-server 2.15.1 answers before the old stream's folder is
# gone, and a new one made meanwhile loses its own with it and stores nothing (about 1 deletion in 20).
_REBIND_SECONDS = 0.5
_MAX_ACK_PENDING = 4096
# Statuses that end one pull and say nothing about the consumer: nothing there, timed out.
_HARMLESS = {"404", "408"}
_log = get_logger(__name__)


class Puller:
    """Messages of one durable consumer, in stream order, at most 1.5 batches ahead of the reader."""

    def __init__(
        self, bus: Bus, package: str, durable: str, filters: Sequence[str], batch: int, ack_wait: float
    ) -> None:
        self._bus = bus
        self._package = package
        self._durable = durable
        self._filters = list(filters)
        self._batch = batch
        self._ack_wait = ack_wait
        self._linger = bus.settings.linger_ms / 1000
        self._queue: deque[Msg] = deque()
        self._news = asyncio.Event()
        self._wanted = 0
        self._bound = -1
        self._heard = 0.0
        self._client: Client | None = None
        self._subscription: Subscription | None = None
        self._inbox = ""
        self._next_request = ""
        self._refused = False
        self._stopping = False

    @property
    def waiting(self) -> Sequence[Msg]:
        """Messages that arrived and were not taken yet."""
        return list(self._queue)

    async def take(self) -> list[Msg]:
        """At least one message, at most a batch; empty only after stop()."""
        while not self._queue and not self._stopping:
            await self._ask()
            self._news.clear()
            if self._queue:
                break
            await self._listen(1.0)
        if len(self._queue) < self._batch and not self._stopping:
            # A message seldom comes alone: wait a little for the others of its burst.
            await asyncio.sleep(self._linger)
        if self._stopping:
            return []
        taken = [self._queue.popleft() for _ in range(min(self._batch, len(self._queue)))]
        if self._bound == self._bus.generation and self._wanted <= self._batch // 2:
            await self._ask()
        return taken

    def stop(self) -> None:
        """End take()."""
        self._stopping = True
        self._news.set()

    async def close(self) -> None:
        """Give back what was not taken, so that another replica has it at once."""
        try:
            if self._client is not None and self._client.is_connected:
                if self._subscription is not None:
                    await self._subscription.unsubscribe()
                for msg in self._queue:
                    await self._client.publish(msg.reply, b"-NAK")
        except (NatsError, OSError):
            pass  # They come again when their acknowledgement is overdue.
        self._queue.clear()

    async def _listen(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            pass

    async def _ask(self) -> None:
        """Bind if needed and keep enough messages on their way."""
        now = asyncio.get_running_loop().time()
        if self._wanted > 0 and now - self._heard > _SILENCE_SECONDS:
            self._bound = -1
        if self._refused:
            self._refused = False
            await asyncio.sleep(_REBIND_SECONDS)
        if self._bound != self._bus.generation:
            await self._bind()
        if self._bound < 0 or self._wanted > self._batch // 2 or self._client is None:
            return
        request = {"batch": self._batch, "expires": int(_EXPIRES_SECONDS * 1e9)}
        try:
            await self._client.publish(self._next_request, json.dumps(request).encode(), self._inbox)
        except (NatsError, OSError):
            self._bound = -1
            return
        self._wanted += self._batch
        self._heard = now

    async def _bind(self) -> None:
        """Make the consumer, or find it again; on failure wait a moment and leave it unbound."""
        generation = -1
        try:
            client = await self._bus.client()
            generation = self._bus.generation
            stream = await self._bus.ensure_stream(self._package)
            await client.jetstream(timeout=5).add_consumer(stream, self._config())
            if client is not self._client:
                self._inbox = client.new_inbox()
                self._subscription = await client.subscribe(self._inbox, cb=self._on_message)
                self._client = client
        except (NatsError, JetStreamError, BrokerUnavailable, OSError, TimeoutError) as error:
            _log.warning("consumer not bound", consumer=self._durable, error=type(error).__name__)
            self._bus.forget_streams()
            self._bound = -1
            await self._listen(_REBIND_SECONDS)
            return
        self._next_request = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{self._durable}"
        self._wanted = 0
        self._bound = generation

    def _config(self) -> ConsumerConfig:
        return ConsumerConfig(
            durable_name=self._durable,
            deliver_policy=DeliverPolicy.ALL,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=self._ack_wait,
            # Unlimited here: this service counts deliveries itself, so a message is either handled or
            # a dead letter and never silently stuck.
            max_deliver=-1,
            max_ack_pending=_MAX_ACK_PENDING,
            filter_subjects=self._filters,
        )

    async def _on_message(self, msg: Msg) -> None:
        self._heard = asyncio.get_running_loop().time()
        status = msg.headers.get("Status") if msg.headers and not msg.reply else None
        if status is None:
            self._wanted = max(0, self._wanted - 1)
            self._queue.append(msg)
        elif status in _HARMLESS or (status == "409" and "Batch Completed" in str(msg.headers)):
            headers = msg.headers or {}
            self._wanted = max(0, self._wanted - int(headers.get("Nats-Pending-Messages", self._wanted)))
        elif status != "100":
            # Deleted, no responders, leadership change: look at the consumer again.
            self._bus.forget_streams()
            self._bound = -1
            self._wanted = 0
            self._refused = True
        self._news.set()
