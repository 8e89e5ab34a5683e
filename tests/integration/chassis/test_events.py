"""From a committed fact to its effect in another transaction."""

from collections.abc import Sequence

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis import outbox
from chassis.bus import Consumer, Event
from labelmesh.review.v1.review_events_pb2 import AssetsImported


async def test_events_have_their_effect_once_and_in_order(world, facts, eventually):
    async def keep(conn: AsyncConnection, events: Sequence[Event[AssetsImported]]) -> None:
        await conn.execute(insert(facts), [{"name": event.message.project} for event in events])

    async with (
        outbox.Relay(world.db, world.bus),
        Consumer(world.bus, world.db, service="tester", handlers={AssetsImported: keep}),
    ):
        for start in range(0, 1000, 50):
            async with world.db.begin() as conn:
                await outbox.add_many(
                    conn, [(AssetsImported(project=f"n{i}"), "P1", None) for i in range(start, start + 50)]
                )

        async def done() -> bool:
            return await world.count() >= 1000

        await eventually(done)
    assert await world.names() == [f"n{i}" for i in range(1000)]
