"""qa_engine and review_queue side by side, each on a database of its own."""

import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import grpc
import pytest

from chassis import migrate
from chassis.blobs import Blobs
from chassis.db import Database, connect
from chassis.serve import Registration
from chassis.testing import new_database, serving
from labelmesh.qa.v1 import (
    finding_service_pb2,
    plugin_service_pb2,
    rule_run_service_pb2,
    rule_service_pb2,
)
from labelmesh.qa.v1.finding_service_pb2_grpc import FindingServiceStub, add_FindingServiceServicer_to_server
from labelmesh.qa.v1.plugin_service_pb2_grpc import PluginServiceStub, add_PluginServiceServicer_to_server
from labelmesh.qa.v1.rule_run_service_pb2_grpc import RuleRunServiceStub, add_RuleRunServiceServicer_to_server
from labelmesh.qa.v1.rule_service_pb2_grpc import RuleServiceStub, add_RuleServiceServicer_to_server
from labelmesh.review.v1.asset_service_pb2_grpc import AssetServiceStub
from labelmesh.review.v1.label_service_pb2_grpc import LabelServiceStub
from labelmesh.review.v1.project_service_pb2_grpc import ProjectServiceStub
from labelmesh.review.v1.queue_service_pb2_grpc import QueueServiceStub
from qa_engine.consumer import Events
from qa_engine.engine import Engine, discover
from qa_engine.life.finding_servicer import FindingServicer
from qa_engine.life.run_servicer import RuleRunServicer
from qa_engine.life.worker import RunWorker
from qa_engine.plugins import model, sandbox
from qa_engine.plugins.drafting import Drafter
from qa_engine.plugins.servicer import PluginServicer
from qa_engine.plugins.trying import Trier
from qa_engine.servicer import STATUS, RuleServicer
from review_queue import consumer as review_consumer
from review_queue import status as review_status
from review_queue.servicer import servicers
from review_queue.settings import Settings
from tests.integration.qa_engine.endpoint import Endpoint
from tests.integration.qa_engine.life.town import Clock, Town


@pytest.fixture
async def review_url(database_url: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A second database of the same kind."""
    if database_url.startswith("sqlite"):
        return f"sqlite:///{tmp_path}/review.db"
    return await new_database(request.getfixturevalue("postgres"))


def _served(db: Database, engine: Engine, blobs: Blobs, worker: RunWorker, author: Any) -> list[Registration]:
    """qa_engine's services that rules live by."""
    trier, drafter = Trier(blobs, sandbox.shared()), Drafter(author, sandbox.shared())
    parts: list[Any] = [
        (add_RuleServiceServicer_to_server, RuleServicer(db, engine, blobs), rule_service_pb2),
        (add_RuleRunServiceServicer_to_server, RuleRunServicer(db, engine, worker), rule_run_service_pb2),
        (add_FindingServiceServicer_to_server, FindingServicer(db, engine), finding_service_pb2),
        (add_PluginServiceServicer_to_server, PluginServicer(db, trier, drafter), plugin_service_pb2),
    ]
    # Each of these contracts has one service.
    return [
        (add, servicer, next(iter(pb2.DESCRIPTOR.services_by_name.values()))) for add, servicer, pb2 in parts
    ]


@pytest.fixture
async def town(database_url: str, review_url: str, tmp_path: Path, endpoint: Endpoint) -> AsyncIterator[Town]:
    tokens = tmp_path / "tokens.json"
    people = {"token-a": ("house", "ann"), "token-b": ("other", "eve")}
    rows = {
        hashlib.sha256(token.encode()).hexdigest(): {"tenant": tenant, "actor": actor}
        for token, (tenant, actor) in people.items()
    }
    tokens.write_text(json.dumps(rows))
    settings = Settings(database_url=review_url, blob_url=f"file://{tmp_path}/blobs", tokens_file=tokens)
    async with AsyncExitStack() as stack:
        blobs, engine = Blobs(settings.blob_url), Engine(discover())
        qa_db = await stack.enter_async_context(connect(database_url))
        review_db = await stack.enter_async_context(connect(review_url))
        await migrate.upgrade(qa_db, "qa_engine")
        await migrate.upgrade(review_db, "review_queue")
        # It works when a test says so.
        clock = Clock()
        worker = RunWorker(qa_db, engine, blobs, clock_us=clock)
        author = await stack.enter_async_context(
            model.connect(base_url=endpoint.url, api_key="k", model="author", timeout_seconds=10)
        )
        qa = _served(qa_db, engine, blobs, worker, author)
        one: grpc.aio.Channel = await stack.enter_async_context(serving(qa, STATUS, settings))
        other: grpc.aio.Channel = await stack.enter_async_context(
            serving(servicers(review_db, blobs), review_status.STATUS, settings)
        )
        town = Town(
            qa_db,
            review_db,
            blobs,
            worker,
            RuleServiceStub(one),
            RuleRunServiceStub(one),
            FindingServiceStub(one),
            ProjectServiceStub(other),
            AssetServiceStub(other),
            LabelServiceStub(other),
            QueueServiceStub(other),
            PluginServiceStub(one),
            clock,
            {"qa": Events(engine, blobs).handlers, "review": review_consumer.handlers()},
        )
        await town.project()
        yield town
