"""Colours of many pixels: how often each occurs, in RGB, HSV or Lab, their mean and percentiles.

Everything is counted by distinct colour, so the figures are exact and take no more memory for a large area than for
a colourful one.

RGB: 0 to 255 each. HSV: hue in degrees 0 to 360, saturation and value 0 to 1. Lab: CIE 1976 of sRGB under D65,
L 0 to 100.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qa_engine.picture import Pixels

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
_MANY = 1 << 22
# Rows are X, Y, Z of linear red, green and blue, divided by those of white (IEC 61966-2-1).
_TO_XYZ = np.asarray(
    (
        (0.4124564, 0.3575761, 0.1804375),
        (0.2126729, 0.7151522, 0.0721750),
        (0.0193339, 0.1191920, 0.9503041),
    )
)
_TO_XYZ_OF_WHITE = _TO_XYZ / _TO_XYZ.sum(axis=1, keepdims=True)


@dataclass(frozen=True, slots=True, eq=False)
class Colours:
    """Distinct colours, n x 3 in a space, and how many pixels have each."""

    values: Floats
    counts: Counts
    space: str


def count(pixels: Pixels, space: str) -> Colours:
    """The distinct colours of pixels N x 3, in "RGB", "HSV" or "LAB"."""
    if len(pixels) > _MANY:
        every = np.zeros(1 << 24, dtype=np.int64)
        # In portions, as the numbers of all pixels would take four times what the pixels do, and more on the way.
        for start in range(0, len(pixels), _MANY):
            every += np.bincount(_packed(pixels[start : start + _MANY]), minlength=1 << 24)
        distinct = np.flatnonzero(every)
        counts = every[distinct]
    else:
        distinct, counts = np.unique(_packed(pixels), return_counts=True)
    rgb = np.stack((distinct >> 16 & 0xFF, distinct >> 8 & 0xFF, distinct & 0xFF), axis=1).astype(np.float64)
    return Colours(SPACES[space](rgb), counts.astype(np.int64), space)


def _packed(pixels: Pixels) -> NDArray[np.integer[Any]]:
    """Each pixel's colour as one number."""
    wide = pixels.astype(np.uint32)
    packed: NDArray[np.integer[Any]] = wide[:, 0] << 16 | wide[:, 1] << 8 | wide[:, 2]
    return packed


def hsv(rgb: Floats) -> Floats:
    """HSV of RGB, both n x 3; grey has the hue 0."""
    share = rgb / 255
    most, spread = share.max(axis=1), np.ptp(share, axis=1)
    red, green, blue = share.T
    with np.errstate(divide="ignore", invalid="ignore"):
        sixth = np.select(
            (most == red, most == green),
            ((green - blue) / spread % 6, (blue - red) / spread + 2),
            (red - green) / spread + 4,
        )
        saturation = np.where(most > 0, spread / most, 0.0)
    return np.stack((np.where(spread > 0, sixth * 60, 0.0), saturation, most), axis=1)


def lab(rgb: Floats) -> Floats:
    """Lab of RGB, both n x 3."""
    share = rgb / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    x, y, z = _compressed(linear @ _TO_XYZ_OF_WHITE.T).T
    return np.stack((116 * y - 16, 500 * (x - y), 200 * (y - z)), axis=1)


def _compressed(ratio: Floats) -> Floats:
    """Cube root, and its tangent for what is darker than (6 / 29) ** 3."""
    return np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio * (29 / 6) ** 2 / 3 + 4 / 29)


def _same(rgb: Floats) -> Floats:
    return rgb


SPACES: dict[str, Callable[[Floats], Floats]] = {"RGB": _same, "HSV": hsv, "LAB": lab}


def mean(colours: Colours) -> Floats:
    """Mean of each channel; that of the hue goes around the circle and leaves grey pixels out."""
    weights = colours.counts / colours.counts.sum()
    average: Floats = weights @ colours.values
    if colours.space == "HSV":
        coloured = weights * (colours.values[:, 1] > 0)
        turn = np.exp(1j * np.deg2rad(colours.values[:, 0])) @ coloured
        average[0] = np.rad2deg(np.angle(turn)) % 360 if abs(turn) > 1e-12 else 0.0
    return average


def percentile(colours: Colours, percent: float) -> Floats:
    """The percentile, 0 to 100, of each channel by itself, between two pixels on a straight line."""
    total = int(colours.counts.sum())
    place = (total - 1) * percent / 100
    below = int(place)
    found = []
    for channel in colours.values.T:
        order = np.argsort(channel)
        upto = np.cumsum(colours.counts[order])
        low, high = (
            channel[order[np.searchsorted(upto, at, side="right")]]
            for at in (below, min(below + 1, total - 1))
        )
        found.append(low + (high - low) * (place - below))
    return np.asarray(found)


def distance(one: Floats, other: Floats, space: str) -> float:
    """Straight distance of two colours; those of HSV in its cone, where the largest is 2."""
    if space == "HSV":
        one, other = _in_cone(one), _in_cone(other)
    return float(np.linalg.norm(one - other))


def _in_cone(colour: Floats) -> Floats:
    hue, radius = np.deg2rad(colour[0]), colour[1] * colour[2]
    return np.asarray((radius * np.cos(hue), radius * np.sin(hue), colour[2]))


def sharpness(pixels: Pixels, rows_at_once: int = 256) -> float:
    """Variance of the Laplacian of the luma (0 to 255), which is small where nothing has an edge; 0 for a picture of
    less than 3 x 3 pixels."""
    height, width, _ = pixels.shape
    if height < 3 or width < 3:
        return 0.0
    total = squares = 0.0
    for top in range(0, height - 2, rows_at_once):
        band = pixels[top : top + rows_at_once + 2].astype(np.float64) @ np.asarray((0.299, 0.587, 0.114))
        inner = band[1:-1, 1:-1]
        edge = band[:-2, 1:-1] + band[2:, 1:-1] + band[1:-1, :-2] + band[1:-1, 2:] - 4 * inner
        total += float(edge.sum())
        squares += float((edge**2).sum())
    size = (height - 2) * (width - 2)
    return float(squares / size - (total / size) ** 2)
