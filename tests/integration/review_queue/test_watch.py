"""Watching a queue: what is told, when, and what many watchers cost."""

import asyncio
from typing import Any

import pytest
from grpc import StatusCode
from sqlalchemy import event

from labelmesh.review.v1 import queue_service_pb2 as pb2
from tests.integration.review_queue.policies import one, three_predictions


@pytest.fixture
async def news(house: Any) -> Any:
    return await three_predictions(house)


def watch(house: Any, actor: str = "ann", **fields: Any) -> Any:
    request = pb2.WatchQueueRequest(parent="projects/news", **fields)
    return house.queue.WatchQueue(request, metadata=house.as_actor(actor))


def keys(view: Any) -> list[str]:
    return [entry.key for entry in view.head]


async def test_a_watcher_hears_of_leases_answers_and_of_nothing_else(house: Any, news: Any) -> None:
    call = watch(house, head_size=2)
    first = await call.read()
    assert (first.counts.open, first.counts.leased, keys(first)) == (3, 0, ["k2", "k1"])
    priorities = [entry.priority for entry in first.head]
    assert priorities == sorted(priorities, reverse=True)
    lease = await one(house, "ann")
    second = await call.read()
    assert (second.counts.open, second.counts.leased, keys(second)) == (2, 1, ["k1", "k0"])
    await house.submit(lease, "ACCEPT")
    third = await call.read()
    assert (third.counts.leased, third.counts.done, keys(third)) == (0, 1, ["k1", "k0"])
    call.cancel()
    # Who comes back with the last token is told when something is different, and not before.
    back = watch(house, head_size=2, resume_token=third.resume_token)
    waiting = asyncio.ensure_future(back.read())
    done, _ = await asyncio.wait([waiting], timeout=1.2)
    assert not done
    await one(house, "bob")
    assert keys(await waiting) == ["k0"]
    back.cancel()


async def test_a_filter_is_watched_by_what_enters_and_leaves_it(house: Any, news: Any) -> None:
    call = watch(house, filter="confidence < 0.75")
    assert keys(await call.read()) == ["k2"]
    lease = await one(house, "ann")
    view = await call.read()
    assert (keys(view), view.counts.leased) == ([], 1)
    await house.submit(lease, "ACCEPT")
    assert (await call.read()).counts.done == 1
    call.cancel()


async def test_many_watchers_share_one_look(house: Any, news: Any) -> None:
    calls = [watch(house) for _ in range(40)]
    await asyncio.gather(*(call.read() for call in calls))
    looks = 0

    @event.listens_for(house.db._reader.sync_engine, "before_cursor_execute")
    def count(_c: Any, _k: Any, statement: str, *_: Any) -> None:
        nonlocal looks
        looks += "tasks.rank" in statement and "LIMIT" in statement

    await one(house, "ann")
    assert {view.counts.leased for view in await asyncio.gather(*(call.read() for call in calls))} == {1}
    event.remove(house.db._reader.sync_engine, "before_cursor_execute", count)
    assert looks <= 8
    for call in calls:
        call.cancel()


async def test_what_cannot_be_watched_is_refused(house: Any, news: Any, refused: Any) -> None:
    with refused(StatusCode.INVALID_ARGUMENT, "FILTER_INVALID"):
        await watch(house, filter="confidence <").read()
    with refused(StatusCode.INVALID_ARGUMENT, "REQUEST_INVALID"):
        await watch(house, head_size=51).read()
    with refused(StatusCode.NOT_FOUND, "PROJECT_NOT_FOUND"):
        await watch(house, "eve").read()
