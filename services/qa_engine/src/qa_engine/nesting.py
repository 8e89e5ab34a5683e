"""How the rings of a polygon lie in each other: its area, parts and holes by the even-odd rule.

Rings that keep apart are worked out in columns; polygons whose rings cross or touch are cut into faces.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely

from labels.label import Polygon
from qa_engine.cutting import cut
from qa_engine.pieces import pairs_within
from qa_engine.rings import Flags, Floats, Ints, Rings


@dataclass(frozen=True, slots=True)
class Regions:
    """What polygons cover, in square pixels.

    `area` has an entry a polygon, NaN where it cannot be measured; the parts and holes of all polygons lie one
    behind the other, with the place of the polygon that each belongs to. `crossed` are polygons whose rings, or
    one of them with itself, cross or run along each other; rings that only touch do not.
    """

    area: Floats
    part_area: Floats
    part_owner: Ints
    hole_area: Floats
    hole_owner: Ints
    crossed: Flags


def regions(rings: Rings, polygons: Sequence[Polygon | None], spoiled: Flags) -> Regions:
    """Regions of the polygons, in whose places the rings' owners count; those `spoiled` are NaN."""
    count = len(polygons)
    depth, parent, meets = _nest(rings, count)
    slow = np.zeros(count, dtype=bool)
    slow[rings.owner[~rings.simple]] = True
    slow[rings.owner[meets]] = True
    slow |= spoiled
    fast = ~slow[rings.owner]
    area = np.zeros(count)
    signed = np.where(depth % 2, -rings.shoelaces, rings.shoelaces)
    np.add.at(area, rings.owner[fast], signed[fast])
    part_area = rings.shoelaces.copy()
    inner = fast & (depth % 2 == 1)
    np.subtract.at(part_area, parent[inner], rings.shoelaces[inner])
    outer = fast & (depth % 2 == 0)
    faces = cut(rings, polygons, np.flatnonzero(slow & ~spoiled))
    area[slow] = np.nan
    area[faces.measured] = 0.0
    np.add.at(area, faces.part_owner, faces.part_area)
    crossed = np.zeros(count, dtype=bool)
    crossed[faces.crossed] = True
    return Regions(
        area=area,
        part_area=np.concatenate((part_area[outer], faces.part_area)),
        part_owner=np.concatenate((rings.owner[outer], faces.part_owner)),
        hole_area=np.concatenate((rings.shoelaces[inner], faces.hole_area)),
        hole_owner=np.concatenate((rings.owner[inner], faces.hole_owner)),
        crossed=crossed,
    )


def _nest(rings: Rings, count: int) -> tuple[Ints, Ints, Flags]:
    """For each ring: in how many others of its polygon it lies, the innermost of those, and whether it meets one."""
    depth = np.zeros(len(rings), dtype=np.intp)
    parent = np.full(len(rings), -1, dtype=np.intp)
    meets = np.zeros(len(rings), dtype=bool)
    many = np.bincount(rings.owner, minlength=count) > 1
    places = np.flatnonzero(many[rings.owner]) if len(rings) else np.zeros(0, dtype=np.intp)
    if not len(places):
        return depth, parent, meets
    lines = rings.lines(places)
    areas = rings.shoelaces[places]
    held: list[tuple[Ints, Ints]] = []
    for i, j in pairs_within(rings.owner[places]):
        one, other = rings.bounds[places[i]], rings.bounds[places[j]]
        near = ((one[:, :2] <= other[:, 2:]) & (other[:, :2] <= one[:, 2:])).all(axis=1)
        i, j = i[near], j[near]
        met = shapely.intersects(lines[i], lines[j])
        meets[places[i[met]]] = meets[places[j[met]]] = True
        apart = ~met & rings.simple[places[i]] & rings.simple[places[j]]
        small = np.where(areas[i] < areas[j], i, j)[apart]
        large = np.where(areas[i] < areas[j], j, i)[apart]
        first = rings.starts[places[small]]
        inside = shapely.contains_xy(shapely.polygons(lines[large]), rings.x[first], rings.y[first])
        held.append((places[small[inside]], places[large[inside]]))
    small, large = (np.concatenate(side) for side in zip(*held, strict=True))
    np.add.at(depth, small, 1)
    # Of the rings around one, the innermost has the smallest area; the last one assigned stays.
    order = np.argsort(-rings.shoelaces[large], kind="stable")
    parent[small[order]] = large[order]
    return depth, parent, meets
