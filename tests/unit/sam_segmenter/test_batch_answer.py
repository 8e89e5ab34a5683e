"""From masks to a label: categories, places, confidence, names and bounds."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from labels.asset import Asset, ContentRef
from labels.errors import AnnotationInvalid
from labels.label import Annotation, Box, Mask, Polygon
from labels.ontology import Category, Ontology, Tool, ToolKind
from labels.proto import label_to_pb
from sam_segmenter.batch.answer import MAX_LABEL_BYTES, answer, boxes_on
from sam_segmenter.batch.run import (
    Job,
    Mode,
    RunConfig,
    ShapeFound,
    Shaping,
    config_from_json,
    config_to_json,
    target,
)
from sam_segmenter.errors import (
    NoImageTool,
    NothingFound,
    NothingToSegment,
    OptionInvalid,
    PictureTooLarge,
)

ONTOLOGY = Ontology(
    (
        Tool("topic", ToolKind.CHOICE_SINGLE, (Category("car"),)),
        Tool("box", ToolKind.BOX, (Category("car"),)),
        Tool("mask", ToolKind.MASK, (Category("roof"), Category("car"))),
        Tool("ring", ToolKind.POLYGON, (Category("pond"), Category("car"))),
    ),
    revision=7,
)
REF = ContentRef("blob:sha256/" + "a" * 64, "a" * 64, 10)
ASSET = Asset(key="k", uid="01J0000000ASSET", image_ref=REF, width_px=100, height_px=50)
# One run of 0 pixels and one of all 5,000.
FULL = Mask(50, 100, b"0XlT")


class Masks:
    """Gives what it was made with, and remembers what was asked of it."""

    def __init__(self, found: Sequence[ShapeFound | None]) -> None:
        self.found = found
        self.asked: list[object] = []

    async def in_boxes(self, tenant: str, ref: ContentRef, boxes: Sequence[Box], shaping: Shaping):
        self.asked += [tenant, ref, *boxes, shaping]
        return self.found

    async def everywhere(self, tenant: str, ref: ContentRef, points_per_side: int, shaping: Shaping):
        self.asked += [tenant, ref, points_per_side, shaping]
        return self.found


def job(mode: Mode = Mode.AUTOMATIC, *boxes: tuple[str, Box], **config) -> Job:
    annotations = tuple(Annotation(f"b{n}", "box", name, box) for n, (name, box) in enumerate(boxes))
    source = "01JSOURCE" if mode is Mode.BOXES else ""
    return Job(
        "01JRUN",
        "01JP",
        "street",
        "acme",
        RunConfig(mode, **config),
        ONTOLOGY,
        3,
        ASSET,
        annotations,
        source,
        1,
    )


async def test_automatic_masks_are_for_the_first_image_tool_surest_first() -> None:
    masks = Masks([ShapeFound(FULL, 0.5, 0.5), ShapeFound(FULL, 0.9, 1.0)])
    label = await answer(job(), masks, "sam")
    assert masks.asked == ["acme", REF, 16, Shaping(polygons=False, min_area_px=100)]
    claims = [(a.id, a.tool, a.category, a.confidence) for a in label.annotations]
    assert claims == [("a0", "mask", "roof", 0.9), ("a1", "mask", "roof", 0.25)]
    assert label.confidence.raw == pytest.approx(0.575)
    assert label.lineage.run == "projects/street/predictionRuns/01JRUN"
    assert label.lineage.ontology_revision == 7
    assert label.lineage.source_label == ""


async def test_a_polygon_tool_asks_for_polygons() -> None:
    ring = Polygon(((0.0, 0.0, 9.0, 0.0, 9.0, 9.0),))
    masks = Masks([ShapeFound(ring, 0.9, 0.9)])
    label = await answer(job(tool="ring", category="car", min_area_px=5, points_per_side=4), masks, "sam")
    assert masks.asked[2:] == [4, Shaping(polygons=True, min_area_px=5)]
    assert [(a.tool, a.category, a.value) for a in label.annotations] == [("ring", "car", ring)]


async def test_each_mask_keeps_the_category_of_its_box_though_some_boxes_have_none() -> None:
    boxes = [("roof", Box(0, 0, 5, 5)), ("car", Box(5, 5, 5, 5)), ("car", Box(9, 9, 5, 5))]
    found = [ShapeFound(FULL, 0.5, 1.0), None, ShapeFound(FULL, 0.9, 1.0)]
    label = await answer(job(Mode.BOXES, *boxes), Masks(found), "sam")
    assert [(a.category, a.confidence) for a in label.annotations] == [("car", 0.9), ("roof", 0.5)]
    assert label.lineage.source_label == "projects/street/labels/01JSOURCE"


def test_boxes_are_cut_to_the_picture_and_those_beside_it_or_of_no_category_left_out() -> None:
    boxes = [
        ("car", Box(-10, -10, 20, 20)),
        ("car", Box(90, 40, 100, 100)),
        ("car", Box(100, 0, 5, 5)),
        ("car", Box(-5, 0, 5, 5)),
        ("dog", Box(1, 1, 5, 5)),
    ]
    chosen = job(Mode.BOXES, *boxes)
    shown = boxes_on(chosen.boxes, target(chosen.config, ONTOLOGY), ASSET)
    assert shown == [("car", Box(0, 0, 10, 10)), ("car", Box(90, 40, 10, 10))]
    named = target(RunConfig(Mode.BOXES, category="roof"), ONTOLOGY)
    assert ("roof", Box(1, 1, 5, 5)) in boxes_on(chosen.boxes, named, ASSET)


async def test_the_names_of_predictions_follow_from_run_picture_and_boxes() -> None:
    masks = Masks([ShapeFound(FULL, 0.9, 0.9)])
    first = (await answer(job(), masks, "sam")).uid
    assert (await answer(job(), masks, "other")).uid == first
    others = [
        replace(job(), run_uid="01JRUM"),
        replace(job(), asset=replace(ASSET, uid="01J0000000OTHER")),
        replace(job(), source="01JSOURCE"),
    ]
    assert len({first} | {(await answer(other, masks, "sam")).uid for other in others}) == 4


async def test_what_an_event_cannot_carry_is_left_out_from_the_least_sure_end() -> None:
    counts = b"0" * (MAX_LABEL_BYTES // 4)
    large = Mask(50, 100, counts)
    found = [ShapeFound(large, 0.1 * n, 1.0) for n in range(1, 8)]
    label = await answer(job(), Masks(found), "sam")
    assert [round(a.confidence, 1) for a in label.annotations] == [0.7, 0.6, 0.5]
    assert label_to_pb(label, "street").ByteSize() < 4 << 20
    with pytest.raises(PictureTooLarge):
        await answer(job(), Masks([ShapeFound(Mask(50, 100, counts * 5), 0.9, 1.0)]), "sam")


async def test_what_gives_no_label_says_why() -> None:
    masks = Masks([])
    with pytest.raises(NothingFound):
        await answer(job(), masks, "sam")
    with pytest.raises(NothingToSegment):
        await answer(job(Mode.BOXES), masks, "sam")
    with pytest.raises(NothingFound):
        await answer(job(Mode.BOXES, ("car", Box(0, 0, 5, 5))), Masks([None]), "sam")
    with pytest.raises(NoImageTool):
        await answer(job(tool="box"), masks, "sam")
    with pytest.raises(AnnotationInvalid):
        await answer(job(), Masks([ShapeFound(Mask(51, 100, b"0XlT"), 0.9, 0.9)]), "sam")


def test_a_target_is_the_first_image_tool_that_fits() -> None:
    assert target(RunConfig(), ONTOLOGY).category == "roof"
    assert target(RunConfig(category="pond"), ONTOLOGY).tool.name == "ring"
    assert target(RunConfig(Mode.BOXES), ONTOLOGY).category == ""
    for config in (RunConfig(tool="ring", category="roof"), RunConfig(tool="topic"), RunConfig(tool="none")):
        with pytest.raises(NoImageTool):
            target(config, ONTOLOGY)


def test_a_config_survives_the_database_and_refuses_what_is_out_of_range() -> None:
    config = RunConfig(Mode.BOXES, "mask", "car", 3, 9)
    assert config_from_json(config_to_json(config)) == config
    assert (RunConfig(Mode.BOXES).min_px, RunConfig().min_px, RunConfig().points) == (0, 100, 16)
    for wrong in ({"points_per_side": -1}, {"points_per_side": 65}, {"min_area_px": -1}):
        with pytest.raises(OptionInvalid):
            RunConfig(**wrong)
