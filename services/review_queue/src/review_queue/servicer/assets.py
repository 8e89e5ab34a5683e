"""AssetService on the wire."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import TypeVar

from grpc.aio import ServicerContext

from chassis.auth import caller
from chassis.blobs import Blobs
from chassis.db import Database
from chassis.pages import page
from labelmesh.review.v1 import asset_service_pb2 as pb2
from labelmesh.review.v1.asset_service_pb2_grpc import AssetServiceServicer
from labels.errors import LabelError
from labels.names import parse_project
from labels.proto import asset_from_pb, content_ref_to_pb
from review_queue import assets, content, projects
from review_queue.errors import ChunkTooLarge, ParentMissing
from review_queue.importing import Imported, Importer, Row
from review_queue.servicer.batches import batches
from review_queue.servicer.streams import heard_out

MAX_CHUNK_BYTES = 1 << 20
_M = TypeVar("_M", pb2.ImportAssetsRequest, pb2.UploadContentRequest)


class AssetServicer(AssetServiceServicer):
    """Bringing content in."""

    def __init__(self, db: Database, blobs: Blobs) -> None:
        self._db = db
        self._blobs = blobs

    async def ImportAssets(
        self,
        request_iterator: AsyncIterator[pb2.ImportAssetsRequest],
        context: ServicerContext[pb2.ImportAssetsRequest, pb2.ImportAssetsResponse],
    ) -> AsyncIterator[pb2.ImportAssetsResponse]:
        """Import rows, batch by batch."""
        messages = aiter(request_iterator)
        async with heard_out(messages):
            first = await _first(messages)
            importer = self._importer(first)
            await importer.check_project()
            async with aclosing(batches(first, messages, _row)) as parts:
                async for rows in parts:
                    yield _imported(await importer.run(rows))

    def _importer(self, first: pb2.ImportAssetsRequest) -> Importer:
        project_id = parse_project(first.parent)
        return Importer(self._db, self._blobs, caller().tenant, project_id, dry=first.validate_only)

    async def UploadContent(
        self,
        request_iterator: AsyncIterator[pb2.UploadContentRequest],
        context: ServicerContext[pb2.UploadContentRequest, pb2.UploadContentResponse],
    ) -> pb2.UploadContentResponse:
        """Keep content in the blob store."""
        messages = aiter(request_iterator)
        async with heard_out(messages):
            first = await _first(messages)
            async with self._db.read() as conn:
                await projects.get(conn, caller().tenant, parse_project(first.parent))
            ref = await content.upload(self._blobs.of(caller().tenant), _chunks(first, messages))
        return pb2.UploadContentResponse(content=content_ref_to_pb(ref))

    async def ListAssets(
        self,
        request: pb2.ListAssetsRequest,
        context: ServicerContext[pb2.ListAssetsRequest, pb2.ListAssetsResponse],
    ) -> pb2.ListAssetsResponse:
        """List assets in import order."""
        query = ("assets", caller().tenant, request.parent)
        asked = page(query, request.page_size, request.page_token, (int,))
        async with self._db.read() as conn:
            project = await projects.get(conn, caller().tenant, parse_project(request.parent))
            found, token = await assets.some(conn, project, asked)
        return pb2.ListAssetsResponse(assets=found, next_page_token=token)


async def _first(messages: AsyncIterator[_M]) -> _M:
    first = await anext(messages, None)
    if first is None or not first.parent:
        raise ParentMissing
    return first


async def _chunks(
    first: pb2.UploadContentRequest, rest: AsyncIterator[pb2.UploadContentRequest]
) -> AsyncIterator[bytes]:
    yield _chunk(first)
    async for message in rest:
        yield _chunk(message)


def _chunk(message: pb2.UploadContentRequest) -> bytes:
    if len(message.chunk) > MAX_CHUNK_BYTES:
        raise ChunkTooLarge
    return message.chunk


def _row(pb: pb2.ImportRow) -> Row:
    try:
        return Row(pb.line, asset_from_pb(pb.asset), pb.weight if pb.HasField("weight") else None)
    except LabelError as error:
        return Row(pb.line, error)


def _imported(batch: Imported) -> pb2.ImportAssetsResponse:
    return pb2.ImportAssetsResponse(
        imported=batch.imported,
        skipped=batch.skipped,
        errors=(pb2.RowError(line=r.line, reason=r.reason, message=r.message) for r in batch.refusals),
        project_asset_count=batch.asset_count,
    )
