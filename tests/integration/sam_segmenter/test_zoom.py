"""Small objects of a real photograph, looked at more closely."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco_masks

from labelmesh.label.v1 import asset_pb2, label_pb2
from labelmesh.segmenter.v1 import segmenter_service_pb2 as pb
from labels import rle
from labels.label import Mask

PICTURE = 294
"""A kitchen with spoons and knives on its walls."""


@pytest.fixture
def small_objects(coco: Path) -> list[dict[str, Any]]:
    """Six objects of the photograph between 8 x 8 and 32 x 32 pixels, with their masks drawn by people."""
    everything = json.loads((coco / "instances.json").read_text())["annotations"]
    mine = [a for a in everything if a["image_id"] == PICTURE and 64 <= a["area"] < 1024 and not a["iscrowd"]]
    return sorted(mine, key=lambda a: a["id"])[:6]


def drawn(annotation: dict[str, Any], height_px: int, width_px: int) -> np.ndarray:
    outlines = coco_masks.frPyObjects(annotation["segmentation"], height_px, width_px)
    return rle.to_bitmap(Mask(height_px, width_px, coco_masks.merge(outlines)["counts"]))


def bitmap(found: pb.SegmentedMask) -> np.ndarray:
    mask = found.shape.mask
    return rle.to_bitmap(Mask(mask.height_px, mask.width_px, mask.counts))


async def mean_iou(
    served, ref: asset_pb2.ContentRef, annotations: list[dict[str, Any]], kind: str, zoom: bool
) -> float:
    ious = []
    for annotation in annotations:
        x, y, width, height = annotation["bbox"]
        box = label_pb2.Box(x_px=x, y_px=y, width_px=width, height_px=height)
        prompt = pb.ObjectPrompt(box=box)
        if kind == "click":
            prompt = pb.ObjectPrompt(
                clicks=[pb.Click(x_px=x + width / 2, y_px=y + height / 2, positive=True)]
            )
        image = pb.ImageSource(content=ref)
        asked = pb.SegmentRequest(image=image, objects=[prompt], zoom=zoom, best_only=True)
        answer = await served.segment(asked)
        found = bitmap(answer.objects[0].masks[0])
        assert found.shape == (answer.height_px, answer.width_px)
        true = drawn(annotation, *found.shape)
        ious.append(np.count_nonzero(found & true) / np.count_nonzero(found | true))
    return float(np.mean(ious))


async def test_a_crop_shows_small_objects_better(
    served, coco: Path, small_objects: list[dict[str, Any]]
) -> None:
    assert len(small_objects) == 6
    ref = await served.put((coco / f"{PICTURE:012}.jpg").read_bytes())
    boxed = [await mean_iou(served, ref, small_objects, "box", zoom) for zoom in (False, True)]
    assert boxed[1] > boxed[0] + 0.03
    clicked = [await mean_iou(served, ref, small_objects, "click", zoom) for zoom in (False, True)]
    assert clicked[1] > clicked[0]
