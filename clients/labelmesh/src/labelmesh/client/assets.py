"""Bringing content in: streaming imports that survive a broken connection, and uploads."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import monotonic

from grpc import aio

from labelmesh.client.calls import STREAM_DEADLINE_S, Link, Pauses, connection_lost
from labelmesh.client.errors import from_rpc
from labelmesh.client.importing import Batches, ImportProgress, ImportRow, Unanswered
from labelmesh.client.paging import pages
from labelmesh.review.v1 import asset_service_pb2
from labelmesh.review.v1.asset_service_pb2_grpc import AssetServiceStub
from labels import names
from labels.asset import Asset, ContentRef
from labels.proto import asset_from_pb, content_ref_from_pb

_CHUNK_BYTES = 256 << 10
_PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class _Import:
    """What one import is about."""

    parent: str
    validate_only: bool


class Assets:
    """`client.assets`."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._stub = AssetServiceStub(link.channel)

    async def import_rows(
        self,
        project: str,
        rows: Iterable[ImportRow],
        on_progress: Callable[[ImportProgress], None] | None = None,
        *,
        validate_only: bool = False,
    ) -> ImportProgress:
        """Import rows in order; the end state, with every row that was refused.

        Rows already there with the same key and content are skipped, so an interrupted import is resumed by
        importing the same rows again. A lost connection is resumed by itself for up to a minute: rows whose
        answer was lost are sent again and may then count as skipped. `rows` is read once, ahead of the
        server by a few messages at most. `validate_only` checks every row and stores nothing. Raises
        LabelmeshError.
        """
        job = _Import(names.project_name(project), validate_only)
        unanswered = Unanswered(Batches(rows, project))
        progress = ImportProgress()
        end, pauses = monotonic() + _PATIENCE_S, Pauses()
        while True:
            try:
                async for response in self._import_stream(job, unanswered):
                    unanswered.answer(response)
                    progress = progress.plus(response)
                    end, pauses = monotonic() + _PATIENCE_S, Pauses()
                    if on_progress is not None:
                        on_progress(progress)
                return progress
            except aio.AioRpcError as error:
                if not connection_lost(error) or not await pauses.wait(end):
                    raise from_rpc(error, self._link.service, self._link.address) from error

    async def _import_stream(
        self, job: _Import, unanswered: Unanswered[asset_service_pb2.ImportRow]
    ) -> AsyncIterator[asset_service_pb2.ImportAssetsResponse]:
        """The answers of one connection, over the rows that no earlier connection got an answer for."""

        async def requests() -> AsyncIterator[asset_service_pb2.ImportAssetsRequest]:
            yield asset_service_pb2.ImportAssetsRequest(parent=job.parent, validate_only=job.validate_only)
            for batch in unanswered.batches():
                yield asset_service_pb2.ImportAssetsRequest(rows=batch)

        call = self._stub.ImportAssets(requests(), timeout=STREAM_DEADLINE_S, metadata=self._link.metadata)
        try:
            async for response in call:
                yield response
        finally:
            call.cancel()

    async def upload(self, project: str, content: bytes | Path) -> ContentRef:
        """Store content of at most 64 MiB, from memory or a file; the same content again has the same
        address.

        Raises LabelmeshError, and OSError when the file cannot be read.
        """
        end, pauses = monotonic() + _PATIENCE_S, Pauses()
        while True:
            try:
                response = await self._stub.UploadContent(
                    _chunks(names.project_name(project), content),
                    timeout=_PATIENCE_S,
                    metadata=self._link.metadata,
                )
                return content_ref_from_pb(response.content)
            except aio.AioRpcError as error:
                if not connection_lost(error) or not await pauses.wait(end):
                    raise from_rpc(error, self._link.service, self._link.address) from error

    async def list(self, project: str) -> AsyncIterator[Asset]:
        """Assets of a project in import order."""
        request = asset_service_pb2.ListAssetsRequest(parent=names.project_name(project), page_size=100)
        call = partial(self._link.unary, self._stub.ListAssets, request, repeatable=True)
        async for page in pages(request, call):
            for pb in page.assets:
                yield asset_from_pb(pb)


async def _chunks(
    parent: str, content: bytes | Path
) -> AsyncIterator[asset_service_pb2.UploadContentRequest]:
    data = content if isinstance(content, bytes) else await asyncio.to_thread(content.read_bytes)
    yield asset_service_pb2.UploadContentRequest(parent=parent, chunk=data[:_CHUNK_BYTES])
    for start in range(_CHUNK_BYTES, len(data), _CHUNK_BYTES):
        yield asset_service_pb2.UploadContentRequest(chunk=data[start : start + _CHUNK_BYTES])
