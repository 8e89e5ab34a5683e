"""How things moved, on pictures that were moved by known amounts, and which answers of a decoder are believed."""

import cv2
import numpy as np
import pytest

from sam_segmenter.decoder import Decoded
from sam_segmenter.frame import Region
from sam_segmenter.video import following, motion

STILL = (0.0, 0.0)


def picture(seed: int, coarse: int = 64) -> np.ndarray:
    """Clouds of colour in the model's square."""
    noise = np.random.default_rng(seed).integers(0, 256, (coarse, coarse, 3), dtype=np.uint8)
    return cv2.resize(noise, (1024, 1024), interpolation=cv2.INTER_CUBIC)


def disc(x: float = 100, y: float = 110, radius: float = 30) -> np.ndarray:
    """Logits 256 x 256 of a disc."""
    rows, columns = np.mgrid[:256, :256] + 0.5
    return np.clip(radius - np.hypot(columns - x, rows - y), -8, 8).astype(np.float32)


def scene(x: float, y: float, scale: float = 1.0) -> np.ndarray:
    """A disc of one texture at that place of the logits, over a ground of another."""
    way = np.asarray(((scale, 0, 4 * (x - 100 * scale)), (0, scale, 4 * (y - 110 * scale))))
    thing = cv2.warpAffine(picture(1), way, (1024, 1024), borderMode=cv2.BORDER_REFLECT)
    on = cv2.resize(disc(x, y, 30 * scale), (1024, 1024)) > 0
    return np.where(on[:, :, None], thing, picture(2))


def centre(logits: np.ndarray) -> tuple[float, float]:
    rows, columns = np.nonzero(logits > 0)
    return columns.mean() + 0.5, rows.mean() + 0.5


@pytest.mark.parametrize(("x", "y", "scale"), [(103, 108, 1.0), (101, 112, 1.12), (98, 110, 0.9)])
def test_a_thing_that_moved_or_grew_over_a_still_ground_is_found(x, y, scale) -> None:
    before, after = (motion.grey_of(scene(*place)) for place in ((100, 110), (x, y, scale)))
    found = motion.between(before, after, disc() > 0, STILL)
    moved = found.move(disc())
    assert centre(moved) == pytest.approx((x, y), abs=1.0)
    assert np.count_nonzero(moved > 0) == pytest.approx(np.pi * (30 * scale) ** 2, rel=0.06)
    assert found.kept is not None
    assert found.kept > 0.6


def test_a_still_thing_does_not_move_at_all() -> None:
    grey = motion.grey_of(scene(100, 110))
    moved = motion.between(grey, grey, disc() > 0, STILL).move(disc())
    assert np.abs(moved - disc()).max() < 0.05


def test_where_nothing_can_be_told_it_goes_on_as_it_went() -> None:
    blank = np.full((512, 512), 90, dtype=np.uint8)
    found = motion.between(blank, blank, disc() > 0, (5.0, -3.0))
    assert centre(found.move(disc())) == pytest.approx((105, 107), abs=0.1)
    assert found.kept is None


def test_what_vanished_keeps_no_points() -> None:
    before, after = motion.grey_of(scene(100, 110)), motion.grey_of(picture(2))
    found = motion.between(before, after, disc() > 0, STILL)
    assert found.kept is not None
    assert found.kept < following._LOST_KEPT


@pytest.mark.parametrize(("to", "shift"), [((180, 110), (70.0, 0.0)), ((120, 95), STILL)])
def test_what_jumped_is_found_though_the_ground_stayed(to, shift) -> None:
    before, after = (motion.grey_of(scene(*place)) for place in ((100, 110), to))
    found = motion.between(before, after, disc() > 0, shift)
    assert centre(found.move(disc())) == pytest.approx(to, abs=1.5)


def test_a_mask_that_left_the_picture_is_asked_about_no_more() -> None:
    region = Region(0, 0, 200, 100)
    inside = following.within(disc(100, 60), region)
    assert np.array_equal(inside[:128] > 0, disc(100, 60)[:128] > 0)
    assert following.ask(following.within(disc(100, 180), region)) is None
    asked = following.ask(inside)
    assert asked is not None
    assert asked.labels.tolist() == [1, 2, 3]
    (x, y), (x0, y0), (x1, y1) = asked.xy
    assert (x, y) == pytest.approx((400, 240), abs=8)
    assert x0 < 280 < 520 < x1
    assert y0 < 120 < 360 < y1


def decoded(*logits: np.ndarray, scores: tuple[float, ...] = (0.9, 0.9, 0.9, 0.9)) -> Decoded:
    masks = [*logits, *[np.full((256, 256), -9, np.float32)] * (4 - len(logits))]
    return Decoded(np.stack(masks), np.asarray(scores, dtype=np.float32))


@pytest.fixture
def known():
    return following.begin(3, disc(), 0.9, scene(100, 110))


def test_of_the_answers_the_one_that_fits_is_taken_not_the_surest(known) -> None:
    answer = decoded(disc(radius=60), disc(radius=31), scores=(0.99, 0.8, 0.9, 0.9))
    seen = following.choose(known, disc(), 1.0, answer, scene(100, 110))
    assert seen is not None
    assert (seen.index, seen.hidden, seen.doubtful) == (1, False, False)


@pytest.mark.parametrize(
    ("answer", "kept", "square"),
    [
        (decoded(), 1.0, scene(100, 110)),
        (decoded(disc(radius=80)), 1.0, scene(100, 110)),
        (decoded(disc(150, 110)), 1.0, scene(150, 110)),
        (decoded(disc(), scores=(0.2, 0, 0, 0)), 1.0, scene(100, 110)),
        (decoded(disc()), 0.0, np.full((1024, 1024, 3), (200, 30, 30), np.uint8)),
        (decoded(disc()), 1.0, np.full((1024, 1024, 3), (200, 30, 30), np.uint8)),
    ],
    ids=["nothing", "too large", "elsewhere", "unsure", "unlike, no point kept", "unlike"],
)
def test_what_is_not_the_thing_is_not_believed(known, answer, kept, square) -> None:
    assert following.choose(known, disc(), kept, answer, square) is None


def test_an_abrupt_change_is_doubtful_and_not_enough_for_what_was_lost(known) -> None:
    answer = decoded(disc(radius=38))
    seen = following.choose(known, disc(), 1.0, answer, scene(100, 110))
    assert seen is not None
    assert seen.doubtful
    lost = following.missed(known)
    assert following.choose(lost, disc(), 1.0, answer, scene(100, 110)) is None
    assert following.choose(lost, disc(), 1.0, decoded(disc()), scene(100, 110)) is not None


def test_a_thing_half_covered_is_hidden_and_remembered_whole(known) -> None:
    half = np.where(np.arange(256) < 100, disc(), -8).astype(np.float32)
    seen = following.choose(known, disc(), 0.5, decoded(half), scene(100, 110))
    assert seen is not None
    assert seen.hidden
    after = following.seen_again(known, 4, seen, scene(100, 110))
    assert (after.frame, after.packed) == (known.frame, known.packed)
    assert after.area < known.area


def test_a_seen_thing_moves_at_the_pace_of_the_frames_that_passed(known) -> None:
    for frame in (7, -1):
        seen = following.Seen(0, disc(108, 102), 0.9, hidden=False, doubtful=False)
        after = following.seen_again(known, frame, seen, scene(108, 102))
        assert after.shift == pytest.approx((2.0, -2.0), abs=0.05)
        assert following.expected_shift(after, frame + 3) == pytest.approx((6.0, -6.0), abs=0.2)


def test_a_lost_thing_is_given_up_after_a_while_and_nothing_is_never_followed(known) -> None:
    lost = known
    for _ in range(following.PATIENCE):
        lost = following.missed(lost)
        assert not lost.given_up
    assert following.missed(lost).given_up
    assert following.begin(0, np.full((256, 256), -5, np.float32), 0.1, picture(1)).given_up
