"""Polygons whose rings cross or touch, cut into the faces between their edges.

Those of few points are cut all at once; the others, and those whose edges run along each other, one at a time by
`labels.geometry`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import shapely

from labels import geometry
from labels.errors import AnnotationInvalid
from labels.label import Polygon, Value
from qa_engine.flat import Floats, Ints
from qa_engine.pieces import pairs_within, portions, runs
from qa_engine.rings import Flags, Geometries, Rings, affordable

FEW_POINTS = 100
"""Points of a polygon that is cut with the others; so few edges cross at most some thousand times."""


@dataclass(frozen=True, slots=True)
class Faces:
    """Parts and holes of polygons, in square pixels and one behind the other, with the place of their polygon.

    `parts` are the parts themselves. `measured` are the polygons that could be cut, `crossed` those whose rings cross,
    or run along each other, rather than touch at points.
    """

    parts: Geometries
    part_area: Floats
    part_owner: Ints
    hole_area: Floats
    hole_owner: Ints
    measured: Ints
    crossed: Ints


def cut(rings: Rings, shapes: Sequence[Value], places: Ints) -> Faces:
    """The even-odd faces of the polygons among the shapes that have those places, which ascend."""
    first, last = np.searchsorted(rings.owner, places), np.searchsorted(rings.owner, places + 1)
    ends = np.append(rings.starts, len(rings.x))
    few = (ends[last] - ends[first] <= FEW_POINTS) & (last > first)
    together = _together(rings, places[few])
    left = np.union1d(places[~few], np.setdiff1d(places[few], together.measured))
    return _joined([together, *(_alone(rings, shapes[place], place) for place in left.tolist())])


def _joined(found: Sequence[Faces]) -> Faces:
    return Faces(
        np.concatenate([faces.parts for faces in found]),
        np.concatenate([faces.part_area for faces in found]),
        np.concatenate([faces.part_owner for faces in found]),
        np.concatenate([faces.hole_area for faces in found]),
        np.concatenate([faces.hole_owner for faces in found]),
        np.concatenate([faces.measured for faces in found]),
        np.unique(np.concatenate([faces.crossed for faces in found])),
    )


def _faces(parts: Geometries, owner: Ints, measured: Ints, crossed: Ints) -> Faces:
    lines, of = shapely.get_rings(parts, return_index=True)
    # The first ring of each part is its outline, the others are holes.
    inner = np.append(False, of[1:] == of[:-1]) if len(of) else np.zeros(0, dtype=bool)
    holes = shapely.area(shapely.polygons(lines[inner]))
    return Faces(parts, shapely.area(parts), owner, holes, owner[of[inner]], measured, crossed)


def _together(rings: Rings, places: Ints) -> Faces:
    """Faces of polygons of few points; those whose edges run along each other are left out."""
    among = np.zeros(int(rings.owner.max(initial=-1)) + 1, dtype=bool)
    among[places] = True
    mine = np.flatnonzero(among[rings.owner])
    of = np.searchsorted(places, rings.owner[mine])
    outlines = rings.lines(mine)
    lines = shapely.multilinestrings(outlines, indices=of) if len(mine) else np.zeros(0, dtype=object)
    noded = shapely.node(lines)
    # Where edges run along each other they are one after noding.
    whole = shapely.length(lines)
    single = shapely.length(noded) >= whole * (1 - 1e-9)
    faces, face_of = shapely.get_parts(shapely.polygonize(noded[:, None]), return_index=True)
    kept = single[face_of]
    faces, face_of = faces[kept], face_of[kept]
    inside = _inside(shapely.get_coordinates(shapely.point_on_surface(faces)), face_of, _edges(outlines, of))
    # Crossing an edge changes sides, so two faces that are inside never share one and are two parts.
    crossed = places[_crossed(outlines, of, len(places))]
    return _faces(faces[inside], places[face_of[inside]], places[single], crossed)


def _alone(rings: Rings, shape: Value, place: int) -> Faces:
    """Faces of one polygon, which is not measured when it is too tangled."""
    mine = np.flatnonzero(rings.owner == place)
    lines = rings.lines(mine)
    none, here = np.zeros(0, dtype=np.intp), np.asarray([place], dtype=np.intp)
    nothing = np.zeros(0, dtype=object)
    if not isinstance(shape, Polygon) or not affordable(lines):
        return _faces(nothing, none, none, none)
    crossed = here[_crossed(lines, np.zeros(len(lines), dtype=np.intp), 1)]
    try:
        parts = shapely.get_parts(geometry.region(shape))
    except AnnotationInvalid:
        return _faces(nothing, none, none, crossed)
    return _faces(parts, np.full(len(parts), place, dtype=np.intp), here, crossed)


@dataclass(frozen=True, slots=True)
class _Edges:
    """Edges of polygons one behind the other, `counts` of them each."""

    x0: Floats
    y0: Floats
    x1: Floats
    y1: Floats
    counts: Ints


def _edges(outlines: Geometries, of: Ints) -> _Edges:
    closed, line_of = shapely.get_coordinates(outlines, return_index=True)
    goes_on = line_of[1:] == line_of[:-1]
    start, end = closed[:-1][goes_on], closed[1:][goes_on]
    counts = np.bincount(of[line_of[:-1][goes_on]]) if len(of) else np.zeros(0, dtype=np.intp)
    return _Edges(start[:, 0], start[:, 1], end[:, 0], end[:, 1], counts)


def _inside(xy: Floats, of: Ints, edges: _Edges) -> Flags:
    """Whether a ray from each point to the right crosses the edges of its polygon an odd number of times."""
    inside = np.zeros(len(xy), dtype=bool)
    tests = edges.counts[of]
    starts = np.cumsum(edges.counts) - edges.counts
    for some in portions(tests):
        at = np.repeat(some, tests[some])
        edge = starts[of[at]] + runs(tests[some])
        x, y = xy[at, 0], xy[at, 1]
        x0, y0, x1, y1 = edges.x0[edge], edges.y0[edge], edges.x1[edge], edges.y1[edge]
        spans = (y0 > y) != (y1 > y)
        with np.errstate(divide="ignore", invalid="ignore"):
            hit = spans & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
        inside[some] = np.add.reduceat(hit.astype(np.intp), np.cumsum(tests[some]) - tests[some]) % 2 == 1
    return inside


def _crossed(lines: Geometries, of: Ints, count: int) -> Flags:
    """Whether rings cross themselves or another of the same polygon, or run along it, rather than touch at points."""
    crossed = np.zeros(count, dtype=bool)
    solid = shapely.polygons(lines)
    # The library names what is wrong: a ring that crosses itself, or one that only touches itself.
    reasons: Iterable[str] = shapely.is_valid_reason(solid)
    crossed[of[np.asarray([reason.startswith("Self-intersection") for reason in reasons], dtype=bool)]] = True
    left = np.flatnonzero(~crossed[of] & (np.bincount(of, minlength=count)[of] > 1))
    # A ring that only touches itself may be given as its parts.
    solid = shapely.make_valid(solid[left])
    for i, j in pairs_within(of[left]):
        meet = shapely.overlaps(solid[i], solid[j]) | shapely.equals(solid[i], solid[j])
        crossed[of[left[i[meet]]]] = True
    return crossed
