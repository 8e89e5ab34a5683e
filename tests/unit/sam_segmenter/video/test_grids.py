"""Logits in a few kilobytes."""

import zlib

import numpy as np
import pytest

from sam_segmenter.video import grids


def bump(radius: float, height: float = 12.0) -> np.ndarray:
    """Smooth logits, positive inside a circle."""
    y, x = np.mgrid[:256, :256]
    return (height * (1 - np.hypot(x - 100, y - 140) / radius)).astype(np.float32)


def cases() -> dict[str, np.ndarray]:
    noise = np.random.default_rng(1).normal(0, 6, (256, 256)).astype(np.float32)
    return {
        "smooth": bump(40),
        "rough": bump(90) + 0.3 * noise,
        "noise": noise,
        "nothing": np.full((256, 256), -20, np.float32),
        "everything": np.full((256, 256), 1e-6, np.float32),
        "huge": bump(60, 1e30),
        "zeros": np.zeros((256, 256), np.float32),
    }


@pytest.mark.parametrize("name", cases())
def test_a_packed_grid_is_small_and_keeps_every_logit_on_its_side(name) -> None:
    logits = cases()[name]
    packed = grids.pack(logits)
    assert len(packed) <= grids.MOST_BYTES
    assert np.array_equal(grids.unpack(packed) > 0, logits > 0)


def test_smooth_logits_are_rounded_by_half_a_step_at_most() -> None:
    logits = bump(40)
    close = np.abs(logits) < 8
    assert np.abs(grids.unpack(grids.pack(logits)) - logits)[close].max() <= 0.5


def test_what_was_packed_once_packs_to_the_same_again() -> None:
    for logits in cases().values():
        packed = grids.pack(logits)
        assert np.array_equal(grids.unpack(grids.pack(grids.unpack(packed))), grids.unpack(packed))


def test_other_bytes_are_refused() -> None:
    good = grids.pack(bump(40))
    random = np.random.default_rng(2)
    bad = [
        b"",
        b"\x00",
        b"\x09" + good[1:],
        good[:-1],
        good[: len(good) // 2],
        good[:1] + good[2:],
        bytes(9 << 10),
    ]
    bad += [bytes(random.integers(0, 256, 500, dtype=np.uint8)) for _ in range(50)]
    # A few bytes that stand for a gigabyte, and grids of other sizes.
    bad += [b"\x00" + zlib.compress(bytes(size)) for size in (1, 65_535, 65_537, 8 << 20)]
    # A level that its grid's numbers do not fit.
    bad += [b"\x02" + zlib.compress(bytes([100]) + bytes(65_535))]
    for data in bad:
        with pytest.raises(ValueError, match="not a packed grid"):
            grids.unpack(data)
