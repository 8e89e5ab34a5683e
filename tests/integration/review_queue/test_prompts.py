"""Predictions that were made of a person's boxes, and that person's label."""

from collections.abc import Sequence
from typing import Any

import pytest

from labelmesh.label.v1 import asset_pb2
from labelmesh.review.v1 import asset_service_pb2, label_service_pb2
from labels.label import Annotation, Box, Choice
from labels.proto import annotation_to_pb
from tests.integration.review_queue.policies import task

HERE, THERE = Box(10, 10, 50, 50), Box(100, 10, 50, 50)


def roofs(*boxes: Box, confidence: float = 0.0) -> tuple[Annotation, ...]:
    return tuple(Annotation(f"a{i}", "roof", "flat", box, confidence) for i, box in enumerate(boxes))


@pytest.fixture
async def picture(house: Any) -> asset_pb2.Asset:
    await house.project()
    chunk = asset_service_pb2.UploadContentRequest(parent="projects/news", chunk=b"a picture")
    ref = (await house.assets.UploadContent(iter([chunk]), metadata=house.ann)).content
    asset = asset_pb2.Asset(key="p", image_ref=ref, width_px=640, height_px=480)
    await house.send_rows([asset_service_pb2.ImportRow(line=1, asset=asset)])
    return (await task(house, "p")).asset


async def drawn(house: Any, picture: asset_pb2.Asset, claims: Sequence[Annotation]) -> Any:
    """Ann's label from outside review."""
    request = label_service_pb2.CreateLabelRequest(
        asset=picture.name, annotations=map(annotation_to_pb, claims), request_id="r"
    )
    return (await house.labels.CreateLabel(request, metadata=house.ann)).label


async def answer(house: Any, picture: asset_pb2.Asset, source: Any, *boxes: Box, run: str = "01RUN") -> Any:
    """What the model made of the boxes of a label; the task after it."""
    created = house.prediction(picture, 0.9, run=run, annotations=roofs(*boxes, confidence=0.9))
    created.label.lineage.source_label = source.name
    await house.deliver(await house.project(), created)
    return await task(house, "p")


async def test_a_label_of_boxes_alone_gives_way_to_what_was_made_of_them(house: Any, picture: Any) -> None:
    boxes = await drawn(house, picture, roofs(HERE, THERE))
    shown = await answer(house, picture, boxes, THERE, HERE)
    assert (shown.label.author, shown.label.revision) == ("model", 2)
    assert shown.label.lineage.source_label == boxes.name
    # It is no second opinion about the boxes.
    assert shown.terms.disagreement == 0.0
    assert shown.terms.uncertainty == pytest.approx(0.1)
    (lease,) = await house.lease()
    assert (await house.submit(lease, "ACCEPT")).author == "ann"


async def test_a_box_that_nothing_was_found_in_keeps_its_label(house: Any, picture: Any) -> None:
    boxes = await drawn(house, picture, roofs(HERE, THERE))
    assert (await answer(house, picture, boxes, HERE)).label.name == boxes.name


async def test_a_label_that_says_more_than_boxes_stays(house: Any, picture: Any) -> None:
    more = (*roofs(HERE), Annotation("t", "topic", "sport", Choice()))
    label = await drawn(house, picture, more)
    assert (await answer(house, picture, label, HERE)).label.name == label.name


async def test_what_was_made_of_an_older_label_or_of_a_reviewed_one_stays_behind(
    house: Any, picture: Any
) -> None:
    first = await drawn(house, picture, roofs(HERE))
    update = label_service_pb2.UpdateLabelRequest(
        name=first.name, etag=first.etag, annotations=map(annotation_to_pb, roofs(THERE)), request_id="s"
    )
    second = (await house.labels.UpdateLabel(update, metadata=house.ann)).label
    assert (await answer(house, picture, first, HERE)).label.name == second.name
    (lease,) = await house.lease()
    reviewed = await house.submit(lease, "ACCEPT")
    assert (await answer(house, picture, reviewed, THERE, run="02RUN")).label.name == reviewed.name
