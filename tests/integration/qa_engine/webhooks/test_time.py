"""Clocks that jump, workers that are killed, several of them at once."""

import asyncio
import json
import sys
from pathlib import Path

from aiohttp import web

from qa_engine.webhooks import log
from qa_engine.webhooks.webhook import DeliveryState

DELIVERED, PENDING, DEAD = DeliveryState.DELIVERED, DeliveryState.PENDING, DeliveryState.DEAD
DAY_S = 86_400
KILLED = Path(__file__).with_name("killed_worker.py")


async def test_a_clock_set_back_neither_stalls_nor_hurries(desk, endpoint) -> None:
    endpoint.statuses = [500, 500, 500]
    webhook = await desk.add(endpoint.url, ordered=True)
    desk.clock.ahead_s = 2 * DAY_S
    async with desk.db.begin() as conn:
        await log.ping(conn, webhook, "projects/news", desk.clock())
    async with desk.worker() as worker:
        await desk.tried(webhook, 1)
        desk.clock.ahead_s += 60
        worker.wake()
        await desk.tried(webhook, 2)
        # The next attempt is due in 30 s; now the clock falls back by two days.
        desk.clock.ahead_s = 0
        worker.wake()

        async def moved() -> bool:
            return (await desk.deliveries(webhook))[0].due_time_us < desk.clock() + 60_000_000

        await desk.until(moved)
        await asyncio.sleep(0.2)
        assert len(endpoint.got) == 2
        desk.clock.ahead_s = 61
        worker.wake()
        await desk.tried(webhook, 3)


async def test_a_clock_set_forward_sends_in_turn(desk, endpoint) -> None:
    most, under_way = 0, 0

    async def watch(count: int) -> web.Response:
        nonlocal most, under_way
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.01)
        under_way -= 1
        return web.Response(status=500 if count <= 1 else 200)

    endpoint.answer = watch
    webhook = await desk.add(endpoint.url)
    await desk.tell(*(f"k{i}" for i in range(60)))
    async with desk.worker() as worker:
        await desk.tried(webhook, 1)
        desk.clock.ahead_s = 365 * DAY_S
        worker.wake()
        await desk.settled(webhook, DELIVERED, 60)
    assert most <= 8


async def test_a_killed_worker_delivers_again_under_the_same_id(desk, endpoint, database_url) -> None:
    held = asyncio.Event()

    async def hold_the_first(count: int) -> web.Response:
        if count == 1:
            held.set()
            await asyncio.sleep(30)
        return web.Response()

    endpoint.answer = hold_the_first
    webhook = await desk.add(endpoint.url)
    await desk.tell("one")
    process = await asyncio.create_subprocess_exec(sys.executable, str(KILLED), database_url)
    try:
        await asyncio.wait_for(held.wait(), 60)
    finally:
        process.kill()
        await process.wait()
    (delivery,) = await desk.deliveries(webhook)
    assert (delivery.state, delivery.attempts) == (PENDING, 0)
    desk.clock.ahead_s = 61  # Its lease is over.
    async with desk.worker():
        (delivery,) = await desk.settled(webhook, DELIVERED)
    assert len(endpoint.got) == 2
    assert len(set(endpoint.ids)) == 1
    assert json.loads(endpoint.got[0][1]) == json.loads(endpoint.got[1][1])


async def test_several_workers_send_each_event_once(desk, endpoint) -> None:
    webhooks = [await desk.add(endpoint.url, ordered=bool(i % 2)) for i in range(8)]
    async with desk.worker(), desk.worker(), desk.worker():
        for i in range(10):
            await desk.tell(*(f"k{i}-{j}" for j in range(5)))
        for webhook in webhooks:
            await desk.settled(webhook, DELIVERED, 50)
    assert len(endpoint.got) == 400
    for webhook in webhooks:
        assert [d.attempts for d in await desk.deliveries(webhook)] == [1] * 50
