"""Shapes of one label side by side: which may overlap, and by how much.

Boxes and polygons are compared with each other and masks with masks; a mask and an outline are not compared.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING
from weakref import proxy

import numpy as np
import shapely

from labels import rle
from qa_engine.flat import Floats, Ints
from qa_engine.pieces import pairs_within
from qa_engine.rings import BOX, MASK, Flags
from qa_engine.solids import solids

if TYPE_CHECKING:
    from qa_engine.shapes import Shapes

MAX_PAIRS = 20_000
"""Most pairs of one label whose bounds overlap that are compared; a label with more is said to be too crowded."""


@dataclass(frozen=True, slots=True)
class Close:
    """Pairs i < j of places of shapes of the same label whose bounds overlap, and the labels with too many."""

    i: Ints
    j: Ints
    crowded: Ints


class Pairs:
    """Pairs of shapes that may overlap, as long as the shapes live; arrays have one entry a pair."""

    def __init__(self, shapes: "Shapes") -> None:
        # Not the shapes themselves: they hold their pairs, and a batch that holds itself waits for the garbage
        # collector, with the labels of some batches before it.
        self._shapes: Shapes = proxy(shapes)

    @cached_property
    def close(self) -> Close:
        """Pairs whose bounds overlap."""
        shapes = self._shapes
        usable = np.flatnonzero(shapes.sound & ~np.isnan(shapes.bounds[:, 0]) & (shapes.areas > 0))
        label, masks = shapes.label[usable], shapes.kind[usable] == MASK
        left, top, right, bottom = (np.ascontiguousarray(side) for side in shapes.bounds[usable].T)
        room = np.full(len(shapes), MAX_PAIRS)
        found_i, found_j, crowded = [], [], [np.zeros(0, dtype=np.intp)]
        for i, j in pairs_within(label):
            # Each test leaves fewer for the next.
            near = (left[i] < right[j]) & (left[j] < right[i])
            i, j = i[near], j[near]
            near = (top[i] < bottom[j]) & (top[j] < bottom[i]) & (masks[i] == masks[j])
            i, j = i[near], j[near]
            keep = self._within(label[i], room)
            crowded.append(np.unique(label[i[~keep]]))
            found_i.append(usable[i[keep]])
            found_j.append(usable[j[keep]])
        none = [np.zeros(0, dtype=np.intp)]
        return Close(
            np.concatenate(found_i + none), np.concatenate(found_j + none), np.unique(np.concatenate(crowded))
        )

    def _within(self, labels: Ints, left: Ints) -> Flags:
        """Which pairs are still within what is left for their label; takes them off. `labels` ascends."""
        if not len(labels):
            return np.zeros(0, dtype=bool)
        counts = np.unique(labels, return_counts=True)[1]
        order = np.arange(len(labels)) - np.repeat(np.cumsum(counts) - counts, counts)
        keep: Flags = order < left[labels]
        np.subtract.at(left, labels[keep], 1)
        return keep

    @cached_property
    def _common(self) -> Floats:
        """Common areas as far as they are known, NaN where not yet."""
        return np.full(len(self.close.i), np.nan)

    def room(self) -> Floats:
        """At most this much of the pair can be common: what their bounds have in common, in square pixels, and
        no more than the smaller shape."""
        one, other = self._shapes.bounds[self.close.i], self._shapes.bounds[self.close.j]
        sides = np.minimum(one[:, 2:], other[:, 2:]) - np.maximum(one[:, :2], other[:, :2])
        room: Floats = np.minimum(sides[:, 0] * sides[:, 1], self.smaller())
        return room

    def smaller(self) -> Floats:
        """Area of the smaller of each pair."""
        areas = self._shapes.areas
        smaller: Floats = np.minimum(areas[self.close.i], areas[self.close.j])
        return smaller

    def common(self, which: Ints) -> Floats:
        """Areas in square pixels that the pairs of those places have in common."""
        todo = which[np.isnan(self._common[which])]
        # An exact copy, which is what most duplicates are, needs no geometry.
        values = self._shapes.values
        sides = zip(self.close.i[todo].tolist(), self.close.j[todo].tolist(), strict=True)
        copies = np.asarray([values[one] == values[other] for one, other in sides], dtype=bool)
        self._common[todo[copies]] = self.smaller()[todo[copies]]
        todo = todo[~copies]
        i, j = self.close.i[todo], self.close.j[todo]
        kind = self._shapes.kind
        masks = kind[i] == MASK
        boxes = (kind[i] == BOX) & (kind[j] == BOX)
        self._common[todo[boxes]] = self.room()[todo[boxes]]
        solid = ~masks & ~boxes
        self._common[todo[solid]] = self._of_outlines(i[solid], j[solid])
        for place in todo[masks].tolist():
            self._common[place] = self._of_masks(int(self.close.i[place]), int(self.close.j[place]))
        known: Floats = self._common[which]
        return known

    def _of_outlines(self, i: Ints, j: Ints) -> Floats:
        if not len(i):
            return np.zeros(0)
        places, back = np.unique(np.concatenate((i, j)), return_inverse=True)
        solid = solids(self._shapes, places)
        one, other = solid[back[: len(i)]], solid[back[len(i) :]]
        common = np.zeros(len(i))
        meet = shapely.intersects(one, other)
        common[meet] = shapely.area(shapely.intersection(one[meet], other[meet]))
        return common

    def _of_masks(self, i: int, j: int) -> float:
        one, other = self._shapes.values[i], self._shapes.values[j]
        if (one.height_px, one.width_px) != (other.height_px, other.width_px):  # type: ignore[union-attr]
            return 0.0
        return float(common_pixels(self._shapes.runs[i], self._shapes.runs[j]))


def common_pixels(one: rle.Runs, other: rle.Runs) -> int:
    """Number of pixels that are in both of two masks of the same size, given as run lengths, zeros first."""
    one_ends, other_ends = np.cumsum(one), np.cumsum(other)
    ends = np.union1d(one_ends, other_ends)
    starts = np.append(0, ends[:-1])
    # A stretch lies in the run that ends first behind its start; odd runs are ones.
    inside = (np.searchsorted(one_ends, starts, side="right") % 2 == 1) & (
        np.searchsorted(other_ends, starts, side="right") % 2 == 1
    )
    return int((ends - starts)[inside].sum())
