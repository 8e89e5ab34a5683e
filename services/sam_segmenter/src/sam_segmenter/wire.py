"""Shapes on the wire and back."""

from labelmesh.label.v1 import label_pb2
from labelmesh.segmenter.v1 import mask_service_pb2 as pb
from labels.label import Mask, Polygon
from labels.proto import value_from_pb, value_to_pb
from labels.shapes import Measure
from sam_segmenter.errors import ShapeMissing
from sam_segmenter.masks import png
from sam_segmenter.masks.figures import Figure


def figure_from_pb(shape: pb.Shape) -> Figure:
    """Raises ShapeMissing or AnnotationInvalid."""
    match shape.WhichOneof("shape"):
        case "mask":
            value = value_from_pb(label_pb2.Annotation(mask=shape.mask))
        case "polygon":
            value = value_from_pb(label_pb2.Annotation(polygon=shape.polygon))
        case "png":
            return Figure(shape.png, *png.size(shape.png))
        case _:
            raise ShapeMissing
    match value:
        case Mask():
            return Figure(value, value.height_px, value.width_px)
        case Polygon():
            return Figure(value, shape.height_px, shape.width_px)
        case _:
            raise ShapeMissing


def figure_to_pb(figure: Figure) -> pb.Shape:
    """A mask and a PNG file carry the picture's size themselves, a polygon has it beside it."""
    if isinstance(figure.shape, bytes):
        return pb.Shape(png=figure.shape)
    value = value_to_pb(figure.shape)
    if isinstance(figure.shape, Mask):
        return pb.Shape(mask=value.mask)
    return pb.Shape(polygon=value.polygon, height_px=figure.height_px, width_px=figure.width_px)


def measure_to_pb(measure: Measure) -> pb.MeasureMaskResponse:
    """Bounds are unset when the shape is empty."""
    bounds = value_to_pb(measure.bounds).box if measure.bounds else None
    return pb.MeasureMaskResponse(
        area_px=measure.area_px, components=measure.parts, holes=measure.holes, bounds=bounds
    )
