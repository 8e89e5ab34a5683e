"""The cache of embeddings: bounded, one maker a key, and nobody's failure but one's own."""

import asyncio

import numpy as np
import pytest

from sam_segmenter.decoder import Features
from sam_segmenter.embeddings import Embeddings, Encoded, Key, Nowhere, Tier
from sam_segmenter.frame import Region, whole
from sam_segmenter.sharpness import Sharpness

WEIGHT = 2 * 256 * 64 * 64


def encoded(value: float = 1.0) -> Encoded:
    return Encoded(np.full((256, 64, 64), value, np.float16), Sharpness(np.full((64, 64), value, np.float16)))


async def prepare(made: Encoded) -> Features:
    return Features(made.embedding, (), made.sharpness)


def key(name: str, tenant: str = "a", region: Region | None = None) -> Key:
    return Key(tenant, name, "model", region or whole(10, 10), "1")


class Maker:
    """Encodes when told to, and counts."""

    def __init__(self) -> None:
        self.calls = 0
        self.go = asyncio.Event()
        self.go.set()

    async def __call__(self) -> Encoded:
        self.calls += 1
        await self.go.wait()
        return encoded(self.calls)


class Memory:
    """A second tier in a dictionary."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    async def get(self, name: str) -> bytes | None:
        return self.kept.get(name)

    def put_soon(self, name: str, data: bytes) -> None:
        self.kept[name] = data


async def test_an_embedding_is_made_once_and_found_again() -> None:
    cache, maker = Embeddings(10 * WEIGHT, Nowhere(), prepare), Maker()
    assert (await cache.get(key("x"), maker))[1] is Tier.ENCODED
    assert (await cache.get(key("x"), maker))[1] is Tier.MEMORY
    assert maker.calls == 1


async def test_many_who_ask_at_once_wait_for_one_encoding() -> None:
    cache, maker = Embeddings(10 * WEIGHT, Nowhere(), prepare), Maker()
    maker.go.clear()
    waiting = [asyncio.create_task(cache.get(key("x"), maker)) for _ in range(50)]
    await asyncio.sleep(0)
    maker.go.set()
    found = await asyncio.gather(*waiting)
    assert maker.calls == 1
    assert len({id(features) for features, _ in found}) == 1


async def test_the_least_recently_used_goes_first_and_the_bound_holds() -> None:
    cache, maker = Embeddings(3 * WEIGHT, Nowhere(), prepare), Maker()
    for name in ("x", "y", "z"):
        await cache.get(key(name), maker)
    await cache.get(key("x"), maker)
    await cache.get(key("w"), maker)
    assert cache.bytes == 3 * WEIGHT
    assert [name for name in "wxyz" if cache.peek(key(name))] == ["w", "x", "z"]


async def test_what_is_larger_than_the_cache_is_answered_and_not_kept() -> None:
    cache, maker = Embeddings(WEIGHT - 1, Nowhere(), prepare), Maker()
    await cache.get(key("x"), maker)
    assert cache.bytes == 0


async def test_one_caller_who_leaves_does_not_end_the_others_wait() -> None:
    cache, maker = Embeddings(10 * WEIGHT, Nowhere(), prepare), Maker()
    maker.go.clear()
    leaves, stays = (asyncio.create_task(cache.get(key("x"), maker)) for _ in range(2))
    await asyncio.sleep(0.01)
    leaves.cancel()
    await asyncio.sleep(0.01)
    maker.go.set()
    assert (await stays)[1] is Tier.ENCODED
    assert maker.calls == 1


async def test_when_the_last_one_leaves_the_work_ends_and_the_next_starts_anew() -> None:
    cache, maker = Embeddings(10 * WEIGHT, Nowhere(), prepare), Maker()
    maker.go.clear()
    leaves = asyncio.create_task(cache.get(key("x"), maker))
    await asyncio.sleep(0.01)
    leaves.cancel()
    comes = asyncio.create_task(cache.get(key("x"), maker))
    with pytest.raises(asyncio.CancelledError):
        await leaves
    maker.go.set()
    assert (await comes)[1] is Tier.ENCODED
    assert maker.calls == 2


async def test_a_failure_reaches_all_who_wait_and_is_not_remembered() -> None:
    cache = Embeddings(10 * WEIGHT, Nowhere(), prepare)

    async def fails() -> Encoded:
        await asyncio.sleep(0.01)
        raise ValueError

    for outcome in await asyncio.gather(
        *(cache.get(key("x"), fails) for _ in range(3)), return_exceptions=True
    ):
        assert isinstance(outcome, ValueError)
    assert (await cache.get(key("x"), Maker()))[1] is Tier.ENCODED


async def test_tenants_regions_and_models_have_embeddings_of_their_own() -> None:
    shared = Memory()
    cache, maker = Embeddings(10 * WEIGHT, shared, prepare), Maker()
    for one in (
        key("x"),
        key("x", "b"),
        key("x", region=Region(1, 0, 9, 10)),
        Key("a", "x", "m2", whole(10, 10), "1"),
    ):
        assert (await cache.get(one, maker))[1] is Tier.ENCODED
    assert len(shared.kept) == 4


async def test_another_replica_finds_what_this_one_made_to_the_bit() -> None:
    shared, maker = Memory(), Maker()
    here, there = (Embeddings(10 * WEIGHT, shared, prepare) for _ in range(2))
    made, _ = await here.get(key("x"), maker)
    found, tier = await there.get(key("x"), maker)
    assert tier is Tier.SHARED
    assert maker.calls == 1
    assert (found.embedding == made.embedding).all()
    assert (found.sharpness.cells == made.sharpness.cells).all()


async def test_damaged_bytes_in_the_shared_tier_are_a_miss() -> None:
    shared = Memory()
    shared.kept[key("x").name] = b"short"
    assert (await Embeddings(10 * WEIGHT, shared, prepare).get(key("x"), Maker()))[1] is Tier.ENCODED
