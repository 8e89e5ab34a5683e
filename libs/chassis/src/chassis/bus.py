"""The event bus: NATS JetStream, one stream an emitting package, one durable pull consumer a service and stream."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import nats
from google.protobuf.message import Message
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, DeliverPolicy, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import BadRequestError, NotFoundError

from chassis.blobs import Blobs
from chassis.errors import MessageTooLarge, StorageUnavailable
from chassis.log import get_logger
from chassis.settings import ServiceSettings

M = TypeVar("M", bound=Message)
MAX_BODY_BYTES = 60 << 10
MAX_CLAIMED_BYTES = 16 << 20
DEAD_LETTERS = "LABELMESH_DEADLETTER"
DEAD_LETTER_SUBJECT = "labelmesh.deadletter"
PACKAGES = ("review", "annotator", "qa", "segmenter")
MAX_DELIVERIES_ADVISORY = "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.>"
MSG_ID = "Nats-Msg-Id"
TRACEPARENT = "traceparent"
BODY_URI, BODY_SHA256, BODY_BYTES = "Labelmesh-Body-Uri", "Labelmesh-Body-Sha256", "Labelmesh-Body-Bytes"
_DUPLICATE_WINDOW_SECONDS = 120
_MAX_AGE_SECONDS = 14 * 24 * 3600
_PUBLISH_TIMEOUT_SECONDS = 10
_log = get_logger()


class NotYet(Exception):
    """The event came before another one that it needs; it is tried again later."""


class Poison(Exception):
    """The event can never be handled; it goes to the dead letters."""


@dataclass(frozen=True, slots=True)
class Event(Generic[M]):
    """A message with what the broker knows of it; `delivered` counts from 1."""

    message: M
    project_uid: str
    msg_id: str
    time_us: int
    delivered: int
    traceparent: str


Handler = Callable[[Any, Sequence[Event[Any]]], Awaitable[None]]


def stream_name(package: str) -> str:
    """Stream of an emitting package such as `labelmesh.review.v1`."""
    return "LABELMESH_" + package.split(".")[1].upper()


class Bus:
    """A connection to the broker that is there or will be."""

    def __init__(self, client: Client, blobs: Blobs | None) -> None:
        self.client = client
        self.js: JetStreamContext = client.jetstream(timeout=_PUBLISH_TIMEOUT_SECONDS)
        self.blobs = blobs
        self.ready = asyncio.Event()

    async def publish_rows(self, rows: Sequence[Any]) -> list[int]:
        """Publish outbox rows (id, msg_id, subject, traceparent, body); returns the ids that were acknowledged."""
        if not self.ready.is_set() or not self.client.is_connected:
            return []
        results = await asyncio.gather(*(self._publish_row(row) for row in rows), return_exceptions=True)
        published = []
        for row, result in zip(rows, results, strict=True):
            if isinstance(result, BaseException):
                if not isinstance(result, (NatsError, TimeoutError, OSError)):
                    raise result
            else:
                published.append(row.id)
        return published

    async def _publish_row(self, row: Any) -> None:
        headers = {MSG_ID: row.msg_id, TRACEPARENT: row.traceparent}
        body = row.body
        if len(body) > MAX_BODY_BYTES:
            body = await self._check_in(body, headers)
        await self.js.publish(row.subject, body, headers=headers)

    async def _check_in(self, body: bytes, headers: dict[str, str]) -> bytes:
        if self.blobs is None or len(body) > MAX_CLAIMED_BYTES:
            raise MessageTooLarge
        blob = await self.blobs.put(body)
        headers.update({BODY_URI: blob.uri, BODY_SHA256: blob.sha256, BODY_BYTES: str(len(body))})
        return b""

    async def body(self, msg: Msg) -> bytes:
        """A message's body, fetched from the blob store where it travelled by claim check."""
        headers = msg.headers or {}
        if BODY_URI not in headers:
            return msg.data
        if self.blobs is None:
            raise StorageUnavailable
        return await self.blobs.get(headers[BODY_URI], headers[BODY_SHA256], MAX_CLAIMED_BYTES)

    async def ensure_streams(self) -> None:
        """Create the streams that are missing."""
        for package in PACKAGES:
            await self._ensure_stream(f"LABELMESH_{package.upper()}", [f"labelmesh.{package}.v1.>"])
        await self._ensure_stream(DEAD_LETTERS, [f"{DEAD_LETTER_SUBJECT}.>", MAX_DELIVERIES_ADVISORY])

    async def _ensure_stream(self, name: str, subjects: list[str]) -> None:
        try:
            await self.js.stream_info(name)
        except NotFoundError:
            with suppress(BadRequestError):  # another service was faster
                await self.js.add_stream(
                    StreamConfig(
                        name=name,
                        subjects=subjects,
                        retention=RetentionPolicy.LIMITS,
                        storage=StorageType.FILE,
                        max_age=_MAX_AGE_SECONDS,
                        duplicate_window=_DUPLICATE_WINDOW_SECONDS,
                    )
                )


@asynccontextmanager
async def connect(settings: ServiceSettings, blobs: Blobs | None = None) -> AsyncIterator[Bus]:
    """Connect to the broker, in the background and for ever: a broker that is down does not stop the service."""
    client = Client()
    bus = Bus(client, blobs)
    task = asyncio.create_task(_keep_connecting(bus, settings), name="bus-connect")
    try:
        yield bus
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await task
        with suppress(Exception):
            await asyncio.wait_for(client.close(), 5)


async def _keep_connecting(bus: Bus, settings: ServiceSettings) -> None:
    options: dict[str, Any] = {
        "servers": [settings.nats_url],
        "max_reconnect_attempts": -1,
        "reconnect_time_wait": 0.2,
        "connect_timeout": 5,
        "error_cb": _quiet,
        "name": settings.service,
    }
    if settings.nats_credentials_file:
        options["user_credentials"] = str(settings.nats_credentials_file)
    while True:
        try:
            await bus.client.connect(**options)
            break
        except (NatsError, OSError) as error:
            _log.info("broker_away", error=type(error).__name__)
            await asyncio.sleep(0.5)
    while True:
        try:
            await bus.ensure_streams()
            break
        except (NatsError, TimeoutError) as error:
            _log.info("streams_not_ready", error=type(error).__name__)
            await asyncio.sleep(0.5)
    bus.ready.set()


async def _quiet(error: Exception) -> None:
    _log.info("broker_error", error=type(error).__name__)
