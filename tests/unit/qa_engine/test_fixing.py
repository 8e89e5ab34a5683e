"""Fixes of annotations: what is left of a shape, and what is left to a person."""

import numpy as np
import pytest

from labels import geometry, rle
from labels.asset import Asset
from labels.correction import Delete, Resize
from labels.label import Annotation, Box, Mask, Polygon, Severity, Span, Value
from labels.ontology import Ontology
from qa_engine.engine import discover
from qa_engine.fixing import clip, drop, trim, untangle, without_crumbs, without_pinholes
from qa_engine.rule import Context, Ruleset, Subject

CONTEXT = Context("r", Severity.INFO, {}, Subject(Ontology(()), Asset("k", width_px=100, height_px=50)))
UNKNOWN = Context("r", Severity.INFO, {}, Subject(Ontology(()), Asset("k", text="x")))
SQUARE = (0.0, 0.0, 10.0, 0.0, 10.0, 10.0, 0.0, 10.0)
CRUMB = (20.0, 0.0, 22.0, 0.0, 22.0, 2.0, 20.0, 2.0)
PINHOLE = (4.0, 4.0, 5.0, 4.0, 5.0, 5.0, 4.0, 5.0)


def of(value: Value) -> Annotation:
    return Annotation("a", "t", "c", value)


def resized(op: object) -> Value:
    assert isinstance(op, Resize)
    assert op.annotation_id == "a"
    return op.value


def bitmap(*rows: str) -> Mask:
    return rle.encode(np.array([[c == "#" for c in row] for row in rows]))


@pytest.mark.parametrize(
    ("box", "left"),
    [
        (Box(-5, -5, 10, 10), Box(0, 0, 5, 5)),
        (Box(95, 45, 10, 10), Box(95, 45, 5, 5)),
        (Box(-5, 10, 200, 10), Box(0, 10, 100, 10)),
    ],
)
def test_boxes_are_cut_off_at_the_edges(box: Box, left: Box) -> None:
    assert resized(clip(of(box), CONTEXT)) == left


@pytest.mark.parametrize(
    "value", [Box(101, 0, 5, 5), Box(0, 0, 100, 50), Polygon(((200, 0, 210, 0, 210, 5),))]
)
def test_what_lies_outside_or_inside_is_left(value: Value) -> None:
    assert clip(of(value), CONTEXT) is None


def test_a_picture_of_unknown_size_cuts_nothing_off() -> None:
    assert clip(of(Box(-5, -5, 10, 10)), UNKNOWN) is None


def test_a_polygon_is_cut_off_with_its_holes() -> None:
    outer, hole = (-10.0, 0, 10, 0, 10, 10, -10, 10), (-2.0, 4, 2, 4, 2, 6, -2, 6)
    left = resized(clip(of(Polygon((outer, hole))), CONTEXT))
    assert isinstance(left, Polygon)
    assert geometry.area(left) == pytest.approx(100 - 4)


def test_a_bow_tie_keeps_its_area_and_loses_its_crossing() -> None:
    bow = Polygon(((0, 0, 4, 4, 4, 0, 0, 4),))
    left = resized(untangle(of(bow), CONTEXT))
    assert isinstance(left, Polygon)
    assert geometry.area(left) == geometry.area(bow) == 8
    assert len(left.rings) == 2
    assert untangle(of(Polygon(((0, 0, 5, 5),))), CONTEXT) is None


def test_crumbs_go_and_the_rest_stays() -> None:
    left = resized(without_crumbs(of(Polygon((SQUARE, CRUMB))), 16))
    assert isinstance(left, Polygon)
    assert geometry.area(left) == 100
    assert without_crumbs(of(Polygon((CRUMB,))), 16) is None
    mask = resized(without_crumbs(of(bitmap("##..#", "##...", ".....")), 2))
    assert mask == bitmap("##...", "##...", ".....")
    # Pixels that touch at a corner are one part.
    assert without_crumbs(of(bitmap("##..", "..#.")), 3) is None
    assert without_crumbs(of(bitmap("#...", "..#.")), 3) is None


def test_pinholes_are_filled_and_bays_are_not() -> None:
    left = resized(without_pinholes(of(Polygon((SQUARE, PINHOLE))), 16))
    assert isinstance(left, Polygon)
    assert geometry.area(left) == 100
    mask = resized(without_pinholes(of(bitmap("####.", "#.##.", "###..")), 2))
    assert mask == bitmap("####.", "####.", "###..")
    assert without_pinholes(of(bitmap("####", "#.##", "#.##")), 5) is None


def test_spans_lose_what_does_not_belong_to_them() -> None:
    span = Span(3, 10, "  Bob, ")
    trimmed = resized(trim(of(span), lambda character: character in " ,"))
    assert trimmed == Span(5, 8, "Bob")
    assert trim(of(Span(0, 2, "  ")), str.isspace) is None
    assert trim(of(Span(0, 3, "Bob")), str.isspace) is None


def test_what_is_said_twice_is_deleted() -> None:
    assert drop(of(Box(0, 0, 1, 1)), CONTEXT) == Delete("a")


def test_the_rules_that_can_fix_are_these() -> None:
    fixing = [rule.id for rule in discover() if rule.fix is not None]
    assert fixing == [
        "duplicate_shape",
        "out_of_bounds",
        "self_intersection",
        "small_hole",
        "tiny_component",
        "trimmed_boundary",
    ]
    for rule in discover():
        if rule.fix is not None:
            settings = rule.settings(Ruleset())
            context = Context(rule.id, rule.severity, settings.parameters, CONTEXT.subject)
            assert rule.id == "duplicate_shape" or rule.fix(of(Span(0, 3, "Bob")), context) is None
