"""GoldService on the wire."""

from grpc.aio import ServicerContext

from chassis.auth import caller
from chassis.blobs import Blobs
from chassis.db import Database
from chassis.pages import page
from labelmesh.review.v1 import gold_service_pb2 as pb2
from labelmesh.review.v1 import metrics_service_pb2
from labelmesh.review.v1.gold_service_pb2_grpc import GoldServiceServicer
from labels.names import ASSET, GOLD_SET, asset_name, gold_set_name, parse, parse_project
from labels.proto import annotation_from_pb
from review_queue import projects
from review_queue.assurance import gold, honeypots
from review_queue.assurance.gold import GoldSet, Known
from review_queue.assurance.honeypots import Quality
from review_queue.errors import GoldInvalid
from review_queue.project import Project
from review_queue.servicer.once import once


class GoldServicer(GoldServiceServicer):
    """Assets whose answer is known."""

    def __init__(self, db: Database, blobs: Blobs) -> None:
        self._db = db
        self._blobs = blobs

    async def CreateGoldSet(
        self,
        request: pb2.CreateGoldSetRequest,
        context: ServicerContext[pb2.CreateGoldSetRequest, pb2.CreateGoldSetResponse],
    ) -> pb2.CreateGoldSetResponse:
        """Create an empty gold set."""
        project = await self._project(parse_project(request.parent))
        made = await gold.create(self._db, project, request.gold_set_id, request.display_name)
        return pb2.CreateGoldSetResponse(gold_set=_set(project, made))

    async def ListGoldSets(
        self,
        request: pb2.ListGoldSetsRequest,
        context: ServicerContext[pb2.ListGoldSetsRequest, pb2.ListGoldSetsResponse],
    ) -> pb2.ListGoldSetsResponse:
        """List a project's gold sets."""
        project = await self._project(parse_project(request.parent))
        async with self._db.read() as conn:
            found = await gold.every(conn, project)
        return pb2.ListGoldSetsResponse(gold_sets=(_set(project, each) for each in found))

    async def AddGoldItems(
        self,
        request: pb2.AddGoldItemsRequest,
        context: ServicerContext[pb2.AddGoldItemsRequest, pb2.AddGoldItemsResponse],
    ) -> pb2.AddGoldItemsResponse:
        """Seal chosen assets."""
        project_id, set_id = parse(request.name, GOLD_SET)
        project = await self._project(project_id)
        known = [_known(project_id, item) for item in request.items]
        changed = await gold.add(self._db, self._blobs, project, set_id, known, caller().actor)
        return pb2.AddGoldItemsResponse(gold_set=_set(project, changed))

    async def DrawGold(
        self,
        request: pb2.DrawGoldRequest,
        context: ServicerContext[pb2.DrawGoldRequest, pb2.DrawGoldResponse],
    ) -> pb2.DrawGoldResponse:
        """Seal assets drawn at random."""
        project_id, set_id = parse(request.name, GOLD_SET)
        project = await self._project(project_id)
        changed, n = await gold.draw(self._db, project, set_id, request.count, once(request))
        return pb2.DrawGoldResponse(gold_set=_set(project, changed), drawn=n)

    async def ListGoldItems(
        self,
        request: pb2.ListGoldItemsRequest,
        context: ServicerContext[pb2.ListGoldItemsRequest, pb2.ListGoldItemsResponse],
    ) -> pb2.ListGoldItemsResponse:
        """List a gold set's items, without their answers."""
        project_id, set_id = parse(request.parent, GOLD_SET)
        query = ("gold", caller().tenant, request.parent)
        asked = page(query, request.page_size, request.page_token, (str,))
        project = await self._project(project_id)
        async with self._db.read() as conn:
            found, token = await gold.items(conn, project, set_id, asked)
        items = (
            pb2.GoldItem(
                asset=asset_name(project_id, item.asset_uid),
                drawn=item.drawn,
                answered=item.answered,
                revision=item.revision,
                tests=item.tests,
                passed=item.passed,
            )
            for item in found
        )
        return pb2.ListGoldItemsResponse(items=items, next_page_token=token)

    async def ListAnnotatorQuality(
        self,
        request: pb2.ListAnnotatorQualityRequest,
        context: ServicerContext[pb2.ListAnnotatorQualityRequest, pb2.ListAnnotatorQualityResponse],
    ) -> pb2.ListAnnotatorQualityResponse:
        """Say how each reviewer did on gold."""
        project = await self._project(parse_project(request.parent))
        async with self._db.read() as conn:
            found = await honeypots.quality(conn, project)
        return pb2.ListAnnotatorQualityResponse(annotators=map(_quality, found))

    async def _project(self, project_id: str) -> Project:
        return await projects.read(self._db, caller().tenant, project_id)


def _known(project_id: str, item: pb2.GoldAnswer) -> Known:
    of, uid = parse(item.asset, ASSET)
    if of != project_id:
        raise GoldInvalid("The asset belongs to another project.")
    if item.from_review and item.annotations:
        raise GoldInvalid("The answer is either given or taken from the review.")
    return Known(uid, None if item.from_review else tuple(map(annotation_from_pb, item.annotations)))


def _set(project: Project, found: GoldSet) -> pb2.GoldSet:
    return pb2.GoldSet(
        name=gold_set_name(project.project_id, found.gold_set_id),
        display_name=found.display_name,
        revision=found.revision,
        items=found.items,
        answered=found.answered,
        create_time_us=found.create_time_us,
    )


def _quality(found: Quality) -> pb2.AnnotatorQuality:
    rate = found.accuracy
    return pb2.AnnotatorQuality(
        reviewer=found.reviewer,
        accuracy=metrics_service_pb2.Rate(
            k=rate.k, n=rate.n, value=rate.value, lower=rate.lower, upper=rate.upper
        ),
        lower_bound=found.lower_bound,
    )
