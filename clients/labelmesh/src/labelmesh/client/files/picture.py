"""Width and height of a picture from its first bytes, without decoding it.

They are those that it is displayed in: coordinates of labels are pixels after the rotation that EXIF data ask for.
"""

import hashlib
import struct
from pathlib import Path

from PIL import ExifTags, Image

_HEAD_BYTES = 1 << 20
_JPEG_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_QUARTER_TURNS = frozenset({5, 6, 7, 8})
_JPEG_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})


class PictureUnreadable(Exception):
    """The picture cannot be read."""


def measure(path: Path, max_bytes: int) -> tuple[int, int, str]:
    """Width and height in pixels as displayed, and the file's SHA-256; raises PictureUnreadable."""
    try:
        size = path.stat().st_size
        if not 0 < size <= max_bytes:
            raise PictureUnreadable(f"The picture {path.name} is empty or larger than {max_bytes >> 20} MiB.")
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
            sides = picture_size(head)
            if sides is not None and _lies_on_its_side(path, head):
                sides = sides[1], sides[0]
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise PictureUnreadable(f"The picture {path} cannot be read: {error.strerror}.") from error
    if sides is None or min(sides) <= 0:
        raise PictureUnreadable(f"The file {path.name} is not a PNG, JPEG, GIF, BMP or WebP picture.")
    return *sides, digest


def _lies_on_its_side(path: Path, head: bytes) -> bool:
    """Whether EXIF data ask for a quarter turn; looked at only where there are any."""
    if b"Exif" not in head and b"eXIf" not in head and b"EXIF" not in head:
        return False
    try:
        with Image.open(path) as opened:
            return opened.getexif().get(ExifTags.Base.Orientation) in _QUARTER_TURNS
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        # What is wrong with the file is told where it is decoded.
        return False


def picture_size(head: bytes) -> tuple[int, int] | None:
    """(width, height) in pixels as stored; None when the bytes are no picture of a known kind."""
    try:
        if head.startswith(b"\x89PNG\r\n\x1a\n"):
            return _pair(head, 16, ">II")
        if head.startswith(b"\xff\xd8"):
            return _jpeg(head)
        if head.startswith((b"GIF87a", b"GIF89a")):
            return _pair(head, 6, "<HH")
        if head.startswith(b"BM"):
            width, height = struct.unpack_from("<ii", head, 18)
            return width, abs(height)
        if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
            return _webp(head)
    except struct.error:
        return None
    return None


def _pair(head: bytes, offset: int, form: str) -> tuple[int, int]:
    width, height = struct.unpack_from(form, head, offset)
    return width, height


def _jpeg(head: bytes) -> tuple[int, int] | None:
    """Walk the segments to the frame header."""
    at = 2
    while True:
        fill, marker = struct.unpack_from(">BB", head, at)
        if fill != 0xFF:
            return None
        if marker == 0xFF:
            at += 1
        elif marker in _JPEG_ALONE:
            at += 2
        elif marker in _JPEG_SIZES:
            height, width = struct.unpack_from(">HH", head, at + 5)
            return width, height
        else:
            at += 2 + int(struct.unpack_from(">H", head, at + 2)[0])


def _webp(head: bytes) -> tuple[int, int] | None:
    kind = head[12:16]
    if kind == b"VP8 ":
        width, height = _pair(head, 26, "<HH")
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L":
        bits = int(struct.unpack_from("<I", head, 21)[0])
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8X":
        return int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1
    return None
