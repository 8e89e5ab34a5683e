"""Publishing a batch in order and counting what the broker stored."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

if TYPE_CHECKING:
    from chassis.connection import Bus

UNCONFIRMED = "unconfirmed"
NO_STREAM = "no stream"
_PATIENCE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message to publish; the headers hold its Nats-Msg-Id."""

    subject: str
    body: bytes
    headers: dict[str, str]


class _Waiting:
    """The answers to one batch."""

    __slots__ = ("answers", "done", "missing")

    def __init__(self, size: int) -> None:
        self.answers = [UNCONFIRMED] * size
        self.missing = size
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def answer(self, index: int, outcome: str) -> None:
        self.answers[index] = outcome
        self.missing -= 1
        if not self.missing and not self.done.done():
            self.done.set_result(None)


class Publisher:
    """One reply inbox for all batches: a future a batch instead of a request a message."""

    def __init__(self, bus: "Bus") -> None:
        self._bus = bus
        self._client: Client | None = None
        self._prefix = ""
        self._next = 0
        self._waiting: dict[str, _Waiting] = {}
        self._subscribing = asyncio.Lock()

    async def send(self, batch: Sequence[Outgoing]) -> list[str]:
        """Publish in this order on one connection; answers as in Bus.send."""
        client = await self._ready()
        self._next += 1
        number, waiting = str(self._next), _Waiting(len(batch))
        self._waiting[number] = waiting
        reply = f"{self._prefix}.{number}."
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                for index, out in enumerate(batch):
                    await client.publish(out.subject, out.body, reply + str(index), out.headers)
                await waiting.done
        except (TimeoutError, NatsError, OSError):
            pass  # What has no answer stays UNCONFIRMED.
        finally:
            del self._waiting[number]
        return waiting.answers

    async def _ready(self) -> Client:
        client = await self._bus.client()
        async with self._subscribing:
            if client is not self._client:
                self._prefix = client.new_inbox()
                await client.subscribe(f"{self._prefix}.*.*", cb=self._on_answer)
                self._client = client
        return client

    async def _on_answer(self, msg: Msg) -> None:
        _, number, index = msg.subject.rsplit(".", 2)
        waiting = self._waiting.get(number)
        if waiting is None:
            return
        if msg.data and b'"error"' not in msg.data:
            outcome = ""
        else:
            outcome = NO_STREAM if not msg.data else msg.data[:200].decode("utf-8", "replace")
        waiting.answer(int(index), outcome)
