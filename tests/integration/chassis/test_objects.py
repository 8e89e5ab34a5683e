"""Bytes that replicas share: best effort on a real broker, whatever becomes of it."""

import asyncio
import base64
import os
import re
from collections.abc import AsyncIterator, Callable
from hashlib import sha256
from typing import Any

import pytest
from nats.js.api import DiscardPolicy, StreamConfig

from chassis import bus
from chassis.objects import MAX_OBJECT_BYTES, MAX_WAITING_BYTES, ObjectStore
from chassis.settings import ServiceSettings
from chassis.testing import NatsServer

MIB = 1 << 20


@pytest.fixture
async def link(broker: NatsServer) -> AsyncIterator[bus.Bus]:
    async with bus.connect(
        ServiceSettings(service="tester", nats_url=broker.url, blob_url="memory:")
    ) as link:
        await asyncio.wait_for(link.ready.wait(), 20)
        yield link


def store(link: Any, max_bytes: int = 64 * MIB, ttl_seconds: float = 3600) -> ObjectStore:
    return ObjectStore(link, "things", max_bytes, ttl_seconds)


async def found(objects: ObjectStore, name: str, data: bytes, eventually: Callable[..., Any]) -> None:
    """Wait until the store has the bytes under that name."""

    async def there() -> bool:
        return await objects.get(name) == data

    await eventually(there)


async def test_another_replica_finds_what_one_has_stored(link, broker, eventually) -> None:
    data = os.urandom(4 * MIB + 7)
    settings = ServiceSettings(service="another", nats_url=broker.url, blob_url="memory:")
    async with bus.connect(settings) as other, store(link) as one, store(other) as two:
        assert await two.get("a") is None
        one.put_soon("a", data)
        await found(two, "a", data, eventually)
        two.put_soon("a", b"newer")
        await found(one, "a", b"newer", eventually)
        assert await one.get("A") is None


async def test_names_of_any_characters_are_told_apart(link, eventually) -> None:
    async with store(link) as objects:
        for name in ("a/b", "a.b", "a b", "*", ">", "ü"):
            objects.put_soon(name, name.encode())
        for name in ("a/b", "a.b", "a b", "*", ">", "ü"):
            await found(objects, name, name.encode(), eventually)


async def test_the_oldest_go_when_it_is_full_and_none_comes_back_in_part(link, eventually) -> None:
    async with store(link, 16 * MIB) as objects:
        sent = [os.urandom(3 * MIB + n) for n in range(9)]
        for n, data in enumerate(sent):
            objects.put_soon(str(n), data)
            await found(objects, str(n), data, eventually)
        state = (await link.js.stream_info("OBJ_things")).state
        kept = [await objects.get(str(n)) for n in range(9)]
    assert state.bytes <= 16 * MIB
    assert kept[0] is None
    assert kept[-4:] == sent[-4:]
    assert all(data in (None, sent[n]) for n, data in enumerate(kept))


async def test_an_object_grows_too_old(link, eventually) -> None:
    async with store(link, ttl_seconds=1.0) as objects:
        objects.put_soon("a", b"short-lived")
        await found(objects, "a", b"short-lived", eventually)

        async def gone() -> bool:
            return await objects.get("a") is None

        await eventually(gone)


async def test_what_is_too_large_or_too_much_is_dropped(link, eventually) -> None:
    async with store(link, 8 * MAX_OBJECT_BYTES) as objects:
        objects.put_soon("large", bytes(MAX_OBJECT_BYTES + 1))
        objects.put_soon("empty", b"")
        objects.put_soon("full", bytes(MAX_WAITING_BYTES))
        objects.put_soon("late", b"does not fit any more")
        await found(objects, "full", bytes(MAX_WAITING_BYTES), eventually)
        for name in ("large", "empty", "late"):
            assert await objects.get(name) is None
        objects.put_soon("late", b"fits again")
        await found(objects, "late", b"fits again", eventually)


async def test_a_broker_that_is_away_makes_misses_and_no_errors(link, broker: NatsServer, eventually) -> None:
    async with store(link) as objects:
        objects.put_soon("a", b"1")
        await found(objects, "a", b"1", eventually)
        await asyncio.to_thread(broker.kill)
        assert await objects.get("a") is None
        objects.put_soon("b", b"2")
        await asyncio.to_thread(broker.start)
        await found(objects, "a", b"1", eventually)
        objects.put_soon("c", b"3")
        await found(objects, "c", b"3", eventually)


async def test_a_service_that_starts_before_its_broker_shares_later(
    link, broker: NatsServer, eventually
) -> None:
    await asyncio.to_thread(broker.kill)
    async with store(link) as objects:
        objects.put_soon("a", b"lost")
        assert await objects.get("a") is None
        await asyncio.to_thread(broker.start)

        async def shares() -> bool:
            objects.put_soon("a", b"kept")
            await asyncio.sleep(0.1)
            return await objects.get("a") == b"kept"

        await eventually(shares)


async def test_a_deleted_bucket_is_made_again(link, eventually) -> None:
    async with store(link) as objects:
        objects.put_soon("a", b"1")
        await found(objects, "a", b"1", eventually)
        await link.js.delete_stream("OBJ_things")
        assert await objects.get("a") is None

        async def again() -> bool:
            objects.put_soon("a", b"2")
            await asyncio.sleep(0.1)
            return await objects.get("a") == b"2"

        await eventually(again)


async def test_a_bucket_with_other_limits_is_adjusted(link, eventually) -> None:
    await link.js.add_stream(
        StreamConfig(
            name="OBJ_things",
            subjects=["$O.things.C.>", "$O.things.M.>"],
            discard=DiscardPolicy.NEW,
            max_bytes=MIB,
            allow_rollup_hdrs=True,
        )
    )
    data = os.urandom(2 * MIB)
    async with store(link) as objects:
        objects.put_soon("a", data)
        await found(objects, "a", data, eventually)
    config = (await link.js.stream_info("OBJ_things")).config
    assert (config.discard, config.max_bytes) == (DiscardPolicy.OLD, 64 * MIB)


async def test_a_stream_that_is_no_bucket_makes_misses(link) -> None:
    await link.js.add_stream(StreamConfig(name="OBJ_things", subjects=["other.>"]))
    await link.js.add_stream(StreamConfig(name="TAKEN", subjects=["$O.things.>"]))
    async with store(link) as objects:
        objects.put_soon("a", b"1")
        await asyncio.sleep(0.5)
        assert await objects.get("a") is None


async def test_an_object_that_somebody_damaged_is_a_miss(link, eventually) -> None:
    async with store(link) as objects:
        objects.put_soon("a", b"right")
        await found(objects, "a", b"right", eventually)
        info = await link.js.get_last_msg("OBJ_things", "$O.things.M.>")
        other = base64.urlsafe_b64encode(sha256(b"wrong").digest())
        damaged = re.sub(rb"SHA-256=[^\"]*", b"SHA-256=" + other, info.data or b"")
        await link.js.publish("$O.things.M.Yg==", damaged)
        await link.js.publish("$O.things.M.Yw==", b"no description")
        await link.js.publish("$O.things.M.ZA==", b"[1]")
        assert [await objects.get(name) for name in "abcd"] == [b"right", None, None, None]


async def test_a_full_broker_gives_a_smaller_bucket(link, eventually) -> None:
    async with store(link, 1 << 62) as objects:
        objects.put_soon("a", b"1")
        await found(objects, "a", b"1", eventually)
    assert 0 < ((await link.js.stream_info("OBJ_things")).config.max_bytes or 0) < 1 << 62
