"""Spans, boxes, polygons and masks of several people become one, and nothing is lost without being told."""

import nervaluate
import numpy as np
import pytest

from labels import rle
from labels.geometry import area
from labels.label import Annotation, Box, Choice, Mask, Polygon, Span
from labels.ontology import Category, Ontology, Tool, ToolKind
from qa_engine.consensus.merging import merge
from qa_engine.consensus.overlap import MAX_MASKS, overlaps
from qa_engine.consensus.policy import Policy, check
from qa_engine.consensus.resolution import Answer, Dispute, resolve
from qa_engine.consensus.shape_agreement import shape_agreement
from qa_engine.consensus.staple import staple
from qa_engine.errors import PolicyInvalid, VotesInvalid

TEXT = "Ann Lee met Bob in Rome."
AB = (Category("a"), Category("b"))
ONTOLOGY = Ontology(
    (
        Tool("topic", ToolKind.CHOICE_SINGLE, AB),
        Tool("tags", ToolKind.CHOICE_MULTI, AB),
        Tool("name", ToolKind.SPAN, AB),
        Tool("frame", ToolKind.BOX, AB),
        Tool("outline", ToolKind.POLYGON, AB),
        Tool("pixels", ToolKind.MASK, AB),
    ),
    1,
)


def claim(tool, value, category="a"):
    return Annotation("", tool, category, value)


def answers(*people):
    return [Answer(f"p{n}", f"l{n}", tuple(claims)) for n, claims in enumerate(people)]


def span(start, end):
    return Span(start, end, TEXT[start:end])


def square(x, y, side):
    return Polygon(((x, y, x + side, y, x + side, y + side, x, y + side),))


def mask(*rows):
    return rle.encode(np.asarray([[c == "#" for c in row] for row in rows]))


def solved(people, policy=Policy(), **others):  # noqa: B008 - frozen
    return resolve(answers(*people), ONTOLOGY, policy, text=TEXT, **others)


def values(resolution):
    return [(a.tool, a.category, a.value) for a in resolution.annotations or ()]


def test_overlaps_by_hand():
    one, other, iou = overlaps([Box(0, 0, 10, 10), Box(5, 0, 10, 10), Box(50, 50, 1, 1)])
    assert (one.tolist(), other.tolist(), iou.tolist()) == ([0], [1], [pytest.approx(50 / 150)])
    assert overlaps([span(0, 4), span(2, 6)])[2].tolist() == [pytest.approx(2 / 6)]
    assert overlaps([mask("##.", "..."), mask(".##", "...")])[2].tolist() == [pytest.approx(1 / 3)]
    assert overlaps([square(0.0, 0.0, 2.0), square(1.0, 0.0, 2.0)])[2].tolist() == [pytest.approx(2 / 6)]


def test_a_damaged_mask_never_reaches_pycocotools():
    with pytest.raises(Exception, match="run lengths"):
        overlaps([Mask(2, 2, b"oooo"), Mask(2, 2, b"oooo")])


def test_too_many_masks_are_refused():
    with pytest.raises(VotesInvalid):
        overlaps([mask("#")] * (MAX_MASKS + 1))


def test_span_ends_are_voted_on():
    people = [[claim("name", span(0, 7))], [claim("name", span(0, 7))], [claim("name", span(0, 3))]]
    found = solved(people, Policy(iou=0.4))
    assert values(found) == [("name", "a", span(0, 7))]
    # Two pairs of three share it by IoU 3/7, too: all three claim one thing.
    assert found.agreement == 1
    assert found.disputes == ()


def test_ends_that_nobody_chose_twice_go_to_the_middle():
    assert merge([span(0, 3), span(0, 7), span(4, 7)], TEXT) == span(0, 7)
    assert merge([span(0, 5), span(1, 6), span(2, 7)], TEXT) == span(1, 6)


def test_a_span_that_nobody_gave_needs_the_text():
    spans = [span(0, 5), span(0, 6), span(1, 7), span(2, 7)]
    assert merge(spans, TEXT) == span(0, 7)
    assert merge(spans) in spans


def test_box_sides_are_medians():
    boxes = [Box(0, 0, 10, 10), Box(1, 0, 10, 12), Box(2, 1, 10, 10)]
    assert merge(boxes) == Box(1, 0, 10, 11)


def test_a_polygon_is_what_most_cover():
    merged = merge([square(0.0, 0.0, 10.0), square(2.0, 0.0, 10.0), square(0.0, 2.0, 10.0)])
    # Two pieces of 80 square pixels, which share 64.
    assert area(merged) == pytest.approx(96)
    hole = Polygon((*square(0.0, 0.0, 10.0).rings, *square(4.0, 4.0, 2.0).rings))
    assert area(merge([hole, hole, square(0.0, 0.0, 10.0)])) == pytest.approx(96)


def test_polygons_without_a_common_place_are_a_dispute_not_a_crash():
    with pytest.raises(VotesInvalid):
        merge([square(0.0, 0.0, 1.0), square(5.0, 0.0, 1.0)])


def test_mask_pixels_are_voted_on():
    merged = merge([mask("##..", "...."), mask(".##.", "...."), mask(".#..", "...#")])
    assert rle.to_bitmap(merged).tolist() == [[False, True, False, False], [False] * 4]


def test_staple_believes_the_careful_and_majority_the_many():
    rng = np.random.default_rng(0)
    truth = np.zeros((40, 40), dtype=bool)
    truth[10:30, 10:30] = True
    careful = [truth ^ (rng.random(truth.shape) < 0.01) for _ in range(2)]
    careless = [truth ^ (rng.random(truth.shape) < 0.35) for _ in range(3)]
    masks = np.stack([*careful, *careless])
    by_vote = 2 * masks.sum(axis=0) > len(masks)
    by_staple = staple(masks) > 0.5
    assert (by_staple != truth).sum() < (by_vote != truth).sum()
    assert (by_staple != truth).mean() < 0.02


def test_staple_of_many_masks_is_that_of_the_same_table():
    # Beyond sixteen masks patterns are sorted instead of numbered; the answer may not depend on it.
    rng = np.random.default_rng(1)
    truth = np.zeros((12, 12), dtype=bool)
    truth[3:9, 3:9] = True
    masks = np.stack([truth ^ (rng.random(truth.shape) < 0.1) for _ in range(20)])
    assert ((staple(masks) > 0.5) == truth).all()
    assert ((staple(masks[:16]) > 0.5) == truth).all()


def test_masks_all_over_a_photograph_are_merged():
    bitmap = np.zeros((3_000, 4_000), dtype=bool)
    bitmap[0, 0] = bitmap[-1, -1] = True
    other = bitmap.copy()
    other[1_500, 2_000] = True
    masks = [rle.encode(bitmap), rle.encode(bitmap), rle.encode(other)]
    assert rle.area(merge(masks)) == 2
    assert rle.to_bitmap(merge(masks, by_staple=True))[bitmap].all()


def test_two_boxes_close_together_stay_two():
    near = [claim("frame", Box(0, 0, 10, 10)), claim("frame", Box(3, 0, 10, 10))]
    found = solved([near, near[::-1], near])
    assert [v for _, _, v in values(found)] == [Box(0, 0, 10, 10), Box(3, 0, 10, 10)]
    assert found.agreement == 1


def test_what_one_person_alone_drew_is_told():
    both = claim("frame", Box(0, 0, 10, 10))
    found = solved([[both], [both, claim("frame", Box(50, 50, 5, 5), "b")], [both]])
    assert [v for _, _, v in values(found)] == [both.value]
    assert found.disputes == (Dispute("frame", "b", 1, 3),)
    # Pairs: 1 and 3 fully, the two others 2 / 3.
    assert found.agreement == pytest.approx((1 + 2 / 3 + 2 / 3) / 3)


def test_one_shape_with_two_names_goes_to_most_and_the_other_name_is_told():
    box = Box(0, 0, 10, 10)
    found = solved(
        [[claim("frame", box)], [claim("frame", box)], [claim("frame", box, "b")]], Policy(min_agreement=0)
    )
    assert values(found) == [("frame", "a", box)]
    assert found.disputes == (Dispute("frame", "b", 1, 3),)
    even = solved([[claim("frame", box)], [claim("frame", box, "b")]], Policy(min_agreement=0))
    assert values(even) == []
    assert set(even.disputes) == {Dispute("frame", "a", 1, 2), Dispute("frame", "b", 1, 2)}


def drawn(rng):
    left, top, width, height = rng.uniform([0, 0, 5, 5], [20, 20, 15, 15]).tolist()
    return claim("frame", Box(left, top, width, height), str(rng.choice(["a", "b"])))


def test_every_claim_is_in_the_label_or_in_a_dispute():
    rng = np.random.default_rng(4)
    for _ in range(30):
        people = [[drawn(rng) for _ in range(rng.integers(0, 6))] for _ in range(4)]
        found = solved(people, Policy(min_agreement=0))
        told = sum(d.support for d in found.disputes)
        claimed = sum(map(len, people))
        assert found.annotations is not None
        # Each that stands has at least three supporters.
        assert claimed - 4 * len(found.annotations) <= told <= claimed - 3 * len(found.annotations)


def test_a_single_choice_without_most_heads_is_no_agreement():
    found = solved([[claim("topic", Choice())], [claim("topic", Choice(), "b")]], Policy(min_agreement=0))
    assert found.annotations is None
    assert found.agreement == 0
    assert len(found.disputes) == 2


def test_a_posterior_decides_a_single_choice_and_gives_the_confidence():
    people = [[claim("topic", Choice())], [claim("topic", Choice(), "b")]]
    sure = {"topic": np.asarray([0.05, 0.95, 0.0])}
    found = solved(people, Policy(min_agreement=0), posteriors=sure)
    assert values(found) == [("topic", "b", Choice())]
    assert found.confidence == pytest.approx(0.95)
    unsure = solved(people, Policy(min_agreement=0), posteriors={"topic": np.asarray([0.4, 0.6, 0.0])})
    assert unsure.annotations is None
    assert unsure.confidence == pytest.approx(0.6)


def test_several_choices_stand_one_by_one():
    tag = [claim("tags", Choice()), claim("tags", Choice(), "b")]
    found = solved([tag, tag[:1], tag[:1]])
    assert values(found) == [("tags", "a", Choice())]
    assert found.disputes == (Dispute("tags", "b", 1, 3),)


def test_most_reject_the_asset():
    claims = (claim("topic", Choice()),)
    people = [Answer("p0", "", ()), Answer("p1", "", ()), Answer("p2", "l2", claims)]
    assert resolve(people, ONTOLOGY, Policy(min_agreement=0)).annotations is None


def test_people_who_find_nothing_agree():
    found = solved([[], [], []])
    assert found.annotations == ()
    assert found.agreement == 1


def test_the_quorum_can_be_everybody():
    assert Policy(quorum=1.0).needed(5) == 5
    assert Policy(quorum=0.6).needed(5) == 3
    assert Policy().needed(4) == 3


@pytest.mark.parametrize(
    ("name", "value"), [("quorum", 0.4), ("iou", 0), ("min_agreement", float("nan")), ("min_confidence", 2)]
)
def test_numbers_out_of_range_are_refused(name, value):
    with pytest.raises(PolicyInvalid, match=name):
        check(Policy(**{name: value}))


@pytest.mark.parametrize("seed", range(5))
def test_f1_of_spans_is_that_of_nervaluate(seed):
    rng = np.random.default_rng(seed)
    people = [[], []]
    for place in range(0, 200, 10):
        for mine in people:
            if rng.random() < 0.8:
                start, end = place + int(rng.integers(0, 3)), place + int(rng.integers(5, 8))
                mine.append(claim("name", Span(start, end, "x" * (end - start)), str(rng.choice(["a", "b"]))))
    found = shape_agreement(answers(*people), "name")
    theirs = nervaluate.Evaluator(
        *([[{"label": c.category, "start": c.value.start, "end": c.value.end} for c in p]] for p in people),
        tags=["a", "b"],
    ).evaluate()["overall"]
    assert found.exact_f1 == pytest.approx(theirs["strict"].f1)
    assert found.overlap_f1 == pytest.approx(theirs["ent_type"].f1)


def test_agreement_of_shapes_by_hand():
    one = [claim("frame", Box(0, 0, 10, 10)), claim("frame", Box(50, 0, 10, 10))]
    other = [claim("frame", Box(0, 0, 10, 5))]
    found = shape_agreement(answers(one, other), "frame")
    assert (found.exact_f1, found.overlap_f1) == (0, pytest.approx(2 / 3))
    assert found.iou == pytest.approx(0.5)
    nothing = shape_agreement(answers([], []), "frame")
    assert nothing is None
