"""Drawing masks, clicks and boxes on a picture, at the picture's own size."""

import colorsys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from labels.label import Box
from labels.rle import Bitmap

Rgb = tuple[int, int, int]

# Far apart for most eyes too that see red and green alike, and none like the dots of the clicks.
PALETTE: tuple[Rgb, ...] = (
    (38, 139, 255),
    (255, 176, 0),
    (220, 38, 160),
    (0, 214, 196),
    (128, 84, 255),
    (255, 106, 0),
    (188, 222, 33),
    (255, 128, 190),
)
WHITE: Rgb = (255, 255, 255)
DARK: Rgb = (16, 20, 28)
ON: Rgb = (26, 188, 92)
OFF: Rgb = (236, 52, 60)
_TINT = 0.38
_GOLDEN = 0.618034
_FINE = 4
"""Dots are drawn this much larger and shrunk, which smooths their edges."""


@dataclass(frozen=True, slots=True)
class Dot:
    """A click to draw, at a point in pixels of the picture."""

    x_px: float
    y_px: float
    positive: bool = True


@dataclass(frozen=True, slots=True)
class Drawn:
    """One object: its mask of the picture's size, and what was said to get it."""

    mask: Bitmap
    dots: tuple[Dot, ...] = ()
    box: Box | None = None


def colour(number: int) -> Rgb:
    """Colour of the object of that number, from 0: eight chosen ones, then hues that stay apart."""
    if number < len(PALETTE):
        return PALETTE[number]
    red, green, blue = colorsys.hsv_to_rgb(number * _GOLDEN % 1.0, 0.75, 0.95)
    return round(red * 255), round(green * 255), round(blue * 255)


def overlay(picture: Image.Image, objects: Sequence[Drawn]) -> Image.Image:
    """The picture in RGB with every mask tinted and outlined in a colour of its own, boxes and clicks on top.

    Large masks are drawn first, so that a small one on a large one is seen.
    """
    canvas = picture.convert("RGB")
    unit = max(1.0, max(canvas.size) / 640)
    patches = [(_cut(drawn.mask, unit), colour(number)) for number, drawn in enumerate(objects)]
    patches.sort(key=lambda patch: -patch[0].area_px)
    # All insides before the first edge: where masks overlap, every edge stays whole.
    for patch, rgb in patches:
        _tint(canvas, patch, rgb)
    for patch, rgb in patches:
        _outline(canvas, patch, rgb, unit)
    for number, drawn in enumerate(objects):
        if drawn.box is not None:
            _draw_box(canvas, drawn.box, colour(number), unit)
    for drawn in objects:
        for dot in drawn.dots:
            _draw_dot(canvas, dot, unit)
    return canvas


@dataclass(frozen=True, slots=True)
class _Patch:
    """The part of a mask around its pixels, 0 or 255, with its top left corner on the picture."""

    inside: Image.Image
    x_px: int
    y_px: int
    area_px: int


def _cut(mask: Bitmap, unit: float) -> _Patch:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return _Patch(Image.new("L", (1, 1)), 0, 0, 0)
    margin = round(8 * unit)
    x0, y0 = max(0, int(columns[0]) - margin), max(0, int(rows[0]) - margin)
    cut = mask[y0 : int(rows[-1]) + 1 + margin, x0 : int(columns[-1]) + 1 + margin]
    return _Patch(Image.fromarray(cut.astype(np.uint8) * 255), x0, y0, int(np.count_nonzero(cut)))


def _tint(canvas: Image.Image, patch: _Patch, rgb: Rgb) -> None:
    canvas.paste(rgb, (patch.x_px, patch.y_px), patch.inside.point(lambda value: round(value * _TINT)))


def _outline(canvas: Image.Image, patch: _Patch, rgb: Rgb, unit: float) -> None:
    """A dark line under a light one, so that the edge shows on any ground."""
    where = (patch.x_px, patch.y_px)
    canvas.paste(DARK, where, _edge(patch.inside, 3.2 * unit, 0.7))
    canvas.paste(_lighter(rgb), where, _edge(patch.inside, 2.1 * unit, 1.0))


def _edge(inside: Image.Image, half_width_px: float, opacity: float) -> Image.Image:
    """How much of each pixel a line along the edge covers, 0 to 255; the picture's own border is no edge."""
    padded = _with_border(inside, round(3 * half_width_px) + 1)
    soft = np.asarray(padded.filter(ImageFilter.GaussianBlur(half_width_px)), dtype=np.float32) / 255
    # A blurred step crosses one half at the edge and falls off over its width; the gain makes the line's flanks steep.
    line = np.clip((1 - np.abs(2 * soft - 1) - 0.35) * 3.0, 0, 1) * opacity
    drawn = Image.fromarray((line * 255).astype(np.uint8))
    pad = (drawn.width - inside.width) // 2
    return drawn.crop((pad, pad, pad + inside.width, pad + inside.height))


def _with_border(inside: Image.Image, pad: int) -> Image.Image:
    return Image.fromarray(np.pad(np.asarray(inside), pad, mode="edge"))


def _lighter(rgb: Rgb) -> Rgb:
    red, green, blue = (round(c + (255 - c) * 0.25) for c in rgb)
    return red, green, blue


def _draw_box(canvas: Image.Image, box: Box, rgb: Rgb, unit: float) -> None:
    """A dark frame with a light one in its middle."""
    draw = ImageDraw.Draw(canvas)
    wide, narrow = max(3, round(3 * unit)), max(1, round(unit))
    x0, y0, x1, y1 = box.x_px, box.y_px, box.x_px + box.width_px, box.y_px + box.height_px
    for width, line in ((wide, DARK), (narrow, _lighter(rgb))):
        half = width / 2
        draw.rectangle((x0 - half, y0 - half, x1 + half - 1, y1 + half - 1), outline=line, width=width)


def _draw_dot(canvas: Image.Image, dot: Dot, unit: float) -> None:
    """A green dot with a plus, or a red one with a minus, in a white rim with a thin shadow."""
    radius = 7.0 * unit
    reach = int(radius * 1.5) + 2
    side = (2 * reach + 1) * _FINE
    left, top = int(dot.x_px) - reach, int(dot.y_px) - reach
    centre_x, centre_y = (dot.x_px - left) * _FINE, (dot.y_px - top) * _FINE
    stamp = Image.new("RGBA", (side, side), (*DARK, 0))
    draw = ImageDraw.Draw(stamp)

    def circle(share: float, fill: tuple[int, int, int, int]) -> None:
        r = radius * share * _FINE
        draw.ellipse((centre_x - r, centre_y - r, centre_x + r, centre_y + r), fill=fill)

    circle(1.18, (*DARK, 150))
    circle(1.0, (*WHITE, 255))
    circle(0.74, (*(ON if dot.positive else OFF), 255))
    arm, thick = radius * 0.4 * _FINE, max(1, round(radius * 0.2 * _FINE))
    draw.line((centre_x - arm, centre_y, centre_x + arm, centre_y), fill=WHITE, width=thick)
    if dot.positive:
        draw.line((centre_x, centre_y - arm, centre_x, centre_y + arm), fill=WHITE, width=thick)
    small = stamp.resize((2 * reach + 1, 2 * reach + 1), Image.Resampling.LANCZOS)
    canvas.paste(small.convert("RGB"), (left, top), small.getchannel("A"))
