"""LabelService on the wire."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import aclosing

from grpc.aio import ServicerContext

from chassis.auth import caller
from chassis.blobs import Blobs
from chassis.clock import now_us
from chassis.db import Database
from chassis.pages import page
from labelmesh.review.v1 import label_service_pb2 as pb2
from labelmesh.review.v1.label_service_pb2_grpc import LabelServiceServicer
from labels.names import ASSET, LABEL, parse, parse_project
from labels.proto import annotation_from_pb
from review_queue import export, projects, revisions
from review_queue.label_import import LabelImporter
from review_queue.project import Project
from review_queue.revisions import Edit
from review_queue.search import finding
from review_queue.servicer import label_rows
from review_queue.servicer.batches import batches
from review_queue.servicer.inline import inline
from review_queue.servicer.once import once
from review_queue.servicer.search import found_to_pb
from review_queue.servicer.streams import heard_out


class LabelServicer(LabelServiceServicer):
    """Labels and their revisions."""

    def __init__(self, db: Database, blobs: Blobs) -> None:
        self._db = db
        self._blobs = blobs

    async def CreateLabel(
        self,
        request: pb2.CreateLabelRequest,
        context: ServicerContext[pb2.CreateLabelRequest, pb2.CreateLabelResponse],
    ) -> pb2.CreateLabelResponse:
        """Store a label made outside review."""
        project_id, uid = parse(request.asset, ASSET)
        named = caller().tenant, project_id
        label = await revisions.create(self._db, self._blobs, named, uid, _edit(request))
        return pb2.CreateLabelResponse(label=label)

    async def ImportLabels(
        self,
        request_iterator: AsyncIterator[pb2.ImportLabelsRequest],
        context: ServicerContext[pb2.ImportLabelsRequest, pb2.ImportLabelsResponse],
    ) -> AsyncIterator[pb2.ImportLabelsResponse]:
        """Import labels, batch by batch."""
        messages = aiter(request_iterator)
        async with heard_out(messages):
            first = await label_rows.first_of(messages)
            terms = label_rows.terms_from_pb(first, caller().actor)
            project_id = parse_project(first.parent)
            importer = LabelImporter(self._db, self._blobs, caller().tenant, project_id, terms)
            await importer.check_project()
            async with aclosing(batches(first, messages, label_rows.row_from_pb)) as parts:
                async for rows in parts:
                    yield label_rows.imported_to_pb(await importer.run(rows))

    async def UpdateLabel(
        self,
        request: pb2.UpdateLabelRequest,
        context: ServicerContext[pb2.UpdateLabelRequest, pb2.UpdateLabelResponse],
    ) -> pb2.UpdateLabelResponse:
        """Replace an asset's current label."""
        project_id, uid = parse(request.name, LABEL)
        project = await self._project(project_id)
        edit = _edit(request)
        label = await revisions.update(self._db, self._blobs, project, uid, request.etag, edit)
        return pb2.UpdateLabelResponse(label=label)

    async def GetLabel(
        self,
        request: pb2.GetLabelRequest,
        context: ServicerContext[pb2.GetLabelRequest, pb2.GetLabelResponse],
    ) -> pb2.GetLabelResponse:
        """Return a label."""
        project_id, uid = parse(request.name, LABEL)
        async with self._db.read() as conn:
            project = await projects.get(conn, caller().tenant, project_id)
            return pb2.GetLabelResponse(label=await revisions.get(conn, project, uid))

    async def ListLabelRevisions(
        self,
        request: pb2.ListLabelRevisionsRequest,
        context: ServicerContext[pb2.ListLabelRevisionsRequest, pb2.ListLabelRevisionsResponse],
    ) -> pb2.ListLabelRevisionsResponse:
        """List an asset's labels."""
        project_id, uid = parse(request.parent, ASSET)
        query = ("revisions", caller().tenant, request.parent)
        asked = page(query, request.page_size, request.page_token, (int,))
        async with self._db.read() as conn:
            project = await projects.get(conn, caller().tenant, project_id)
            found, token = await revisions.some(conn, project, uid, asked)
        return pb2.ListLabelRevisionsResponse(labels=found, next_page_token=token)

    async def SearchLabels(
        self,
        request: pb2.SearchLabelsRequest,
        context: ServicerContext[pb2.SearchLabelsRequest, pb2.SearchLabelsResponse],
    ) -> pb2.SearchLabelsResponse:
        """Find current labels."""
        query = finding.query(request.filter, request.order_by)
        identity = ("search", caller().tenant, request.parent, request.filter, request.order_by)
        asked = page(identity, request.page_size, request.page_token, query.cursor)
        async with self._db.read() as conn:
            project = await projects.get(conn, caller().tenant, parse_project(request.parent))
            found, token = await finding.some(conn, project, query, asked, now_us())
        labels = (found_to_pb(project, label) for label in found)
        return pb2.SearchLabelsResponse(labels=labels, next_page_token=token)

    async def ExportLabels(
        self,
        request: pb2.ExportLabelsRequest,
        context: ServicerContext[pb2.ExportLabelsRequest, pb2.ExportLabelsResponse],
    ) -> AsyncIterator[pb2.ExportLabelsResponse]:
        """Stream every asset with its label."""
        project = await self._project(parse_project(request.parent))
        counted: Counter[str] = Counter()
        async for item in export.export(self._db, project, include_unreviewed=request.include_unreviewed):
            counted[item.kind] += 1
            yield pb2.ExportLabelsResponse(
                asset=await inline(self._blobs.of(project.tenant), item.asset),
                label=item.label,
                reviewed=item.reviewed,
                rejected=item.rejected,
                auto_accepted=item.auto_accepted,
            )
        if request.with_manifest:
            yield pb2.ExportLabelsResponse(manifest=await export.manifest(self._db, project, counted))

    async def _project(self, project_id: str) -> Project:
        return await projects.read(self._db, caller().tenant, project_id)


def _edit(request: pb2.CreateLabelRequest | pb2.UpdateLabelRequest) -> Edit:
    annotations = tuple(map(annotation_from_pb, request.annotations))
    return Edit(annotations, caller().actor, once(request))
