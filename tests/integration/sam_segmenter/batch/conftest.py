"""The parts of sam_segmenter that work on runs, between a real broker and a real database; masks are painted boxes."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import grpc
import numpy as np
import pytest
from google.protobuf.message import Message

from chassis import bus, migrate
from chassis.blobs import Blobs
from chassis.consumer import Consumer
from chassis.db import Database, connect
from chassis.ids import new_uid
from chassis.outbox import Relay
from chassis.settings import ServiceSettings
from chassis.testing import NatsServer, serving
from labelmesh.annotator.v1.annotator_events_pb2 import PredictionCreated, PredictionFailed
from labelmesh.review.v1.project_service_pb2 import PreAnnotation
from labelmesh.review.v1.queue_service_pb2 import DECISION_ACCEPT
from labelmesh.review.v1.review_events_pb2 import (
    AssetsImported,
    LabelReviewed,
    LabelSubmitted,
    ProjectChanged,
)
from labelmesh.segmenter.v1 import segmentation_run_service_pb2 as pb
from labelmesh.segmenter.v1.segmentation_run_service_pb2_grpc import (
    SegmentationRunServiceStub,
    add_SegmentationRunServiceServicer_to_server,
)
from labels import rle
from labels.asset import Asset, ContentRef
from labels.label import Annotation, Box, Label, LabelKind, Mask, Polygon
from labels.ontology import Category, Ontology, Tool, ToolKind
from labels.proto import asset_to_pb, label_to_pb, ontology_to_pb
from labels.shapes import mask_to_polygon
from sam_segmenter.batch.consumer import BatchConsumer
from sam_segmenter.batch.run import Masks, ShapeFound, Shaping
from sam_segmenter.batch.servicer import SegmentationRunServicer
from sam_segmenter.batch.worker import Worker
from sam_segmenter.servicer import STATUS

PROJECT, SIDE_PX = "street", 64
ROOFS = Ontology(
    (
        Tool("box", ToolKind.BOX, (Category("car"), Category("tree"), Category("sky"))),
        Tool("outline", ToolKind.MASK, (Category("roof"), Category("car"), Category("tree"))),
        Tool("ring", ToolKind.POLYGON, (Category("pond"),)),
    ),
    revision=1,
)
AUTOMATIC, ON_DEMAND = PreAnnotation.PRE_ANNOTATION_AUTOMATIC, PreAnnotation.PRE_ANNOTATION_ON_DEMAND
DONE = pb.SEGMENTATION_RUN_STATE_DONE
RUNNING = pb.SEGMENTATION_RUN_STATE_RUNNING


@dataclass
class Painter:
    """Finds a full mask in each box, and a corner and the middle everywhere; does as it is told about some pictures."""

    calls: list[str] = field(default_factory=list)
    tenants: set[str] = field(default_factory=set)
    troubles: dict[str, Exception] = field(default_factory=dict)
    nothing: set[str] = field(default_factory=set)
    away: Exception | None = None
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    async def in_boxes(
        self, tenant: str, ref: ContentRef, boxes: Sequence[Box], shaping: Shaping
    ) -> list[ShapeFound | None]:
        await self._look(tenant, ref)
        return [None if ref.uri in self.nothing else _painted(box, shaping) for box in boxes]

    async def everywhere(
        self, tenant: str, ref: ContentRef, points_per_side: int, shaping: Shaping
    ) -> list[ShapeFound]:
        await self._look(tenant, ref)
        boxes = (Box(0, 0, 8, 8), Box(20, 20, 16, 16))
        return [] if ref.uri in self.nothing else [_painted(box, shaping) for box in boxes]

    async def _look(self, tenant: str, ref: ContentRef) -> None:
        self.calls.append(ref.uri)
        self.tenants.add(tenant)
        await self.gate.wait()
        if self.away is not None:
            raise self.away
        if ref.uri in self.troubles:
            raise self.troubles[ref.uri]


def _painted(box: Box, shaping: Shaping) -> ShapeFound:
    bitmap = np.zeros((SIDE_PX, SIDE_PX), dtype=np.bool_)
    x, y = int(box.x_px), int(box.y_px)
    bitmap[y : y + int(box.height_px), x : x + int(box.width_px)] = True
    mask = rle.encode(bitmap)
    shape: Mask | Polygon = mask_to_polygon(mask) if shaping.polygons else mask
    # Larger boxes are surer, so that the order can be seen.
    return ShapeFound(shape, 0.9 if box.width_px > 8 else 0.8, 0.9)


class World:
    """The service, and what happens around it."""

    ontology = ROOFS

    def __init__(self, link: bus.Bus, url: str) -> None:
        self.bus = link
        self.painter = Painter()
        self.asked_ahead: list[tuple[str, str]] = []
        self.project_uid = new_uid()
        self._url = url
        self._stack: AsyncExitStack | None = None
        self._published = 0

    async def start(self, masks: Masks | None = None, model: str = "painter") -> None:
        """Start the service, again if it was stopped."""
        stack = self._stack = AsyncExitStack()
        self.db: Database = await stack.enter_async_context(connect(self._url))
        await migrate.upgrade(self.db, "sam_segmenter")
        worker = Worker(self.db, masks or self.painter, model=model, uid=new_uid(), at_once=2)
        consumer = BatchConsumer(model, worker.wake, self._ahead)
        registration = (
            add_SegmentationRunServiceServicer_to_server,
            SegmentationRunServicer(self.db, model, worker.wake),
            pb.DESCRIPTOR.services_by_name["SegmentationRunService"],
        )
        await stack.enter_async_context(Relay(self.db, self.bus))
        await stack.enter_async_context(worker)
        await stack.enter_async_context(
            Consumer(self.bus, self.db, service="sam_segmenter", handlers=consumer.handlers)
        )
        channel = await stack.enter_async_context(serving([registration], STATUS))
        self.stub: Any = SegmentationRunServiceStub(channel)  # type: ignore[no-untyped-call]

    async def stop(self) -> None:
        """Stop the service as SIGTERM does."""
        if self._stack is not None:
            stack, self._stack = self._stack, None
            await stack.aclose()

    def _ahead(self, tenant: str, refs: Sequence[ContentRef]) -> None:
        self.asked_ahead += [(tenant, ref.uri) for ref in refs]

    async def publish(self, message: Message, msg_id: str | None = None) -> None:
        """What review_queue's relay does."""
        self._published += 1
        subject = f"{message.DESCRIPTOR.full_name}.{self.project_uid}"
        headers = {"Nats-Msg-Id": msg_id or new_uid()}
        await self.bus.js.publish(subject, message.SerializeToString(), headers=headers)

    async def handled(self) -> None:
        """Wait until the service has handled all that was published."""

        async def all_acknowledged() -> bool:
            for consumer in await self.bus.js.consumers_info("LABELMESH_REVIEW"):
                acknowledged = consumer.ack_floor.stream_seq if consumer.ack_floor else 0
                return acknowledged >= self._published and not consumer.num_pending
            return False

        await eventually(all_acknowledged)

    async def project(
        self, mode: int = AUTOMATIC, ontology: Ontology = ROOFS, tenant: str = "default"
    ) -> None:
        event = ProjectChanged(tenant=tenant)
        event.project.name, event.project.uid = f"projects/{PROJECT}", self.project_uid
        event.project.pre_annotation = mode  # type: ignore[assignment]
        event.project.ontology.CopyFrom(ontology_to_pb(ontology))
        await self.publish(event)

    def assets(self, keys: Sequence[str], **more: Any) -> AssetsImported:
        assets = [asset_to_pb(picture(key, **more), PROJECT) for key in keys]
        return AssetsImported(project=f"projects/{PROJECT}", assets=assets, project_asset_count=len(keys))

    async def submit(
        self,
        key: str,
        boxes: Sequence[tuple[str, Box]],
        uid: str,
        *,
        kind: LabelKind = LabelKind.DEFAULT,
        msg_id: str | None = None,
        **more: Any,
    ) -> None:
        annotations = tuple(
            Annotation(f"b{n}", "box", category, box) for n, (category, box) in enumerate(boxes)
        )
        label = Label(kind, "ann", annotations, uid=uid, asset_uid=uid_of(key))
        body = label_to_pb(label, PROJECT)
        await self.publish(
            LabelSubmitted(asset=asset_to_pb(picture(key, **more), PROJECT), label=body), msg_id
        )

    async def review(self, key: str) -> None:
        asset = asset_to_pb(picture(key), PROJECT)
        await self.publish(LabelReviewed(asset=asset, decision=DECISION_ACCEPT, reviewer="ann"))

    async def create(self, request_id: str = "r1", minimum: int = 0, **config: Any) -> pb.SegmentationRun:
        request = pb.CreateSegmentationRunRequest(
            parent=f"projects/{PROJECT}",
            config=pb.SegmentationConfig(**config),
            minimum_asset_count=minimum,
            request_id=request_id,
        )
        run: pb.SegmentationRun = (await self.stub.CreateSegmentationRun(request)).run
        return run

    async def get(self, name: str) -> pb.SegmentationRun:
        answer = await self.stub.GetSegmentationRun(pb.GetSegmentationRunRequest(name=name))
        run: pb.SegmentationRun = answer.run
        return run

    async def runs(self) -> list[pb.SegmentationRun]:
        """All runs of the project, newest first."""
        request = pb.ListSegmentationRunsRequest(parent=f"projects/{PROJECT}")
        return list((await self.stub.ListSegmentationRuns(request)).runs)

    async def failures(self, name: str) -> dict[str, str]:
        """Reasons by asset uid."""
        request = pb.ListSegmentationFailuresRequest(name=name)
        found = (await self.stub.ListSegmentationFailures(request)).failures
        return {failure.asset.rpartition("/")[2]: failure.reason for failure in found}

    async def reaches(self, name: str, state: int = DONE) -> pb.SegmentationRun:
        async def there() -> bool:
            return (await self.get(name)).state == state

        await eventually(there)
        return await self.get(name)

    async def events(self, count: int) -> list[PredictionCreated | PredictionFailed]:
        """All events of the service in order, once there are that many and then a moment longer."""

        async def enough() -> bool:
            return (await self.bus.js.stream_info("LABELMESH_ANNOTATOR")).state.messages >= count

        await eventually(enough)
        await asyncio.sleep(0.3)
        last = (await self.bus.js.stream_info("LABELMESH_ANNOTATOR")).state.last_seq
        found: list[PredictionCreated | PredictionFailed] = []
        for seq in range(1, last + 1):
            message = await self.bus.js.get_msg("LABELMESH_ANNOTATOR", seq)
            kind = PredictionCreated if ".PredictionCreated." in (message.subject or "") else PredictionFailed
            found.append(kind.FromString(message.data or b""))
        return found


def uid_of(key: str) -> str:
    return f"01J{key:0>10}"


def uri_of(key: str) -> str:
    return f"blob:sha256/{key.encode().hex():0>64}"


def picture(key: str, **more: Any) -> Asset:
    ref = ContentRef(uri_of(key), f"{key.encode().hex():0>64}", 100)
    asked = {"image_ref": ref, "width_px": SIDE_PX, "height_px": SIDE_PX, **more}
    return Asset(key=key, uid=uid_of(key), **asked)


async def eventually(reached: Callable[[], Awaitable[bool]], seconds: float = 90) -> None:
    """Wait until it is so; the limit only ends a test that hangs."""
    end = time.monotonic() + seconds
    while not await reached():
        assert time.monotonic() < end, "it did not happen"
        await asyncio.sleep(0.03)


@pytest.fixture(name="eventually")
def eventually_fixture() -> Callable[..., Awaitable[None]]:
    return eventually


@pytest.fixture
async def stopped_world(database_url: str, broker: NatsServer) -> AsyncIterator[World]:
    """A world whose service has not been started."""
    settings = ServiceSettings(service="sam_segmenter", nats_url=broker.url, blob_url="memory:")
    async with bus.connect(settings, Blobs("memory:")) as link:
        await asyncio.wait_for(link.ready.wait(), 20)
        for package in ("labelmesh.review.v1", "labelmesh.annotator.v1"):
            await link.ensure_stream(package)
        world = World(link, database_url)
        yield world
        world.painter.gate.set()
        await world.stop()


@pytest.fixture
async def world(stopped_world: World) -> World:
    await stopped_world.start()
    return stopped_world


@pytest.fixture
def refused() -> Callable[[Awaitable[Any]], Awaitable[grpc.StatusCode]]:
    """The code with which a call fails."""

    async def refused(call: Awaitable[Any]) -> grpc.StatusCode:
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await call
        return error.value.code()

    return refused
