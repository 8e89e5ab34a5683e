"""Pictures of every kind become RGB as they are displayed."""

import hashlib
import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from chassis.blobs import Blobs
from chassis.errors import BlobUriRefused
from labels.asset import ContentRef
from sam_segmenter.errors import ImageNotFound, PictureTooLarge, PictureUnreadable
from sam_segmenter.frame import to_square, whole
from sam_segmenter.pictures import Pictures, read

COLOURS: NDArray[np.uint8] = np.random.default_rng(1).integers(0, 256, (12, 20, 3), dtype=np.uint8)


def shown(image: Image.Image, form: str = "PNG", **options: Any) -> NDArray[np.uint8]:
    """What is read of a picture after it was written."""
    file = io.BytesIO()
    image.save(file, form, **options)
    return read(file.getvalue(), "0" * 64).pixels


def test_every_kind_of_file_is_read(good_files: Mapping[str, bytes]) -> None:
    assert len(good_files) == 17
    for name, data in good_files.items():
        picture = read(data, "ab" * 32)
        assert (name, picture.height_px, picture.width_px, picture.sha256) == (name, 12, 20, "ab" * 32)
        assert picture.pixels.shape == (12, 20, 3)
        assert picture.pixels.dtype == np.uint8
        assert picture.pixels.flags.c_contiguous


@pytest.mark.parametrize("form", ["PNG", "TIFF", "BMP"])
def test_colours_are_kept_in_the_order_red_green_blue(form: str) -> None:
    assert np.array_equal(shown(Image.fromarray(COLOURS), form), COLOURS)


def test_pixels_cannot_be_changed_by_one_of_those_who_share_them(good_files: Mapping[str, bytes]) -> None:
    picture = read(good_files["png"], "")
    with pytest.raises(ValueError, match="read-only"):
        picture.pixels[0, 0] = 0
    assert to_square(picture.pixels, whole(12, 20)).shape == (1024, 1024, 3)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_as_its_exif_says(form: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x112] = orientation
    image = Image.fromarray(COLOURS)
    lossless = {"quality": 100, "subsampling": 0} if form == "JPEG" else {"lossless": True}
    pixels = shown(image, form, exif=exif, **lossless).astype(int)
    image.getexif()[0x112] = orientation
    turned = np.asarray(ImageOps.exif_transpose(image)).astype(int)
    assert pixels.shape == turned.shape == ((12, 20, 3) if orientation < 5 else (20, 12, 3))
    assert np.abs(pixels - turned).max() <= (4 if form == "JPEG" else 0)


@pytest.mark.parametrize(
    "exif", [b"", b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0" + bytes(40), b"\xff"]
)
def test_a_picture_with_a_damaged_exif_is_shown_as_it_lies(exif: bytes) -> None:
    assert np.array_equal(shown(Image.fromarray(COLOURS), exif=exif), COLOURS)


@pytest.mark.parametrize("orientation", [0, 9, 65_535])
def test_an_orientation_that_does_not_exist_is_none(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x112] = orientation
    assert np.array_equal(shown(Image.fromarray(COLOURS), exif=exif), COLOURS)


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_16_bits_are_mapped_on_8_from_end_to_end(form: str) -> None:
    deep = np.array([[0, 128, 129, 257, 32_767, 32_768, 65_406, 65_407, 65_535]], dtype=np.uint16)
    grey = shown(Image.fromarray(deep), form)
    assert grey[0, :, 0].tolist() == [0, 0, 1, 1, 127, 128, 254, 255, 255]
    assert (grey == grey[:, :, :1]).all()


@pytest.mark.parametrize("mode", ["I", "F"])
def test_32_bits_are_refused_since_nothing_says_what_is_white(mode: str) -> None:
    with pytest.raises(PictureUnreadable, match="8 or 16 bits"):
        shown(Image.new(mode, (3, 2)), "TIFF")


def test_transparent_parts_show_white_whatever_colour_lies_under_them() -> None:
    alpha = np.array([[0, 255, 51]], dtype=np.uint8)
    rgba = np.dstack([np.full((1, 3, 3), (200, 100, 0), dtype=np.uint8), alpha])
    expected = [[255, 255, 255], [200, 100, 0], [244, 224, 204]]
    assert np.abs(shown(Image.fromarray(rgba)).astype(int)[0] - expected).max() <= 1
    grey = Image.fromarray(rgba).getchannel("R")
    both = Image.merge("LA", (grey, Image.fromarray(alpha)))
    assert np.abs(shown(both).astype(int)[0, :, 0] - [255, 200, 244]).max() <= 1


@pytest.mark.parametrize(
    ("image", "transparency"),
    [
        (Image.fromarray(np.array([[9, 7]], dtype=np.uint8)), 9),
        (Image.fromarray(np.array([[[9, 9, 9], [7, 7, 7]]], dtype=np.uint8)), (9, 9, 9)),
        (Image.fromarray(np.array([[[9, 9, 9], [7, 7, 7]]], dtype=np.uint8)).quantize(2), None),
    ],
)
def test_a_single_transparent_colour_shows_white(image: Image.Image, transparency: object) -> None:
    if transparency is None:
        transparency = image.getpixel((0, 0))
    assert shown(image, transparency=transparency)[0].tolist() == [[255] * 3, [7] * 3]


@pytest.mark.parametrize("form", ["JPEG", "TIFF"])
def test_the_inks_of_a_cmyk_picture_become_colours(form: str) -> None:
    inks = {(0, 0, 0, 0): (255, 255, 255), (0, 0, 0, 255): (0, 0, 0), (0, 255, 255, 0): (255, 0, 0)}
    for ink, colour in inks.items():
        pixels = shown(Image.new("CMYK", (8, 8), ink), form).astype(int)
        assert np.abs(pixels - colour).max() <= 3


@pytest.mark.parametrize("form", ["PNG", "WEBP", "GIF", "TIFF"])
def test_the_first_frame_counts(form: str) -> None:
    frames = [Image.new("RGB", (6, 4), colour) for colour in ("red", "blue", "lime")]
    pixels = shown(frames[0], form, save_all=True, append_images=frames[1:], lossless=True)
    assert np.abs(pixels.astype(int) - (255, 0, 0)).max() <= 1


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGB", "RGBA", "I;16"])
def test_a_single_pixel_is_a_picture(mode: str) -> None:
    assert shown(Image.new(mode, (1, 1))).shape == (1, 1, 3)


@pytest.mark.parametrize("size", [(30_000, 1), (1, 30_000), (30_000, 60)])
def test_the_longest_sides_are_read_without_a_seam(size: tuple[int, int]) -> None:
    gradient = np.arange(size[0] * size[1], dtype=np.uint64) * 2_654_435_761 >> np.uint64(13)
    grey = (gradient & np.uint64(255)).astype(np.uint8).reshape(size[1], size[0])
    assert np.array_equal(shown(Image.fromarray(grey))[:, :, 1], grey)


@pytest.fixture
def blobs() -> Blobs:
    return Blobs("memory:")


async def put(blobs: Blobs, tenant: str, data: bytes) -> ContentRef:
    blob = await blobs.of(tenant).put(data)
    return ContentRef(blob.uri, blob.sha256, blob.bytes)


async def test_pictures_come_from_the_tenants_shelf(blobs: Blobs, good_files: Mapping[str, bytes]) -> None:
    ref = await put(blobs, "ann", good_files["png"])
    picture = await Pictures(blobs).get("ann", ref)
    assert np.array_equal(picture.pixels, read(good_files["png"], "").pixels)
    assert picture.sha256 == hashlib.sha256(good_files["png"]).hexdigest()
    nobodys = ContentRef("blob:sha256/" + "0" * 64, "0" * 64, 1)
    for tenant, missing in (("bob", ref), ("ann", nobodys), ("bob", nobodys)):
        with pytest.raises(ImageNotFound):
            await Pictures(blobs).get(tenant, missing)


async def test_the_checksum_is_the_contents_whatever_a_reference_leaves_out(
    blobs: Blobs, good_files: Mapping[str, bytes]
) -> None:
    ref = await put(blobs, "ann", good_files["png"])
    assert (await Pictures(blobs).get("ann", ContentRef(ref.uri, "", 0))).sha256 == ref.sha256
    with pytest.raises(BlobUriRefused):
        await Pictures(blobs).get("ann", ContentRef(ref.uri, "0" * 64, 0))


async def test_bad_contents_do_not_keep_their_place(
    blobs: Blobs, good_files: Mapping[str, bytes], bombs: Mapping[str, bytes]
) -> None:
    pictures = Pictures(blobs)
    good = await put(blobs, "ann", good_files["jpeg"])
    bomb, text = await put(blobs, "ann", bombs["png"]), await put(blobs, "ann", b"not a picture")
    for _ in range(50):
        with pytest.raises(PictureTooLarge):
            await pictures.get("ann", bomb)
        with pytest.raises(PictureUnreadable):
            await pictures.get("ann", text)
        with pytest.raises(ImageNotFound):
            await pictures.get("bob", good)
    assert (await pictures.get("ann", good)).width_px == 20
