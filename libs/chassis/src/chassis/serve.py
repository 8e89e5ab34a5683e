"""A service's life: settings, logs, server, signals, and an end in good order."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import grpc
import uvloop
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from opentelemetry.instrumentation.grpc import aio_server_interceptor
from prometheus_client import start_http_server

from chassis import log, telemetry
from chassis.auth import Authenticator
from chassis.errors import ErrorTable
from chassis.interceptors import CallInterceptor
from chassis.settings import ServiceSettings, load

S = TypeVar("S", bound=ServiceSettings)
Registration = tuple[Callable[[Any, grpc.aio.Server], None], Any, ServiceDescriptor]
MAX_MESSAGE_BYTES = 4 << 20
_OPTIONS = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.so_reuseport", 0),
    # Long-lived connections pin a client to one replica; letting them go now and then spreads the load.
    ("grpc.max_connection_age_ms", 30 * 60 * 1000),
    ("grpc.max_connection_age_grace_ms", 60 * 1000),
    ("grpc.keepalive_time_ms", 60 * 1000),
    ("grpc.http2.min_ping_interval_without_data_ms", 10 * 1000),
)


def run(main: Callable[[S], Awaitable[None]], settings_class: type[S]) -> None:
    """Run a service until SIGTERM or SIGINT; exits with 2 when its settings are refused."""
    settings = load(settings_class)
    log.configure(settings.service, settings.log_level)
    telemetry.setup(settings.service, settings.otlp_endpoint, settings.trace_ratio)
    if settings.metrics_listen:
        host, _, port = settings.metrics_listen.rpartition(":")
        start_http_server(int(port), host)
    uvloop.run(main(settings))  # type: ignore[arg-type]


async def serve(
    settings: ServiceSettings, servicers: Sequence[Registration], *, errors: ErrorTable, stop: asyncio.Event | None = None
) -> None:
    """Serve until told to stop, then: health says no, wait for the balancer, finish the calls under way."""
    stopping = stop or asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopping.set)
    server, state, port = await start(settings, servicers, errors=errors)
    host = settings.listen.rpartition(":")[0]
    log.get_logger().info("listening", address=f"{host}:{port}")
    await stopping.wait()
    await state.enter_graceful_shutdown()
    await asyncio.sleep(settings.drain_seconds)
    await server.stop(settings.grace_seconds)
    log.get_logger().info("stopped")


async def start(
    settings: ServiceSettings, servicers: Sequence[Registration], *, errors: ErrorTable
) -> tuple[grpc.aio.Server, health.aio.HealthServicer, int]:
    """A started server with its health and port."""
    interceptors = [aio_server_interceptor(), CallInterceptor(errors, Authenticator.from_file(settings.tokens_file))]
    server = grpc.aio.server(interceptors=interceptors, options=_OPTIONS)
    state = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(state, server)
    names = [health.SERVICE_NAME, reflection.SERVICE_NAME]
    for add_to_server, servicer, descriptor in servicers:
        add_to_server(servicer, server)
        names.append(descriptor.full_name)
    reflection.enable_server_reflection(names, server)
    port = _bind(server, settings)
    await server.start()
    for name in ("", *names):
        await state.set(name, health_pb2.HealthCheckResponse.SERVING)
    return server, state, port


def _bind(server: grpc.aio.Server, settings: ServiceSettings) -> int:
    if settings.tls_cert_file and settings.tls_key_file:
        pair = (settings.tls_key_file.read_bytes(), settings.tls_cert_file.read_bytes())
        return server.add_secure_port(settings.listen, grpc.ssl_server_credentials([pair]))
    return server.add_insecure_port(settings.listen)
