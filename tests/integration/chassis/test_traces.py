"""One trace from a call through the outbox and the broker into another service."""

import asyncio

from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from chassis import outbox, telemetry, tracecontext
from chassis.testing import serving

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TRACE_ID = PARENT[3:35]


async def _through_everything(world, echo, ask) -> list[str]:
    """The traceparents that the consumer saw: of its event and of its own context."""
    seen: list[str] = []
    arrived = asyncio.Event()

    async def answer(value: str) -> str:
        await world.emit([value])
        return value

    async def handler(conn, events) -> None:
        seen.extend([events[0].traceparent, tracecontext.current()])
        await outbox.add_many(conn, [(events[0].message, "P2", None)], cause=events[0])
        arrived.set()

    async with serving([echo(answer)]) as channel, outbox.Relay(world.db, world.bus), world.consumer(handler):
        await ask(channel, "One", "x", metadata=(("traceparent", PARENT),))
        await arrived.wait()
    return seen


async def test_the_trace_travels_without_a_collector(world, echo, ask) -> None:
    assert await _through_everything(world, echo, ask) == [PARENT, PARENT]


async def test_spans_are_made_with_a_collector(world, echo, ask) -> None:
    exporter = InMemorySpanExporter()
    telemetry.record("tester", SimpleSpanProcessor(exporter))
    try:
        seen = await _through_everything(world, echo, ask)
    finally:
        telemetry._provider = None
    assert {traceparent[3:35] for traceparent in seen} == {TRACE_ID}
    spans = {span.name: span for span in exporter.get_finished_spans()}
    handled = spans["tester handles labelmesh.review.v1.AssetsImported"]
    assert f"{handled.context.trace_id:032x}" == TRACE_ID
    assert f"{handled.parent.span_id:016x}" == seen[0][36:52]
