"""Projects that another process changes while this one remembers them."""

from typing import Any

import sqlalchemy as sa

from chassis.clock import now_us
from review_queue import projects
from review_queue.routing.policy import QueuePolicy
from review_queue.routing.wire import policy_to_pb


async def elsewhere(house: Any, change: str, **values: Any) -> None:
    """What another process does to the project."""
    async with house.db.begin() as conn:
        await conn.execute(sa.text(change), values)


async def policy_elsewhere(house: Any, policy: QueuePolicy) -> None:
    await elsewhere(
        house,
        "UPDATE projects SET queue_policy = :body, queue_policy_revision = queue_policy_revision + 1",
        body=policy_to_pb(policy, "news").SerializeToString(),
    )


async def filled(house: Any, n: int = 4) -> None:
    project = await house.project()
    assets = await house.import_texts(*(f"text {i}" for i in range(n)))
    await house.deliver(project, *(house.prediction(asset) for asset in assets))


async def test_a_hold_out_that_was_set_elsewhere_counts_for_the_next_lease(house: Any) -> None:
    await filled(house)
    (shown,) = await house.lease(1)
    assert shown.task.label.annotations
    await elsewhere(
        house,
        "UPDATE projects SET holdout_share = 1, holdout_secret = 'abc', holdout_experiment = holdout_experiment + 1",
    )
    (hidden,) = await house.lease(1)
    assert not hidden.task.label.annotations


async def test_a_policy_that_was_set_elsewhere_counts_for_the_next_lease(house: Any) -> None:
    await filled(house)
    assert len(await house.lease(1)) == 1
    await policy_elsewhere(house, QueuePolicy(lease_seconds=7_200))
    (lease,) = await house.lease(1, seconds=0)
    assert lease.expire_time_us > now_us() + 7_000 * 1_000_000


async def test_a_policy_that_was_set_elsewhere_counts_for_the_next_answer(house: Any) -> None:
    await filled(house, 1)
    (lease,) = await house.lease(1)
    await policy_elsewhere(house, QueuePolicy(answers=2, max_answers=2))
    await house.submit(lease, "ACCEPT")
    assert await house.counts() == (0, 1, 0, 0), "it waits for the second answer"


async def test_an_empty_queue_is_told_once_it_is_known_to_be_empty(house: Any) -> None:
    await filled(house, 1)
    assert len(await house.lease(1)) == 1
    assert await house.lease(1) == []
    await elsewhere(house, "UPDATE projects SET holdout_experiment = holdout_experiment + 1")
    assert await house.lease(1) == []


async def test_no_more_projects_are_remembered_than_are_useful(house: Any) -> None:
    for i in range(projects.KEPT + 3):
        await house.project(f"p-{i}")
        await house.lease(1, parent=f"projects/p-{i}")
    tenant = await _tenant(house)
    assert projects.last(tenant, "p-0") is None
    assert projects.last(tenant, f"p-{projects.KEPT + 2}") is not None


async def _tenant(house: Any) -> str:
    async with house.db.read() as conn:
        return str((await conn.execute(sa.text("SELECT min(tenant) FROM projects"))).scalar_one())
