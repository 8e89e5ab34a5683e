"""Clicks, boxes and earlier masks into masks."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from time import monotonic

from grpc import aio

from labelmesh.client import wire_segment as wire
from labelmesh.client.calls import Link, Pauses, connection_lost
from labelmesh.client.errors import from_rpc
from labelmesh.client.segment import (
    FoundMasks,
    Grid,
    ObjectPrompt,
    PostProcess,
    SamModel,
    Segmentation,
    ShapeForm,
    WarmImage,
)
from labelmesh.segmenter.v1 import segmenter_service_pb2 as pb
from labelmesh.segmenter.v1.segmenter_service_pb2_grpc import SegmenterServiceStub
from labels.asset import ContentRef
from labels.proto import content_ref_from_pb

_CHUNK_BYTES = 256 << 10
_PATIENCE_S = 60.0
_DEADLINE_S = 120.0
_NO_CLEANING = PostProcess()
_DEFAULT_GRID = Grid()


class Segmenter:
    """`client.segmenter`. A picture is named by its ContentRef or by the handle that `warm` or `segment` returned."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._stub = SegmenterServiceStub(link.channel)

    async def upload(self, content: bytes | Path) -> ContentRef:
        """Store a picture of at most 64 MiB, from memory or a file, for callers without a project.

        The same content again has the same address. Raises LabelmeshError, and OSError when the file cannot be read.
        """
        data = content if isinstance(content, bytes) else await asyncio.to_thread(content.read_bytes)
        end, pauses = monotonic() + _PATIENCE_S, Pauses()
        while True:
            try:
                response = await self._stub.UploadImage(
                    _chunks(data), timeout=_PATIENCE_S, metadata=self._link.metadata
                )
                return content_ref_from_pb(response.content)
            except aio.AioRpcError as error:
                if not connection_lost(error) or not await pauses.wait(end):
                    raise from_rpc(error, self._link.service, self._link.address) from error

    async def warm(self, image: ContentRef | str) -> WarmImage:
        """Encode a picture ahead of its first click."""
        request = pb.WarmImageRequest(image=wire.image_to_pb(image))
        response = await self._link.unary(
            self._stub.WarmImage, request, repeatable=True, deadline_s=_DEADLINE_S
        )
        return wire.warm_from_pb(response)

    async def segment(
        self,
        image: ContentRef | str,
        prompts: Sequence[ObjectPrompt],
        *,
        best_only: bool = False,
        post_process: PostProcess = _NO_CLEANING,
        form: ShapeForm = ShapeForm.MASK,
        zoom: bool = False,
    ) -> Segmentation:
        """Masks for 1 to 64 objects, up to three for each, best first, or the best only.

        `zoom` looks at small objects of large pictures in full resolution. Raises LabelmeshError: INVALID_ARGUMENT for
        prompts that do not fit the picture, NOT_FOUND for a picture that is not there, UNAVAILABLE when the encoder is.
        """
        request = pb.SegmentRequest(
            image=wire.image_to_pb(image),
            objects=[wire.prompt_to_pb(prompt) for prompt in prompts],
            best_only=best_only,
            post_process=wire.post_process_to_pb(post_process),
            form=wire.form_to_pb(form),
            zoom=zoom,
        )
        response = await self._link.unary(
            self._stub.Segment, request, repeatable=True, deadline_s=_DEADLINE_S
        )
        return wire.segmentation_from_pb(response)

    async def generate(
        self, image: ContentRef | str, grid: Grid = _DEFAULT_GRID, *, form: ShapeForm = ShapeForm.MASK
    ) -> AsyncIterator[FoundMasks]:
        """Masks all over a picture, as they are found; one that came is not sent again. Raises LabelmeshError."""
        async for found in self._link.stream(self._stub.GenerateMasks, wire.grid_to_pb(image, grid, form)):
            yield wire.found_from_pb(found)

    async def model(self) -> SamModel:
        """The model that answers."""
        return wire.model_from_pb(
            await self._link.unary(self._stub.GetModel, pb.GetModelRequest(), repeatable=True)
        )


async def _chunks(data: bytes) -> AsyncIterator[pb.UploadImageRequest]:
    for start in range(0, max(1, len(data)), _CHUNK_BYTES):
        yield pb.UploadImageRequest(chunk=data[start : start + _CHUNK_BYTES])
