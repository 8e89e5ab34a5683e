"""The service on a real broker: events in, events out, twice delivered, broker gone and back."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import nats
import pytest
from google.protobuf.message import Message

from chassis import bus
from chassis.consumer import Consumer
from chassis.ids import new_uid
from chassis.outbox import Relay
from chassis.testing import NatsServer
from labelmesh.annotator.v1.annotator_events_pb2 import PredictionCreated
from labelmesh.review.v1.review_events_pb2 import AssetsImported, LabelReviewed
from labels.label import Severity
from review_queue.consumer import handlers
from review_queue.settings import Settings


@dataclass
class Line:
    """The service between its broker and its callers, and what a neighbour sees of it."""

    house: Any
    js: Any

    async def publish(self, project_uid: str, message: Message, msg_id: str = "") -> None:
        subject = f"{message.DESCRIPTOR.full_name}.{project_uid}"
        headers = {"Nats-Msg-Id": msg_id or new_uid()}
        await self.js.publish(subject, message.SerializeToString(), headers=headers)

    async def emitted(self, kind: type[Message]) -> list[Any]:
        """Events of one type in this service's stream."""
        state = (await self.js.stream_info("LABELMESH_REVIEW")).state
        found = []
        for seq in range(state.first_seq, state.last_seq + 1):
            message = await self.js.get_msg("LABELMESH_REVIEW", seq)
            if message.subject.rpartition(".")[0] == kind.DESCRIPTOR.full_name:
                found.append(kind.FromString(message.data or b""))
        return found


async def eventually(reached: Callable[[], Awaitable[bool]], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not await reached():
        assert time.monotonic() < end, "it did not happen in time"
        await asyncio.sleep(0.05)


@pytest.fixture
async def line(house: Any, settings: Settings, broker: NatsServer) -> AsyncIterator[Line]:
    on_broker = settings.model_copy(update={"nats_url": broker.url})
    async with bus.connect(on_broker) as events:
        # The neighbours' streams, so that a test may speak before the service listens.
        for package in ("annotator", "qa", "review"):
            await events.ensure_stream(f"labelmesh.{package}.v1")
        consumer = Consumer(events, house.db, service="review_queue", handlers=handlers())
        async with Relay(house.db, events), consumer:
            client = await nats.connect(broker.url)
            try:
                yield Line(house, client.jetstream())
            finally:
                await client.close()


async def test_the_line(line: Line) -> None:
    house = line.house
    project = await house.project()
    assets = await house.import_texts(*(f"text {i}" for i in range(300)))

    async def announced() -> bool:
        return sum(len(event.assets) for event in await line.emitted(AssetsImported)) == 300

    await eventually(announced)
    events = [house.prediction(asset) for asset in assets]
    # Rules are faster than predictions here, every event comes twice, and half of them under another id.
    for event in events[:50]:
        await line.publish(project.uid, house.evaluation(event.label, Severity.ERROR))
    for i, event in enumerate(events):
        await line.publish(project.uid, event, f"p{i}")
        await line.publish(project.uid, event, f"p{i}" if i % 2 else f"again-p{i}")

    async def open_tasks() -> bool:
        return bool(await house.counts() == (0, 300, 0, 0))

    await eventually(open_tasks)
    assert len((await house.contents())["labels"]) == 300
    tasks = await house.tasks()
    assert {task.asset.key for task in tasks[:50]} == {f"k{i}" for i in range(50)}
    assert {task.terms.severity for task in tasks[:50]} == {1.0}
    (lease,) = await house.lease()
    await house.submit(lease, "ACCEPT")

    async def reviewed() -> bool:
        return len(await line.emitted(LabelReviewed)) == 1

    await eventually(reviewed)


async def test_a_broker_that_dies_and_comes_back(line: Line, broker: NatsServer) -> None:
    house = line.house
    project = await house.project()
    broker.kill()
    assets = await house.import_texts(*(f"text {i}" for i in range(20)))
    assert await house.counts() == (20, 0, 0, 0)
    broker.start()

    async def announced() -> bool:
        try:
            events = await line.emitted(AssetsImported)
        except Exception:  # noqa: BLE001 - the test's own connection is still finding its way back
            return False
        return sum(len(event.assets) for event in events) == 20

    await eventually(announced)
    for asset in assets:
        await line.publish(project.uid, house.prediction(asset))

    async def open_tasks() -> bool:
        return bool(await house.counts() == (0, 20, 0, 0))

    await eventually(open_tasks)


async def test_what_can_never_be_handled_is_put_aside(line: Line) -> None:
    house = line.house
    project = await house.project()
    assets = await house.import_texts(*(f"text {i}" for i in range(10)))
    for asset in assets[:5]:
        await line.publish(project.uid, house.prediction(asset))
    await line.publish(project.uid, PredictionCreated())
    for asset in assets[5:]:
        await line.publish(project.uid, house.prediction(asset))

    async def open_tasks() -> bool:
        return bool(await house.counts() == (0, 10, 0, 0))

    await eventually(open_tasks)

    async def put_aside() -> bool:
        try:
            return bool((await line.js.stream_info("LABELMESH_DEADLETTER")).state.messages == 1)
        except nats.js.errors.NotFoundError:
            return False

    await eventually(put_aside)
