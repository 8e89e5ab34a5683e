"""MaskService on the wire."""

import asyncio
from collections.abc import Mapping
from typing import Any

from grpc import StatusCode

from labelmesh.segmenter.v1 import mask_service_pb2 as pb
from labelmesh.segmenter.v1 import segmentation_run_service_pb2, segmenter_service_pb2, video_service_pb2
from labelmesh.segmenter.v1.mask_service_pb2_grpc import MaskServiceServicer
from labels.errors import LabelError
from sam_segmenter import errors
from sam_segmenter.errors import FormMissing
from sam_segmenter.masks import figures
from sam_segmenter.wire import figure_from_pb, figure_to_pb, measure_to_pb

#: Descriptor of each service of this package by its name.
SERVICES = {
    name: descriptor
    for module in (pb, segmenter_service_pb2, segmentation_run_service_pb2, video_service_pb2)
    for name, descriptor in module.DESCRIPTOR.services_by_name.items()
}
STATUS: Mapping[type[Exception], StatusCode] = {
    LabelError: StatusCode.INVALID_ARGUMENT,
    errors.NotThere: StatusCode.NOT_FOUND,
    errors.NotNow: StatusCode.FAILED_PRECONDITION,
    errors.ModelUnusable: StatusCode.FAILED_PRECONDITION,
    errors.EncoderError: StatusCode.UNAVAILABLE,
    errors.EncoderSlow: StatusCode.DEADLINE_EXCEEDED,
    errors.EncoderUnfit: StatusCode.FAILED_PRECONDITION,
    errors.RequestIdReused: StatusCode.ALREADY_EXISTS,
    errors.SessionsFull: StatusCode.RESOURCE_EXHAUSTED,
    errors.SegmenterError: StatusCode.INTERNAL,
    errors.RequestInvalid: StatusCode.INVALID_ARGUMENT,
}
_CONVERSIONS = {
    pb.SHAPE_FORM_MASK: figures.to_mask,
    pb.SHAPE_FORM_POLYGON: figures.to_polygon,
    pb.SHAPE_FORM_PNG: figures.to_png,
}


class MaskServicer(MaskServiceServicer):
    """Measures and converts; the work runs in worker threads so that a large mask does not hold up the others."""

    async def MeasureMask(self, request: pb.MeasureMaskRequest, context: Any) -> pb.MeasureMaskResponse:
        """Measure a shape."""
        figure = figure_from_pb(request.shape)
        return measure_to_pb(await asyncio.to_thread(figures.measure, figure))

    async def ConvertMask(self, request: pb.ConvertMaskRequest, context: Any) -> pb.ConvertMaskResponse:
        """Convert a shape to another form."""
        convert = _CONVERSIONS.get(request.form)
        if convert is None:
            raise FormMissing
        before = figure_from_pb(request.shape)
        after = await asyncio.to_thread(convert, before)
        areas = [(await asyncio.to_thread(figures.measure, figure)).area_px for figure in (before, after)]
        return pb.ConvertMaskResponse(
            shape=figure_to_pb(after), input_area_px=areas[0], output_area_px=areas[1]
        )
