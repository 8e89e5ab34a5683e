"""A running qa_engine on a real broker, on SQLite and on PostgreSQL."""

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from nats.js.errors import NotFoundError

from chassis import bus, migrate
from chassis.blobs import Blobs
from chassis.consumer import Consumer
from chassis.db import Database, connect
from chassis.ids import new_uid
from chassis.outbox import Relay
from chassis.publishing import Outgoing
from chassis.testing import NatsServer, serving
from labelmesh.annotator.v1.annotator_events_pb2 import PredictionCreated
from labelmesh.qa.v1 import plugin_service_pb2, rule_service_pb2
from labelmesh.qa.v1.plugin_service_pb2_grpc import PluginServiceStub, add_PluginServiceServicer_to_server
from labelmesh.qa.v1.qa_events_pb2 import LabelEvaluated
from labelmesh.qa.v1.rule_service_pb2_grpc import RuleServiceStub, add_RuleServiceServicer_to_server
from labelmesh.review.v1.review_events_pb2 import ProjectChanged
from labels.asset import Asset
from labels.label import Annotation, Label, LabelKind, Value
from labels.names import project_name
from labels.ontology import Category, Ontology, Tool, ToolKind
from labels.proto import asset_to_pb, label_to_pb, ontology_to_pb
from qa_engine.consumer import Events
from qa_engine.engine import Engine, discover
from qa_engine.plugins import model, sandbox
from qa_engine.plugins.drafting import Drafter
from qa_engine.plugins.servicer import PluginServicer
from qa_engine.plugins.trying import Trier
from qa_engine.servicer import STATUS, RuleServicer
from qa_engine.settings import Settings
from tests.integration.qa_engine.endpoint import endpoint as endpoint

PROJECT_ID = "news"
ONTOLOGY = Ontology(
    (
        Tool("topic", ToolKind.CHOICE_SINGLE, (Category("sport"), Category("politics"))),
        Tool("entity", ToolKind.SPAN, (Category("person"), Category("place"))),
        Tool("outline", ToolKind.POLYGON, (Category("roof"),)),
    ),
    revision=1,
)
TOKENS = {"token-a": ("tenant-a", "ann"), "token-b": ("tenant-b", "bob")}


@dataclass
class World:
    """The parts of a running service, and the project that its events are about."""

    db: Database
    bus: bus.Bus
    blobs: Blobs
    stub: RuleServiceStub
    plugins: PluginServiceStub
    project_uid: str
    consumer: Callable[[], Consumer]

    async def publish(
        self, message: Message, msg_id: str | None = None, project_uid: str | None = None
    ) -> None:
        """What another service's relay does."""
        subject = f"{message.DESCRIPTOR.full_name}.{project_uid or self.project_uid}"
        event = Outgoing(subject, message.SerializeToString(), {"Nats-Msg-Id": msg_id or new_uid()})

        async def stored() -> bool:
            return await self.bus.send([event]) == [""]

        # A broker that has just come back may not take it at once.
        await eventually(stored)

    async def evaluated(self, count: int) -> list[LabelEvaluated]:
        """All LabelEvaluated so far, once there are that many and then a moment longer."""
        await eventually(lambda: self._reached("LABELMESH_QA", count))
        await asyncio.sleep(0.2)
        info = await self.bus.js.stream_info("LABELMESH_QA")
        found = []
        for seq in range(1, info.state.last_seq + 1):
            message = await self.bus.js.get_msg("LABELMESH_QA", seq)
            found.append(LabelEvaluated.FromString(message.data or b""))
        return found

    async def dead(self, count: int) -> None:
        """Wait for that many dead letters."""
        await eventually(lambda: self._reached("LABELMESH_DEADLETTER", count))

    async def _reached(self, stream: str, count: int) -> bool:
        try:
            return (await self.bus.js.stream_info(stream)).state.messages >= count
        except NotFoundError:
            return count == 0

    def project(self, tenant: str = "tenant-a", ontology: Ontology = ONTOLOGY) -> ProjectChanged:
        """The project as review_queue announces it."""
        event = ProjectChanged(tenant=tenant)
        event.project.name, event.project.uid = project_name(PROJECT_ID), self.project_uid
        event.project.ontology.CopyFrom(ontology_to_pb(ontology))
        return event


async def eventually(reached: Callable[[], Awaitable[bool]], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not await reached():
        assert time.monotonic() < end, "it did not happen in time"
        await asyncio.sleep(0.02)


@pytest.fixture
def predict() -> Callable[..., PredictionCreated]:
    """Make the event of a prediction about a new asset."""

    def predict(tool: str, category: str, value: Value, **asset: Any) -> PredictionCreated:
        item = Asset(key=new_uid(), uid=new_uid(), **(asset or {"text": "Ann met Bob."}))
        claim = Annotation("a0", tool, category, value, 0.9)
        label = Label(LabelKind.PREDICTION, "model", (claim,), uid=new_uid(), asset_uid=item.uid)
        return PredictionCreated(asset=asset_to_pb(item, PROJECT_ID), label=label_to_pb(label, PROJECT_ID))

    return predict


@pytest.fixture
async def world(database_url: str, broker: NatsServer, tmp_path: Path) -> AsyncIterator[World]:
    tokens = tmp_path / "tokens.json"
    rows = {
        hashlib.sha256(token.encode()).hexdigest(): {"tenant": tenant, "actor": actor}
        for token, (tenant, actor) in TOKENS.items()
    }
    tokens.write_text(json.dumps(rows))
    settings = Settings(
        listen="127.0.0.1:0",
        nats_url=broker.url,
        database_url=database_url,
        blob_url=f"file://{tmp_path}/blobs",
        tokens_file=tokens,
    )
    async with _running(settings) as parts:
        yield parts


@asynccontextmanager
async def _running(settings: Settings) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        blobs = Blobs(settings.blob_url)
        engine = Engine(discover())
        db = await stack.enter_async_context(connect(settings.database_url))
        await migrate.upgrade(db, "qa_engine")
        link = await stack.enter_async_context(bus.connect(settings, blobs))
        await asyncio.wait_for(link.ready.wait(), 20)
        # The other services would have made theirs.
        for package in ("labelmesh.review.v1", "labelmesh.annotator.v1", "labelmesh.qa.v1"):
            await link.ensure_stream(package)
        await stack.enter_async_context(Relay(db, link))
        service = (
            add_RuleServiceServicer_to_server,
            RuleServicer(db, engine, blobs),
            rule_service_pb2.DESCRIPTOR.services_by_name["RuleService"],
        )
        # Nobody listens where the model that drafts rules should be.
        nowhere = model.connect(base_url="http://127.0.0.1:9/v1", api_key="", model="none", timeout_seconds=5)
        author = await stack.enter_async_context(nowhere)
        own = (
            add_PluginServiceServicer_to_server,
            PluginServicer(db, Trier(blobs, sandbox.shared()), Drafter(author, sandbox.shared())),
            plugin_service_pb2.DESCRIPTOR.services_by_name["PluginService"],
        )
        channel = await stack.enter_async_context(serving([service, own], STATUS, settings))

        def consumer() -> Consumer:
            handlers = Events(engine, blobs).handlers
            return Consumer(link, db, service=settings.service, handlers=handlers)

        stubs = RuleServiceStub(channel), PluginServiceStub(channel)
        yield World(db, link, blobs, *stubs, new_uid(), consumer)


@pytest.fixture
def reason() -> Callable[[grpc.aio.AioRpcError], str]:
    """ErrorInfo.reason of a failed call."""
    from google.rpc import error_details_pb2
    from grpc_status import rpc_status

    def reason(error: grpc.aio.AioRpcError) -> str:
        status = rpc_status.from_call(error)  # type: ignore[arg-type]
        info = error_details_pb2.ErrorInfo()
        assert status is not None
        assert status.details[0].Unpack(info)
        return info.reason

    return reason


@pytest.fixture
async def project(world):
    """The project of tenant-a is known, and its events are handled."""
    parent, ann = project_name(PROJECT_ID), (("authorization", "Bearer token-a"),)
    async with world.consumer():
        await world.publish(world.project())
        for _ in range(500):
            try:
                await world.stub.ListRules(rule_service_pb2.ListRulesRequest(parent=parent), metadata=ann)
                break
            except grpc.aio.AioRpcError:
                await asyncio.sleep(0.02)
        yield world
