"""The insides of boxes and polygons as geometries, made of what the columns already know of them."""

from typing import TYPE_CHECKING

import numpy as np
import shapely

from qa_engine.flat import Ints
from qa_engine.rings import BOX, Geometries

if TYPE_CHECKING:
    from qa_engine.shapes import Shapes


def solids(shapes: "Shapes", places: Ints) -> Geometries:
    """The insides of the boxes and polygons in those places, which ascend; empty for what covers nothing."""
    solid = np.full(len(places), shapely.MultiPolygon(), dtype=object)
    boxes = np.flatnonzero(shapes.kind[places] == BOX)
    solid[boxes] = shapely.box(*shapes.bounds[places[boxes]].T)
    for parts, owner in (_nested(shapes, places), _cut(shapes, places)):
        if len(parts):
            of, index = np.unique(owner, return_inverse=True)
            solid[np.searchsorted(places, of)] = shapely.multipolygons(parts, indices=index)
    return solid


def _nested(shapes: "Shapes", places: Ints) -> tuple[Geometries, Ints]:
    """Parts of the polygons whose rings keep apart, and the ascending place of the polygon of each."""
    rings, shell = shapes.rings, shapes.regions.shell
    wanted = np.zeros(len(shapes), dtype=bool)
    wanted[places] = True
    mine = np.flatnonzero(wanted[rings.owner] & (shell >= 0))
    # Each part's shell comes first, then its holes; shells ascend as their polygons do.
    mine = mine[np.lexsort((mine != shell[mine], shell[mine]))]
    shells, part = np.unique(shell[mine], return_inverse=True)
    return shapely.polygons(rings.lines(mine), indices=part), rings.owner[shells]


def _cut(shapes: "Shapes", places: Ints) -> tuple[Geometries, Ints]:
    """Parts of the polygons that were cut, and the ascending place of the polygon of each."""
    faces = shapes.regions.faces
    mine = np.flatnonzero(np.isin(faces.part_owner, places))
    mine = mine[np.argsort(faces.part_owner[mine], kind="stable")]
    return faces.parts[mine], faces.part_owner[mine]
