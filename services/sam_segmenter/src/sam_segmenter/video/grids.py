"""A decoder's logits in a few kilobytes: coarse where they have to be, and the same whoever unpacks them.

What is followed goes on from what was unpacked, never from what was packed, so that a cursor and the process that wrote
it see the same.
"""

import zlib

import numpy as np
from numpy.typing import NDArray

from sam_segmenter.frame import LOGITS_PX, Floats

#: Largest packed grid, bytes.
MOST_BYTES = 9 << 10
# Steps that logits are rounded to, and most of them on either side of zero, finest first.
_LEVELS = ((0.5, 16), (1.0, 8), (2.0, 4))
# Signs alone, which always fit: one bit each.
_SIGNS, _SIGN = len(_LEVELS), 4.0
_SHAPE = (LOGITS_PX, LOGITS_PX)


def pack(logits: Floats) -> bytes:
    """Logits 256 x 256 in at most MOST_BYTES, rounded no more than that takes. No logit changes its side of zero."""
    for level, (step, most) in enumerate(_LEVELS):
        steps = np.clip(np.rint(logits / step), -most, most)
        # Zero is outside; what lies inside, however little, stays there.
        steps = np.where(logits > 0, np.maximum(steps, 1), np.minimum(steps, 0)).astype(np.int8)
        packed = bytes((level,)) + zlib.compress(_differences(steps).tobytes(), 6)
        if len(packed) <= MOST_BYTES:
            return packed
    return bytes((_SIGNS,)) + zlib.compress(np.packbits(logits > 0).tobytes(), 6)


def unpack(packed: bytes) -> Floats:
    """Logits 256 x 256. Raises ValueError when the bytes are not of a packed grid."""
    level = packed[0] if packed else -1
    if not 0 <= level <= _SIGNS or len(packed) > MOST_BYTES:
        raise ValueError("not a packed grid")
    size = LOGITS_PX * LOGITS_PX
    if level == _SIGNS:
        bits = np.unpackbits(np.frombuffer(_inflated(packed[1:], size // 8), dtype=np.uint8))
        return np.where(bits.reshape(_SHAPE) == 1, _SIGN, -_SIGN).astype(np.float32)
    differences = np.frombuffer(_inflated(packed[1:], size), dtype=np.int8).reshape(_SHAPE)
    step, most = _LEVELS[level]
    steps = differences.cumsum(axis=0, dtype=np.int8).cumsum(axis=1, dtype=np.int8)
    if np.abs(steps.astype(np.int16)).max() > most:
        raise ValueError("not a packed grid")
    return steps.astype(np.float32) * np.float32(step)


def _differences(steps: NDArray[np.int8]) -> NDArray[np.int8]:
    """Each from its neighbours to the left and above, modulo 256: small where the grid is smooth."""
    return np.diff(np.diff(steps, axis=1, prepend=np.int8(0)), axis=0, prepend=np.int8(0))


def _inflated(data: bytes, size: int) -> bytes:
    """Exactly that many bytes, however many were promised."""
    decompressor = zlib.decompressobj()
    try:
        # One more than there should be, which shows whether that was all.
        out = decompressor.decompress(data, size + 1)
    except zlib.error as error:
        raise ValueError("not a packed grid") from error
    if len(out) != size or not decompressor.eof:
        raise ValueError("not a packed grid")
    return out
