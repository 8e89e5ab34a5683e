"""A project whose reviews come from several people, on a real broker and both databases."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest

from chassis.clock import now_us
from chassis.consumer import Consumer
from chassis.headers import event_headers
from chassis.ids import new_uid
from chassis.testing import serving
from labelmesh.qa.v1 import consensus_service_pb2 as pb2
from labelmesh.qa.v1 import rule_service_pb2
from labelmesh.qa.v1.consensus_service_pb2_grpc import (
    ConsensusServiceStub,
    add_ConsensusServiceServicer_to_server,
)
from labelmesh.qa.v1.qa_events_pb2 import ConsensusResolved
from labelmesh.review.v1 import queue_service_pb2
from labelmesh.review.v1.review_events_pb2 import LabelReviewed
from labels.asset import Asset
from labels.label import Annotation, Choice, Label, LabelKind, Span
from labels.proto import asset_to_pb, label_to_pb
from qa_engine.consensus.events import also_resolving
from qa_engine.consensus.servicer import ConsensusServicer
from qa_engine.consumer import Events
from qa_engine.engine import Engine, discover
from qa_engine.servicer import STATUS
from qa_engine.settings import Settings

PROJECT = "projects/news"
TEXT = "Ann Lee met Bob in Rome."


def bearer(who: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer token-{who}"),)


def topic(category: str) -> Annotation:
    return Annotation("t", "topic", category, Choice())


def entity(start: int, end: int, category: str = "person") -> Annotation:
    return Annotation("e", "entity", category, Span(start, end, TEXT[start:end]))


@dataclass
class Room:
    """The service, and people who answer."""

    world: Any
    stub: ConsensusServiceStub
    channel: grpc.aio.Channel

    async def call(self, method: str, who: str = "a", **fields: Any) -> Any:
        request = getattr(pb2, f"{method}Request")(parent=PROJECT, **fields)
        return await getattr(self.stub, method)(request, metadata=bearer(who))

    def review(
        self, asset: Asset, who: str, claims: Sequence[Annotation] | None, answers: int, wanted: int
    ) -> LabelReviewed:
        """The event of one person's answer; without claims the asset is rejected."""
        event = LabelReviewed(reviewer=who, answers=answers, answers_wanted=wanted)
        event.asset.CopyFrom(asset_to_pb(asset, "news"))
        event.decision = queue_service_pb2.DECISION_REJECT
        if claims is not None:
            named = tuple(Annotation(f"a{n}", c.tool, c.category, c.value) for n, c in enumerate(claims))
            label = Label(LabelKind.REVIEW, who, named, uid=new_uid(), asset_uid=asset.uid)
            event.label.CopyFrom(label_to_pb(label, "news"))
            event.decision = queue_service_pb2.DECISION_ACCEPT
        return event

    async def publish(self, event: LabelReviewed, msg_id: str = "", time_us: int = 0) -> None:
        """What the relay of the review queue does."""
        subject = f"{event.DESCRIPTOR.full_name}.{self.world.project_uid}"
        headers = event_headers(msg_id or new_uid(), time_us or now_us(), "")
        await self.world.bus.js.publish(subject, event.SerializeToString(), headers=headers)

    async def answered(self, *claims: Sequence[Annotation] | None, wanted: int = 0) -> Asset:
        """A new asset that people p0, p1 ... answered so, in that order."""
        asset = Asset(key=new_uid(), uid=new_uid(), text=TEXT)
        for n, some in enumerate(claims):
            await self.publish(self.review(asset, f"p{n}", some, n + 1, wanted or len(claims)))
        return asset

    async def resolved(self, count: int) -> list[ConsensusResolved]:
        """All ConsensusResolved so far, once there are that many."""
        end, js = time.monotonic() + 60, self.world.bus.js
        while True:
            found, info = [], await js.stream_info("LABELMESH_QA")
            for seq in range(1, info.state.last_seq + 1):
                message = await js.get_msg("LABELMESH_QA", seq)
                if "ConsensusResolved" in message.subject:
                    found.append(ConsensusResolved.FromString(message.data or b""))
            if len(found) >= count:
                return found
            assert time.monotonic() < end, f"{len(found)} of {count} came in time"
            await asyncio.sleep(0.05)


@pytest.fixture
async def room(world: Any, tmp_path: Path) -> AsyncIterator[Room]:
    """The project is known and reviews are handled."""
    settings = Settings(listen="127.0.0.1:0", tokens_file=tmp_path / "tokens.json")
    service = (
        add_ConsensusServiceServicer_to_server,
        ConsensusServicer(world.db),
        pb2.DESCRIPTOR.services_by_name["ConsensusService"],
    )
    handlers = also_resolving(Events(Engine(discover()), world.blobs).handlers, world.blobs)
    async with (
        serving([service], STATUS, settings) as channel,
        Consumer(world.bus, world.db, service="qa_engine", handlers=handlers),
    ):
        await world.publish(world.project())
        request = rule_service_pb2.ListRulesRequest(parent=PROJECT)
        for _ in range(500):
            try:
                await world.stub.ListRules(request, metadata=bearer("a"))
                break
            except grpc.aio.AioRpcError:
                await asyncio.sleep(0.02)
        yield Room(world, ConsensusServiceStub(channel), channel)
