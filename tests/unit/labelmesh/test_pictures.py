"""Pictures as the caller opens them and draws on them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from labelmesh.client.files.picture import measure
from labelmesh.pictures import Dot, Drawn, PictureUnusable, open_picture, overlay
from labelmesh.pictures.overlay import OFF, ON, PALETTE, colour
from labels.label import Box

GREY = (120, 120, 120)
ROTATED = 6


def grey(width: int = 200, height: int = 120) -> Image.Image:
    return Image.new("RGB", (width, height), GREY)


def square(left: int, top: int, side: int, width: int = 200, height: int = 120):
    mask = np.zeros((height, width), dtype=bool)
    mask[top : top + side, left : left + side] = True
    return mask


def changed(before: Image.Image, after: Image.Image):
    return (np.asarray(before) != np.asarray(after)).any(axis=2)


def test_the_inside_takes_the_object_s_colour_and_what_is_far_stays() -> None:
    after = overlay(grey(), [Drawn(square(40, 30, 60))])
    inside, outside = np.asarray(after)[60, 70], np.asarray(after)[10, 180]
    assert tuple(outside) == GREY
    pull = np.array(PALETTE[0], dtype=int) - GREY
    assert ((inside.astype(int) - GREY) * pull >= 0).all()
    assert tuple(inside) != GREY


def test_the_contour_is_brighter_than_the_tint() -> None:
    after = np.asarray(overlay(grey(), [Drawn(square(40, 30, 60))])).astype(int)
    wanted = np.array(PALETTE[0])
    edge = np.abs(after[60, 38:42] - wanted).sum(axis=1).min()
    assert edge < np.abs(after[60, 70] - wanted).sum()


def test_the_border_of_the_picture_is_no_contour() -> None:
    whole = np.asarray(overlay(grey(), [Drawn(np.ones((120, 200), dtype=bool))]))
    assert (whole == whole[60, 100]).all()


def test_a_picture_without_masks_stays_as_it_is() -> None:
    nothing = np.zeros((120, 200), dtype=bool)
    assert not changed(grey(), overlay(grey(), [])).any()
    assert not changed(grey(), overlay(grey(), [Drawn(nothing)])).any()


def test_clicks_are_dots_with_white_rims_at_their_places() -> None:
    nothing = np.zeros((120, 200), dtype=bool)
    dots = (Dot(50, 60), Dot(150, 60, positive=False))
    after = np.asarray(overlay(grey(), [Drawn(nothing, dots)])).astype(int)
    for dot, rgb in zip(dots, (ON, OFF), strict=True):
        row, column = int(dot.y_px), int(dot.x_px)
        near = after[row - 10 : row + 11, column - 10 : column + 11].reshape(-1, 3)
        assert np.abs(near - rgb).sum(axis=1).min() < 60
        assert (near.min(axis=1) > 240).any()
    assert changed(grey(), Image.fromarray(after.astype(np.uint8))).sum() < 1_000


def test_marks_that_reach_over_the_edge_are_cut_off() -> None:
    everywhere = (Dot(0, 0), Dot(200, 120), Dot(200, 0, positive=False))
    after = overlay(grey(), [Drawn(square(190, 110, 10), everywhere, Box(-50, -50, 400, 400))])
    assert after.size == (200, 120)


def test_a_small_object_on_a_large_one_is_seen_whatever_their_order() -> None:
    small, large = Drawn(square(80, 50, 20)), Drawn(square(40, 10, 100))
    one = np.asarray(overlay(grey(), [large, small]))
    other = np.asarray(overlay(grey(), [small, large]))
    assert tuple(one[60, 90]) != tuple(one[20, 60])
    assert tuple(other[60, 90]) != tuple(other[20, 60])


def test_sixty_colours_are_all_different() -> None:
    assert len({colour(number) for number in range(60)}) == 60


def saved(tmp_path: Path, image: Image.Image, name: str, **options: object) -> Path:
    path = tmp_path / name
    image.save(path, **options)  # type: ignore[arg-type]
    return path


def test_a_picture_is_turned_as_its_exif_data_ask_for(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = ROTATED
    path = saved(tmp_path, grey(200, 120), "turned.jpg", exif=exif.tobytes())
    assert open_picture(path).size == (120, 200)


def test_an_import_knows_the_size_that_a_picture_is_displayed_in(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = ROTATED
    turned = saved(tmp_path, grey(200, 120), "turned.jpg", exif=exif.tobytes())
    upright = saved(tmp_path, grey(200, 120), "upright.jpg")
    assert measure(turned, 1 << 20)[:2] == (120, 200)
    assert measure(upright, 1 << 20)[:2] == (200, 120)


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "CMYK", "1", "I;16", "F"])
def test_every_mode_becomes_rgb(tmp_path: Path, mode: str) -> None:
    image = Image.new(mode, (8, 6)) if mode in ("I;16", "F") else grey(8, 6).convert(mode)
    suffix = "tiff" if mode in ("CMYK", "F", "I;16") else "png"
    opened = open_picture(saved(tmp_path, image, f"a.{suffix}"))
    assert (opened.mode, opened.size) == ("RGB", (8, 6))


def test_sixteen_bits_are_scaled_and_not_cut_off(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65_535, 64, dtype=np.uint16).reshape(8, 8)
    values = np.asarray(open_picture(saved(tmp_path, Image.fromarray(ramp), "deep.png")))[..., 0]
    assert values[0, 0] == 0
    assert values[-1, -1] == 255
    assert 100 < values[4, 0] < 160


def test_what_is_no_picture_is_one_sentence(tmp_path: Path) -> None:
    text = tmp_path / "a.png"
    text.write_text("not a picture")
    empty = tmp_path / "b.png"
    empty.touch()
    whole = saved(tmp_path, Image.effect_noise((300, 300), 90), "c.png").read_bytes()
    half = tmp_path / "half.png"
    half.write_bytes(whole[: len(whole) // 2])
    for path, sentence in (
        (text, "is not a picture that can be read"),
        (empty, "is empty or larger"),
        (half, "is damaged"),
        (tmp_path, "is a folder"),
        (tmp_path / "none.png", "There is no file"),
    ):
        with pytest.raises(PictureUnusable, match=sentence):
            open_picture(path)


@pytest.mark.parametrize("side", [9_000, 20_000])
def test_a_decompression_bomb_is_told_before_it_is_unpacked(tmp_path: Path, side: int) -> None:
    path = saved(tmp_path, Image.new("1", (side, side)), "bomb.png")
    with pytest.raises(PictureUnusable, match="more than 64 million pixels"):
        open_picture(path)
