"""Polygons taken apart: which rings are outlines, which are holes, and rings joined into one."""

from collections.abc import Sequence

import shapely

from labels import geometry, rle, shapes
from labels.errors import AnnotationInvalid
from labels.label import Box, Mask, Polygon

Ring = tuple[float, ...]
MAX_EXACT_POINTS = 20_000
_SAME = 1e-9


def sound(polygon: Polygon) -> Polygon:
    """The polygon's rings of three points and more."""
    return Polygon(tuple(ring for ring in polygon.rings if len(ring) >= 6))


def apart(polygon: Polygon) -> bool:
    """Whether no ring lies in another or crosses one: then the rings are simply the parts.

    So it is exactly when the rings' areas, each by the even-odd rule, sum to that of their union. Raises
    AnnotationInvalid for a polygon that is too tangled.
    """
    if len(polygon.rings) == 1:
        return True
    single = geometry.areas([Polygon((ring,)) for ring in polygon.rings])
    union = shapely.union_all([geometry.region(Polygon((ring,))) for ring in polygon.rings])
    return bool(single.sum() - union.area <= _SAME * max(1.0, float(single.sum())))


def parts(polygon: Polygon) -> list[tuple[Ring, list[Ring]]]:
    """Outlines with their holes. Rings that stay apart come back as they are. Raises AnnotationInvalid."""
    if apart(polygon):
        return [(ring, []) for ring in polygon.rings]
    return [
        (_ring(part.exterior), [_ring(hole) for hole in part.interiors])
        for part in shapely.get_parts(geometry.region(polygon))
    ]


def _ring(line: shapely.LinearRing) -> Ring:
    return tuple(shapely.get_coordinates(line)[:-1].ravel().tolist())


def united(polygon: Polygon) -> Polygon:
    """What lies in any ring, each by the even-odd rule. Raises AnnotationInvalid."""
    whole = shapely.union_all([geometry.region(Polygon((ring,))) for ring in polygon.rings])
    found = [part for part in shapely.get_parts(whole) if part.geom_type == "Polygon"]
    return Polygon(tuple(_ring(line) for part in found for line in (part.exterior, *part.interiors)))


def holes(polygon: Polygon) -> int:
    """Number of holes. Raises AnnotationInvalid."""
    return sum(len(inner) for _, inner in parts(polygon))


def joined(rings: Sequence[Ring]) -> Ring:
    """One ring with the same inside as all: from the first point out to each further ring and back again.

    The way out and the way back are the same line, which by the even-odd rule counts for nothing.
    """
    first, *others = rings
    if not others:
        return first
    home = first[:2]
    line = [*first, *home]
    for ring in others:
        line += [*ring, *ring[:2], *home]
    return tuple(line[:-2])


def unjoined(ring: Ring) -> tuple[Ring, ...]:
    """The rings that `joined` made one of; the ring alone where it was not made so."""
    points = list(zip(ring[::2], ring[1::2], strict=True))
    home = points[0]
    cuts = [at for at, point in enumerate(points) if point == home]
    if len(cuts) < 2:
        return (ring,)
    pieces = [points[a + 1 : b] for a, b in zip(cuts, [*cuts[1:], len(points)], strict=True)]
    first, *others = pieces
    if not others[-1]:
        # A ring that repeats its first point at the end says no more than one that does not.
        others.pop()
    if len(first) < 2 or any(len(piece) < 4 or piece[0] != piece[-1] for piece in others):
        return (ring,)
    rings = [[home, *first], *(piece[:-1] for piece in others)]
    return tuple(tuple(value for point in one for value in point) for one in rings)


def bounds(polygon: Polygon) -> Box | None:
    """The smallest box around all points; None when it has no area."""
    xs = [x for ring in polygon.rings for x in ring[::2]]
    ys = [y for ring in polygon.rings for y in ring[1::2]]
    x0, y0, x1, y1 = min(xs), min(ys), max(xs), max(ys)
    return Box(x0, y0, x1 - x0, y1 - y0) if x1 > x0 and y1 > y0 else None


def corners(box: Box) -> Polygon:
    """The box as a polygon."""
    x0, y0, x1, y1 = box.x_px, box.y_px, box.x_px + box.width_px, box.y_px + box.height_px
    return Polygon(((x0, y0, x1, y0, x1, y1, x0, y1),))


def box_of(polygon: Polygon) -> Box | None:
    """The box whose corners the polygon's four points are, None when it is another shape."""
    if len(polygon.rings) != 1 or len(polygon.rings[0]) != 8:
        return None
    box = bounds(polygon)
    if box is None:
        return None
    ring = polygon.rings[0]
    edge_x, edge_y = {box.x_px, box.x_px + box.width_px}, {box.y_px, box.y_px + box.height_px}
    on_corners = set(ring[::2]) == edge_x and set(ring[1::2]) == edge_y
    return box if on_corners and len(set(zip(ring[::2], ring[1::2], strict=True))) == 4 else None


def iou(one: Polygon | Box | Mask, other: Polygon | Box | Mask) -> float:
    """Intersection over union in 0 to 1; 1 for two empty shapes. Raises AnnotationInvalid."""
    if isinstance(one, Mask) and isinstance(other, Mask):
        return _mask_iou(one, other)
    a, b = _region(one), _region(other)
    union = shapely.union(a, b).area
    return float(shapely.intersection(a, b).area / union) if union else 1.0


def _mask_iou(one: Mask, other: Mask) -> float:
    if (one.height_px, one.width_px) != (other.height_px, other.width_px):
        raise AnnotationInvalid("Masks of pictures of two sizes cannot be compared.")
    if one.counts == other.counts:
        return 1.0
    a, b = rle.to_bitmap(one), rle.to_bitmap(other)
    union = int((a | b).sum())
    return float((a & b).sum() / union) if union else 1.0


def _region(shape: Polygon | Box | Mask) -> shapely.MultiPolygon:
    match shape:
        case Box():
            return geometry.region(corners(shape))
        case Mask():
            shape = shapes.mask_to_polygon(shape)
    if sum(map(len, shape.rings)) > 2 * MAX_EXACT_POINTS:
        raise AnnotationInvalid("The shape has too many points to be compared.")
    return geometry.region(shape)
