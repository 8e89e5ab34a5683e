"""Keeping one of several boxes about the same."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sam_segmenter.masks.overlap import Boxes, ious, keep

NONE = np.zeros((0, 4))
CORNERS = hnp.arrays(np.int64, st.tuples(st.integers(0, 12), st.just(4)), elements=st.integers(0, 20))


def boxes_of(corners: Boxes) -> Boxes:
    upper, lower = corners[:, :2], corners[:, 2:]
    return np.hstack((np.minimum(upper, lower), np.maximum(upper, lower) + 1)).astype(float)


def test_the_iou_of_boxes_is_shared_area_over_covered_area() -> None:
    box = np.asarray((0.0, 0.0, 10.0, 10.0))
    others = np.asarray([(5, 0, 15, 10), (0, 0, 10, 10), (20, 20, 30, 30), (3, 3, 3, 3)], dtype=float)
    assert ious(box, others).tolist() == [50 / 150, 1.0, 0.0, 0.0]


def test_the_better_of_two_stays_and_equal_ones_keep_their_order() -> None:
    boxes = np.asarray([(0, 0, 10, 10), (0, 0, 10, 11), (50, 50, 60, 60), (50, 50, 60, 60)], dtype=float)
    assert keep(boxes, np.asarray([0.8, 0.9, 0.7, 0.7]), 0.7, NONE) == [1, 2]


def test_an_overlap_of_just_the_bound_is_allowed() -> None:
    boxes = np.asarray([(0, 0, 10, 10), (0, 0, 10, 5)], dtype=float)
    assert keep(boxes, np.asarray([0.9, 0.8]), 0.5, NONE) == [0, 1]
    assert keep(boxes, np.asarray([0.9, 0.8]), 0.49, NONE) == [0]


def test_what_was_kept_before_outranks_every_score() -> None:
    boxes = np.asarray([(0, 0, 10, 10), (20, 20, 30, 30)], dtype=float)
    assert keep(boxes, np.asarray([1.0, 0.1]), 0.7, boxes[:1]) == [1]


@given(CORNERS, st.sampled_from([0.0, 0.3, 0.7, 1.0]))
def test_no_two_kept_overlap_and_each_dropped_one_has_a_better_beside_it(
    corners: Boxes, bound: float
) -> None:
    boxes = boxes_of(corners)
    scores = np.asarray([row.sum() % 7 for row in corners], dtype=float)
    kept = keep(boxes, scores, bound, NONE)
    assert sorted(kept, key=lambda i: -scores[i]) == kept
    for index in range(len(boxes)):
        others = [k for k in kept if k != index]
        over = [k for k, iou in zip(others, ious(boxes[index], boxes[others]), strict=True) if iou > bound]
        assert bool(over) != (index in kept)
        assert all(scores[k] >= scores[index] for k in over[:1])
