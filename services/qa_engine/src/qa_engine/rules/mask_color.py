"""Shapes have the colour of what they are said to be."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from labels.errors import AnnotationInvalid
from labels.label import Box, Finding, Label, Mask, Polygon, Severity
from qa_engine import colours
from qa_engine.errors import ShapeUnreadable
from qa_engine.inside import inside
from qa_engine.rule import Context, Need, Parameter, TextParameter, Unchecked, rule

EVERY = "*"
CHANNELS = {"RGB": ("red", "green", "blue"), "HSV": ("hue", "saturation", "value"), "LAB": ("L", "a", "b")}


def numbers(text: str, count: int) -> tuple[str, tuple[float, ...]]:
    """The category and the numbers of `CATEGORY: 1 2 3`; raises ValueError."""
    category, colon, rest = text.rpartition(":")
    try:
        found = tuple(map(float, rest.split()))
    except ValueError:
        found = ()
    if not (colon and category.strip() and len(found) == count and np.isfinite(found).all()):
        raise ValueError(f"must be a category, a colon and {count} numbers")
    return category.strip(), found


def _space(text: str) -> None:
    if text not in colours.SPACES:
        raise ValueError("must be RGB, HSV or LAB")


def _statistic(text: str) -> None:
    if text not in ("mean", "percentile"):
        raise ValueError("must be mean or percentile")


SPACE = TextParameter(
    "space",
    ("RGB",),
    "RGB (0 to 255), HSV (degrees 0 to 360, then 0 to 1 twice) or LAB (CIE 1976, D65).",
    most=1,
    accept=_space,
)
STATISTIC = TextParameter(
    "statistic",
    ("mean",),
    "What counts as the shape's colour: mean or percentile.",
    most=1,
    accept=_statistic,
)
PERCENT = Parameter("percentile", 50.0, 0.0, 100.0, "Which percentile of each channel; 0 to 100.")
RANGES = TextParameter(
    "ranges",
    (),
    "`CATEGORY: low high low high low high`, the allowed range of each channel; * stands for every category without "
    "a range of its own. A hue's range may go through 0, as 350 10.",
    accept=lambda text: numbers(text, 6),
)
PROTOTYPES = TextParameter(
    "prototypes",
    (),
    "`CATEGORY: c1 c2 c3`, the colour that a category has; * stands for every category without one.",
    accept=lambda text: numbers(text, 3),
)
FURTHEST = Parameter(
    "max_distance",
    60.0,
    0.0,
    1_000.0,
    "Largest distance from the category's prototype in the colour space; in HSV's cone, where the largest is 2; "
    "0 to 1,000.",
)


@dataclass(frozen=True, slots=True)
class _Wanted:
    space: str
    percent: float | None
    ranges: Mapping[str, tuple[float, ...]]
    prototypes: Mapping[str, tuple[float, ...]]
    furthest: float

    def of(self, category: str) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
        """The range and the prototype of a category, empty where it has none; None where it has neither."""
        bounds = self.ranges.get(category) or self.ranges.get(EVERY) or ()
        prototype = self.prototypes.get(category) or self.prototypes.get(EVERY) or ()
        return (bounds, prototype) if bounds or prototype else None


@rule(
    "mask_color",
    severity=Severity.WARNING,
    parameters=(SPACE, STATISTIC, PERCENT, RANGES, PROTOTYPES, FURTHEST),
    enabled=False,
    needs=frozenset({Need.PIXELS}),
)
def mask_color(label: Label, context: Context) -> Iterator[Finding]:
    """The mean, or a percentile, of a shape's colour is in its category's range and near its prototype."""
    wanted = _Wanted(
        next(iter(context.texts(SPACE)), "RGB"),
        context.number(PERCENT) if "percentile" in context.texts(STATISTIC) else None,
        dict(numbers(text, 6) for text in context.texts(RANGES)),
        dict(numbers(text, 3) for text in context.texts(PROTOTYPES)),
        context.number(FURTHEST),
    )
    for annotation in label.annotations:
        if isinstance(annotation.value, Box | Polygon | Mask) and wanted.of(annotation.category):
            for message in _judge(annotation.category, annotation.value, context, wanted):
                yield context.finding(message, annotation.id)


def _judge(category: str, shape: Box | Polygon | Mask, context: Context, wanted: _Wanted) -> Iterator[str]:
    picture = context.subject.picture
    if picture is None:
        yield Unchecked("The picture could not be read to look at the shape's colour.")
        return
    try:
        pixels = inside(picture, shape)
    except (ShapeUnreadable, AnnotationInvalid):
        yield Unchecked("The shape does not fit the picture, so that its colour is not known.")
        return
    if not len(pixels):
        yield "The shape covers no pixel of the picture."
        return
    counted = colours.count(pixels, wanted.space)
    colour = colours.mean(counted) if wanted.percent is None else colours.percentile(counted, wanted.percent)
    bounds, prototype = wanted.of(category) or ((), ())
    yield from _beyond(colour, bounds, CHANNELS[wanted.space])
    if prototype:
        far = colours.distance(colour, np.asarray(prototype), wanted.space)
        if far > wanted.furthest:
            yield f"The shape's colour is {far:.6g} from its category's, more than {wanted.furthest:g}."


def _beyond(colour: colours.Floats, bounds: tuple[float, ...], channels: tuple[str, ...]) -> Iterator[str]:
    for channel, value, low, high in zip(channels, colour.tolist(), bounds[::2], bounds[1::2], strict=False):
        # A range of hues may go through 0.
        within = low <= value <= high if low <= high else value >= low or value <= high
        if not within:
            yield f"The shape's {channel} is {value:.6g}, not {low:g} to {high:g}."
