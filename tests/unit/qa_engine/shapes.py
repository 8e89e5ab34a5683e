"""Shapes that the rules' tables are made of."""

import numpy as np

from labels import rle
from labels.asset import Asset, ContentRef
from labels.label import Annotation, Box, Mask, Polygon, Value

REF = ContentRef("blob:sha256/" + "0" * 64, "0" * 64, 1)
PICTURE = Asset("k", image_ref=REF, width_px=200, height_px=100)
Ring = tuple[float, ...]


def claim(value: Value, id: str = "a0", tool: str = "outline", category: str = "roof") -> Annotation:
    """An annotation of a value."""
    return Annotation(id, tool, category, value)


def rectangle(width: float, height: float, x: float = 0.0, y: float = 0.0) -> Ring:
    """A ring from its top left corner."""
    return (x, y, x + width, y, x + width, y + height, x, y + height)


def outline(*rings: Ring, id: str = "a0", **claimed: str) -> Annotation:
    """A polygon of rings."""
    return claim(Polygon(rings), id, **claimed)


def frame(
    width: float, height: float, x: float = 0.0, y: float = 0.0, id: str = "a0", **claimed: str
) -> Annotation:
    """A box."""
    return claim(Box(x, y, width, height), id, **{"tool": "box", **claimed})


def drawn(*rows: str, id: str = "a0", **claimed: str) -> Annotation:
    """A mask of rows in which # stands for a pixel."""
    return claim(mask(*rows), id, **{"tool": "area", **claimed})


def mask(*rows: str) -> Mask:
    """A mask of rows in which # stands for a pixel."""
    return rle.encode(np.asarray([[character == "#" for character in row] for row in rows]))
