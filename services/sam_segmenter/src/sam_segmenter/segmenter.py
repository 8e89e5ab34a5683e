"""Measuring and converting shapes: pure functions, made for a worker thread."""

from dataclasses import dataclass

from labels import shapes
from labels.label import Mask, Polygon
from sam_segmenter.errors import PictureTooLarge

MAX_SIDE_PX = 30_000
MAX_PIXELS = 64_000_000


@dataclass(frozen=True, slots=True)
class Picture:
    """A mask or polygon on a picture of that size in pixels."""

    shape: Mask | Polygon
    height_px: int
    width_px: int


def measure(picture: Picture) -> shapes.Measure:
    """Area, parts, holes and bounds in original pixels; raises AnnotationInvalid or PictureTooLarge."""
    _check_size(picture)
    return shapes.measure(picture.shape)


def to_mask(picture: Picture) -> Picture:
    """The pixels whose centres are inside; raises AnnotationInvalid or PictureTooLarge."""
    _check_size(picture)
    if isinstance(picture.shape, Mask):
        return picture
    mask = shapes.polygon_to_mask(picture.shape, picture.height_px, picture.width_px)
    return Picture(mask, picture.height_px, picture.width_px)


def to_polygon(picture: Picture) -> Picture:
    """The outlines of every part and hole; raises AnnotationInvalid or PictureTooLarge."""
    _check_size(picture)
    if isinstance(picture.shape, Polygon):
        return picture
    return Picture(shapes.mask_to_polygon(picture.shape), picture.height_px, picture.width_px)


def _check_size(picture: Picture) -> None:
    sides = (picture.height_px, picture.width_px)
    if not all(0 < side <= MAX_SIDE_PX for side in sides) or sides[0] * sides[1] > MAX_PIXELS:
        raise PictureTooLarge
