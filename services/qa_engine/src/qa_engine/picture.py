"""Pictures as pixels, from files that are not believed."""

import io
import re
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from qa_engine.errors import PictureUnreadable

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP")
MAX_PIXELS = 64_000_000
"""Pixels of the largest picture that is decoded; three bytes each."""
MAX_FILE_BYTES = 64 << 20
_STRIP_ROWS = 256

Pixels = NDArray[np.uint8]
_PILLOW = re.compile(r"PIL\.")


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A decoded picture: `pixels` is uint8 H x W x 3, RGB, read-only."""

    pixels: Pixels

    @property
    def height_px(self) -> int:
        """Height as displayed."""
        return int(self.pixels.shape[0])

    @property
    def width_px(self) -> int:
        """Width as displayed."""
        return int(self.pixels.shape[1])


def read(data: bytes) -> Picture:
    """Decode a PNG, JPEG, WebP, TIFF, GIF or BMP file, turned as it is displayed, the first frame or page.

    Transparent parts show white; 16 bits a channel are mapped on 8. Raises PictureUnreadable, also for more than
    MAX_PIXELS.
    """
    _hush()
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            _check_size(image)
            ImageOps.exif_transpose(image, in_place=True)
            pixels = _pixels(_rgb(image))
    except Exception:  # noqa: BLE001 - decoders raise anything at all over a damaged file
        raise PictureUnreadable from None
    pixels.flags.writeable = False
    return Picture(pixels)


def _hush() -> None:
    """Ignore Pillow's warnings from now on: of sizes, which are checked here, and of what does not change pixels.

    There is no way to do so for one thread only.
    """
    if ("ignore", None, Warning, _PILLOW, 0) not in warnings.filters:
        warnings.filterwarnings("ignore", module=_PILLOW.pattern)


def _check_size(image: Image.Image) -> None:
    width, height = image.size
    if not (width > 0 and height > 0 and width * height <= MAX_PIXELS):
        raise PictureUnreadable


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode in ("F", "I"):
        # Nothing says which number is white.
        raise PictureUnreadable
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image).astype(np.uint32) // 257).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        ground = Image.new("RGBA", image.size, "white")
        ground.alpha_composite(image.convert("RGBA"))
        return ground.convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def _pixels(image: Image.Image) -> Pixels:
    """The pixels of an RGB image, copied strip by strip: all at once they would be in memory twice more on the way."""
    width, height = image.size
    pixels = np.empty((height, width, 3), dtype=np.uint8)
    for top in range(0, height, _STRIP_ROWS):
        bottom = min(height, top + _STRIP_ROWS)
        pixels[top:bottom] = np.asarray(image.crop((0, top, width, bottom)))
    return pixels
