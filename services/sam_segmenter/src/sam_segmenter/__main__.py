"""sam-segmenter: the parts, and how they fit together."""

import sys
from contextlib import AsyncExitStack
from pathlib import Path

from chassis import bus, migrate
from chassis.blobs import Blobs
from chassis.consumer import Consumer
from chassis.db import Database, connect
from chassis.ids import new_uid
from chassis.objects import ObjectStore
from chassis.outbox import Relay
from chassis.serve import Registration, run, serve
from labelmesh.segmenter.v1.mask_service_pb2_grpc import add_MaskServiceServicer_to_server
from labelmesh.segmenter.v1.segmentation_run_service_pb2_grpc import (
    add_SegmentationRunServiceServicer_to_server,
)
from labelmesh.segmenter.v1.segmenter_service_pb2_grpc import add_SegmenterServiceServicer_to_server
from labelmesh.segmenter.v1.video_service_pb2_grpc import add_VideoServiceServicer_to_server
from sam_segmenter import heap, model
from sam_segmenter.batch.consumer import BatchConsumer
from sam_segmenter.batch.finder import Finder
from sam_segmenter.batch.servicer import SegmentationRunServicer
from sam_segmenter.batch.worker import Worker
from sam_segmenter.embeddings import Nowhere, Shared
from sam_segmenter.export import command
from sam_segmenter.pictures import Pictures
from sam_segmenter.prefetch import Prefetch
from sam_segmenter.segment_servicer import SegmenterServicer
from sam_segmenter.servicer import SERVICES, STATUS, MaskServicer
from sam_segmenter.settings import Settings
from sam_segmenter.video.room import video_servicer

_SHARED_SECONDS = 7 * 86_400.0


async def start(s: Settings) -> None:
    """Serve until stopped; without a model only what needs none."""
    blobs = Blobs(s.blob_url)
    servicers: list[Registration] = [
        (add_MaskServiceServicer_to_server, MaskServicer(), SERVICES["MaskService"])
    ]
    async with (
        bus.connect(s, blobs) as broker,
        connect(s.database_url) as database,
        # Last in, first out: the parts stop while the broker and the database are still there.
        AsyncExitStack() as parts,
    ):
        await migrate.upgrade(database, "sam_segmenter")
        if s.sam_model_dir is not None:
            servicers += await segmenting(s, s.sam_model_dir, parts, blobs, broker, database)
        await serve(s, servicers, errors=STATUS)


async def segmenting(
    s: Settings, folder: Path, parts: AsyncExitStack, blobs: Blobs, broker: bus.Bus, database: Database
) -> list[Registration]:
    """Everything that needs the model."""
    identity = model.identify(folder, s.sam_model_name)
    shared: Shared = Nowhere()
    if s.shared_embeddings:
        store = ObjectStore(broker, "labelmesh-embeddings", s.shared_embedding_bytes, _SHARED_SECONDS)
        shared = await parts.enter_async_context(store)
    pictures = Pictures(blobs)
    made = model.segmenter(s, folder, identity, pictures, shared)
    segmenter = await parts.enter_async_context(made)
    ahead = await parts.enter_async_context(
        Prefetch(segmenter.warm, lambda: segmenter.encoding > 0, s.prefetch)
    )
    worker = Worker(database, Finder(segmenter), model=identity.name, uid=new_uid())
    consumer = BatchConsumer(identity.name, worker.wake, ahead.ahead)
    await parts.enter_async_context(Relay(database, broker))
    await parts.enter_async_context(worker)
    await parts.enter_async_context(Consumer(broker, database, service=s.service, handlers=consumer.handlers))
    runs = SegmentationRunServicer(database, identity.name, worker.wake)
    clicks = SegmenterServicer(segmenter, blobs, model.describe(s, identity))
    videos = await parts.enter_async_context(video_servicer(s, segmenter, blobs, pictures))
    return [
        (add_SegmenterServiceServicer_to_server, clicks, SERVICES["SegmenterService"]),
        (add_SegmentationRunServiceServicer_to_server, runs, SERVICES["SegmentationRunService"]),
        (add_VideoServiceServicer_to_server, videos, SERVICES["VideoService"]),
    ]


def main() -> None:
    """Console script `sam-segmenter`: serves; `sam-segmenter export ...` writes a Triton model repository."""
    if sys.argv[1:2] == ["export"]:
        sys.exit(command.main(sys.argv[2:]))
    heap.settle()
    run(start, Settings)


if __name__ == "__main__":
    main()
