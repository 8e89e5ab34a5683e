"""Colours of many pixels, against the same figures by numpy over every pixel."""

import colorsys

import cv2
import numpy as np
import pytest

from qa_engine import colours
from qa_engine.colours import SPACES


def noise(count: int, seed: int = 1, levels: int = 256) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, levels, size=(count, 3), dtype=np.uint8)


def per_pixel(pixels: np.ndarray, space: str) -> np.ndarray:
    """Each pixel by itself: HSV by the standard library, Lab by its definition."""
    rgb = pixels.astype(np.float64)
    if space == "RGB":
        return rgb
    if space == "HSV":
        return np.asarray([colorsys.rgb_to_hsv(*(pixel / 255)) for pixel in rgb]) * (360, 1, 1)
    linear = np.where(rgb / 255 <= 0.04045, rgb / 255 / 12.92, ((rgb / 255 + 0.055) / 1.055) ** 2.4)
    matrix = [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ]
    xyz = linear @ np.asarray(matrix).T / np.asarray(matrix).sum(axis=1)
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.stack((116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])), axis=1)


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize(
    "pixels", [noise(5_000), noise(3_000, 2, levels=5), noise(1)], ids=["many", "few", "one"]
)
def test_means_and_percentiles_are_those_of_numpy_to_a_millionth(space: str, pixels: np.ndarray) -> None:
    counted = colours.count(pixels, space)
    every = per_pixel(pixels, space)
    mean = every.mean(axis=0)
    if space == "HSV":
        coloured = every[every[:, 1] > 0]
        turn = np.exp(1j * np.deg2rad(coloured[:, 0])).sum()
        mean[0] = np.rad2deg(np.angle(turn)) % 360
    assert colours.mean(counted) == pytest.approx(mean, abs=1e-6)
    for percent in (0, 5, 33.3, 50, 99, 100):
        assert colours.percentile(counted, percent) == pytest.approx(
            np.percentile(every, percent, axis=0), abs=1e-6
        )


def test_lab_of_well_known_colours() -> None:
    rgb = np.asarray(((255, 255, 255), (0, 0, 0), (255, 0, 0), (0, 0, 255)), dtype=np.float64)
    known = ((100, 0, 0), (0, 0, 0), (53.24, 80.09, 67.20), (32.30, 79.19, -107.86))
    assert colours.lab(rgb) == pytest.approx(np.asarray(known), abs=0.02)
    picture = noise(1_000).reshape(10, 100, 3)
    other = cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2Lab).reshape(-1, 3)
    assert colours.lab(picture.reshape(-1, 3).astype(np.float64)) == pytest.approx(other, abs=0.5)


def test_the_mean_hue_of_reds_is_red() -> None:
    reds = np.asarray(((255, 20, 0), (255, 0, 20), (128, 128, 128)), dtype=np.uint8)
    hue, _, _ = colours.mean(colours.count(reds, "HSV"))
    assert hue == pytest.approx(0, abs=1e-6) or hue == pytest.approx(360, abs=1e-6)
    grey = np.full((5, 3), 7, dtype=np.uint8)
    assert colours.mean(colours.count(grey, "HSV"))[:2].tolist() == [0, 0]


def test_many_pixels_are_counted_as_few_are(monkeypatch: pytest.MonkeyPatch) -> None:
    few = colours.count(noise(5_000), "RGB")
    monkeypatch.setattr("qa_engine.colours._MANY", 1_000)
    many = colours.count(noise(5_000), "RGB")
    assert np.array_equal(few.values, many.values)
    assert np.array_equal(few.counts, many.counts)


def test_distances_are_straight_and_hues_meet_behind_360() -> None:
    assert colours.distance(np.asarray((0.0, 3.0, 0.0)), np.asarray((4.0, 0.0, 0.0)), "RGB") == 5
    assert colours.distance(np.asarray((359.0, 1.0, 1.0)), np.asarray((1.0, 1.0, 1.0)), "HSV") < 0.04
    assert colours.distance(
        np.asarray((0.0, 1.0, 1.0)), np.asarray((180.0, 1.0, 1.0)), "HSV"
    ) == pytest.approx(2)


def test_sharpness_is_the_variance_of_the_laplacian_in_whatever_bands() -> None:
    pixels = noise(50 * 40).reshape(50, 40, 3)
    luma = pixels @ np.asarray((0.299, 0.587, 0.114))
    whole = cv2.Laplacian(luma, cv2.CV_64F, ksize=1)[1:-1, 1:-1].var()
    for rows in (1, 7, 256):
        assert colours.sharpness(pixels, rows) == pytest.approx(whole, rel=1e-9)
    assert colours.sharpness(np.full((9, 9, 3), 200, dtype=np.uint8)) == pytest.approx(0, abs=1e-9)
    assert colours.sharpness(pixels[:2]) == 0
