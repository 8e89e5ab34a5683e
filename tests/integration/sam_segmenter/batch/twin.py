"""The parts of sam_segmenter that work on runs, as a process; a test kills it at any moment."""

import asyncio
import sys
from typing import Any

import numpy as np

from chassis import bus, migrate
from chassis.blobs import Blobs
from chassis.consumer import Consumer
from chassis.db import connect
from chassis.ids import new_uid
from chassis.outbox import Relay
from chassis.settings import ServiceSettings
from labels import rle
from sam_segmenter.batch import worker
from sam_segmenter.batch.consumer import BatchConsumer
from sam_segmenter.batch.run import ShapeFound

worker.LEASE_SECONDS = float(sys.argv[3])


class Painter:
    """One mask of the whole picture, after a moment."""

    async def everywhere(self, tenant: str, ref: Any, points: int, shaping: Any) -> list[ShapeFound]:
        await asyncio.sleep(0.05)
        return [ShapeFound(rle.encode(np.ones((64, 64), dtype=np.bool_)), 0.9, 0.9)]

    async def in_boxes(self, tenant: str, ref: Any, boxes: Any, shaping: Any) -> list[ShapeFound]:
        raise NotImplementedError


async def main(nats_url: str, database_url: str) -> None:
    settings = ServiceSettings(service="sam_segmenter", nats_url=nats_url, blob_url="memory:", linger_ms=2)
    async with connect(database_url) as db, bus.connect(settings, Blobs("memory:")) as link:
        await migrate.upgrade(db, "sam_segmenter")
        work = worker.Worker(db, Painter(), model="painter", uid=new_uid(), at_once=2)
        handlers = BatchConsumer("painter", work.wake, lambda tenant, refs: None).handlers
        consumer = Consumer(link, db, service="sam_segmenter", handlers=handlers, ack_wait=1.0)
        async with Relay(db, link), work, consumer:
            await asyncio.sleep(3600)


asyncio.run(main(*sys.argv[1:3]))
