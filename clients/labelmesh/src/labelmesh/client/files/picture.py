"""Width and height of a picture as it is displayed, without decoding it.

Coordinates of labels are pixels of the picture after the turn that its EXIF data ask for, so this is the size that the
services check them against.
"""

import hashlib
import warnings
from pathlib import Path
from typing import BinaryIO

from PIL import ExifTags, Image

_FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP")
_QUARTER_TURNS = frozenset({5, 6, 7, 8})


class PictureUnreadable(Exception):
    """The picture cannot be read."""


def measure(path: Path, max_bytes: int) -> tuple[int, int, str]:
    """Width and height in pixels as displayed, and the file's SHA-256; raises PictureUnreadable."""
    try:
        size = path.stat().st_size
        if not 0 < size <= max_bytes:
            raise PictureUnreadable(f"The picture {path.name} is empty or larger than {max_bytes >> 20} MiB.")
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            width, height = _size(file, path.name)
    except OSError as error:
        raise PictureUnreadable(f"The picture {path} cannot be read: {error.strerror}.") from error
    return width, height, digest


def _size(file: BinaryIO, name: str) -> tuple[int, int]:
    """Width and height as displayed; raises PictureUnreadable, or OSError when the disk fails."""
    try:
        # Large pictures are warned of; nothing is decoded here.
        with warnings.catch_warnings(action="ignore", category=Warning):
            image = Image.open(file, formats=_FORMATS)
            width, height = image.size
            turned = _orientation(image) in _QUARTER_TURNS
    except Image.DecompressionBombError:
        raise PictureUnreadable(f"The picture {name} has more than 178 million pixels.") from None
    except Exception as error:
        # Decoders raise anything at all over a damaged file; only what the system says has a number.
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise PictureUnreadable(f"The file {name} is not a PNG, JPEG, GIF, BMP or WebP picture.") from None
    if min(width, height) <= 0:
        raise PictureUnreadable(f"The picture {name} has no pixels.")
    return (height, width) if turned else (width, height)


def _orientation(image: Image.Image) -> object:
    """EXIF's orientation; None where there is none, or none that can be read."""
    exif = image.info.get("exif")
    if not isinstance(exif, bytes):
        return None
    tags = Image.Exif()
    try:
        tags.load(exif)
        return tags.get(ExifTags.Base.Orientation)
    except Exception:  # noqa: BLE001 - the picture is good although a note in it is not
        return None
