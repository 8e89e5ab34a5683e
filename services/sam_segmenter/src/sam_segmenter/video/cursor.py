"""Where a propagation stands, as bytes that another process can go on from.

A cursor is what a caller hands back: every number in it is looked at before it is believed.
"""

import json
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np

from labels.errors import LabelError
from sam_segmenter.errors import CursorInvalid
from sam_segmenter.video import grids, notes
from sam_segmenter.video.following import LOOKS, PATIENCE, Followed
from sam_segmenter.video.frames import Frames
from sam_segmenter.video.notes import Notes

MAX_BYTES = 1 << 20
_VERSION = b"V1"
_LENGTH = struct.Struct("<I")
# The head, unpacked: prompts as texts in a text, and a few numbers for each object.
_MOST_HEAD = 2 << 20
_MOST = 1e6


@dataclass(frozen=True, slots=True)
class Cursor:
    """Behind frame `frame`, on the way of `step` (1 forward, -1 backward): what was said, and what is known."""

    frame: int
    step: int
    notes: Notes
    followed: Mapping[int, Followed]


def to_bytes(cursor: Cursor, frames: Frames) -> bytes:
    """At most 1 MiB: 64 objects of at most 9 KiB each, and prompts of at most 384 KiB."""
    followed = sorted(cursor.followed.items())
    head = {
        "source": frames.sha256,
        "frame": cursor.frame,
        "step": cursor.step,
        "said": [*cursor.notes],
        "followed": [(object_id, *_numbers(known)) for object_id, known in followed],
    }
    packed = zlib.compress(json.dumps(head, separators=(",", ":")).encode(), 6)
    parts = (known.looks.tobytes() + known.packed for _, known in followed)
    return _VERSION + _LENGTH.pack(len(packed)) + packed + b"".join(parts)


def from_bytes(data: bytes, frames: Frames) -> Cursor:
    """Raises CursorInvalid when it is not one that `to_bytes` made for the same frames."""
    try:
        head, grids_at = _head(data)
        if head["source"] != frames.sha256 or head["step"] not in (1, -1):
            raise CursorInvalid
        said = _notes(head["said"], frames)
        followed = _followed(head["followed"], data[grids_at:], frames)
        return Cursor(_frame(head["frame"], frames), int(head["step"]), said, followed)
    except CursorInvalid:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, zlib.error, LabelError) as error:
        raise CursorInvalid from error


def _head(data: bytes) -> tuple[dict[str, Any], int]:
    start = len(_VERSION) + _LENGTH.size
    if len(data) > MAX_BYTES or data[: len(_VERSION)] != _VERSION or len(data) < start:
        raise CursorInvalid
    (size,) = _LENGTH.unpack_from(data, len(_VERSION))
    decompressor = zlib.decompressobj()
    text = decompressor.decompress(data[start : start + size], _MOST_HEAD)
    if not decompressor.eof:
        raise CursorInvalid
    head = json.loads(text)
    if not isinstance(head, dict):
        raise CursorInvalid
    return head, start + size


def _notes(said: Any, frames: Frames) -> Notes:
    found = Notes()
    for object_id, frame, text in said:
        notes.check_text(text, frames.height_px, frames.width_px)
        found.say(_integer(object_id), _frame(frame, frames), text)
    return found


def _numbers(known: Followed) -> tuple[int | float, ...]:
    return (
        len(known.packed),
        known.frame,
        *known.shift,
        known.area,
        known.predicted_iou,
        known.lost,
    )


def _followed(rows: Any, data: bytes, frames: Frames) -> dict[int, Followed]:
    found, at = {}, 0
    for object_id, size, frame, dx, dy, area, predicted_iou, lost in rows:
        end = at + LOOKS + _integer(size)
        if not 0 <= size <= grids.MOST_BYTES or end > len(data):
            raise CursorInvalid
        looks = np.frombuffer(data[at : at + LOOKS], dtype=np.uint8)
        packed = data[at + LOOKS : end]
        grids.unpack(packed)
        numbers = [float(value) for value in (dx, dy, area, predicted_iou)]
        if not all(isfinite(value) and abs(value) < _MOST for value in numbers):
            raise CursorInvalid
        if not 0 <= _integer(lost) <= PATIENCE + 1:
            raise CursorInvalid
        at, shift = end, (numbers[0], numbers[1])
        known = Followed(_frame(frame, frames), packed, shift, looks, numbers[2], numbers[3], lost)
        found[_integer(object_id)] = known
    if at != len(data) or len(found) > notes.MAX_OBJECTS:
        raise CursorInvalid
    return found


def _integer(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise CursorInvalid
    return value


def _frame(value: Any, frames: Frames) -> int:
    if not 0 <= _integer(value) < frames.count:
        raise CursorInvalid
    return int(value)
