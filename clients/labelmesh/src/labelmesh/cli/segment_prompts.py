"""Points and boxes as they are typed."""

from collections.abc import Sequence
from math import isfinite

from labelmesh.cli.errors import UserError
from labelmesh.client import Click, ObjectPrompt
from labels.label import Box


def parse_point(text: str, positive: bool) -> Click:
    """`320,240`; raises UserError."""
    numbers = _numbers(text)
    if len(numbers) != 2:
        raise UserError(f'"{text}" is not a point; write X,Y in pixels, such as 320,240.')
    return Click(numbers[0], numbers[1], positive)


def parse_box(text: str) -> Box:
    """`100,80,200,150`; raises UserError."""
    numbers = _numbers(text)
    if len(numbers) != 4:
        raise UserError(f'"{text}" is not a box; write X,Y,WIDTH,HEIGHT in pixels, such as 100,80,200,150.')
    if numbers[2] <= 0 or numbers[3] <= 0:
        raise UserError(f'The box "{text}" must have a width and a height above 0.')
    return Box(*numbers)


def _numbers(text: str) -> list[float]:
    """The numbers between the commas; none when something else stands there."""
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        return []
    return numbers if all(isfinite(number) for number in numbers) else []


def objects_of(
    points: Sequence[Click], boxes: Sequence[Box], everything: bool, name: str, size: tuple[int, int]
) -> tuple[ObjectPrompt, ...]:
    """The objects asked for on a picture of `size` (width, height) pixels; none for everything. Raises UserError."""
    if everything:
        if points or boxes:
            raise UserError("--everything looks all over the picture; leave out points and boxes.")
        return ()
    if not points and not boxes:
        raise UserError("Say what to segment: --point X,Y or --box X,Y,W,H, or --everything.")
    if len(boxes) > 1 and points:
        raise UserError(
            "With several boxes it is not clear which one the points belong to; give one box, or no point."
        )
    _check_places(points, boxes, name, size)
    if len(boxes) > 1:
        return tuple(ObjectPrompt(box=box) for box in boxes)
    return (ObjectPrompt(clicks=tuple(points), box=boxes[0] if boxes else None),)


def _check_places(points: Sequence[Click], boxes: Sequence[Box], name: str, size: tuple[int, int]) -> None:
    width, height = size
    for point in points:
        if not (0 <= point.x_px <= width and 0 <= point.y_px <= height):
            raise UserError(
                f"The point {point.x_px:g},{point.y_px:g} lies outside {name}, which is {width} x {height} pixels."
            )
    for box in boxes:
        beside = box.x_px >= width or box.x_px + box.width_px <= 0
        if beside or box.y_px >= height or box.y_px + box.height_px <= 0:
            raise UserError(
                f"The box {box.x_px:g},{box.y_px:g},{box.width_px:g},{box.height_px:g} lies outside {name}, "
                f"which is {width} x {height} pixels."
            )
