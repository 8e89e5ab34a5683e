"""Areas and regions of polygons in original pixels, by the even-odd rule.

A point is inside when a ray from it crosses the rings an odd number of times, so a ring inside another is a
hole and the twice-covered part of a ring that crosses itself does not count.
"""

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

from labels.errors import AnnotationInvalid
from labels.label import Polygon

MAX_CROSSINGS = 10_000
"""Most places where the edges of one polygon may meet beyond their joints before it counts as too tangled."""
MAX_POINT_TESTS = 100_000_000
_CHUNK = 2_000_000

Floats = NDArray[np.float64]


def area(polygon: Polygon) -> float:
    """Even-odd area in square pixels; see `areas`."""
    return float(areas([polygon])[0])


def areas(polygons: Sequence[Polygon]) -> Floats:
    """Even-odd areas in square pixels, one for each polygon, at least 0.

    Rings of fewer than three points have no area. Rings that cross neither themselves nor each other are
    measured by the shoelace formula, A = |sum x_i y_(i+1) - x_(i+1) y_i| / 2; the others are cut into faces
    first. Raises AnnotationInvalid when a polygon is too tangled for that.
    """
    sizes = np.zeros(len(polygons))
    owned = [(owner, ring) for owner, polygon in enumerate(polygons) for ring in _sound_rings(polygon)]
    if not owned:
        return sizes
    owner_of = np.asarray([owner for owner, _ in owned])
    rings = [ring for _, ring in owned]
    shoelaces = _shoelaces(rings)
    lines = _lines(rings)
    simple = shapely.is_simple(lines)
    single = (np.bincount(owner_of)[owner_of] == 1) & simple
    sizes[owner_of[single]] = shoelaces[single]
    for owner in np.unique(owner_of[~single]):
        mine = owner_of == owner
        sizes[owner] = _area(lines[mine], shoelaces[mine], bool(simple[mine].all()))
    return sizes


def region(polygon: Polygon) -> shapely.MultiPolygon:
    """The even-odd inside as valid parts with holes; empty for a degenerate polygon.

    Raises AnnotationInvalid when the polygon is too tangled.
    """
    rings = _sound_rings(polygon)
    if not rings:
        return shapely.MultiPolygon()
    merged = shapely.union_all(_inside_faces(_lines(rings)))
    return shapely.MultiPolygon([part for part in shapely.get_parts(merged) if part.geom_type == "Polygon"])


def _sound_rings(polygon: Polygon) -> list[Floats]:
    """The rings of three points and more, without the points that repeat the one before."""
    rings = []
    for ring in polygon.rings:
        xy = points(ring)
        xy = xy[(xy != np.roll(xy, 1, axis=0)).any(axis=1)]
        if len(xy) >= 3:
            rings.append(xy)
    return rings


def points(ring: Sequence[float]) -> Floats:
    """A ring of x0, y0, x1, y1 ... as an array of n x 2."""
    return np.asarray(ring, dtype=np.float64).reshape(-1, 2)


def _shoelaces(rings: Sequence[Floats]) -> Floats:
    """Absolute shoelace sums / 2, relative to each ring's first point so that nothing cancels far out."""
    sizes = np.fromiter(map(len, rings), dtype=np.intp)
    starts = np.cumsum(sizes) - sizes
    xy = np.concatenate(rings)
    xy = xy - np.repeat(xy[starts], sizes, axis=0)
    after = np.arange(1, len(xy) + 1)
    after[starts + sizes - 1] = starts
    cross = xy[:, 0] * xy[after, 1] - xy[after, 0] * xy[:, 1]
    halves: Floats = np.abs(np.add.reduceat(cross, starts)) / 2
    return halves


def _lines(rings: Sequence[Floats]) -> NDArray[np.object_]:
    """The rings as closed lines."""
    closed = [np.concatenate((ring, ring[:1])) for ring in rings]
    owners = np.repeat(np.arange(len(closed)), [len(line) for line in closed])
    lines: NDArray[np.object_] = shapely.linearrings(np.concatenate(closed), indices=owners)
    return lines


def _area(lines: NDArray[np.object_], shoelaces: Floats, simple: bool) -> float:
    """Area of one polygon: rings that stay apart count plus or minus by how deep they lie in each other."""
    if simple and shapely.is_simple(shapely.multilinestrings(lines)):
        tree = shapely.STRtree(shapely.polygons(lines))
        # A ring's own first point lies on its edge, which is not within.
        held, _ = tree.query(shapely.get_point(lines, 0), predicate="within")
        depth = np.bincount(held, minlength=len(lines))
        return float(np.where(depth % 2, -shoelaces, shoelaces).sum())
    return float(shapely.area(_inside_faces(lines)).sum())


def _inside_faces(lines: NDArray[np.object_]) -> NDArray[np.object_]:
    """The faces between the lines that lie inside by the even-odd rule."""
    edges = _edges(lines)
    _check_crossings(edges)
    faces = shapely.get_parts(shapely.polygonize([shapely.union_all(lines)]))
    if len(faces) * len(edges) > MAX_POINT_TESTS:
        raise AnnotationInvalid("The polygon crosses itself too often to be measured.")
    inside: NDArray[np.object_] = faces[
        _inside(shapely.get_coordinates(shapely.point_on_surface(faces)), edges)
    ]
    return inside


def _edges(lines: NDArray[np.object_]) -> Floats:
    """The edges of the lines as an array of n x (x0, y0, x1, y1)."""
    xy, owners = shapely.get_coordinates(lines, return_index=True)
    edges: Floats = np.hstack((xy[:-1], xy[1:]))[owners[:-1] == owners[1:]]
    return edges


def _check_crossings(edges: Floats) -> None:
    """Raise AnnotationInvalid for more than MAX_CROSSINGS, counted in pieces as there may be n x n."""
    segments = shapely.linestrings(edges.reshape(-1, 2, 2))
    tree = shapely.STRtree(segments)
    step = max(1, _CHUNK // len(segments))
    # Every edge meets itself and its two neighbours; what is more is seen from both sides.
    left = 2 * MAX_CROSSINGS + 3 * len(segments)
    for start in range(0, len(segments), step):
        met, _ = tree.query(segments[start : start + step], predicate="intersects")
        left -= len(met)
        if left < 0:
            raise AnnotationInvalid("The polygon crosses itself too often to be measured.")


def _inside(xy: Floats, edges: Floats) -> NDArray[np.bool_]:
    """Whether a ray from each point to the right crosses the edges an odd number of times."""
    inside = np.zeros(len(xy), dtype=bool)
    x0, y0, x1, y1 = edges[np.flatnonzero(edges[:, 1] != edges[:, 3])].T
    if not len(x0):
        return inside
    slope = (x1 - x0) / (y1 - y0)
    step = max(1, _CHUNK // len(x0))
    for start in range(0, len(xy), step):
        x, y = xy[start : start + step, :1], xy[start : start + step, 1:]
        hit = ((y0 > y) != (y1 > y)) & (x < x0 + (y - y0) * slope)
        inside[start : start + step] = hit.sum(axis=1) % 2 == 1
    return inside
