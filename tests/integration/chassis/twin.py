"""A service that emits numbered events and keeps those it receives; a test kills it at any moment."""

import asyncio
import sys

from sqlalchemy import Column, Integer, MetaData, String, Table, func, insert, select

from chassis import outbox
from chassis.bus import Consumer, connect
from chassis.db import Database
from chassis.db import connect as connect_database
from chassis.settings import ServiceSettings
from labelmesh.review.v1.review_events_pb2 import AssetsImported

metadata = MetaData()
facts = Table("facts", metadata, Column("id", Integer, primary_key=True), Column("name", String(64)))
emitted = Table("emitted", metadata, Column("id", Integer, primary_key=True, autoincrement=False))


async def emit(db: Database, total: int) -> None:
    """Go on where the last life stopped: the number and its event commit together."""
    while True:
        async with db.begin() as conn:
            first = (await conn.scalar(select(func.count()).select_from(emitted))) or 0
            numbers = range(first, min(first + 5, total))
            if not numbers:
                return
            await conn.execute(insert(emitted), [{"id": number} for number in numbers])
            await outbox.add_many(conn, [(AssetsImported(project=f"n{n}"), "P1", None) for n in numbers])
        await asyncio.sleep(0.01)


async def keep(conn, events) -> None:
    await conn.execute(insert(facts), [{"name": event.message.project} for event in events])


async def main(nats_url: str, database_url: str, folder: str, total: str) -> None:
    settings = ServiceSettings(nats_url=nats_url, blob_url=f"file:{folder}/blobs", linger_ms=2)
    async with connect_database(database_url) as db, connect(settings) as link:
        async with db.begin() as conn:
            await conn.run_sync(lambda sync: metadata.create_all(sync))
        consumer = Consumer(link, db, service="tester", handlers={AssetsImported: keep}, ack_wait=1.0)
        async with outbox.Relay(db, link), consumer:
            await emit(db, int(total))
            await asyncio.sleep(3600)


asyncio.run(main(*sys.argv[1:]))
