"""The rings of many polygons as they are given: tuples of numbers, and those numbers in columns."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from labels.checks import MAX_COORDINATE_PX

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Given:
    """The rings of polygons as their tuples of numbers: how many `values` each has, the ascending place of its
    polygon, and the `places` of all polygons, those without rings too."""

    rings: list[tuple[float, ...]]
    values: Ints
    owner: Ints
    places: Ints

    @classmethod
    def of(cls, polygons: Sequence[tuple[tuple[float, ...], ...]], places: Ints) -> "Given":
        """The rings of polygons that have those places."""
        counts = np.fromiter(map(len, polygons), dtype=np.intp, count=len(polygons))
        rings = list(chain.from_iterable(polygons))
        values = np.fromiter(map(len, rings), dtype=np.intp, count=len(rings))
        return cls(rings, values, np.repeat(places, counts), places)


@dataclass(frozen=True, slots=True)
class Flat:
    """Rings as they are given, one behind the other, those without points left out.

    `x` and `y` are the points in original pixels; `sizes` and `owner` are each ring's number of points and the place
    of its polygon, ascending; `odd` are the polygons with a ring whose values make no pairs, `none` those without a
    point.
    """

    x: Floats
    y: Floats
    sizes: Ints
    owner: Ints
    odd: Ints
    none: Ints

    @classmethod
    def of(cls, given: Given) -> "Flat":
        """The numbers of those rings."""
        rings, values, owner, places = given.rings, given.values, given.owner, given.places
        odd = values % 2 == 1
        odds = np.unique(owner[odd])
        if len(odds):
            rings = [ring for ring, skip in zip(rings, odd.tolist(), strict=True) if not skip]
            owner, values = owner[~odd], values[~odd]
        # A ring at a time is half again as fast as a number at a time.
        pack = {size: struct.Struct(f"{size}d").pack for size in np.unique(values).tolist()}
        packed = [pack[size](*ring) for size, ring in zip(values.tolist(), rings, strict=True)]
        flat = np.frombuffer(b"".join(packed))
        filled = values > 0
        owner = owner[filled]
        none = places[np.bincount(owner, minlength=int(places.max(initial=-1)) + 1)[places] == 0]
        return cls(flat[0::2].copy(), flat[1::2].copy(), values[filled] // 2, owner, odds, none)

    def far(self) -> Ints:
        """Polygons with a coordinate that is not finite or beyond MAX_COORDINATE_PX."""
        most = MAX_COORDINATE_PX
        if not len(self.x) or max(_reach(self.x), _reach(self.y)) <= most:
            return self.owner[:0]
        # A comparison with NaN is false.
        sound = (np.abs(self.x) <= most) & (np.abs(self.y) <= most)
        return np.unique(self.owner[~np.logical_and.reduceat(sound, starts_of(self.sizes))])


def _reach(numbers: Floats) -> float:
    """Largest absolute value; NaN, which compares as false, when there is one."""
    return float(np.maximum(numbers.max(), -numbers.min()))


def starts_of(sizes: Ints) -> Ints:
    """Where each of some stretches that lie one behind the other begins."""
    starts: Ints = np.cumsum(sizes) - sizes
    return starts
