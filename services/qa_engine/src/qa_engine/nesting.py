"""How the rings of a polygon lie in each other: its area, parts and holes by the even-odd rule.

Rings that keep apart are worked out in columns; polygons whose rings cross or touch are cut into faces.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely

from labels.label import Value
from qa_engine.cutting import Faces, cut
from qa_engine.flat import Floats, Ints
from qa_engine.pieces import pairs_within
from qa_engine.rings import Flags, Rings


@dataclass(frozen=True, slots=True)
class Regions:
    """What polygons cover, in square pixels.

    `area` has an entry a polygon, NaN where it cannot be measured; the parts and holes of all polygons lie one
    behind the other, with the place of the polygon that each belongs to. `crossed` are polygons whose rings, or
    one of them with itself, cross or run along each other; rings that only touch do not.

    `shell` has an entry a ring, the ring around the part that it bounds, which may be itself, and -1 where the polygon
    was cut; `faces` are the parts of the polygons that were.
    """

    area: Floats
    part_area: Floats
    part_owner: Ints
    hole_area: Floats
    hole_owner: Ints
    crossed: Flags
    shell: Ints
    faces: Faces


def regions(rings: Rings, shapes: Sequence[Value], spoiled: Flags) -> Regions:
    """Regions of the polygons among some shapes, in whose places the rings' owners count; those `spoiled` are NaN."""
    count = len(shapes)
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
    faces = cut(rings, shapes, np.flatnonzero(slow & ~spoiled))
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
        shell=np.where(fast, np.where(inner, parent, np.arange(len(rings))), -1),
        faces=faces,
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
    held: list[tuple[Ints, Ints]] = []
    for i, j in pairs_within(rings.owner[places]):
        i, j = places[i], places[j]
        one, other = rings.bounds[i], rings.bounds[j]
        near = ((one[:, :2] <= other[:, 2:]) & (other[:, :2] <= one[:, 2:])).all(axis=1)
        i, j = i[near], j[near]
        first_is_small = rings.shoelaces[i] < rings.shoelaces[j]
        small, large = np.where(first_is_small, i, j), np.where(first_is_small, j, i)
        plain = rings.hold(large, small)
        held.append((small[plain], large[plain]))
        held.append(_look_close(rings, small[~plain], large[~plain], meets))
    small, large = (np.concatenate(side) for side in zip(*held, strict=True))
    np.add.at(depth, small, 1)
    # Of the rings around one, the innermost has the smallest area; the last one assigned stays.
    order = np.argsort(-rings.shoelaces[large], kind="stable")
    parent[small[order]] = large[order]
    return depth, parent, meets


def _look_close(rings: Rings, small: Ints, large: Ints, meets: Flags) -> tuple[Ints, Ints]:
    """Of pairs of rings those of which one lies in the other; notes in `meets` those that touch."""
    if not len(small):
        return small, large
    which, back = np.unique(np.concatenate((small, large)), return_inverse=True)
    lines = rings.lines(which)
    small_lines, large_lines = lines[back[: len(small)]], lines[back[len(small) :]]
    met = shapely.intersects(small_lines, large_lines)
    meets[small[met]] = meets[large[met]] = True
    apart = ~met & rings.simple[small] & rings.simple[large]
    small, large = small[apart], large[apart]
    first = rings.starts[small]
    inside = shapely.contains_xy(shapely.polygons(large_lines[apart]), rings.x[first], rings.y[first])
    return small[inside], large[inside]
