"""Sessions: how many, for how long, and who lets go of the frames."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from sam_segmenter.errors import SessionNotFound, SessionsFull
from sam_segmenter.video.sessions import Limits, Sessions, steps
from sam_segmenter.video.tracker import Step


class Film:
    """Frames that only say whether they are still held."""

    def __init__(self, size: int = 10) -> None:
        self.bytes = size
        self.open = True
        self.closed = asyncio.Event()

    async def close(self) -> None:
        assert self.open
        self.open = False
        self.closed.set()


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def sessions(clock):
    limits = Limits(a_tenant=2, in_all=3, bytes=100, unused_seconds=60)
    async with Sessions(lambda frames, tenant: tenant, limits, clock) as made:
        yield made


async def opened(sessions: Sessions, tenant: str, size: int = 10):
    film = Film(size)

    async def frames() -> Film:
        return film

    return film, await sessions.open(tenant, frames)


async def is_there(sessions: Sessions, tenant: str, name: str) -> bool:
    try:
        async with sessions.use(tenant, name) as session:
            return session.name == name
    except SessionNotFound:
        return False


async def test_a_session_is_found_by_its_tenant_alone_and_has_its_tracker(sessions) -> None:
    _, session = await opened(sessions, "a")
    assert session.tracker == "a"
    assert await is_there(sessions, "a", session.name)
    for tenant, name in (("b", session.name), ("a", session.name.lower()), ("a", ""), ("", session.name)):
        assert not await is_there(sessions, tenant, name)


async def test_a_session_that_is_not_used_ends_and_one_that_is_used_does_not(sessions, clock) -> None:
    idle, first = await opened(sessions, "a")
    busy, second = await opened(sessions, "a")
    async with sessions.use("a", second.name):
        clock.now += 59
        assert await is_there(sessions, "a", first.name)
        clock.now += 59
        await sessions.sweep()
        assert idle.open
        clock.now += 1
        assert not await is_there(sessions, "a", first.name)
        await sessions.sweep()
        assert not idle.open
        clock.now += 1_000
        await sessions.sweep()
        assert busy.open
    assert await is_there(sessions, "a", second.name)


async def test_frames_are_let_go_of_when_the_last_call_ends(sessions) -> None:
    film, session = await opened(sessions, "a")
    async with sessions.use("a", session.name):
        async with sessions.use("a", session.name):
            await sessions.end("a", session.name)
            assert film.open
            assert not await is_there(sessions, "a", session.name)
        assert film.open
    assert not film.open
    with pytest.raises(SessionNotFound):
        await sessions.end("a", session.name)


async def test_a_tenants_oldest_idle_session_makes_room_for_its_next(sessions) -> None:
    oldest, first = await opened(sessions, "a")
    _, second = await opened(sessions, "a")
    async with sessions.use("a", first.name):
        # The oldest is at work, so the other one goes.
        _, third = await opened(sessions, "a")
    assert not await is_there(sessions, "a", second.name)
    assert await is_there(sessions, "a", first.name)
    async with sessions.use("a", first.name), sessions.use("a", third.name):
        with pytest.raises(SessionsFull):
            await opened(sessions, "a")
    assert oldest.open


async def test_no_tenant_makes_room_at_the_cost_of_another(sessions) -> None:
    films = [await opened(sessions, tenant) for tenant in ("a", "a", "b")]
    refused = Film()

    async def frames() -> Film:
        return refused

    with pytest.raises(SessionsFull):
        await sessions.open("c", frames)
    assert not refused.open
    assert all(film.open for film, _ in films)


async def test_bytes_count_and_a_video_that_never_fits_ends_nothing(sessions) -> None:
    small, _ = await opened(sessions, "a", 60)
    with pytest.raises(SessionsFull):
        await opened(sessions, "a", 101)
    with pytest.raises(SessionsFull):
        await opened(sessions, "b", 41)
    assert small.open
    await opened(sessions, "a", 80)
    assert not small.open


async def test_what_cannot_be_opened_leaves_nothing(sessions) -> None:
    async def frames() -> Film:
        raise ValueError("no film")

    for _ in range(5):
        with pytest.raises(ValueError, match="no film"):
            await sessions.open("a", frames)
    await opened(sessions, "a")


async def test_all_frames_are_let_go_of_at_the_end(clock) -> None:
    async with Sessions(lambda frames, tenant: tenant, Limits(), clock) as sessions:
        films = [(await opened(sessions, tenant))[0] for tenant in "abc"]
    assert not any(film.open for film in films)


async def test_a_sweep_comes_by_itself(clock) -> None:
    limits = Limits(unused_seconds=0.05)
    async with Sessions(lambda frames, tenant: tenant, limits, clock) as sessions:
        film, _ = await opened(sessions, "a")
        clock.now += 1
        await film.closed.wait()


async def test_steps_end_with_the_session_at_the_number_asked_for_and_close_what_made_them(sessions) -> None:
    _, session = await opened(sessions, "a")
    closed = []

    async def made() -> AsyncGenerator[Step, None]:
        try:
            for number in range(10):
                yield Step(number, (), b"")
        finally:
            closed.append(True)

    assert [step.frame async for step in steps(session, made(), 3)] == [0, 1, 2]
    assert len([step async for step in steps(session, made(), None)]) == 10
    assert len(closed) == 2
    going = steps(session, made(), None)
    assert [(await anext(going)).frame, (await anext(going)).frame] == [0, 1]
    await sessions.end("a", session.name)
    with pytest.raises(SessionNotFound):
        await anext(going)
    assert len(closed) == 3
