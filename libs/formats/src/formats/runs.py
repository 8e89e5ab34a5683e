"""Run lengths as other tools write them, to masks and back.

COCO counts down the columns of the whole picture, CVAT along the rows of the mask's own box, Label Studio packs the
bytes of an RGBA picture row by row. Nothing is trusted: lengths must fill their picture exactly.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco

from labels import rle
from labels.errors import AnnotationInvalid
from labels.label import Mask
from labels.rle import Bitmap

MAX_PACKED_PIXELS = 1 << 26
"""Pixels of the largest picture whose brush strokes are unpacked: four bytes of memory each."""
_WORD_BITS = 8
_SIZE_BITS = (4, 8, 12, 16)
_CHANNELS = 4


def from_counts(counts: Sequence[int], height_px: int, width_px: int) -> Mask:
    """The mask of COCO's uncompressed run lengths, zeros first. Raises AnnotationInvalid."""
    rle.check_pixels(height_px, width_px)
    if not all(type(n) is int and n >= 0 for n in counts) or sum(counts) != height_px * width_px:
        raise AnnotationInvalid("The mask's run lengths do not fill its picture.")
    packed = coco.frPyObjects({"counts": list(counts), "size": [height_px, width_px]}, height_px, width_px)
    return Mask(height_px, width_px, packed["counts"])


def from_text(counts: str, height_px: int, width_px: int) -> Mask:
    """The mask of COCO's compressed run lengths. Raises AnnotationInvalid."""
    rle.check_pixels(height_px, width_px)
    mask = Mask(height_px, width_px, counts.encode("ascii", "replace"))
    rle.decode(mask)
    return mask


def lengths_of(flat: Bitmap) -> list[int]:
    """Lengths of the runs of a flat array, zeros first."""
    turns = np.flatnonzero(np.diff(flat.view(np.int8))) + 1
    edges = np.concatenate(([0], turns, [len(flat)]))
    lengths: list[int] = np.diff(edges).tolist()
    return [0, *lengths] if len(flat) and flat[0] else lengths


def flat_of(lengths: Sequence[int], total: int) -> Bitmap:
    """The flat array of such lengths. Raises AnnotationInvalid unless they sum to `total`."""
    if any(n < 0 for n in lengths) or sum(lengths) != total:
        raise AnnotationInvalid("The mask's run lengths do not fill its box.")
    return np.repeat(np.arange(len(lengths)) % 2 == 1, lengths)


def to_rows_of_box(mask: Mask) -> tuple[list[int], int, int, int, int]:
    """CVAT's form: lengths along the rows of the mask's box, then its left, top, width and height in pixels.

    Raises AnnotationInvalid for a mask without pixels.
    """
    box = rle.bounds(mask)
    if box is None:
        raise AnnotationInvalid("The mask has no pixels.")
    x, y, w, h = int(box.x_px), int(box.y_px), int(box.width_px), int(box.height_px)
    inside = rle.to_bitmap(mask)[y : y + h, x : x + w]
    return lengths_of(np.ascontiguousarray(inside).ravel()), x, y, w, h


def from_rows_of_box(
    lengths: Sequence[int], box: tuple[int, int, int, int], height_px: int, width_px: int
) -> Mask:
    """The mask of CVAT's form; `box` is left, top, width, height in pixels. Raises AnnotationInvalid."""
    x, y, w, h = box
    if w < 1 or h < 1 or x < 0 or y < 0 or x + w > width_px or y + h > height_px:
        raise AnnotationInvalid("The mask's box does not lie in its picture.")
    rle.check_pixels(height_px, width_px)
    return rle.encode_at(flat_of(lengths, w * h).reshape(h, w), x, y, height_px, width_px)


def pack(mask: Mask) -> list[int]:
    """Label Studio's brush form: bytes of packed runs of an RGBA picture, white and opaque where the mask is.

    A header says how many bytes are packed (32 bits), the bits of one less 1 (5 bits) and of four sizes of run
    lengths less 1 (4 bits each). Then, for each run: 1 for a repeated value, the number of the size (2 bits), the
    length less 1, the value.
    """
    flat = np.ascontiguousarray(rle.to_bitmap(mask)).ravel()
    bits = [_bits(len(flat) * _CHANNELS, 32), _bits(_WORD_BITS - 1, 5)]
    bits += [_bits(size - 1, 4) for size in _SIZE_BITS]
    for at, length in enumerate(lengths_of(flat)):
        _pack_run(bits, length * _CHANNELS, 255 if at % 2 else 0)
    packed: list[int] = np.packbits(np.frombuffer("".join(bits).encode(), dtype=np.uint8) - 48).tolist()
    return packed


def _pack_run(bits: list[str], left: int, value: int) -> None:
    while left:
        number = next((n for n, size in enumerate(_SIZE_BITS) if left <= 1 << size), len(_SIZE_BITS) - 1)
        some = min(left, 1 << _SIZE_BITS[number])
        bits += ["1", _bits(number, 2), _bits(some - 1, _SIZE_BITS[number]), _bits(value, _WORD_BITS)]
        left -= some


def _bits(value: int, width: int) -> str:
    return f"{value:0{width}b}"


def unpack(packed: Sequence[int], height_px: int, width_px: int) -> Mask:
    """The mask of Label Studio's brush form: pixels that are not quite transparent. Raises AnnotationInvalid."""
    total = height_px * width_px * _CHANNELS
    if not 0 < total <= MAX_PACKED_PIXELS * _CHANNELS:
        raise AnnotationInvalid(f"A brush stroke may have 1 to {MAX_PACKED_PIXELS:,} pixels.")
    try:
        stream = np.unpackbits(np.asarray(packed, dtype=np.uint8))
    except (ValueError, TypeError, OverflowError):
        raise AnnotationInvalid("The brush stroke is not a list of bytes.") from None
    picture = _Unpacking(stream, total).picture()
    return rle.encode(picture[_CHANNELS - 1 :: _CHANNELS].reshape(height_px, width_px) > 0)


class _Unpacking:
    """One reading of the packed form."""

    def __init__(self, stream: NDArray[np.uint8], total: int) -> None:
        self._stream = stream
        self._total = total
        self._at = 0

    def picture(self) -> NDArray[np.uint8]:
        """The bytes of the picture. Raises AnnotationInvalid."""
        if self._number(32) != self._total:
            raise AnnotationInvalid("The brush stroke is not of its picture's size.")
        if self._number(5) + 1 != _WORD_BITS:
            raise AnnotationInvalid("The brush stroke does not hold bytes.")
        sizes = [self._number(4) + 1 for _ in range(4)]
        picture = np.zeros(self._total, dtype=np.uint8)
        done = 0
        while done < self._total:
            repeated = self._number(1)
            count = self._number(sizes[self._number(2)]) + 1
            if done + count > self._total:
                raise AnnotationInvalid("The brush stroke is longer than its picture.")
            picture[done : done + count] = self._number(_WORD_BITS) if repeated else self._values(count)
            done += count
        return picture

    def _number(self, width: int) -> int:
        return int("".join(map(str, self._take(width).tolist())), 2)

    def _values(self, count: int) -> NDArray[np.uint8]:
        return np.packbits(self._take(count * _WORD_BITS))

    def _take(self, width: int) -> NDArray[np.uint8]:
        taken = self._stream[self._at : self._at + width]
        if len(taken) < width:
            raise AnnotationInvalid("The brush stroke breaks off.")
        self._at += width
        return taken
