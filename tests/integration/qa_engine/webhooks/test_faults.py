"""Endpoints that hang, drip, redirect, fail and vanish."""

import asyncio
from pathlib import Path

import pytest
from aiohttp import web

from qa_engine.webhooks import log
from qa_engine.webhooks.schedule import MAX_ATTEMPTS
from qa_engine.webhooks.sender import Patience
from qa_engine.webhooks.webhook import CircuitState, DeliveryState, WebhookState

DELIVERED, PENDING, DEAD = DeliveryState.DELIVERED, DeliveryState.PENDING, DeliveryState.DEAD
DAY_S = 86_400
KILLED = Path(__file__).with_name("killed_worker.py")


async def test_an_endpoint_that_hangs_delays_nobody_else(desk, endpoint, another) -> None:
    async with another() as hanging:
        release = asyncio.Event()

        async def hang(_count: int) -> web.Response:
            await release.wait()
            return web.Response()

        hanging.answer = hang
        stuck = [await desk.add(hanging.url, ordered=bool(i % 2)) for i in range(6)]
        fine = await desk.add(endpoint.url)
        # Long enough that a busy machine does not make the fine one late too, which would then wait for its retries.
        async with desk.worker(patience=Patience(connect=5, read=5, total=5)):
            await desk.tell(*(f"k{i}" for i in range(10)))
            await desk.settled(fine, DELIVERED, 10)
            assert (await desk.tried(stuck[0], 1)).last.fault == "TIMED_OUT"
        release.set()


@pytest.mark.parametrize("size", [10 << 20, 10 << 30])
async def test_an_answer_without_an_end_is_cut(desk, raw, size) -> None:
    sent = 0

    async def endless(_reader, writer) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size)
        while sent < size:
            writer.write(b"x" * 65536)
            sent += 65536
            await writer.drain()

    webhook = await desk.add(await raw(endless))
    await desk.tell("one")
    async with desk.worker():
        (delivery,) = await desk.settled(webhook, DELIVERED)
    assert delivery.last.excerpt == "x" * 500
    # What lies in the sockets' buffers, not what the answer says it has.
    assert sent < 16 << 20


async def test_an_answer_that_drips_counts_by_its_status_or_is_given_up(desk, raw) -> None:
    async def body(_reader, writer) -> None:
        writer.write(b"HTTP/1.1 202 Accepted\r\ncontent-length: 100000\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)

    async def head(_reader, writer) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(b"x-drip: 1\r\n")
            await writer.drain()
            await asyncio.sleep(0.05)

    slow_body, slow_head = await desk.add(await raw(body)), await desk.add(await raw(head))
    await desk.tell("one")
    async with desk.worker(patience=Patience(connect=5, read=5, total=5, body=0.2)):
        (delivery,) = await desk.settled(slow_body, DELIVERED)
        assert delivery.last.http_status == 202
        assert (await desk.tried(slow_head, 1)).last.fault in ("TIMED_OUT", "ANSWER_UNREADABLE")


async def test_a_redirect_is_an_answer_and_not_a_way(desk, endpoint, another) -> None:
    async with another() as private:
        endpoint.headers = {"location": private.url}
        for status in (301, 302, 307, 308):
            endpoint.statuses = [status]
            webhook = await desk.add(endpoint.url, f"only.{status}s")
            await desk.tell(str(status), topic=f"only.{status}s")
            async with desk.worker():
                last = (await desk.tried(webhook, 1)).last
            assert (last.http_status, last.fault) == (status, "REDIRECTED")
        assert private.got == []


async def test_broken_answers_are_tried_again_and_named(desk, raw) -> None:
    async def drop(_reader, _writer) -> None:
        return

    async def nonsense(_reader, writer) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")
        await writer.drain()

    async def half(_reader, writer) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf of")
        await writer.drain()

    async def long_header(_reader, writer) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 1_000_000 + b"\r\n\r\n")
        await writer.drain()

    faults = {}
    for handler in (drop, nonsense, long_header):
        topic = f"only.{handler.__name__}"
        webhook = await desk.add(await raw(handler), topic)
        await desk.tell("one", topic=topic)
        async with desk.worker():
            faults[handler.__name__] = (await desk.tried(webhook, 1)).last.fault
    assert faults == {
        "drop": "CONNECTION_LOST",
        "nonsense": "ANSWER_UNREADABLE",
        "long_header": "ANSWER_UNREADABLE",
    }
    # A body that breaks off says nothing against the status before it.
    webhook = await desk.add(await raw(half), "only.half")
    await desk.tell("one", topic="only.half")
    async with desk.worker():
        (delivery,) = await desk.settled(webhook, DELIVERED)
    assert delivery.last.excerpt == "half of"


async def test_an_endpoint_that_is_down_is_not_connected(desk, raw) -> None:
    async def unused(_reader, _writer) -> None:
        return

    url = (await raw(unused)).replace("127.0.0.1", "127.0.0.2")
    webhook = await desk.add(url)
    await desk.tell("one")
    async with desk.worker():
        assert (await desk.tried(webhook, 1)).last.fault == "NOT_CONNECTED"


async def test_an_hour_of_500_loses_nothing(desk, endpoint) -> None:
    endpoint.statuses = [500] * 1000
    webhook = await desk.add(endpoint.url)
    await desk.tell(*(f"k{i}" for i in range(20)))
    async with desk.worker() as worker:
        await desk.tried(webhook, 1)
        while desk.clock.ahead_s < 3_600:
            desk.clock.ahead_s += 60
            worker.wake()
            await asyncio.sleep(0.02)

        async def open_circuit() -> bool:
            return (await desk.webhook(webhook.uid)).health.failures >= 3

        await desk.until(open_circuit)
        # With the circuit open one delivery at a time asks: an hour costs the endpoint few requests.
        assert len(endpoint.got) < 100
        assert (await desk.webhook(webhook.uid)).health.circuit(desk.clock()) is not CircuitState.CLOSED
        endpoint.statuses = []
        desk.clock.ahead_s += DAY_S
        worker.wake()
        deliveries = await desk.settled(webhook, DELIVERED, 20)
    assert all(d.state is DELIVERED for d in deliveries)
    assert (await desk.webhook(webhook.uid)).health.circuit(desk.clock()) is CircuitState.CLOSED


async def test_a_delivery_is_given_up_after_days_and_can_be_sent_again(desk, endpoint) -> None:

    endpoint.statuses = [503] * MAX_ATTEMPTS
    webhook = await desk.add(endpoint.url, ordered=True)
    await desk.tell("one")
    async with desk.worker() as worker:
        for attempt in range(1, MAX_ATTEMPTS):
            due = (await desk.tried(webhook, attempt)).due_time_us
            desk.clock.ahead_s += (due - desk.clock()) / 1e6 + 1
            worker.wake()
        (delivery,) = await desk.settled(webhook, DEAD)
        assert delivery.attempts == MAX_ATTEMPTS
        assert 92 * 3600 < desk.clock.ahead_s < 5 * DAY_S
        async with desk.db.begin() as conn:
            await log.again(conn, webhook.uid, delivery.uid, desk.clock())
        (delivery,) = await desk.settled(webhook, DELIVERED)
    assert len(set(endpoint.ids)) == 1
    assert len(endpoint.got) == MAX_ATTEMPTS + 1


async def test_retry_after_is_waited_for(desk, endpoint) -> None:
    endpoint.statuses, endpoint.headers = [429, 200], {"retry-after": "7200"}
    webhook = await desk.add(endpoint.url)
    await desk.tell("one")
    async with desk.worker() as worker:
        assert (await desk.tried(webhook, 1)).due_time_us > desk.clock() + 7_100_000_000
        desk.clock.ahead_s = 7_000
        await desk.tell("two")
        worker.wake()
        await asyncio.sleep(0.2)
        assert len(endpoint.got) == 1
        desk.clock.ahead_s = 7_300
        worker.wake()
        await desk.settled(webhook, DELIVERED, 2)


async def test_an_endpoint_that_is_gone_is_asked_no_more(desk, endpoint) -> None:
    endpoint.statuses = [410]
    webhook = await desk.add(endpoint.url, ordered=True)
    await desk.tell("one")
    async with desk.worker():
        await desk.settled(webhook, DEAD)
        await desk.tell("two")
    found = await desk.webhook(webhook.uid)
    assert found.wanted.state is WebhookState.DISABLED
    assert "410" in found.state_reason
    assert len(endpoint.got) == 1


async def test_an_answer_that_echoes_secrets_is_kept_without_them(desk, endpoint) -> None:
    async def echo(_count: int) -> web.Response:
        headers, _ = endpoint.got[-1]
        return web.Response(
            status=400, text=f"bad: {headers['webhook-signature']} whsec_c2VjcmV0c2VjcmV0 \x1b[31m"
        )

    endpoint.answer = echo
    webhook = await desk.add(endpoint.url)
    await desk.tell("one")
    async with desk.worker():
        last = (await desk.tried(webhook, 1)).last
    assert last.excerpt == "bad: [hidden] [hidden]  [31m"
