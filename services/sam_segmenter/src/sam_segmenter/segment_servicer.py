"""SegmenterService on the wire. Translates, decides nothing."""

from collections.abc import AsyncIterator
from typing import Any

from chassis.auth import caller
from chassis.blobs import Blobs
from labelmesh.segmenter.v1 import segmenter_service_pb2 as pb
from labelmesh.segmenter.v1.segmenter_service_pb2_grpc import SegmenterServiceServicer
from labels.asset import ContentRef
from labels.proto import content_ref_to_pb
from sam_segmenter import segment_wire as wire
from sam_segmenter.answers import Wish
from sam_segmenter.errors import OptionInvalid
from sam_segmenter.segmenter import Segmenter, View, handle_of

_MAX_CHUNK_BYTES = 1 << 20


class SegmenterServicer(SegmenterServiceServicer):
    """Clicks and boxes into masks."""

    def __init__(self, segmenter: Segmenter, blobs: Blobs, model: pb.GetModelResponse) -> None:
        """`model` is what GetModel answers."""
        self._segmenter = segmenter
        self._blobs = blobs
        self._model = model

    async def UploadImage(
        self, request_iterator: AsyncIterator[pb.UploadImageRequest], context: Any
    ) -> pb.UploadImageResponse:
        """Store a picture."""
        blob = await self._blobs.of(caller().tenant).put_stream(_chunks(request_iterator))
        ref = ContentRef(blob.uri, blob.sha256, blob.bytes)
        return pb.UploadImageResponse(content=content_ref_to_pb(ref))

    async def WarmImage(self, request: pb.WarmImageRequest, context: Any) -> pb.WarmImageResponse:
        """Encode ahead."""
        view = await self._view(request.image)
        _, tier = await self._segmenter.features(view)
        return pb.WarmImageResponse(
            handle=handle_of(view.ref),
            height_px=view.height_px,
            width_px=view.width_px,
            cache=wire.tier_to_pb(tier),
        )

    async def Segment(self, request: pb.SegmentRequest, context: Any) -> pb.SegmentResponse:
        """Masks for prompts."""
        wish = wire.wish_from_pb(request)
        view = await self._view(request.image)
        asks = wire.asks_from_pb([*request.objects], view.height_px, view.width_px)
        answer = await self._segmenter.segment(view, asks, wish, closer=request.zoom)
        return wire.answer_to_pb(answer)

    async def GenerateMasks(
        self, request: pb.GenerateMasksRequest, context: Any
    ) -> AsyncIterator[pb.GenerateMasksResponse]:
        """Masks without prompts."""
        grid, wish = wire.grid_from_pb(request), Wish(form=wire.form_from_pb(request.form))
        view = await self._view(request.image)
        async for found in self._segmenter.everything(view, grid, wish):
            yield pb.GenerateMasksResponse(
                masks=map(wire.mask_to_pb, found.candidates),
                points_done=found.points_done,
                points_total=found.points_total,
            )

    async def GetModel(self, request: pb.GetModelRequest, context: Any) -> pb.GetModelResponse:
        """Describe the model."""
        return self._model

    async def _view(self, image: pb.ImageSource) -> View:
        return await self._segmenter.view(caller().tenant, wire.ref_from_pb(image))


async def _chunks(requests: AsyncIterator[pb.UploadImageRequest]) -> AsyncIterator[bytes]:
    async for request in requests:
        if len(request.chunk) > _MAX_CHUNK_BYTES:
            raise OptionInvalid("A message of an upload may carry 1 MiB.")
        yield request.chunk
