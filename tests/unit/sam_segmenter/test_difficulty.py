"""Stability, and what makes a mask doubtful."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sam_segmenter.frame import Floats
from sam_segmenter.masks.difficulty import NEEDS_HUMAN, Doubt, difficulty, stability

SHARES = st.floats(0, 1)
EASY = {"predicted_iou": 0.95, "stability": 0.97, "logits_px": 4000, "sharpness": 25.0}


def cone(radius_px: float, slope: float) -> Floats:
    """Logits that fall with the distance from the middle, and are 0 at the radius."""
    y, x = np.mgrid[:256, :256].astype(np.float32)
    return ((radius_px - np.hypot(x - 128, y - 128)) * slope).astype(np.float32)


def test_a_steep_edge_is_stable_and_a_flat_one_is_not() -> None:
    # The masks one logit above and below zero are discs whose radius is 1 / slope smaller and larger.
    assert stability(cone(50, 4)) == pytest.approx((49.75 / 50.25) ** 2, abs=0.01)
    assert stability(cone(50, 0.1)) == pytest.approx((40 / 60) ** 2, abs=0.01)


@given(hnp.arrays(np.float32, (8, 8), elements=st.floats(-3, 3, width=32)))
def test_stability_is_the_iou_of_two_masks(logits: Floats) -> None:
    inner, outer = logits > 1, logits > -1
    union = (inner | outer).sum()
    assert stability(logits) == ((inner & outer).sum() / union if union else 0)


def test_an_easy_object_raises_no_doubt() -> None:
    found = difficulty(**EASY)
    assert (found.needs_human, found.doubts) == (False, ())
    assert found.score < 0.1


@pytest.mark.parametrize(
    ("change", "doubt"),
    [
        ({"predicted_iou": 0.74}, Doubt.LOW_PREDICTED_IOU),
        ({"stability": 0.69}, Doubt.UNSTABLE),
        ({"logits_px": 15}, Doubt.SMALL),
        ({"sharpness": 1.9}, Doubt.BLURRED),
    ],
)
def test_each_reason_is_named_and_makes_it_harder(change: dict[str, float], doubt: Doubt) -> None:
    found = difficulty(**(EASY | change))
    assert found.doubts == (doubt,)
    assert found.score > difficulty(**EASY).score


def test_several_reasons_together_need_a_person() -> None:
    found = difficulty(predicted_iou=0.7, stability=0.6, logits_px=12, sharpness=1.5)
    assert found.needs_human
    assert found.doubts == (Doubt.LOW_PREDICTED_IOU, Doubt.UNSTABLE, Doubt.SMALL, Doubt.BLURRED)


def test_an_empty_mask_needs_a_person_however_sure_the_model_is() -> None:
    found = difficulty(predicted_iou=1.0, stability=1.0, logits_px=0, sharpness=40.0)
    assert (found.score, found.needs_human, found.doubts) == (1.0, True, (Doubt.EMPTY,))


@given(SHARES, SHARES, st.integers(0, 1 << 16), st.floats(0, 500))
def test_the_score_is_a_chance_and_decides(iou: float, stable: float, pixels: int, sharp: float) -> None:
    found = difficulty(predicted_iou=iou, stability=stable, logits_px=pixels, sharpness=sharp)
    assert 0 <= found.score <= 1
    assert found.needs_human == (found.score >= NEEDS_HUMAN)
