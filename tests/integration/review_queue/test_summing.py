"""Reviews are added to the running sums once each, by whoever comes first."""

import asyncio
from typing import Any

import sqlalchemy as sa
from prometheus_client import REGISTRY

from review_queue.measures import adding, rollup
from tests.integration.review_queue.measured import ask, every_answer, project_metrics, reviewed, told


async def test_numbers_are_the_same_before_and_after_reviews_are_summed(house: Any) -> None:
    await reviewed(house)
    before, overview = await every_answer(house), await project_metrics(house)
    assert await adding.sum_all(house.db) == 8
    assert await adding.sum_all(house.db) == 0
    after = await every_answer(house)
    assert len(after) == len(before)
    for one, other in zip(before, after, strict=True):
        assert [(r.start_time_us, r.tool, r.name) for r in one] == [
            (r.start_time_us, r.tool, r.name) for r in other
        ]
        for row, same in zip(one, other, strict=True):
            # Sums of floats depend on their order in the last digit.
            assert {k: (e.n, round(e.value, 9), round(e.lower, 9)) for k, e in told(row).items()} == {
                k: (e.n, round(e.value, 9), round(e.lower, 9)) for k, e in told(same).items()
            }
    assert await project_metrics(house) == overview


async def test_many_who_sum_at_once_sum_each_review_once(house: Any) -> None:
    await reviewed(house, n=40, wrong=5)
    added = await asyncio.gather(*(one_by_one(house) for _ in range(4)))
    assert sum(added) == 40
    (row,) = await ask(house)
    assert (told(row)["REVIEWS"].value, told(row)["ACCURACY"].value) == (40, 35 / 40)


async def one_by_one(house: Any) -> int:
    added = 0
    while found := await rollup.sum_some(house.db, most=3):
        added += len(found)
    return added


async def test_prometheus_is_told_of_each_review_once(house: Any) -> None:
    def counted() -> float:
        return REGISTRY.get_sample_value("labelmesh_reviews_total", {"decision": "ACCEPT"}) or 0.0

    await reviewed(house, n=4, wrong=1)
    before = counted()
    await adding.sum_all(house.db)
    await adding.sum_all(house.db)
    assert counted() - before == 3


async def test_the_loop_sums_until_it_is_told_to_stop(house: Any) -> None:
    await reviewed(house, n=3)
    async with adding.summing(house.db):
        async with asyncio.timeout(20):
            # The loop under test tells nobody when it is through.
            while await unsummed(house):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    (row,) = await ask(house)
    assert told(row)["REVIEWS"].value == 3


async def unsummed(house: Any) -> int:
    async with house.db.read() as conn:
        return (await conn.execute(sa.text("SELECT count(*) FROM reviews WHERE unsummed > 0"))).scalar_one()
