"""The smallest whole service; a test starts it as a process and stops it with a signal."""

import asyncio
import sys

from sqlalchemy import text

from chassis import bus, outbox
from chassis.consumer import Consumer
from chassis.db import connect
from chassis.event_tables import create
from chassis.serve import run, serve
from chassis.settings import ServiceSettings
from labelmesh.review.v1.review_events_pb2 import AssetsImported


class Settings(ServiceSettings):
    service: str = "whole_service"


async def slow(conn, events) -> None:
    await asyncio.sleep(0.5)
    await conn.execute(text("CREATE TABLE IF NOT EXISTS finished (id INTEGER)"))


async def main(settings: Settings) -> None:
    if "--fail" in sys.argv:
        raise KeyError("customer text")
    async with connect(settings.database_url) as db, bus.connect(settings) as link:
        async with db.begin() as conn:
            await conn.run_sync(create)
        async with (
            outbox.Relay(db, link),
            Consumer(link, db, service=settings.service, handlers={AssetsImported: slow}),
        ):
            async with db.begin() as conn:
                await outbox.add(conn, AssetsImported(project="x"), "P1")
            await serve(settings, [], errors={})


if __name__ == "__main__":
    run(main, Settings)
