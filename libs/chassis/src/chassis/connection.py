"""The connection to NATS JetStream: it comes and goes, the service stays."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import APIError, BadRequestError
from nats.js.errors import Error as JetStreamError

from chassis.blobs import Blobs
from chassis.errors import BrokerUnavailable
from chassis.log import get_logger
from chassis.publishing import Outgoing, Publisher
from chassis.settings import ServiceSettings
from chassis.subjects import DEADLETTER_PREFIX, DEADLETTER_STREAM, package_of, split, stream_of

# The client library declares whole seconds and takes fractions.
_REDIAL_SECONDS: Any = 0.5
#: JetStream drops a repeated Nats-Msg-Id inside this window; the inbox table covers the time after it.
DUPLICATE_WINDOW_SECONDS = 120
_STREAM_EXISTS_DIFFERENTLY = 10058
_NO_ROOM_TO_RESERVE = 10047
_log = get_logger(__name__)


class Bus:
    """Publishes batches and hands out JetStream; reconnects for ever."""

    def __init__(self, settings: ServiceSettings, blobs: Blobs) -> None:
        self.settings = settings
        self.blobs = blobs
        #: Grows with every (re)connection, so that pulls know when theirs was lost.
        self.generation = 0
        self._client: Client | None = None
        #: Set while the broker is connected.
        self.ready = asyncio.Event()
        self._closing = False
        self._complained = False
        self._streams: set[str] = set()
        self._publisher = Publisher(self)
        self._redial: asyncio.Task[None] | None = None

    def _start(self) -> None:
        self._redial = asyncio.create_task(self._dial(), name="broker dial")

    async def client(self) -> Client:
        """The connection, once there is one."""
        while True:
            await self.ready.wait()
            if self._client is not None and self._client.is_connected:
                return self._client
            # Lost but not yet noticed by a callback.
            await asyncio.sleep(0.05)

    def client_now(self) -> Client:
        """The connection; raises BrokerUnavailable instead of waiting for it."""
        if self._client is None or not self._client.is_connected:
            raise BrokerUnavailable
        return self._client

    @property
    def js(self) -> JetStreamContext:
        """The management calls of JetStream; raises BrokerUnavailable while there is no connection."""
        return self.client_now().jetstream(timeout=5)

    async def send(self, batch: Sequence[Outgoing]) -> list[str]:
        """Publish in this order; for each message an empty string when it is stored, else why not.

        A message that is not confirmed may still have been stored: send it again under the same id.
        Raises BrokerUnavailable where the streams cannot be made.
        """
        for package in {package_of(split(out.subject)[0]) for out in batch}:
            await self.ensure_stream(package)
        return await self._publisher.send(batch)

    async def ensure_stream(self, package: str) -> str:
        """Make sure that the stream of a package exists; returns its name. Raises BrokerUnavailable."""
        if package == DEADLETTER_PREFIX or package.startswith(f"{DEADLETTER_PREFIX}."):
            name, subjects = DEADLETTER_STREAM, [f"{DEADLETTER_PREFIX}.>"]
        else:
            name, subjects = stream_of(package), [f"{package}.>"]
        if name not in self._streams:
            try:
                await self._make_stream(name, subjects)
            except (NatsError, JetStreamError, TimeoutError, OSError) as error:
                raise BrokerUnavailable from error
            self._streams.add(name)
        return name

    def forget_streams(self) -> None:
        """Check the streams again before the next use: one turned out to be gone."""
        self._streams.clear()

    async def _make_stream(self, name: str, subjects: list[str]) -> None:
        await self.client()
        js = self.js
        config = StreamConfig(
            name=name,
            subjects=subjects,
            storage=StorageType.FILE,
            retention=RetentionPolicy.LIMITS,
            discard=DiscardPolicy.OLD,
            num_replicas=self.settings.stream_replicas,
            max_age=self.settings.stream_max_days * 86_400,
            max_bytes=self.settings.stream_max_bytes,
            duplicate_window=DUPLICATE_WINDOW_SECONDS,
        )
        try:
            await js.add_stream(config)
        except APIError as error:
            if error.err_code == _STREAM_EXISTS_DIFFERENTLY:
                await self._adjust_stream(js, config)
            elif error.err_code == _NO_ROOM_TO_RESERVE:
                # JetStream reserves max_bytes. Without a limit of its own the stream shares the store,
                # and a full store refuses publishes, which wait in the outbox.
                _log.warning("broker cannot reserve the stream's size", stream=name, bytes=config.max_bytes)
                config.max_bytes = -1
                await js.add_stream(config)
            else:
                raise

    async def _adjust_stream(self, js: JetStreamContext, config: StreamConfig) -> None:
        try:
            await js.update_stream(config)
        except BadRequestError as error:
            _log.warning("stream keeps its settings", stream=config.name, code=error.err_code)

    async def _dial(self) -> None:
        while not self._closing:
            client = Client()
            try:
                await client.connect(
                    [address.strip() for address in self.settings.nats_url.split(",")],
                    name=self.settings.service or "labelmesh",
                    error_cb=self._on_error,
                    disconnected_cb=self._on_lost,
                    reconnected_cb=self._on_connected,
                    closed_cb=self._on_closed,
                    allow_reconnect=True,
                    max_reconnect_attempts=-1,
                    reconnect_time_wait=_REDIAL_SECONDS,
                    connect_timeout=2,
                    ping_interval=20,
                    max_outstanding_pings=2,
                    pending_size=16 << 20,
                    **_security(self.settings),
                )
            except (NatsError, OSError, TimeoutError) as error:
                await self._on_error(error)
                await asyncio.sleep(_REDIAL_SECONDS)
                continue
            self._client = client
            await self._on_connected()
            return

    async def _on_connected(self) -> None:
        self.generation += 1
        self._complained = False
        self._streams.clear()
        self.ready.set()
        _log.info("broker connected")

    async def _on_lost(self) -> None:
        self.ready.clear()
        if not self._closing:
            _log.warning("broker lost")

    async def _on_closed(self) -> None:
        self.ready.clear()
        if not self._closing and self._client is not None:
            self._client = None
            self._start()

    async def _on_error(self, error: Exception) -> None:
        # One line an outage, not one an attempt.
        if not self._complained:
            self._complained = True
            _log.warning("broker error", error=type(error).__name__)

    async def _close(self) -> None:
        self._closing = True
        if self._redial is not None:
            self._redial.cancel()
            await asyncio.gather(self._redial, return_exceptions=True)
        if self._client is not None and not self._client.is_closed:
            try:
                if self._client.is_connected:
                    await self._client.flush(2)
            except (NatsError, OSError, TimeoutError):
                pass  # The acknowledgements it held will be repeated by a redelivery.
            await self._client.close()


def _security(settings: ServiceSettings) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if settings.nats_credentials_file is not None:
        options["user_credentials"] = str(settings.nats_credentials_file)
    if settings.nats_ca_file is not None:
        options["tls"] = ssl.create_default_context(cafile=str(settings.nats_ca_file))
    return options


@asynccontextmanager
async def connect(settings: ServiceSettings, blobs: Blobs | None = None) -> AsyncIterator[Bus]:
    """The bus of these settings. A broker that is down does not stop the service: it is dialled for ever.

    `blobs` carries large bodies; without it the store of the settings is opened.
    """
    bus = Bus(settings, blobs or Blobs(settings.blob_url))
    bus._start()
    try:
        yield bus
    finally:
        await bus._close()
