"""Pictures that a file names: where they lie, and their size as displayed, without decoding them."""

import warnings
from pathlib import Path
from typing import BinaryIO
from urllib.parse import parse_qs, unquote, urlsplit

from PIL import ExifTags, Image

_FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP")
SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".gif")
_QUARTER_TURNS = frozenset({5, 6, 7, 8})


class PictureBroken(Exception):
    """The file is no picture that can be read."""


def displayed_size(file: BinaryIO, name: str) -> tuple[int, int]:
    """Width and height in pixels after the turn that EXIF asks for; raises PictureBroken, or OSError of the disk."""
    try:
        # Large pictures are warned of; nothing is decoded here.
        with warnings.catch_warnings(action="ignore", category=Warning):
            image = Image.open(file, formats=_FORMATS)
            width, height = image.size
            turned = _orientation(image) in _QUARTER_TURNS
    except Image.DecompressionBombError:
        raise PictureBroken(f"The picture {name} has more than 178 million pixels.") from None
    except Exception as error:
        # Decoders raise anything at all over a damaged file; only what the system says has a number.
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise PictureBroken(f"The file {name} is not a PNG, JPEG, GIF, BMP or WebP picture.") from None
    if min(width, height) <= 0:
        raise PictureBroken(f"The picture {name} has no pixels.")
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


def size_of(path: Path) -> tuple[int, int]:
    """Width and height in pixels as displayed; raises PictureBroken."""
    try:
        with path.open("rb") as file:
            return displayed_size(file, path.name)
    except OSError as error:
        raise PictureBroken(f"The picture {path.name} cannot be read: {error.strerror}.") from error


def find(folder: Path, name: str) -> Path | None:
    """The picture of that name below the folder, by its path or else its last part; never one outside of it.

    `name` may be an address, as Label Studio writes them, and may lack its suffix, as YOLO's do.
    """
    root = folder.resolve()
    for candidate in _candidates(name):
        for suffix in ("", *SUFFIXES):
            path = root / f"{candidate}{suffix}"
            try:
                if path.is_file() and path.resolve().is_relative_to(root):
                    return path
            except (OSError, ValueError):
                return None
    return None


def _candidates(name: str) -> list[str]:
    address = urlsplit(name) if "://" in name or "?" in name else None
    if address is not None:
        local = parse_qs(address.query).get("d", [""])[0]
        name = local or unquote(address.path)
    name = name.replace("\\", "/").lstrip("/")
    return [name, name.rsplit("/", 1)[-1]] if name and "\0" not in name else []
