"""Measuring and converting shapes: pure functions, made for a worker thread."""

from dataclasses import dataclass, replace

from labels import rle, shapes
from labels.label import Mask, Polygon
from sam_segmenter.masks import png
from sam_segmenter.masks.sizes import check_size


@dataclass(frozen=True, slots=True)
class Figure:
    """A mask, as run lengths or as the bytes of a PNG file, or a polygon, on a picture of that size in pixels."""

    shape: Mask | Polygon | bytes
    height_px: int
    width_px: int


def measure(figure: Figure) -> shapes.Measure:
    """Area, parts, holes and bounds in original pixels; raises AnnotationInvalid or PictureTooLarge."""
    return shapes.measure(_read(figure))


def to_mask(figure: Figure) -> Figure:
    """The pixels whose centres are inside; raises AnnotationInvalid or PictureTooLarge."""
    return replace(figure, shape=_mask(figure))


def to_polygon(figure: Figure) -> Figure:
    """The outlines of every part and hole; raises AnnotationInvalid or PictureTooLarge."""
    shape = _read(figure)
    return replace(figure, shape=shapes.mask_to_polygon(shape) if isinstance(shape, Mask) else shape)


def to_png(figure: Figure) -> Figure:
    """The pixels whose centres are inside, as a file; raises AnnotationInvalid or PictureTooLarge."""
    return replace(figure, shape=png.to_png(rle.to_bitmap(_mask(figure))))


def _mask(figure: Figure) -> Mask:
    shape = _read(figure)
    if isinstance(shape, Mask):
        return shape
    return shapes.polygon_to_mask(shape, figure.height_px, figure.width_px)


def _read(figure: Figure) -> Mask | Polygon:
    check_size(figure.height_px, figure.width_px)
    return rle.encode(png.from_png(figure.shape)) if isinstance(figure.shape, bytes) else figure.shape
