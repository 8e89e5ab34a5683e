"""Shapes are made of numbers that can be measured."""

from collections.abc import Iterator

from labels.label import Box, Mask, Severity
from qa_engine.rule import Terms, shape_rule
from qa_engine.shapes import Shapes


@shape_rule("sound_shape", severity=Severity.ERROR)
def sound_shape(shapes: Shapes, terms: Terms) -> Iterator[tuple[int, str]]:
    """Coordinates are finite and paired, boxes have an extent, and masks fill a picture of the asset's size."""
    for place, fault in shapes.faults.items():
        yield place, f"The {_word(shapes.values[place])} {fault}."
    for place in shapes.runs:
        mask = shapes.values[place]
        width, height = shapes.picture[place].tolist()
        if isinstance(mask, Mask) and width and height and (mask.width_px, mask.height_px) != (width, height):
            yield (
                place,
                f"The mask is {mask.width_px} x {mask.height_px} pixels, the picture {width} x {height}.",
            )


def _word(value: object) -> str:
    return "box" if isinstance(value, Box) else "mask" if isinstance(value, Mask) else "polygon"
