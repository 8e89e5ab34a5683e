"""Opening a picture as it is displayed."""

import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

MAX_BYTES = 64 << 20
MAX_PIXELS = 64_000_000
_DEEP = ("I", "I;16", "I;16B", "I;16L", "F")
"""Modes of one channel with more than eight bits, which Pillow would cut off instead of scaling."""


class PictureUnusable(Exception):
    """The picture cannot be used."""


def open_picture(path: Path) -> Image.Image:
    """The picture in RGB, turned as its EXIF data ask for, the first frame of an animation; raises PictureUnusable."""
    try:
        if not path.exists():
            raise PictureUnusable(f"There is no file {path}.")
        if path.is_dir():
            raise PictureUnusable(f"{path} is a folder, not a picture.")
        if not 0 < path.stat().st_size <= MAX_BYTES:
            raise PictureUnusable(f"{path} is empty or larger than {MAX_BYTES >> 20} MiB.")
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as opened:
                if opened.width * opened.height > MAX_PIXELS:
                    raise PictureUnusable(_too_large(path))
                return _rgb(ImageOps.exif_transpose(opened))
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise PictureUnusable(_too_large(path)) from None
    except UnidentifiedImageError:
        raise PictureUnusable(f"{path} is not a picture that can be read.") from None
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        if isinstance(error, OSError) and error.strerror:
            raise PictureUnusable(f"{path} cannot be read: {error.strerror}.") from error
        raise PictureUnusable(
            f"{path} is damaged: its file ends too early or is not what it says."
        ) from error


def _too_large(path: Path) -> str:
    return f"{path} has more than {MAX_PIXELS // 1_000_000} million pixels."


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode in _DEEP:
        values = np.asarray(image, dtype=np.float64)
        top = 65_535 if values.max(initial=0) > 255 else 255
        return Image.fromarray(np.clip(values / top * 255, 0, 255).astype(np.uint8)).convert("RGB")
    return image.convert("RGB")
