"""Traces and the metrics page. Without a collector no span is made; trace ids travel all the same."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.propagate import extract as _extract
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from prometheus_client import start_http_server

from chassis import tracecontext
from chassis.event import Event
from chassis.settings import ServiceSettings, split_address

_provider: TracerProvider | None = None


@contextmanager
def setup(settings: ServiceSettings) -> Iterator[None]:
    """Export spans and serve metrics as the settings say, until the end of the block."""
    server = None
    if settings.metrics_listen:
        host, port = split_address(settings.metrics_listen)
        server, _thread = start_http_server(port, host.strip("[]"))
    if settings.otlp_endpoint:
        exporter = OTLPSpanExporter(endpoint=settings.otlp_endpoint.rstrip("/") + "/v1/traces")
        record(settings.service, BatchSpanProcessor(exporter), settings.trace_ratio)
    try:
        yield
    finally:
        if _provider is not None:
            _provider.shutdown()
        if server is not None:
            server.shutdown()
            server.server_close()


def record(service: str, processor: Any, ratio: float = 1.0) -> None:
    """Send spans to a processor from now on; a second call adds a processor."""
    global _provider
    if _provider is None:
        resource = Resource.create({"service.name": service, "service.namespace": "labelmesh"})
        _provider = TracerProvider(resource=resource, sampler=ParentBased(TraceIdRatioBased(ratio)))
    _provider.add_span_processor(processor)


def provider() -> TracerProvider | None:
    """Where spans go; None while they go nowhere."""
    return _provider


def tracer() -> trace.Tracer:
    """The tracer of this service; its spans cost next to nothing while nothing is recorded."""
    return (_provider or trace.get_tracer_provider()).get_tracer("labelmesh")


def inject() -> dict[str, str]:
    """Headers that carry the current trace on."""
    traceparent = tracecontext.current()
    return {"traceparent": traceparent} if traceparent else {}


def extract(traceparent: str) -> Any:
    """The OpenTelemetry context of a traceparent, as parent for a span."""
    return _extract({"traceparent": traceparent})


@contextmanager
def handling(service: str, type_name: str, events: Sequence[Event[Any]]) -> Iterator[None]:
    """The trace of the first event goes on; the traces of the others are linked to its span."""
    token = tracecontext.enter(events[0].traceparent)
    try:
        if _provider is None:
            yield
            return
        links = [
            trace.Link(trace.get_current_span(extract(event.traceparent)).get_span_context())
            for event in events[1:]
            if event.traceparent
        ]
        with tracer().start_as_current_span(
            f"{service} handles {type_name}",
            context=extract(events[0].traceparent),
            kind=trace.SpanKind.CONSUMER,
            links=links,
            attributes={"messaging.system": "nats", "messaging.batch.message_count": len(events)},
            record_exception=False,
        ):
            yield
    finally:
        tracecontext.leave(token)
