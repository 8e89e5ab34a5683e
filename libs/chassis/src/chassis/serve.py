"""The life of a service: from settings to the last closed context."""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, TypeVar

import grpc
import uvloop
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from opentelemetry.instrumentation.grpc import aio_server_interceptor

from chassis import log, telemetry
from chassis.auth import Tokens
from chassis.errors import ChassisError, ErrorTable
from chassis.interceptors import CallInterceptor
from chassis.settings import ServiceSettings, load, split_address

S = TypeVar("S", bound=ServiceSettings)
#: A function `add_XServicer_to_server`, the servicer, and the service's descriptor.
Registration = tuple[Callable[[Any, Any], None], Any, ServiceDescriptor]

#: Largest message either way, bytes.
MAX_MESSAGE_BYTES = 4 << 20
_OPTIONS = [
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    # Connections are renewed, so that clients notice new replicas behind a name.
    ("grpc.max_connection_age_ms", 1_800_000),
    ("grpc.max_connection_age_grace_ms", 300_000),
    # Two processes on one port would share its calls by chance.
    ("grpc.so_reuseport", 0),
]
_LAST_RESORT_SECONDS = 30.0
_stop: ContextVar[asyncio.Event] = ContextVar("labelmesh_stop")
_log = log.get_logger(__name__)


class AddressTaken(ChassisError):
    """The listen address cannot be bound."""


class Server:
    """A gRPC server with health, reflection and the interceptors; `address` is where it listens."""

    def __init__(
        self, settings: ServiceSettings, servicers: Sequence[Registration], errors: ErrorTable
    ) -> None:
        interceptors: list[Any] = [CallInterceptor(Tokens(settings.tokens_file), errors)]
        provider = telemetry.provider()
        if provider is not None:
            interceptors.insert(0, aio_server_interceptor(provider))  # type: ignore[no-untyped-call]
        self._settings = settings
        self._server = grpc.aio.server(interceptors=interceptors, options=_OPTIONS)
        self._health = health.aio.HealthServicer()
        self._names = [descriptor.full_name for _, _, descriptor in servicers]
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        for add, servicer, _ in servicers:
            add(servicer, self._server)
        shown = [*self._names, health.SERVICE_NAME, reflection.SERVICE_NAME]
        reflection.enable_server_reflection(shown, self._server)
        self.address = self._bind()

    def _bind(self) -> str:
        settings = self._settings
        host, _ = split_address(settings.listen)
        try:
            if settings.tls_cert_file is not None and settings.tls_key_file is not None:
                pair = (settings.tls_key_file.read_bytes(), settings.tls_cert_file.read_bytes())
                port = self._server.add_secure_port(settings.listen, grpc.ssl_server_credentials([pair]))
            else:
                port = self._server.add_insecure_port(settings.listen)
        except RuntimeError:
            port = 0
        except OSError:
            raise AddressTaken("The TLS files cannot be read.") from None
        if not port:
            raise AddressTaken(f"The address {settings.listen} cannot be bound.")
        return f"{host}:{port}"

    async def start(self) -> None:
        """Answer calls, and say SERVING from then on."""
        await self._server.start()
        for name in ("", *self._names):
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        _log.info("listening", address=self.address)

    async def drain(self) -> None:
        """NOT_SERVING, then the drain delay, then the door, then the calls in flight."""
        await self._health.enter_graceful_shutdown()
        _log.info("draining", seconds=self._settings.drain_seconds)
        await asyncio.sleep(self._settings.drain_seconds)
        await self._server.stop(self._settings.grace_seconds)


async def serve(
    settings: ServiceSettings,
    servicers: Sequence[Registration],
    *,
    errors: ErrorTable | Mapping[type[Exception], grpc.StatusCode],
    ready: Callable[[], Awaitable[None] | None] | None = None,
) -> None:
    """Serve until the process is told to stop, then drain.

    Call it when the database is migrated and consumers run: health says SERVING at once. `ready` is called
    after that. Raises AddressTaken.
    """
    table = errors if isinstance(errors, ErrorTable) else ErrorTable(errors)
    server = Server(settings, servicers, table)
    await server.start()
    try:
        if ready is not None:
            waiting = ready()
            if waiting is not None:
                await waiting
        await stopping().wait()
    finally:
        await server.drain()


def stopping() -> asyncio.Event:
    """Set when the process was told to stop; long loops of a service look at it."""
    try:
        return _stop.get()
    except LookupError:
        event = asyncio.Event()
        _stop.set(event)
        return event


def run(main: Callable[[S], Coroutine[Any, Any, None]], settings_cls: type[S]) -> None:
    """Run a service: settings, logs, traces, metrics, uvloop, and a graceful end on SIGTERM and SIGINT."""
    settings = load(settings_cls)
    log.configure(settings.service, settings.log_level)
    try:
        with telemetry.setup(settings), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_until_stopped(main, settings))
    except ChassisError as error:
        _log.error("stopped", error=type(error).__name__, sentence=str(error))
        sys.exit(1)
    except Exception as error:  # noqa: BLE001 - the last line of the log, without words that may quote a customer
        _log.error("stopped", error=type(error).__name__, fault=log.where(error))
        sys.exit(1)


async def _until_stopped(main: Callable[[S], Coroutine[Any, Any, None]], settings: S) -> None:
    stop = asyncio.Event()
    _stop.set(stop)
    loop = asyncio.get_running_loop()
    task = loop.create_task(main(settings), name="main")
    patience = settings.drain_seconds + settings.grace_seconds + _LAST_RESORT_SECONDS

    def on_signal() -> None:
        if stop.is_set():  # Told twice: now.
            task.cancel()
            return
        stop.set()
        loop.call_later(patience, task.cancel)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    try:
        await task
    except asyncio.CancelledError:
        if not stop.is_set():
            raise
        _log.warning("stopped before everything was finished")
