"""A project with a gold set."""

from dataclasses import dataclass
from typing import Any

import pytest

from chassis.ids import new_uid
from labelmesh.review.v1 import assurance_service_pb2, gold_service_pb2
from labelmesh.review.v1.assurance_service_pb2_grpc import AssuranceServiceStub
from labelmesh.review.v1.gold_service_pb2_grpc import GoldServiceStub
from labels.label import Annotation, Choice
from labels.proto import annotation_to_pb

PROJECT = "projects/news"
SET = f"{PROJECT}/goldSets/first"


@dataclass
class Vault:
    """A project with a gold set; calls are Ann's."""

    house: Any
    stub: GoldServiceStub
    project: Any

    async def set(self) -> gold_service_pb2.GoldSet:
        request = gold_service_pb2.ListGoldSetsRequest(parent=PROJECT)
        (found,) = (await self.stub.ListGoldSets(request, metadata=self.house.ann)).gold_sets
        return found

    async def draw(self, count: int, request_id: str = "") -> int:
        request = gold_service_pb2.DrawGoldRequest(name=SET, count=count, request_id=request_id or new_uid())
        return (await self.stub.DrawGold(request, metadata=self.house.ann)).drawn

    async def add(self, asset: str, category: str = "") -> gold_service_pb2.GoldSet:
        claims = [annotation_to_pb(Annotation("a0", "topic", category, Choice()))] if category else []
        item = gold_service_pb2.GoldAnswer(asset=asset, from_review=not category, annotations=claims)
        request = gold_service_pb2.AddGoldItemsRequest(name=SET, items=[item])
        return (await self.stub.AddGoldItems(request, metadata=self.house.ann)).gold_set

    async def policy(self, **fields: Any) -> None:
        values: dict[str, Any] = {"target_error": 0.1, "delta": 0.1, "audit_rate": 0.005, "n_min": 20}
        policy = assurance_service_pb2.AcceptancePolicy(**(values | fields))
        request = assurance_service_pb2.SetAcceptancePolicyRequest(parent=PROJECT, policy=policy)
        stub = AssuranceServiceStub(self.house.channel)
        await stub.SetAcceptancePolicy(request, metadata=self.house.ann)

    async def quality(self) -> dict[str, tuple[int, int]]:
        request = gold_service_pb2.ListAnnotatorQualityRequest(parent=PROJECT)
        found = await self.stub.ListAnnotatorQuality(request, metadata=self.house.ann)
        assert all(0 <= q.lower_bound <= q.accuracy.value for q in found.annotators)
        return {q.reviewer: (q.accuracy.k, q.accuracy.n) for q in found.annotators}


@pytest.fixture
async def vault(house: Any) -> Vault:
    project = await house.project()
    stub = GoldServiceStub(house.channel)
    request = gold_service_pb2.CreateGoldSetRequest(parent=PROJECT, gold_set_id="first")
    await stub.CreateGoldSet(request, metadata=house.ann)
    await stub.CreateGoldSet(request, metadata=house.ann)
    return Vault(house, stub, project)
