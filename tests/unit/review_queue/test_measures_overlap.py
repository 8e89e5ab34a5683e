"""Overlap of predictions and answers, against pictures written out and answers drawn from scratch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from labels import rle
from labels.label import Annotation, Box, Choice, Label, LabelKind, Lineage, Mask, Polygon, Span, Value
from review_queue.measures.holdout import Arm, HoldOut
from review_queue.measures.learning import learn
from review_queue.measures.overlap import as_if_edited, iou, moved
from review_queue.measures.totals import CellTotals
from review_queue.outcome import cells

bitmaps = arrays(np.bool_, (7, 5))
spans = st.tuples(st.integers(0, 20), st.integers(1, 10)).map(lambda t: Span(t[0], t[0] + t[1], "x" * t[1]))
boxes = st.tuples(*[st.integers(0, 12)] * 2, *[st.integers(1, 8)] * 2).map(lambda t: Box(*map(float, t)))


def claim(uid: str, value: Value, category: str = "cat", tool: str = "thing") -> Annotation:
    return Annotation(uid, tool, category, value)


def square(x: float, y: float, size: float) -> Polygon:
    return Polygon(((x, y, x + size, y, x + size, y + size, x, y + size),))


@given(bitmaps, bitmaps)
def test_masks_overlap_as_their_pixels_do(a: np.ndarray, b: np.ndarray) -> None:
    union = (a | b).sum()
    expected = (a & b).sum() / union if union else 1.0
    assert iou(rle.encode(a), rle.encode(b)) == pytest.approx(expected)


@given(boxes, boxes)
def test_boxes_overlap_as_their_pixels_do(a: Box, b: Box) -> None:
    grids = []
    for box in (a, b):
        grid = np.zeros((24, 24), dtype=bool)
        x, y, w, h = (int(v) for v in (box.x_px, box.y_px, box.width_px, box.height_px))
        grid[y : y + h, x : x + w] = True
        grids.append(grid)
    assert iou(a, b) == pytest.approx((grids[0] & grids[1]).sum() / (grids[0] | grids[1]).sum())


@given(spans, spans)
def test_spans_overlap_as_their_characters_do(a: Span, b: Span) -> None:
    one, other = set(range(a.start, a.end)), set(range(b.start, b.end))
    # Of spans that do not meet the gap between them is no part of either.
    expected = len(one & other) / len(one | other) if one & other else 0.0
    assert iou(a, b) == pytest.approx(expected)


def test_polygons_overlap_by_area_and_tangled_ones_do_not_break_it() -> None:
    assert iou(square(0, 0, 2), square(1, 0, 2)) == pytest.approx(1 / 3)
    assert iou(square(0, 0, 2), Box(0, 0, 2, 2)) == 0.0
    assert iou(Mask(2, 2, b"4"), rle.encode(np.zeros((3, 3), dtype=bool))) == 0.0


def test_what_moved_is_paired_by_its_id_then_by_the_nearest() -> None:
    base = [claim("a", Box(0, 0, 10, 10)), claim("b", Box(100, 0, 10, 10)), claim("c", Box(200, 0, 10, 10))]
    final = [
        claim("a", Box(0, 0, 10, 5)),
        claim("x", Box(100, 0, 10, 8)),
        claim("c", Box(200, 0, 10, 10)),
        claim("y", Box(300, 0, 1, 1)),
    ]
    found = moved(base, final)
    assert set(found) == {("thing", "cat", "")}
    pair = found["thing", "cat", ""]
    assert (pair.n, pair.moved) == (0, 2)
    assert pair.overlap == pytest.approx(0.5 + 0.8)
    assert pair.overlap_squares == pytest.approx(0.25 + 0.64)
    # Both stand under a pair that the outcome counts, so they can be stored with it.
    counted = cells(base, final)
    assert counted["thing", "cat", ""] >= pair.moved


def test_a_moved_annotation_of_another_category_is_another() -> None:
    base = [claim("a", Box(0, 0, 10, 10), "cat")]
    assert moved(base, [claim("a", Box(0, 0, 10, 9), "dog")]) == {}
    assert moved(base, base) == {}


def test_an_answer_from_scratch_is_told_as_changes_of_what_it_did_not_see() -> None:
    base = [claim("a", Box(0, 0, 100, 100)), claim("b", Box(500, 0, 100, 100))]
    final = [claim("n0", Box(2, 1, 99, 98)), claim("a", Box(900, 0, 50, 50))]
    edited = as_if_edited(base, final)
    assert (edited[0].id, edited[0].value) == ("a", base[0].value)
    assert edited[1].id != "a"
    assert edited[1].value == final[1].value
    assert cells(base, edited) == {
        ("thing", "cat", "cat"): 1,
        ("thing", "cat", ""): 1,
        ("thing", "", "cat"): 1,
    }


def prediction(*annotations: Annotation) -> Label:
    lineage = Lineage("model", "projects/p/predictionRuns/01R", 1, "0" * 64, (), 1)
    return Label(LabelKind.PREDICTION, "model", annotations, uid="l", lineage=lineage)


def test_a_hidden_prediction_is_judged_by_the_answer_that_did_not_see_it() -> None:
    policy = HoldOut(0.5, "s", 2)
    hidden = prediction(claim("a", Choice(), "sport", "topic"))
    same = learn(policy, "01", None, hidden, [claim("n0", Choice(), "sport", "topic")])
    other = learn(policy, "01", None, hidden, [claim("n0", Choice(), "politics", "topic")])
    assert same.arm is other.arm is Arm.HELD_OUT
    assert same.outcome is not None
    assert same.outcome.unchanged
    assert other.outcome is not None
    assert other.outcome.cells == {("topic", "sport", "politics"): 1}


def test_nothing_is_learned_from_a_rejected_asset_or_from_a_persons_label() -> None:
    hidden = prediction(claim("a", Choice(), "sport", "topic"))
    rejected = learn(HoldOut(0.5, "s", 1), "01", None, hidden, None)
    assert (rejected.arm, rejected.outcome, rejected.moved) == (Arm.HELD_OUT, None, {})
    person = Label(LabelKind.DEFAULT, "ann", hidden.annotations)
    assert learn(HoldOut(), "01", person, None, person.annotations).arm is Arm.NONE


def test_moved_shapes_of_a_shown_prediction_keep_their_overlap() -> None:
    shown = prediction(claim("a", Box(0, 0, 10, 10)))
    found = learn(HoldOut(), "01", shown, None, [claim("a", Box(0, 0, 10, 5))])
    assert (found.arm, found.experiment) == (Arm.SHOWN, 0)
    assert found.moved == {("thing", "cat", ""): CellTotals(0, 1, 0.5, 0.25)}
