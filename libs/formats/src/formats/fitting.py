"""Shapes brought into the form that a format has, with an account of what that cost."""

from formats import rings
from formats.item import Item, is_picture
from formats.report import LossReport
from labels import rle, shapes
from labels.asset import Asset
from labels.errors import AnnotationInvalid
from labels.label import Annotation, Box, Label, Mask, Polygon

Shape = Box | Polygon | Mask


def place_of(asset: Asset, annotation: Annotation) -> str:
    """How a report names an annotation."""
    return f"{asset.key[:80]} {annotation.id}"


def label_at_hand(item: Item, report: LossReport) -> Label | None:
    """The item's label; None without one, or dropped with its annotations where the text is not at hand."""
    if item.label is not None and (item.asset.text is not None or is_picture(item.asset)):
        return item.label
    for annotation in item.annotations:
        report.drop("text that is kept in the blob store", place_of(item.asset, annotation))
    return None


class Fit:
    """Brings shapes into form; what cannot be is None and stands in the report as dropped."""

    def __init__(self, report: LossReport) -> None:
        self._report = report

    def polygon(self, asset: Asset, annotation: Annotation) -> Polygon | None:
        """The shape as outlines: a mask's run along its pixels, a box has four corners."""
        value = annotation.value
        place = place_of(asset, annotation)
        match value:
            case Polygon():
                kept = rings.sound(value)
                if not kept.rings:
                    self._report.drop("polygon of fewer than three points", place)
                    return None
                return kept
            case Box():
                self._report.change("box written as a polygon", place, 1.0)
                return rings.corners(value)
            case Mask():
                try:
                    outline = shapes.mask_to_polygon(value)
                except AnnotationInvalid as error:
                    self._report.drop(_reason(error), place)
                    return None
                self._report.change("mask written as its outline", place, 1.0)
                return outline
        return None

    def box(self, asset: Asset, annotation: Annotation) -> Box | None:
        """The smallest box around the shape."""
        value = annotation.value
        place = place_of(asset, annotation)
        if isinstance(value, Box):
            return value
        try:
            box = rings.bounds(value) if isinstance(value, Polygon) and value.rings else None
            box = rle.bounds(value) if isinstance(value, Mask) else box
        except AnnotationInvalid as error:
            self._report.drop(_reason(error), place)
            return None
        if box is None:
            self._report.drop("shape without area", place)
            return None
        assert isinstance(value, Polygon | Mask)  # noqa: S101 - the caller asks for shapes only
        self._report.change(f"{_word(value)} written as the box around it", place, overlap(value, box))
        self._report.holes_lost += _holes(value)
        return box

    def mask(self, asset: Asset, annotation: Annotation) -> Mask | None:
        """The pixels whose centres lie in the shape."""
        value = annotation.value
        place = place_of(asset, annotation)
        if isinstance(value, Mask):
            return value
        if not isinstance(value, Polygon | Box):
            return None
        outline = value if isinstance(value, Polygon) else rings.corners(value)
        try:
            mask = shapes.polygon_to_mask(outline, asset.height_px, asset.width_px)
            empty = rle.area(mask) == 0
        except AnnotationInvalid as error:
            self._report.drop(_reason(error), place)
            return None
        if empty:
            self._report.drop("shape without a whole pixel", place)
            return None
        self._report.change(f"{_word(value)} written as a mask", place, overlap(value, mask))
        return mask


def overlap(one: Shape, other: Shape) -> float | None:
    """IoU in 0 to 1; None where the shapes are too tangled to be compared."""
    try:
        return rings.iou(one, other)
    except AnnotationInvalid:
        return None


def _holes(value: Polygon | Mask) -> int:
    """Number of holes, 0 in a shape too tangled to tell."""
    try:
        return shapes.measure(value).holes
    except AnnotationInvalid:
        return 0


def _word(value: Shape) -> str:
    return type(value).__name__.lower()


def _reason(error: AnnotationInvalid) -> str:
    return str(error).removesuffix(".").lower()
