"""From a committed fact to its effect in another transaction."""

import asyncio
import contextlib

import pytest
from sqlalchemy import insert

from chassis import outbox
from chassis.bus import NotYet, Poison
from chassis.errors import MessageTooLarge, SubjectRefused
from chassis.redeliver import letters, redeliver
from labelmesh.review.v1.review_events_pb2 import AssetsImported


async def test_events_have_their_effect_once_and_in_order(world) -> None:
    names = [f"n{i}" for i in range(1000)]
    async with outbox.Relay(world.db, world.bus), world.consumer():
        for start in range(0, 1000, 50):
            await world.emit(names[start : start + 50])
        await world.reached(1000)
    assert await world.names() == names


async def test_a_fact_that_is_rolled_back_has_no_event(world) -> None:
    with contextlib.suppress(ZeroDivisionError):
        async with world.db.begin() as conn:
            await outbox.add(conn, AssetsImported(project="never"), "P1")
            await conn.execute(insert(world.facts), {"name": "never"})
            raise ZeroDivisionError
    await world.emit(["after"])
    async with outbox.Relay(world.db, world.bus), world.consumer():
        await world.reached(1)
    assert await world.names() == ["after"]


async def test_what_cannot_be_an_event_is_refused_before_the_commit(world) -> None:
    async with world.db.begin() as conn:
        with pytest.raises(MessageTooLarge):
            await outbox.add(conn, AssetsImported(project="x" * outbox.MAX_BODY_BYTES), "P1")
        for uid in ("", "a.b", "*", ">", "a b"):
            with pytest.raises(SubjectRefused):
                await outbox.add(conn, AssetsImported(), uid)


async def test_an_event_told_twice_is_handled_once(world) -> None:
    body = AssetsImported(project="twice").SerializeToString()
    async with world.consumer():
        for number in range(3):
            await world.publish(body, Nats_Msg_Id=f"again-{number}", Labelmesh_Msg_Id="the-same")
        await world.publish(AssetsImported(project="last").SerializeToString(), Nats_Msg_Id="last")
        await world.reached(2)
    assert await world.names() == ["twice", "last"]


async def test_an_effect_whose_acknowledgement_was_lost_is_not_repeated(world, keep) -> None:
    """The handler's process dies between its commit and its acknowledgement."""
    handled = asyncio.Event()
    consumer = world.consumer(ack_wait=1.0)
    reader = consumer._readers[0]

    async def lost(part: object) -> None:
        handled.set()
        await asyncio.sleep(3600)

    reader._ack = lost
    task = asyncio.create_task(reader.run())
    await world.publish(AssetsImported(project="once").SerializeToString(), Nats_Msg_Id="once")
    await handled.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    async with world.consumer(ack_wait=1.0):
        await world.publish(AssetsImported(project="next").SerializeToString(), Nats_Msg_Id="next")
        await world.reached(2)
        await asyncio.sleep(1.5)
    assert await world.names() == ["once", "next"]


async def test_bad_events_become_dead_letters_and_hold_up_nobody(world, keep) -> None:
    async def moody(conn, events) -> None:
        if any(event.message.project == "poison" for event in events):
            raise Poison("It cannot be.")
        if any(event.message.project == "stubborn" for event in events):
            raise KeyError("customer text")
        await keep(conn, events)

    good = [f"n{i}" for i in range(100)]
    await world.emit([*good[:30], "poison", *good[30:60], "stubborn", *good[60:]])
    async with outbox.Relay(world.db, world.bus), world.consumer(moody, max_deliver=3):
        await world.outbox_empty()
        await world.publish(b"\xff\xff not a message", Nats_Msg_Id="garbled")
        await world.reached(100)
        dead = await world.dead(3)
    assert sorted(await world.names()) == sorted(good)
    assert {headers["Labelmesh-Reason"] for headers in dead} == {"POISON", "KeyError"}
    assert len(dead) == 3
    assert "customer text" not in str(dead)
    assert {headers["Labelmesh-Service"] for headers in dead} == {"tester"}


async def test_a_dead_letter_put_back_reaches_only_who_failed(world, keep, another_world) -> None:
    broken = True

    async def failing(conn, events) -> None:
        if broken:
            raise Poison("Not today.")
        await keep(conn, events)

    async with another_world() as other:
        handled_by_other = 0

        async def counting(conn, events) -> None:
            nonlocal handled_by_other
            handled_by_other += len(events)
            await keep(conn, events)

        await world.emit(["patient"])
        async with (
            outbox.Relay(world.db, world.bus),
            world.consumer(failing),
            other.consumer(counting, service="other"),
        ):
            await world.dead(1)
            await other.reached(1)
            broken = False
            (letter,) = [letter async for letter in letters(world.bus)]
            assert letter.summary()["sentence"] == "Not today."
            await redeliver(world.bus, letter)
            await world.reached(1)
            await asyncio.sleep(0.3)
        assert handled_by_other == 1
        assert await world.names() == ["patient"]
        assert [letter async for letter in letters(world.bus)] == []


async def test_an_event_that_is_early_waits_without_its_neighbours(world, keep) -> None:
    seen: set[str] = set()

    async def ordered(conn, events) -> None:
        early = [e for e in events if e.message.project == "child" and "parent" not in seen]
        seen.update(event.message.project for event in events if event.message.project == "parent")
        if early:
            raise NotYet("The parent is not known.", early)
        await keep(conn, events)

    await world.emit(["child", "a", "b"])
    async with outbox.Relay(world.db, world.bus), world.consumer(ordered):
        await world.reached(2)
        assert await world.names() == ["a", "b"]
        await world.emit(["parent"])
        await world.reached(4)
    assert await world.names() == ["a", "b", "parent", "child"]


async def test_large_bodies_travel_through_the_blob_store(world, eventually) -> None:
    await world.emit(["x" * 200_000, "small"])
    sizes = []

    async def measure(conn, events) -> None:
        sizes.extend(len(event.message.project) for event in events)

    async with outbox.Relay(world.db, world.bus), world.consumer(measure):
        await world.outbox_empty()

        async def both() -> bool:
            return len(sizes) == 2

        await eventually(both)
    assert sizes == [200_000, 5]
    info = await world.bus.js.stream_info("LABELMESH_REVIEW")
    assert info.state.bytes < 10_000


async def test_slow_work_is_not_given_to_somebody_else(world, keep) -> None:
    calls = 0

    async def slow(conn, events) -> None:
        nonlocal calls
        calls += 1
        await asyncio.sleep(2.5)
        await keep(conn, events)

    await world.emit(["slow"])
    async with outbox.Relay(world.db, world.bus), world.consumer(slow, ack_wait=1.0):
        await world.reached(1)
    assert calls == 1
    assert await world.names() == ["slow"]
