"""Gold: assets whose answer is known."""

import builtins
from collections.abc import Mapping, Sequence

from ulid import ULID

from labelmesh.client import wire_trust
from labelmesh.client.calls import Link
from labelmesh.client.trust import AnnotatorQuality, GoldSet
from labelmesh.review.v1 import gold_service_pb2 as pb2
from labelmesh.review.v1.gold_service_pb2_grpc import GoldServiceStub
from labels import names
from labels.label import Annotation
from labels.proto import annotation_to_pb

MAX_ADDED = 100
"""Items in one call."""


class Gold:
    """`client.gold`."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._stub = GoldServiceStub(link.channel)

    async def create(self, project: str, gold_set_id: str, display_name: str = "") -> GoldSet:
        """An empty set, or the one of that id."""
        request = pb2.CreateGoldSetRequest(
            parent=names.project_name(project), gold_set_id=gold_set_id, display_name=display_name
        )
        response = await self._link.unary(self._stub.CreateGoldSet, request, repeatable=True)
        return wire_trust.gold_set_from_pb(response.gold_set)

    async def list(self, project: str) -> tuple[GoldSet, ...]:
        """The project's gold sets by id."""
        request = pb2.ListGoldSetsRequest(parent=names.project_name(project))
        response = await self._link.unary(self._stub.ListGoldSets, request, repeatable=True)
        return tuple(map(wire_trust.gold_set_from_pb, response.gold_sets))

    async def add(
        self, project: str, gold_set_id: str, answers: Mapping[str, Sequence[Annotation] | None]
    ) -> GoldSet:
        """Seal chosen assets (by uid, at most 100) with their answer; None takes the one that a person gave."""
        items = [
            pb2.GoldAnswer(
                asset=names.asset_name(project, uid),
                from_review=annotations is None,
                annotations=map(annotation_to_pb, annotations or ()),
            )
            for uid, annotations in answers.items()
        ]
        request = pb2.AddGoldItemsRequest(name=names.gold_set_name(project, gold_set_id), items=items)
        response = await self._link.unary(self._stub.AddGoldItems, request, repeatable=True)
        return wire_trust.gold_set_from_pb(response.gold_set)

    async def draw(
        self, project: str, gold_set_id: str, count: int, *, request_id: str = ""
    ) -> tuple[GoldSet, int]:
        """Seal up to `count` (1 to 10,000) assets drawn at random from those nobody has answered; how many it were."""
        request = pb2.DrawGoldRequest(
            name=names.gold_set_name(project, gold_set_id),
            count=count,
            request_id=request_id or str(ULID()),
        )
        response = await self._link.unary(self._stub.DrawGold, request, repeatable=True)
        return wire_trust.gold_set_from_pb(response.gold_set), response.drawn

    async def annotators(self, project: str) -> builtins.list[AnnotatorQuality]:
        """How each reviewer did on gold that was handed to them like any task."""
        request = pb2.ListAnnotatorQualityRequest(parent=names.project_name(project))
        response = await self._link.unary(self._stub.ListAnnotatorQuality, request, repeatable=True)
        return [wire_trust.quality_from_pb(pb) for pb in response.annotators]
