"""The customer's own example to the letter: polygons of less than five square pixels, flagged, deleted, fixed."""

from typing import Any

import numpy as np
import pytest

from labelmesh.qa.v1.qa_events_pb2 import LabelEvaluated, LabelPatched
from labels import rle
from labels.label import Annotation, Polygon

RULE = "polygon_min_area"


def square(uid: str, area: float, at: float = 0.0) -> Annotation:
    """A rectangle of that many square pixels, one pixel high."""
    return Annotation(uid, "roof", "flat", Polygon(((at, 0, at + area, 0, at + area, 1, at, 1),)))


def mask(uid: str, pixels: int) -> Annotation:
    bitmap = np.zeros((100, 100), dtype=bool)
    bitmap[10, :pixels] = True
    return Annotation(uid, "area", "flat", rle.encode(bitmap))


HOLED = Polygon(((0, 0, 4, 0, 4, 2, 0, 2), (0.5, 0.5, 3.7, 0.5, 3.7, 1.5, 0.5, 1.5)))
"""8 square pixels with a hole of 3.2."""
CROSSED = Polygon(((0, 0, 4, 4, 4, 0, 0, 4),))
"""A bow tie of two triangles, 8 square pixels."""
SMALL_BOW = Polygon(((0, 0, 3, 3, 3, 0, 0, 3),))
"""The same of 4.5."""
SHAPES = [
    (square("a", 4.999), True),
    (square("b", 5.0), False),
    (Annotation("c", "roof", "flat", HOLED), True),
    (Annotation("d", "roof", "flat", CROSSED), False),
    (Annotation("e", "roof", "flat", SMALL_BOW), True),
    (mask("f", 4), True),
    (mask("g", 5), False),
    (Annotation("h", "roof", "flat", Polygon(((0, 0, 5, 5),))), True),
]
SMALL = [annotation.id for annotation, small in SHAPES if small]


async def submit_all(town: Any) -> Any:
    (asset,) = await town.import_pictures(1)
    # A polygon of two points is refused at the door, so it cannot come this far.
    await town.label(asset, *(annotation for annotation, _ in SHAPES[:-1]))
    await town.carry()
    return asset


async def test_less_than_five_square_pixels_is_flagged_and_five_is_not(town: Any) -> None:
    asset = await submit_all(town)
    found = [f.annotation_id for f in town.of(LabelEvaluated)[-1].findings if f.rule == RULE]
    assert found == SMALL[:-1]
    assert len(await town.revisions(asset)) == 1


async def test_small_polygons_are_deleted_in_a_new_revision_and_come_back_byte_for_byte(town: Any) -> None:
    await town.enforce(RULE, "DELETE", precision_floor=0.0)
    asset = await submit_all(town)
    first, second = await town.revisions(asset)
    assert [a.id for a in first.annotations] == [annotation.id for annotation, _ in SHAPES[:-1]]
    assert [a.id for a in second.annotations] == ["b", "d", "g"]
    assert (second.revision, second.kind, second.author) == (2, first.kind, first.author)
    (patch,) = town.of(LabelPatched)
    assert list(patch.rules) == [RULE]
    await town.revert(patch.rule_run)
    *_, third = await town.revisions(asset)
    assert third.revision == 3
    assert [a.SerializeToString(deterministic=True) for a in third.annotations] == [
        a.SerializeToString(deterministic=True) for a in first.annotations
    ]
    # The rule is still enforced, and what it did once it does not do again.
    await town.carry()
    assert len(await town.revisions(asset)) == 3
    assert len(town.of(LabelPatched)) == 1
    # Undone again, nothing changes.
    await town.revert(patch.rule_run)
    assert len(await town.revisions(asset)) == 3


async def test_an_event_that_comes_twice_deletes_once(town: Any) -> None:
    await town.enforce(RULE, "DELETE", precision_floor=0.0)
    (asset,) = await town.import_pictures(1)
    await town.label(asset, square("a", 2), square("b", 9))
    await town.carry(twice=True)
    assert [len(label.annotations) for label in await town.revisions(asset)] == [2, 1]


@pytest.mark.parametrize(
    ("rule", "value", "fixed"),
    [
        (
            "out_of_bounds",
            Polygon(((90, 0, 110, 0, 110, 10, 90, 10),)),
            {(90.0, 0.0), (100.0, 0.0), (100.0, 10.0), (90.0, 10.0)},
        ),
        (
            "self_intersection",
            CROSSED,
            {(0.0, 0.0), (2.0, 2.0), (0.0, 4.0), (4.0, 4.0), (4.0, 0.0)},
        ),
    ],
)
async def test_what_a_rule_can_fix_is_fixed_in_a_new_revision(
    town: Any, rule: str, value: Polygon, fixed: set[tuple[float, float]]
) -> None:
    await town.enforce(rule, "FIX")
    (asset,) = await town.import_pictures(1)
    await town.label(asset, Annotation("a", "roof", "flat", value))
    await town.carry()
    first, second = await town.revisions(asset)
    (after,) = second.annotations
    points = [
        tuple(ring.xy_px[i : i + 2]) for ring in after.polygon.rings for i in range(0, len(ring.xy_px), 2)
    ]
    assert set(points) == fixed
    assert (after.id, after.category) == ("a", "flat")
    # Rules looked at the fixed label again, and found nothing.
    assert not [f for f in town.of(LabelEvaluated)[-1].findings if f.rule == rule]
    assert first.annotations[0].polygon != after.polygon
