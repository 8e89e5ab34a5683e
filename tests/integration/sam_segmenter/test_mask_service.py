"""MaskService over a real server."""

import struct
from collections.abc import AsyncIterator
from io import BytesIO

import grpc
import numpy as np
import pytest
from grpc_status import rpc_status
from PIL import Image

from chassis.testing import serving
from labelmesh.label.v1 import label_pb2
from labelmesh.segmenter.v1 import mask_service_pb2 as pb
from labelmesh.segmenter.v1.mask_service_pb2_grpc import MaskServiceStub, add_MaskServiceServicer_to_server
from labels import rle
from sam_segmenter.servicer import STATUS, MaskServicer

SERVICE = pb.DESCRIPTOR.services_by_name["MaskService"]


@pytest.fixture
async def stub() -> AsyncIterator[MaskServiceStub]:
    registration = (add_MaskServiceServicer_to_server, MaskServicer(), SERVICE)
    async with serving([registration], STATUS) as channel:
        yield MaskServiceStub(channel)


def mask_of(bitmap: np.ndarray) -> pb.Shape:
    mask = rle.encode(bitmap)
    return pb.Shape(mask=label_pb2.Mask(height_px=mask.height_px, width_px=mask.width_px, counts=mask.counts))


def ring_and_dot() -> np.ndarray:
    """A 6 x 6 square with a 2 x 2 hole, and a lone pixel far from it."""
    bitmap = np.zeros((20, 30), dtype=bool)
    bitmap[2:8, 3:9] = True
    bitmap[4:6, 5:7] = False
    bitmap[15, 25] = True
    return bitmap


async def test_a_mask_is_measured_by_its_pixels(stub: MaskServiceStub) -> None:
    found = await stub.MeasureMask(pb.MeasureMaskRequest(shape=mask_of(ring_and_dot())))
    assert (found.area_px, found.components, found.holes) == (33.0, 2, 1)
    box = found.bounds
    assert (box.x_px, box.y_px, box.width_px, box.height_px) == (3, 2, 23, 14)


async def test_parts_and_holes_survive_both_ways(stub: MaskServiceStub) -> None:
    shape = mask_of(ring_and_dot())
    polygon = await stub.ConvertMask(pb.ConvertMaskRequest(shape=shape, form=pb.SHAPE_FORM_POLYGON))
    assert len(polygon.shape.polygon.rings) == 3
    back = await stub.ConvertMask(pb.ConvertMaskRequest(shape=polygon.shape, form=pb.SHAPE_FORM_MASK))
    assert back.shape == shape
    assert (back.input_area_px, back.output_area_px) == (33.0, 33.0)


async def test_a_mask_comes_back_from_a_png_of_one_bit_a_pixel(stub: MaskServiceStub) -> None:
    shape = mask_of(ring_and_dot())
    png = await stub.ConvertMask(pb.ConvertMaskRequest(shape=shape, form=pb.SHAPE_FORM_PNG))
    with Image.open(BytesIO(png.shape.png)) as image:
        assert (image.format, image.mode, image.size) == ("PNG", "1", (30, 20))
        assert (np.asarray(image) == ring_and_dot()).all()
    back = await stub.ConvertMask(pb.ConvertMaskRequest(shape=png.shape, form=pb.SHAPE_FORM_MASK))
    assert back.shape == shape
    assert (back.input_area_px, back.output_area_px) == (33.0, 33.0)
    assert (await stub.MeasureMask(pb.MeasureMaskRequest(shape=png.shape))).components == 2


async def test_a_polygon_becomes_a_png_of_its_picture(stub: MaskServiceStub) -> None:
    shape = pb.Shape(polygon=TRIANGLE, height_px=8, width_px=9)
    png = await stub.ConvertMask(pb.ConvertMaskRequest(shape=shape, form=pb.SHAPE_FORM_PNG))
    with Image.open(BytesIO(png.shape.png)) as image:
        assert image.size == (9, 8)
        assert np.asarray(image)[0].tolist() == [True] * 4 + [False] * 5


async def test_an_empty_mask_has_no_bounds(stub: MaskServiceStub) -> None:
    found = await stub.MeasureMask(pb.MeasureMaskRequest(shape=mask_of(np.zeros((4, 5), dtype=bool))))
    assert (found.area_px, found.components, found.holes) == (0.0, 0, 0)
    assert not found.HasField("bounds")


def png_head(height_px: int, width_px: int) -> bytes:
    """The first 24 bytes of a file of that size."""
    return b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", width_px, height_px)


TRIANGLE = label_pb2.Polygon(rings=[label_pb2.Ring(xy_px=[0, 0, 5, 0, 0, 5])])


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        (pb.Shape(), "SHAPE_MISSING"),
        (pb.Shape(mask=label_pb2.Mask(height_px=4, width_px=4, counts=b"\xff\xfe")), "ANNOTATION_INVALID"),
        (pb.Shape(polygon=TRIANGLE, height_px=30_000, width_px=30_000), "PICTURE_TOO_LARGE"),
        (pb.Shape(polygon=TRIANGLE), "PICTURE_TOO_LARGE"),
        (pb.Shape(png=b"GIF89a" + bytes(40)), "ANNOTATION_INVALID"),
        (pb.Shape(png=png_head(30_000, 30_000)), "PICTURE_TOO_LARGE"),
        (pb.Shape(png=png_head(0, 9)), "PICTURE_TOO_LARGE"),
        (pb.Shape(png=png_head(9, 9)), "ANNOTATION_INVALID"),
        (
            pb.Shape(
                polygon=label_pb2.Polygon(rings=[label_pb2.Ring(xy_px=[0, 0, float("nan"), 0, 0, 5])]),
                height_px=9,
                width_px=9,
            ),
            "ANNOTATION_INVALID",
        ),
    ],
)
async def test_bad_shapes_get_a_typed_error(stub: MaskServiceStub, shape: pb.Shape, reason: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.ConvertMask(pb.ConvertMaskRequest(shape=shape, form=pb.SHAPE_FORM_MASK))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    status = rpc_status.from_call(caught.value)
    assert status is not None
    assert reason.encode() in status.details[0].value


async def test_a_form_is_needed(stub: MaskServiceStub) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.ConvertMask(pb.ConvertMaskRequest(shape=mask_of(ring_and_dot())))
    assert caught.value.details() == "The form must be MASK, POLYGON or PNG."
