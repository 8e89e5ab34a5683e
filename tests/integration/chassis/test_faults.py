"""Parts die at any moment; nothing is lost and nothing happens twice."""

import asyncio
import random
import signal
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from chassis import outbox
from chassis.errors import StorageFull
from chassis.testing import NatsServer

TWIN = Path(__file__).with_name("twin.py")


async def test_the_broker_dies_in_the_middle(world, broker: NatsServer) -> None:
    names = [f"n{i}" for i in range(3000)]

    async def emit() -> None:
        for start in range(0, len(names), 20):
            await world.emit(names[start : start + 20])
            await asyncio.sleep(0.005)

    async with outbox.Relay(world.db, world.bus), world.consumer(ack_wait=2.0):
        emitting = asyncio.create_task(emit())
        for _ in range(4):
            await asyncio.sleep(random.uniform(0.1, 0.5))
            await asyncio.to_thread(broker.kill)
            await asyncio.sleep(random.uniform(0.0, 0.4))
            await asyncio.to_thread(broker.start)
        await emitting
        await world.reached(len(names))
        await asyncio.sleep(2.5)  # longer than ack_wait: whatever was not acknowledged comes again now
    assert sorted(await world.names()) == sorted(names)


async def test_a_service_starts_without_its_broker(world, broker: NatsServer) -> None:
    broker.kill()
    async with outbox.Relay(world.db, world.bus), world.consumer():
        await world.emit(["a", "b"])
        await asyncio.sleep(0.5)
        assert await world.names() == []
        await asyncio.to_thread(broker.start)
        await world.reached(2)
        await asyncio.to_thread(broker.kill)
        await world.emit(["c"])
    assert await world.names() == ["a", "b"]
    await asyncio.to_thread(broker.start)
    async with outbox.Relay(world.db, world.bus), world.consumer():
        await world.reached(3)
    assert await world.names() == ["a", "b", "c"]


async def test_a_lost_consumer_and_a_lost_stream_are_made_again(world) -> None:
    async with outbox.Relay(world.db, world.bus), world.consumer():
        await world.emit(["a"])
        await world.reached(1)
        await world.bus.js.delete_consumer("LABELMESH_REVIEW", "tester")
        await world.emit(["b"])
        await world.reached(2)
        await world.bus.js.delete_stream("LABELMESH_REVIEW")
        await world.emit(["c"])
        await world.reached(3)
    assert await world.names() == ["a", "b", "c"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_events_wait_while_the_disk_is_full(world, keep) -> None:
    async def wide(conn, events) -> None:
        await conn.execute(text("CREATE TABLE IF NOT EXISTS ballast (content BLOB)"))
        await conn.execute(text("INSERT INTO ballast VALUES (randomblob(1000000))"))
        await keep(conn, events)

    await world.emit(["x"] * 20)
    async with outbox.Relay(world.db, world.bus):
        await world.outbox_empty()
    await _limit_pages(world, 60)
    with pytest.raises(StorageFull):
        await world.emit(["y" * 60] * 20_000)
    async with world.consumer(wide):
        await asyncio.sleep(1.0)
        assert await world.names() == []
        await _limit_pages(world, 1_000_000)
        await world.reached(20)
    assert await world.names() == ["x"] * 20
    assert await world.dead(0) == []


async def _limit_pages(world, pages: int) -> None:
    """SQLite then says what it says when the disk is full."""
    async with world.db.begin() as conn:
        await conn.execute(text(f"PRAGMA max_page_count={pages}"))


async def test_the_service_dies_in_the_middle(world, broker: NatsServer, tmp_path: Path) -> None:
    """Another process on the same database emits, relays and handles, and is killed again and again."""
    names = sorted(f"n{i}" for i in range(2000))
    arguments = [sys.executable, str(TWIN), broker.url, world.settings.database_url, str(tmp_path), "2000"]
    for _ in range(6):
        process = await asyncio.create_subprocess_exec(*arguments)
        await asyncio.sleep(random.uniform(1.5, 3.0))
        process.send_signal(signal.SIGKILL)
        await process.wait()
    process = await asyncio.create_subprocess_exec(*arguments)
    await world.reached(2000)
    await asyncio.sleep(2.5)
    process.kill()
    await process.wait()
    assert sorted(await world.names()) == names
