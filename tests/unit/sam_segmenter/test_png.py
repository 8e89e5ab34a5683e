"""Masks as PNG files and back."""

from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from labels.errors import AnnotationInvalid
from labels.rle import Bitmap
from sam_segmenter.errors import PictureTooLarge
from sam_segmenter.masks.png import MAX_BYTES, from_png, size, to_png

SOME = np.eye(9, 20, k=3, dtype=bool)


def saved(image: Image.Image) -> bytes:
    file = BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


@given(hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=40), elements=st.booleans()))
def test_every_mask_comes_back(bitmap: Bitmap) -> None:
    png = to_png(bitmap)
    assert size(png) == bitmap.shape
    assert (from_png(png) == bitmap).all()


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "LA"])
def test_files_in_other_colours_are_read_by_their_light_pixels(mode: str) -> None:
    image = Image.fromarray(SOME.astype(np.uint8) * 255).convert(mode)
    assert (from_png(saved(image)) == SOME).all()


def test_sixteen_bits_a_pixel_are_not_clipped_to_white() -> None:
    grey = np.where(SOME, 40_000, 3_000).astype(np.uint16)
    assert (from_png(saved(Image.fromarray(grey))) == SOME).all()


def test_a_file_of_another_kind_is_no_mask() -> None:
    file = BytesIO()
    Image.fromarray(SOME).save(file, "GIF")
    with pytest.raises(AnnotationInvalid, match="not a PNG"):
        from_png(file.getvalue())


def test_damage_is_an_error_wherever_it_is() -> None:
    data = to_png(SOME)
    for length in range(len(data) - 20):
        with pytest.raises(AnnotationInvalid):
            from_png(data[:length])


def test_a_small_file_for_a_huge_picture_is_refused_before_it_is_unpacked() -> None:
    data = bytearray(to_png(SOME))
    data[16:24] = b"\x00\x00\x75\x30" * 2
    with pytest.raises(PictureTooLarge):
        from_png(bytes(data))


def test_noise_is_too_ragged_for_a_file() -> None:
    noise = np.random.default_rng(1).random((5200, 5200)) < 0.5
    with pytest.raises(AnnotationInvalid, match="ragged"):
        to_png(noise)
    with pytest.raises(AnnotationInvalid, match="3 MiB"):
        size(bytes(MAX_BYTES + 1))
