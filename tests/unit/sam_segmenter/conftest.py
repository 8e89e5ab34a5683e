"""Files of pictures: good ones, and headers that promise more than there is; and a small encoder."""

import io
import struct
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

# 12 pixels high, 20 wide.
_PIXELS: NDArray[np.uint8] = np.random.default_rng(7).integers(0, 256, (12, 20, 3), dtype=np.uint8)


def _encoded(image: Image.Image, form: str, **options: Any) -> bytes:
    """The file of a picture."""
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


@pytest.fixture(scope="session")
def good_files() -> Mapping[str, bytes]:
    """One small picture in every form that is read."""
    image = Image.fromarray(_PIXELS)
    alpha = Image.fromarray(np.dstack([_PIXELS, _PIXELS[:, :, :1]]))
    deep = Image.fromarray(_PIXELS[:, :, 0].astype(np.uint16) * 257)
    return {
        "png": _encoded(image, "PNG"),
        "alpha png": _encoded(alpha, "PNG"),
        "16 bit png": _encoded(deep, "PNG"),
        "animated png": _encoded(alpha, "PNG", save_all=True, append_images=[alpha.rotate(180)]),
        "jpeg": _encoded(image, "JPEG"),
        "progressive jpeg": _encoded(image, "JPEG", progressive=True),
        "cmyk jpeg": _encoded(image.convert("CMYK"), "JPEG"),
        "webp": _encoded(image, "WEBP"),
        "lossless webp": _encoded(alpha, "WEBP", lossless=True),
        "animated webp": _encoded(image, "WEBP", save_all=True, append_images=[image.rotate(180)]),
        "tiff": _encoded(image, "TIFF"),
        "lzw tiff": _encoded(image, "TIFF", compression="tiff_lzw"),
        "jpeg tiff": _encoded(image, "TIFF", compression="jpeg"),
        "two pages of tiff": _encoded(image, "TIFF", save_all=True, append_images=[image.rotate(180)]),
        "gif": _encoded(image.quantize(64), "GIF"),
        "animated gif": _encoded(image, "GIF", save_all=True, append_images=[image.rotate(180)]),
        "bmp": _encoded(image, "BMP"),
    }


def _png(width: int, height: int, *chunks: bytes) -> bytes:
    """A PNG of that size with next to no pixels in it."""
    header = _png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    data = _png_chunk(b"IDAT", zlib.compress(bytes(10_000)))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + data + _png_chunk(b"IEND", b"")


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG with its length and checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _tiff(width: int, height: int, tile: int = 0) -> bytes:
    """A TIFF of that size in strips, or in square tiles, with next to no pixels in it."""
    tags = [(256, width), (257, height), (258, 8), (259, 8), (262, 1), (277, 1)]
    tags += [(322, tile), (323, tile), (324, 8), (325, 16)] if tile else [(273, 8), (278, height), (279, 16)]
    data = zlib.compress(bytes(16)).ljust(16, b"\0")
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II*\0" + struct.pack("<I", 8 + 16) + data + struct.pack("<H", len(tags)) + entries + bytes(4)


@pytest.fixture(scope="session")
def bombs() -> Mapping[str, bytes]:
    """Small files that would be huge pictures."""
    jpeg = _encoded(Image.fromarray(_PIXELS), "JPEG")
    at = jpeg.index(b"\xff\xc0") + 5
    gif = _encoded(Image.fromarray(_PIXELS).quantize(64), "GIF")
    bmp = _encoded(Image.fromarray(_PIXELS), "BMP")
    vp8 = _encoded(Image.fromarray(_PIXELS), "WEBP")
    canvas = b"VP8X" + struct.pack("<II", 10, 0) + 2 * (16_382).to_bytes(3, "little")
    return {
        "png": _png(30_000, 30_000),
        "long png": _png(30_001, 1),
        "slim png": _png(1, 2**31 - 1),
        "png just too large": _png(8_000, 8_001),
        "jpeg": jpeg[:at] + struct.pack(">HH", 65_500, 65_500) + jpeg[at + 4 :],
        "jpeg just too large": jpeg[:at] + struct.pack(">HH", 8_001, 8_000) + jpeg[at + 4 :],
        "gif": gif[:6] + struct.pack("<HH", 65_535, 65_535) + gif[10:],
        "bmp": bmp[:18] + struct.pack("<ii", 30_000, 30_000) + bmp[26:],
        "webp": b"RIFF" + struct.pack("<I", 4 + len(canvas) + len(vp8) - 12) + b"WEBP" + canvas + vp8[12:],
        "tiff": _tiff(100_000, 100_000),
        "small tiff of a huge tile": _tiff(16, 16, tile=60_000),
    }


@pytest.fixture(scope="session")
def small_encoder():
    """Makes an encoder of one convolution, with the inputs and outputs of a stock SAM encoder."""

    def make(batch="n", side=1024, channels=256, constant=False, names=("input", "out")):
        values = np.random.default_rng(1).normal(0, 0.02, (channels, 3, 16, 16)).astype(np.float32)
        weights = numpy_helper.from_array(values, "weights")
        nodes = [helper.make_node("Conv", [names[0], "weights"], [names[1]], strides=[16, 16])]
        if constant:
            nodes.insert(0, helper.make_node("Constant", [], ["weights"], value=weights))
        cells = side // 16
        graph = helper.make_graph(
            nodes,
            "small",
            [helper.make_tensor_value_info(names[0], TensorProto.FLOAT, [batch, 3, side, side])],
            [helper.make_tensor_value_info(names[1], TensorProto.FLOAT, [batch, channels, cells, cells])],
            [] if constant else [weights],
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 12)], ir_version=7)

    return make
