"""The rings of many polygons in columns: points, areas, bounds, and whether they cross themselves.

All rings lie one behind the other in one array, so that each figure is a few passes of numpy over all of them,
whatever the number of polygons.
"""

from functools import cached_property

import numpy as np
import shapely
from numpy.typing import NDArray

from qa_engine.flat import Flat, Floats, Ints, starts_of

MAX_MEETINGS = 10_000_000
"""Most pairs of edges with overlapping bounds that are looked at to say whether one polygon crosses itself."""
BOX, POLYGON, MASK = range(3)
_FEW_POINTS = 2_000
_CHUNK = 1 << 14
_CLEARANCE_PX = 1e-6

Flags = NDArray[np.bool_]
Geometries = NDArray[np.object_]


class Rings:
    """Rings in columns, without the points that repeat the one before; arrays have one entry a ring.

    `x` and `y` are the points, `sizes` the number of points of each ring, at least 3, and `owner` the ascending place
    of its polygon; `short` has the polygon of each ring that is left out because it has fewer points.
    """

    def __init__(self, flat: Flat, without: Flags) -> None:
        """The rings of all polygons but those `without`, which has an entry a place."""
        x, y, sizes, owner = flat.x, flat.y, flat.sizes, flat.owner
        keep = ~without[owner]
        if not keep.all():
            of_kept = np.repeat(keep, sizes)
            x, y, sizes, owner = x[of_kept], y[of_kept], sizes[keep], owner[keep]
        moved = _moved(x, y, sizes)
        if not moved.all():
            sizes = np.add.reduceat(moved.astype(np.intp), starts_of(sizes))
            x, y = x[moved], y[moved]
        long = sizes >= 3
        self.short: Ints = owner[~long]
        if not long.all():
            of_long = np.repeat(long, sizes)
            x, y, sizes, owner = x[of_long], y[of_long], sizes[long], owner[long]
        self.x: Floats = x
        self.y: Floats = y
        self.sizes: Ints = sizes
        self.owner: Ints = owner
        self.starts = starts_of(sizes)
        self._ends = self.starts + sizes - 1

    def __len__(self) -> int:
        return len(self.sizes)

    @cached_property
    def bounds(self) -> Floats:
        """Rings x (left, top, right, bottom) in original pixels."""
        if not len(self):
            return np.zeros((0, 4))
        low = [np.minimum.reduceat(side, self.starts) for side in (self.x, self.y)]
        return np.stack(low + [np.maximum.reduceat(side, self.starts) for side in (self.x, self.y)], axis=1)

    @cached_property
    def _extent(self) -> Floats:
        extent: Floats = np.maximum(
            self.bounds[:, 2] - self.bounds[:, 0], self.bounds[:, 3] - self.bounds[:, 1]
        )
        return extent

    @cached_property
    def _rounding(self) -> Floats:
        """What twice the area of a triangle may be off by, with room to spare, for coordinates of at most a million."""
        return 1e-9 * self._extent + 1e-12 * self._extent**2

    @cached_property
    def _means(self) -> tuple[Floats, Floats]:
        """Mean x and mean y of each ring's points."""
        x, y = (np.add.reduceat(side, self.starts) / self.sizes for side in (self.x, self.y))
        return x, y

    @cached_property
    def _turning(self) -> tuple[Floats, Floats]:
        """For each point how far it is below its ring's mean, and twice the area of the triangle that it spans with
        the mean and the next point."""
        x, y = (
            side - np.repeat(mean, self.sizes)
            for side, mean in zip((self.x, self.y), self._means, strict=True)
        )
        cross = np.empty_like(x)
        cross[:-1] = x[:-1] * y[1:]
        cross[:-1] -= x[1:] * y[:-1]
        # The point behind the last of a ring is its first.
        ends, starts = self._ends, self.starts
        cross[ends] = x[ends] * y[starts] - x[starts] * y[ends]
        return y, cross

    @cached_property
    def _turns(self) -> tuple[Floats, Floats]:
        """Smallest and largest of each ring's triangles, twice their area, negative where it turns left."""
        cross = self._turning[1]
        return np.minimum.reduceat(cross, self.starts), np.maximum.reduceat(cross, self.starts)

    @cached_property
    def shoelaces(self) -> Floats:
        """Areas in square pixels by the shoelace formula; right for rings that do not cross themselves."""
        if not len(self):
            return np.zeros(0)
        areas: Floats = np.abs(np.add.reduceat(self._turning[1], self.starts)) / 2
        return areas

    @cached_property
    def flat(self) -> Flags:
        """Rings whose points all lie on one line."""
        if not len(self):
            return np.zeros(0, dtype=bool)
        low, high = self._turns
        thin: Flags = np.maximum(-low, high) <= self._rounding
        # Each side may lie on a line through the mean without all being the same line.
        for place in np.flatnonzero(thin).tolist():
            xy = self.points(place)
            thin[place] = np.linalg.matrix_rank(xy - xy[0], tol=1e-9 * self._extent[place] + 1e-10) < 2
        return thin

    def points(self, place: int) -> Floats:
        """Points x 2 of one ring."""
        mine = slice(self.starts[place], self.starts[place] + self.sizes[place])
        return np.stack((self.x[mine], self.y[mine]), axis=1)

    @cached_property
    def _crossings(self) -> tuple[Flags, Flags]:
        """Whether each ring is simple, and whether that is too much work to say."""
        simple = self._round.copy()
        dear = np.zeros(len(self), dtype=bool)
        dear[~simple & (self.sizes > _FEW_POINTS)] = True
        for place in np.flatnonzero(dear):
            dear[place] = not affordable(self.lines(np.asarray([place])))
        rest = np.flatnonzero(~simple & ~dear)
        if len(rest):
            simple[rest] = shapely.is_simple(self.lines(rest))
        return simple, dear

    @property
    def simple(self) -> Flags:
        """Rings whose edges meet at their joints only; False also where that is too much work to say."""
        return self._crossings[0]

    @property
    def tangled(self) -> Flags:
        """Rings with too many edges side by side to say whether they cross."""
        return self._crossings[1]

    @cached_property
    def _round(self) -> Flags:
        """Rings that go once around their mean without ever turning back, which cannot cross themselves.

        Most outlines do, and this takes a fraction of the time of looking for crossings.
        """
        if not len(self):
            return np.zeros(0, dtype=bool)
        least = self._rounding
        low, high = self._turns
        above = self._turning[0] < 0
        # Going steadily round, the ring passes its mean upwards once for each time around.
        up = np.zeros(len(above), dtype=np.int8)
        up[:-1] = above[1:] > above[:-1]
        up[self._ends] = above[self.starts] > above[self._ends]
        passes = np.add.reduceat(up, self.starts, dtype=np.intp)
        steady: Flags = ((low > least) | (high < -least)) & (passes == 1)
        return steady

    def _hearts(self, places: Ints) -> Floats:
        """Radius of a circle around each ring's mean that no edge reaches into; 0 where none is known."""
        at, sizes = self._at(places), self.sizes[places]
        after = at + 1
        after[np.cumsum(sizes) - 1] = self.starts[places]
        edges = np.hypot(self.x[after] - self.x[at], self.y[after] - self.y[at])
        # Twice the area of the triangle on an edge, by the edge, is how far the mean is from the edge's line.
        away = (np.abs(self._turning[1][at]) - np.repeat(self._rounding[places], sizes)) / edges
        radius: Floats = np.minimum.reduceat(away, starts_of(sizes))
        return np.where(self._round[places], radius, 0.0)

    def hold(self, outer: Ints, inner: Ints) -> Flags:
        """Pairs of rings of which the inner one is seen at a glance to lie in the outer one without touching it.

        That is where the whole box around it lies in a circle that the outer ring goes around; a pair of which this
        says False may still lie in each other.
        """
        if not len(outer):
            return np.zeros(0, dtype=bool)
        x, y = (mean[outer] for mean in self._means)
        left, top, right, bottom = self.bounds[inner].T
        reach = np.hypot(np.maximum(x - left, right - x), np.maximum(y - top, bottom - y))
        # Far more than coordinates of at most a million are rounded by.
        held: Flags = reach + _CLEARANCE_PX < self._hearts(outer) * (1 - 1e-9)
        return held

    def _at(self, places: Ints) -> Ints:
        """Where the points of the rings at those places are, one ring behind the other."""
        sizes = self.sizes[places]
        first = np.repeat(self.starts[places] - starts_of(sizes), sizes)
        at: Ints = np.arange(int(sizes.sum()), dtype=np.intp) + first
        return at

    def lines(self, places: Ints) -> Geometries:
        """Closed lines of the rings at those places."""
        if not len(places):
            return np.zeros(0, dtype=object)
        at = self._at(places)
        of = np.repeat(np.arange(len(places)), self.sizes[places])
        lines: Geometries = shapely.linearrings(self.x[at], self.y[at], indices=of)
        return lines


def _moved(x: Floats, y: Floats, sizes: Ints) -> Flags:
    """Points that differ from the one before in their ring; before the first comes the last."""
    moved = np.ones(len(x), dtype=bool)
    moved[1:] = (x[1:] != x[:-1]) | (y[1:] != y[:-1])
    filled = sizes > 0
    starts = starts_of(sizes)[filled]
    ends = starts + sizes[filled] - 1
    moved[starts] = (x[starts] != x[ends]) | (y[starts] != y[ends])
    return moved


def affordable(lines: Geometries) -> bool:
    """Whether at most MAX_MEETINGS pairs of the edges of some closed lines have bounds that overlap."""
    xy, of = shapely.get_coordinates(lines, return_index=True)
    edges = np.hstack((xy[:-1], xy[1:]))[of[:-1] == of[1:]]
    if len(edges) <= _FEW_POINTS:
        return True
    segments = shapely.linestrings(edges.reshape(-1, 2, 2))
    tree = shapely.STRtree(segments)
    left = 2 * MAX_MEETINGS
    # In pieces, as one edge may meet all others.
    start, step = 0, max(1, _CHUNK * 64 // len(segments))
    while start < len(segments):
        left -= tree.query(segments[start : start + step]).shape[1]
        if left < 0:
            return False
        start += step
    return True
