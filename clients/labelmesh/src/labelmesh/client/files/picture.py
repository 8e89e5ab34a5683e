"""Width and height of a picture as it is displayed, without decoding it.

Coordinates of labels are pixels of the picture after the turn that its EXIF data ask for, so this is the size that the
services check them against.
"""

import hashlib
from pathlib import Path

from formats.pictures import PictureBroken, displayed_size


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
            width, height = displayed_size(file, path.name)
    except PictureBroken as error:
        raise PictureUnreadable(str(error)) from None
    except OSError as error:
        raise PictureUnreadable(f"The picture {path} cannot be read: {error.strerror}.") from error
    return width, height, digest
