"""Masks as PNG files: one bit a pixel, white inside."""

import struct
from io import BytesIO

import numpy as np
from PIL import Image

from labels.errors import AnnotationInvalid
from labels.rle import Bitmap
from sam_segmenter.masks.sizes import check_size

MAX_BYTES = 3 << 20
# From this grey on a pixel counts as white; a file of ours has 0 and 255 only.
_WHITE = 128
# A file begins with eight bytes that are always the same, then the length and name of its first chunk, then the size.
_HEAD = struct.Struct(">8s4x4sII")
_MAGIC = (b"\x89PNG\r\n\x1a\n", b"IHDR")


def size(png: bytes) -> tuple[int, int]:
    """Height and width in pixels, from the file's first bytes alone. Raises AnnotationInvalid."""
    if len(png) > MAX_BYTES:
        raise AnnotationInvalid("The mask's PNG has more than 3 MiB: send COCO run lengths.")
    if len(png) < _HEAD.size:
        raise AnnotationInvalid("The mask is not a PNG file.")
    *magic, width_px, height_px = _HEAD.unpack_from(png)
    if tuple(magic) != _MAGIC:
        raise AnnotationInvalid("The mask is not a PNG file.")
    return height_px, width_px


def to_png(bitmap: Bitmap) -> bytes:
    """A mask H x W as a file of at most MAX_BYTES. Raises AnnotationInvalid."""
    # The packed bits are handed over as they are: a greyscale picture in between would be eight times as large.
    bits = np.packbits(bitmap, axis=1)
    file = BytesIO()
    Image.frombytes("1", bitmap.shape[::-1], bits.tobytes()).save(file, "PNG")
    if file.tell() > MAX_BYTES:
        raise AnnotationInvalid("The mask is too ragged for a PNG of 3 MiB: ask for MASK.")
    return file.getvalue()


def from_png(png: bytes) -> Bitmap:
    """H x W: the light pixels of a file in any of PNG's colours. Raises AnnotationInvalid or PictureTooLarge."""
    # Before anything is unpacked: a small file can stand for a picture that fills the memory.
    check_size(*size(png))
    try:
        with Image.open(BytesIO(png), formats=["PNG"]) as image:
            return _light(image)
    # What Pillow raises depends on where the file is damaged.
    except (OSError, SyntaxError, ValueError):
        raise AnnotationInvalid("The mask's PNG is damaged or ends early.") from None


def _light(image: Image.Image) -> Bitmap:
    if image.mode.startswith("I"):
        # Sixteen bits a pixel, which Pillow would clip to eight instead of scaling them.
        return np.asarray(image) >= _WHITE << 8
    return np.asarray(image.convert("L")) >= _WHITE
