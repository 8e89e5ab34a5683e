"""Measuring and converting shapes: pure functions, made for a worker thread."""

from dataclasses import dataclass

from labels import shapes
from labels.label import Mask, Polygon
from sam_segmenter.errors import PictureTooLarge

MAX_SIDE_PX = 30_000
MAX_PIXELS = 64_000_000


@dataclass(frozen=True, slots=True)
class Figure:
    """A mask or polygon on a picture of that size in pixels."""

    shape: Mask | Polygon
    height_px: int
    width_px: int


def measure(figure: Figure) -> shapes.Measure:
    """Area, parts, holes and bounds in original pixels; raises AnnotationInvalid or PictureTooLarge."""
    _check_size(figure)
    return shapes.measure(figure.shape)


def to_mask(figure: Figure) -> Figure:
    """The pixels whose centres are inside; raises AnnotationInvalid or PictureTooLarge."""
    _check_size(figure)
    if isinstance(figure.shape, Mask):
        return figure
    mask = shapes.polygon_to_mask(figure.shape, figure.height_px, figure.width_px)
    return Figure(mask, figure.height_px, figure.width_px)


def to_polygon(figure: Figure) -> Figure:
    """The outlines of every part and hole; raises AnnotationInvalid or PictureTooLarge."""
    _check_size(figure)
    if isinstance(figure.shape, Polygon):
        return figure
    return Figure(shapes.mask_to_polygon(figure.shape), figure.height_px, figure.width_px)


def _check_size(figure: Figure) -> None:
    sides = (figure.height_px, figure.width_px)
    if not all(0 < side <= MAX_SIDE_PX for side in sides) or sides[0] * sides[1] > MAX_PIXELS:
        raise PictureTooLarge
