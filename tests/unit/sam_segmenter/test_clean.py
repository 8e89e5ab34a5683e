"""Islands, holes and the largest part."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from labels import rle, shapes
from labels.rle import Bitmap
from sam_segmenter.errors import OptionInvalid
from sam_segmenter.masks.clean import Cleaning, clean

BITMAPS = hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=16), elements=st.booleans())


def drawn(*rows: str) -> Bitmap:
    return np.asarray([[sign == "#" for sign in row] for row in rows])


def test_a_planted_island_of_3_px_goes_and_a_true_object_of_6_px_stays() -> None:
    true = drawn("..........", ".###......", ".###......", "..........", "..........")
    planted = true | drawn("..........", "..........", "..........", "......##..", "......#...")
    assert (clean(planted, Cleaning(min_island_px=6)) == true).all()


def test_pixels_that_touch_at_a_corner_are_one_island() -> None:
    stairs = drawn("#...", ".#..", "..#.", "...#")
    assert (clean(stairs, Cleaning(min_island_px=4)) == stairs).all()
    assert not clean(stairs, Cleaning(min_island_px=5)).any()


def test_a_hole_that_meets_the_outside_at_a_corner_only_is_a_hole() -> None:
    mask = drawn("###.", "#.#.", "##..", "....")
    assert clean(mask, Cleaning(max_hole_px=2))[1, 1]


def test_a_hole_of_the_size_itself_stays() -> None:
    ring = drawn("####", "#..#", "####")
    assert (clean(ring, Cleaning(max_hole_px=2)) == ring).all()
    assert clean(ring, Cleaning(max_hole_px=3)).all()


def test_ground_at_the_edge_of_a_patch_is_no_hole() -> None:
    bay = drawn("####", "#.##", "#.##")
    assert (clean(bay, Cleaning(max_hole_px=9)) == bay).all()


def test_an_island_in_a_hole_goes_before_the_hole_is_measured() -> None:
    target = drawn("#####", "#...#", "#.#.#", "#...#", "#####")
    assert (clean(target, Cleaning(max_hole_px=9)) != target).any(), (
        "the ground around the island has 8 pixels"
    )
    assert (
        clean(target, Cleaning(min_island_px=2, max_hole_px=9))
        == drawn("#####", "#...#", "#...#", "#...#", "#####")
    ).all()


def test_the_largest_part_is_what_is_left_of_several() -> None:
    mask = drawn("##..#", "....#", "....#")
    assert (clean(mask, Cleaning(keep_largest=True)) == drawn("....#", "....#", "....#")).all()


def test_negative_sizes_are_refused() -> None:
    with pytest.raises(OptionInvalid):
        Cleaning(min_island_px=-1)
    with pytest.raises(OptionInvalid):
        Cleaning(max_hole_px=-1)


def test_an_empty_patch_stays_empty() -> None:
    empty = np.zeros((0, 0), dtype=bool)
    assert clean(empty, Cleaning(3, 3, True)).shape == (0, 0)


@given(BITMAPS, st.integers(0, 12), st.integers(0, 12), st.booleans())
def test_what_is_clean_stays_as_it_is(bitmap: Bitmap, island: int, hole: int, largest: bool) -> None:
    cleaning = Cleaning(island, hole, largest)
    before = bitmap.copy()
    once = clean(bitmap, cleaning)
    assert (bitmap == before).all()
    assert (clean(once, cleaning) == once).all()
    measure = shapes.measure(rle.encode(once))
    assert not largest or measure.parts <= 1


@given(BITMAPS, st.integers(0, 12), st.integers(0, 4), st.integers(0, 4))
def test_a_patch_is_cleaned_like_the_picture_around_it(bitmap: Bitmap, hole: int, x: int, y: int) -> None:
    cleaning = Cleaning(3, hole)
    height, width = bitmap.shape
    picture = np.zeros((height + y + 1, width + x + 1), dtype=bool)
    picture[y : y + height, x : x + width] = bitmap
    inside = clean(picture, cleaning)[y : y + height, x : x + width]
    assert (inside == clean(bitmap, cleaning)).all()
