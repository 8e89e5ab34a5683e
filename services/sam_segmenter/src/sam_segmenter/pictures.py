"""Pictures from the blob store as pixels: RGB, turned as they are displayed, never larger than the limits.

What a file says of itself is not believed: its size is checked before a pixel is decoded, only six formats are opened,
and whatever the decoder stumbles over becomes one of three errors.
"""

import asyncio
import ctypes
import io
import re
import struct
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageFile, TiffImagePlugin, _imaging

from chassis.blobs import MAX_BYTES, Blobs
from chassis.errors import BlobMissing
from labels.asset import ContentRef
from sam_segmenter.errors import ImageNotFound, PictureTooLarge, PictureTruncated, PictureUnreadable
from sam_segmenter.masks.sizes import MAX_PIXELS, check_size

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP")

Pixels = NDArray[np.uint8]

# What is under way is bounded by these two: a file takes up to 64 MiB, decoding 64 megapixels 450 to 1,000 MB.
_READ_AT_ONCE = 8
_DECODED_AT_ONCE = 2
# Rows are converted to RGB in bands of about this many pixels, so that no second copy of a picture is made.
_BAND_PIXELS = 1 << 20
# What Pillow warns of is checked here, or does not change the pixels.
_PILLOW = re.compile(r"PIL\.")
_TIFF = {b"II*\0": "<", b"MM\0*": ">"}


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A decoded picture: `pixels` uint8 H x W x 3, RGB, read-only; `sha256` of its file as 64 hexadecimal digits."""

    pixels: Pixels
    sha256: str

    @property
    def height_px(self) -> int:
        """Height as displayed."""
        return int(self.pixels.shape[0])

    @property
    def width_px(self) -> int:
        """Width as displayed."""
        return int(self.pixels.shape[1])


class Pictures:
    """The pictures of the blob store; a few are read and decoded at once, more wait their turn."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._gate = asyncio.Semaphore(_READ_AT_ONCE)
        # Threads of its own rather than a semaphore: a decoding whose caller has gone still counts until it ends.
        self._threads = ThreadPoolExecutor(_DECODED_AT_ONCE, thread_name_prefix="pictures")

    async def get(self, tenant: str, ref: ContentRef) -> Picture:
        """The tenant's picture; `sha256` is of the bytes that were read, whatever the reference leaves out.

        Raises ImageNotFound, PictureTooLarge, PictureUnreadable, PictureTruncated, or the blob store's
        BlobUriRefused, BlobCorrupt, BlobTooLarge (over 64 MiB) and StorageUnavailable.
        """
        async with self._gate:
            try:
                data = await self._blobs.of(tenant).get(ref.uri, ref.sha256, MAX_BYTES)
            except BlobMissing:
                raise ImageNotFound from None
            sha256 = ref.uri.rpartition("/")[2]
            return await asyncio.get_running_loop().run_in_executor(self._threads, read, data, sha256)


def read(data: bytes, sha256: str) -> Picture:
    """Decode a PNG, JPEG, WebP, TIFF, GIF or BMP file.

    The first frame or page counts. The EXIF orientation is applied, a colour profile is not. Transparent parts show
    white. 16 bits a channel are mapped linearly on 8: 0 to 0, 65,535 to 255. Pictures of 32-bit numbers are refused,
    since nothing says which of them is white.

    Raises PictureTooLarge, PictureTruncated or PictureUnreadable.
    """
    with _typed_errors(data), Image.open(io.BytesIO(data), formats=FORMATS) as image:
        _check_size(image)
        orientation = _orientation(image)
        image.load()
        # A TIFF is turned as it is loaded, and only then has its size as displayed.
        _check_size(image)
        pixels = _turned(_rgb(image), orientation)
    pixels.flags.writeable = False
    return Picture(pixels, sha256)


@contextmanager
def _typed_errors(data: bytes) -> Iterator[None]:
    _hush()
    try:
        yield
    except (PictureTooLarge, PictureUnreadable):
        raise
    except Image.DecompressionBombError:
        raise PictureTooLarge from None
    except Exception as error:  # noqa: BLE001 - decoders raise anything at all over a damaged file
        if "truncated" in str(error).lower() or _ends_early(data):
            raise PictureTruncated from None
        raise PictureUnreadable from None


def _hush() -> None:
    """Ignore Pillow's warnings, and no others, from now on; there is no way to do so for one thread only."""
    entry = ("ignore", None, Warning, _PILLOW, 0)
    if entry not in warnings.filters:
        warnings.filterwarnings("ignore", module=_PILLOW.pattern)
    _hush_libtiff()


@cache
def _hush_libtiff() -> None:
    """libtiff writes about damaged files straight to stderr, and Pillow has no switch for it."""
    pillow = ctypes.CDLL(_imaging.__file__)
    for name in ("TIFFSetErrorHandler", "TIFFSetWarningHandler"):
        # Where Pillow was built another way it is not to be found, and goes on writing.
        if hasattr(pillow, name):
            set_handler = getattr(pillow, name)
            set_handler.argtypes, set_handler.restype = [ctypes.c_void_p], ctypes.c_void_p
            set_handler(None)


def _ends_early(data: bytes) -> bool:
    """Whether a WebP or TIFF file says of itself that it is longer than it is; the other decoders notice it."""
    if data[:4] == b"RIFF" and len(data) >= 8:
        return len(data) < 8 + int(struct.unpack_from("<I", data, 4)[0])
    order = _TIFF.get(data[:4])
    if order is None or len(data) < 8:
        return False
    at = int(struct.unpack_from(order + "I", data, 4)[0])
    if len(data) < at + 2:
        return True
    return len(data) < at + 2 + 12 * int(struct.unpack_from(order + "H", data, at)[0])


def _check_size(image: ImageFile.ImageFile) -> None:
    width, height = image.size
    check_size(height, width)
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        # A tile is decoded whole, however little of it lies in the picture.
        tile = [image.tag_v2.get(tag, 0) for tag in (ExifTags.Base.TileWidth, ExifTags.Base.TileLength)]
        if tile[0] * tile[1] > MAX_PIXELS:
            raise PictureTooLarge


def _orientation(image: ImageFile.ImageFile) -> int:
    """EXIF's orientation, 1 to 8; 1 where there is none, or none that can be read."""
    exif = image.info.get("exif")
    if isinstance(image, TiffImagePlugin.TiffImageFile) or not isinstance(exif, bytes):
        return 1
    tags = Image.Exif()
    try:
        tags.load(exif)
        value = tags.get(ExifTags.Base.Orientation, 1)
    except Exception:  # noqa: BLE001 - the picture is good although a note in it is not
        return 1
    return value if value in range(1, 9) else 1


def _turned(pixels: Pixels, orientation: int) -> Pixels:
    """Pixels as displayed: EXIF mirrors (2, 4, 5, 7) and turns (3, 5 to 8)."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.transpose(1, 0, 2)
    # Where the stored first row and first column lie on the display.
    down, right = {2: (1, -1), 3: (-1, -1), 4: (-1, 1), 6: (1, -1), 7: (-1, -1), 8: (-1, 1)}.get(
        orientation, (1, 1)
    )
    return np.ascontiguousarray(pixels[::down, ::right])


def _rgb(image: Image.Image) -> Pixels:
    width, height = image.size
    pixels = np.empty((height, width, 3), dtype=np.uint8)
    rows = max(1, _BAND_PIXELS // width)
    for top in range(0, height, rows):
        bottom = min(height, top + rows)
        pixels[top:bottom] = _rgb_band(image.crop((0, top, width, bottom)))
    return pixels


def _rgb_band(band: Image.Image) -> Pixels:
    if band.mode.startswith("I;16"):
        grey = np.asarray(band).astype(np.uint32)
        return np.repeat(((grey * 255 + 32_767) // 65_535).astype(np.uint8)[:, :, None], 3, axis=2)
    if band.mode in ("I", "F"):
        raise PictureUnreadable("A picture must have 8 or 16 bits a channel: convert it.")
    if band.has_transparency_data:
        shown = Image.new("RGBA", band.size, "white")
        shown.alpha_composite(band.convert("RGBA"))
        band = shown
    return np.asarray(band.convert("RGB"))
