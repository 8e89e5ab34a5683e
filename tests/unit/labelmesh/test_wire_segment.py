"""sam-segmenter's messages and the client's values."""

import pytest

from labelmesh.client import Click, Client, Endpoints, LabelmeshError, ObjectPrompt, ShapeForm
from labelmesh.client import wire_segment as wire
from labelmesh.client.segment import CacheTier, Doubt
from labelmesh.client.segmentation_run import SegmentationConfig, SegmentationMode, SegmentationRunState
from labelmesh.segmenter.v1 import mask_service_pb2 as mask_pb
from labelmesh.segmenter.v1 import segmentation_run_service_pb2 as run_pb
from labelmesh.segmenter.v1 import segmenter_service_pb2 as pb
from labels.asset import ContentRef
from labels.errors import LabelError
from labels.label import Box, Mask, Polygon

MASK = Mask(2, 3, b"06")
REF = ContentRef("blob:sha256/" + "0" * 64, "0" * 64, 7)


def test_a_picture_is_named_by_content_or_by_handle() -> None:
    assert wire.image_to_pb("image-1").handle == "image-1"
    named = wire.image_to_pb(REF)
    assert named.WhichOneof("source") == "content"
    assert named.content.size_bytes == 7


def test_a_prompt_carries_clicks_box_and_one_earlier_answer() -> None:
    prompt = wire.prompt_to_pb(ObjectPrompt((Click(1, 2), Click(3, 4, False)), Box(5, 6, 7, 8), logits="l"))
    assert [(click.x_px, click.y_px, click.positive) for click in prompt.clicks] == [
        (1, 2, True),
        (3, 4, False),
    ]
    assert (prompt.box.x_px, prompt.box.height_px) == (5, 8)
    assert prompt.WhichOneof("previous") == "logits"
    assert wire.prompt_to_pb(ObjectPrompt(mask=MASK)).mask.counts == b"06"
    assert not wire.prompt_to_pb(ObjectPrompt((Click(1, 2),))).HasField("box")


@pytest.mark.parametrize("form", ShapeForm)
def test_every_form_has_its_number(form: ShapeForm) -> None:
    assert mask_pb.ShapeForm.Name(wire.form_to_pb(form)) == f"SHAPE_FORM_{form}"


def test_an_answer_keeps_order_doubts_and_what_is_unset() -> None:
    found = pb.SegmentedMask(
        shape=mask_pb.Shape(mask={"height_px": 2, "width_px": 3, "counts": b"06"}),
        predicted_iou=0.9,
        area_px=6,
        bounds={"x_px": 1, "y_px": 2, "width_px": 3, "height_px": 4},
        logits="l",
        needs_human=True,
        doubts=[pb.DOUBT_SMALL, pb.DOUBT_BLURRED],
    )
    answer = wire.segmentation_from_pb(
        pb.SegmentResponse(
            objects=[pb.SegmentedObject(masks=[found, pb.SegmentedMask()], logits_lost=True)],
            cache=pb.CACHE_TIER_SHARED,
            timings={"decode_ms": 4},
        )
    )
    (only,) = answer.objects
    assert only.logits_lost
    assert only.best.shape == MASK
    assert only.best.bounds == Box(1, 2, 3, 4)
    assert only.best.doubts == (Doubt.SMALL, Doubt.BLURRED)
    assert (only.masks[1].shape, only.masks[1].bounds) == (None, None)
    assert (answer.cache, answer.timings.decode_ms) == (CacheTier.SHARED, 4)


def test_shapes_come_in_three_forms() -> None:
    polygon = mask_pb.Shape(polygon={"rings": [{"xy_px": [0, 0, 4, 0, 4, 4]}]}, height_px=9, width_px=9)
    assert wire.shape_from_pb(polygon) == Polygon(((0, 0, 4, 0, 4, 4),))
    assert wire.shape_from_pb(mask_pb.Shape(png=b"png")) == b"png"
    assert wire.shape_from_pb(mask_pb.Shape()) is None
    with pytest.raises(LabelError):
        wire.shape_from_pb(mask_pb.Shape(mask={"height_px": -1, "width_px": 3, "counts": b"06"}))


def test_a_run_survives_the_way_there_and_back() -> None:
    config = SegmentationConfig(SegmentationMode.BOXES, "outline", "car", 0, 25)
    run = wire.run_from_pb(
        run_pb.SegmentationRun(
            name="projects/parts/predictionRuns/r1",
            config=wire.config_to_pb(config),
            state=run_pb.SEGMENTATION_RUN_STATE_DONE,
            total=5,
            succeeded=3,
            failed=2,
            masks=9,
        )
    )
    assert (run.project, run.uid, run.config, run.state) == ("parts", "r1", config, SegmentationRunState.DONE)
    assert (run.finished, run.masks, run.at_rest) == (5, 9, True)


async def test_a_client_without_the_segmenter_s_address_says_so_and_does_the_rest() -> None:
    async with Client(Endpoints(sam_segmenter=""), token="t") as client:
        assert client.projects
        for part in ("segmenter", "segmentation_runs"):
            with pytest.raises(LabelmeshError) as refused:
                getattr(client, part)
            assert refused.value.reason == "NO_SEGMENTER"
