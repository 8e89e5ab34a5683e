"""Pictures from files: every kind, turned and transparent ones, and what is no picture."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from qa_engine import picture
from qa_engine.errors import PictureUnreadable

COLOURS = np.random.default_rng(1).integers(0, 256, size=(6, 9, 3), dtype=np.uint8)


def file(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "WEBP"])
def test_pixels_are_read_as_they_are(kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    read = picture.read(file(Image.fromarray(COLOURS), kind, **options))
    assert (read.height_px, read.width_px) == (6, 9)
    assert np.array_equal(read.pixels, COLOURS)
    assert not read.pixels.flags.writeable


def test_jpegs_and_gifs_are_read() -> None:
    for kind in ("JPEG", "GIF"):
        assert picture.read(file(Image.fromarray(COLOURS), kind)).pixels.shape == (6, 9, 3)


def test_a_turned_photograph_is_read_as_it_is_displayed() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    read = picture.read(file(Image.fromarray(COLOURS), "PNG", exif=exif))
    assert np.array_equal(read.pixels, np.rot90(COLOURS, -1))


def test_transparent_parts_are_white() -> None:
    clear = np.dstack((COLOURS, np.where(np.arange(54).reshape(6, 9) < 9, 0, 255))).astype(np.uint8)
    read = picture.read(file(Image.fromarray(clear), "PNG"))
    assert (read.pixels[0] == 255).all()
    assert np.array_equal(read.pixels[1:], COLOURS[1:])


def test_sixteen_bits_become_eight() -> None:
    deep = np.asarray([[0, 257, 32_768, 65_535]], dtype=np.uint16)
    assert picture.read(file(Image.fromarray(deep), "PNG")).pixels[0, :, 0].tolist() == [0, 1, 127, 255]


PHOTO = file(Image.fromarray(np.random.default_rng(2).integers(0, 256, (64, 64, 3), dtype=np.uint8)), "JPEG")
NO_PICTURES = {
    "nothing": b"",
    "a text": b"not a picture",
    "a cut JPEG": PHOTO[: len(PHOTO) // 2],
    "a cut PNG": file(Image.fromarray(COLOURS), "PNG")[:60],
    "numbers without a white": file(Image.fromarray(COLOURS[:, :, 0].astype(np.float32)), "TIFF"),
    "a drawing": b'<svg xmlns="http://www.w3.org/2000/svg" width="5" height="5"/>',
    "a format that is not read": file(Image.fromarray(COLOURS), "ICO"),
}


@pytest.mark.parametrize("data", NO_PICTURES.values(), ids=NO_PICTURES.keys())
def test_what_is_no_picture_is_said_to_be_none(data: bytes) -> None:
    with pytest.raises(PictureUnreadable):
        picture.read(data)


def test_a_bomb_is_refused_before_it_is_decoded() -> None:
    bomb = file(Image.new("1", (40_000, 40_000)), "PNG")
    assert len(bomb) < 1 << 20
    with pytest.raises(PictureUnreadable):
        picture.read(bomb)


@pytest.mark.parametrize("name", ["000000000030.jpg", "000000000071.jpg"])
def test_photographs_are_read(name: str) -> None:
    folder = Path(__file__).parents[4] / "shared" / "data" / "coco15"
    data = (folder / name).read_bytes()
    assert np.array_equal(picture.read(data).pixels, np.asarray(Image.open(io.BytesIO(data)).convert("RGB")))
