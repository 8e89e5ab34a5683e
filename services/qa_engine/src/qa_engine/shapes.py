"""The boxes, polygons and masks of a batch of labels in columns.

Figures are worked out when the first rule asks for them, once for all rules and all labels of the batch.
"""

from collections.abc import Callable, Iterable
from functools import cached_property
from itertools import chain, compress, repeat
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from labels import rle
from labels.asset import MAX_SIDE_PX, Asset
from labels.checks import MAX_COORDINATE_PX
from labels.errors import AnnotationInvalid
from labels.label import Annotation, Box, Label, Mask, Polygon
from qa_engine.flat import Flat, Floats, Given, Ints
from qa_engine.nesting import Regions, regions
from qa_engine.pairs import Pairs
from qa_engine.rings import BOX, MASK, POLYGON, Flags, Rings

Shape = Box | Polygon | Mask
_KINDS: dict[type, int] = {Box: BOX, Polygon: POLYGON, Mask: MASK}
_NO_SHAPE = -1
_VALUE = attrgetter("value")
_RINGS = attrgetter("rings")
_SIDES = attrgetter("x_px", "y_px", "width_px", "height_px")
_PICTURE = attrgetter("width_px", "height_px")


class Shapes:
    """Shapes in columns, in the order of the labels and their annotations; arrays have one entry a shape.

    `annotations` are those that hold the shapes, and `values` the shapes; `kind` is what each is, BOX, POLYGON or MASK,
    and `label` the ascending place of its label.
    """

    def __init__(self, labels: Iterable[tuple[Label, Asset]]) -> None:
        """The shapes of labels, each with the asset that it is about."""
        claims: list[tuple[Annotation, ...]] = []
        self._assets: list[Asset] = []
        for label, asset in labels:
            claims.append(label.annotations)
            self._assets.append(asset)
        # All that is done for every annotation stays in loops that C runs.
        annotations = list(chain.from_iterable(claims))
        values = list(map(_VALUE, annotations))
        kind = np.fromiter(
            map(_KINDS.get, map(type, values), repeat(_NO_SHAPE)), dtype=np.int8, count=len(values)
        )
        place = np.repeat(
            np.arange(len(claims)), np.fromiter(map(len, claims), dtype=np.intp, count=len(claims))
        )
        shown = kind != _NO_SHAPE
        if not shown.all():
            annotations, values = (list(compress(some, shown.tolist())) for some in (annotations, values))
            kind, place = kind[shown], place[shown]
        self.annotations: list[Annotation] = annotations
        self.values: list[Shape] = values
        self.kind: NDArray[np.int8] = kind
        self.label: Ints = place

    def __len__(self) -> int:
        return len(self.annotations)

    @cached_property
    def weight(self) -> int:
        """About how many numbers the columns hold."""
        masks = sum(len(self.values[place].counts) for place in self.masks.tolist())
        return masks + int(self._given.values.sum())

    def of_same(self, part: Callable[[Annotation], str], i: Ints, j: Ints) -> Flags:
        """Which pairs of shapes agree in a part of their annotations."""
        annotations = self.annotations
        pairs = zip(i.tolist(), j.tolist(), strict=True)
        return np.asarray(
            [part(annotations[one]) == part(annotations[other]) for one, other in pairs], dtype=bool
        )

    @cached_property
    def picture(self) -> Ints:
        """Shapes x (width, height) of the picture in pixels, 0 where it is not known."""
        sides = chain.from_iterable(map(_PICTURE, self._assets))
        return np.fromiter(sides, dtype=np.intp, count=2 * len(self._assets)).reshape(-1, 2)[self.label]

    @cached_property
    def polygons(self) -> Ints:
        """Places of the polygons."""
        return np.flatnonzero(self.kind == POLYGON)

    @cached_property
    def boxes(self) -> Ints:
        """Places of the boxes."""
        return np.flatnonzero(self.kind == BOX)

    @cached_property
    def masks(self) -> Ints:
        """Places of the masks."""
        return np.flatnonzero(self.kind == MASK)

    @cached_property
    def _given(self) -> Given:
        polygons = compress(self.values, (self.kind == POLYGON).tolist())
        return Given.of(list(map(_RINGS, polygons)), self.polygons)

    @cached_property
    def flat(self) -> Flat:
        """The polygons' rings as they are given."""
        return Flat.of(self._given)

    @cached_property
    def box_edges(self) -> Floats:
        """Boxes x (left, top, right, bottom)."""
        edges = self._box_sides.copy()
        with np.errstate(all="ignore"):
            edges[:, 2:] += edges[:, :2]
        return edges

    @cached_property
    def _box_sides(self) -> Floats:
        """Boxes x (left, top, width, height)."""
        boxes = compress(self.values, (self.kind == BOX).tolist())
        sides = chain.from_iterable(map(_SIDES, boxes))
        return np.fromiter(sides, dtype=np.float64, count=4 * len(self.boxes)).reshape(-1, 4)

    @cached_property
    def runs(self) -> dict[int, rle.Runs]:
        """Run lengths of each mask that is well formed, by place."""
        found = {}
        for place in self.masks.tolist():
            mask = self.values[place]
            assert isinstance(mask, Mask)  # noqa: S101 - for the types
            try:
                if not (0 < mask.height_px <= MAX_SIDE_PX and 0 < mask.width_px <= MAX_SIDE_PX):
                    continue
                found[place] = rle.decode(mask)
            except AnnotationInvalid:
                continue
        return found

    @cached_property
    def faults(self) -> dict[int, str]:
        """What makes a shape impossible to measure, by place; the other figures leave those shapes out."""
        found = dict.fromkeys(self.masks.tolist(), "has run lengths that are not those of a mask")
        for place in self.runs:
            del found[place]
        found |= dict.fromkeys(self.flat.odd.tolist(), "has a ring with an odd number of values")
        sides = self._box_sides
        # A comparison with NaN is false.
        near = (np.abs(sides) <= MAX_COORDINATE_PX).all(axis=1)
        found |= dict.fromkeys(
            self.boxes[~(sides[:, 2:] > 0).all(axis=1)].tolist(), "has no width or no height"
        )
        far = np.append(self.flat.far(), self.boxes[~near])
        found |= dict.fromkeys(
            far.tolist(), f"has a coordinate that is not a number within {MAX_COORDINATE_PX:,.0f} pixels"
        )
        return found

    @cached_property
    def sound(self) -> Flags:
        """Shapes without a fault."""
        sound = np.ones(len(self), dtype=bool)
        sound[list(self.faults)] = False
        return sound

    @cached_property
    def rings(self) -> Rings:
        """The rings of the sound polygons; owners are places of shapes."""
        return Rings(self.flat, ~self.sound)

    @cached_property
    def regions(self) -> Regions:
        """What polygons cover; its places are those of the shapes."""
        return regions(self.rings, self.values, ~self.sound)

    @cached_property
    def areas(self) -> Floats:
        """Areas in square pixels, masks' in pixels; NaN where a shape cannot be measured."""
        areas = self.regions.area.copy()
        edges = self.box_edges
        with np.errstate(all="ignore"):
            areas[self.boxes] = (edges[:, 2] - edges[:, 0]) * (edges[:, 3] - edges[:, 1])
        for place, runs in self.runs.items():
            areas[place] = runs[1::2].sum()
        areas[~self.sound] = np.nan
        return areas

    @cached_property
    def bounds(self) -> Floats:
        """Shapes x (left, top, right, bottom) in pixels; NaN where a shape is empty or has a fault."""
        bounds = np.full((len(self), 4), np.nan)
        rings = self.rings
        if len(rings):
            starts = np.flatnonzero(np.append(True, rings.owner[1:] != rings.owner[:-1]))
            owners = rings.owner[starts]
            bounds[owners, :2] = np.minimum.reduceat(rings.bounds[:, :2], starts)
            bounds[owners, 2:] = np.maximum.reduceat(rings.bounds[:, 2:], starts)
        bounds[self.boxes] = self.box_edges
        for place in self.runs:
            box = rle.bounds(self.values[place])  # type: ignore[arg-type]
            if box is not None:
                bounds[place] = (box.x_px, box.y_px, box.x_px + box.width_px, box.y_px + box.height_px)
        bounds[~self.sound] = np.nan
        return bounds

    @cached_property
    def pairs(self) -> Pairs:
        """Pairs of shapes of the same label that may overlap."""
        return Pairs(self)
