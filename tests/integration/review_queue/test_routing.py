"""What rules say about a label's way to a person: its place in the queue, and the pool it is for."""

from typing import Any

import pytest

from chassis.bus import Poison
from labelmesh.label.v1 import label_pb2
from labelmesh.qa.v1.qa_events_pb2 import LabelEvaluated
from labelmesh.review.v1 import queue_service_pb2


@pytest.fixture
async def news(house: Any) -> Any:
    """A project with three predictions of the same confidence."""
    project = await house.project()
    assets = await house.import_texts("one", "two", "three")
    await house.deliver(project, *(house.prediction(asset) for asset in assets))
    return project


def routed(label: label_pb2.Label, boost: float, pool: str = "", ruleset: int = 1) -> LabelEvaluated:
    return LabelEvaluated(
        label=label.name, asset=label.asset, ruleset_revision=ruleset, priority_boost=boost, pool=pool
    )


async def test_a_boost_puts_a_task_first_and_is_explained(house: Any, news: Any) -> None:
    last = (await house.tasks())[-1]
    await house.deliver(news, routed(last.label, 3.5))
    first = (await house.tasks())[0]
    assert (first.name, first.terms.boost) == (last.name, 3.5)
    assert first.priority == pytest.approx(last.priority + 3.5, abs=1e-3)
    request = queue_service_pb2.ExplainPriorityRequest(name=first.name)
    explained = await house.queue.ExplainPriority(request, metadata=house.ann)
    assert [(t.weight, t.contribution) for t in explained.terms if t.name == "boost"] == [(1.0, 3.5)]
    assert explained.priority == pytest.approx(sum(t.contribution for t in explained.terms))
    assert [task.name for task in await house.tasks(filter="boost > 3 AND priority > 3")] == [first.name]
    (lease,) = await house.lease()
    assert lease.task.name == first.name


async def test_a_later_evaluation_takes_the_boost_back(house: Any, news: Any) -> None:
    task = (await house.tasks())[-1]
    await house.deliver(news, routed(task.label, 3.5, "experts"))
    await house.deliver(news, routed(task.label, 0, ruleset=2))
    assert [t.terms.boost for t in await house.tasks()] == [0.0] * 3
    assert (await house.tasks())[-1].name == task.name


async def test_what_rules_said_before_the_label_came_counts_too(house: Any) -> None:
    project = await house.project()
    (asset,) = await house.import_texts("one")
    prediction = house.prediction(asset)
    await house.deliver(project, routed(prediction.label, 2.0, "experts"))
    await house.deliver(project, prediction)
    (task,) = await house.tasks()
    assert (task.terms.boost, task.pool) == (2.0, "experts")


async def test_a_pool_leases_what_rules_sent_there_and_nothing_else(house: Any, news: Any) -> None:
    last = (await house.tasks())[-1]
    await house.deliver(news, routed(last.label, 0, "experts"))
    request = queue_service_pb2.LeaseNextRequest(parent="projects/news", max_tasks=3, pool="experts")
    leases = (await house.queue.LeaseNext(request, metadata=house.as_actor("bob"))).leases
    assert [(lease.task.name, lease.task.pool) for lease in leases] == [(last.name, "experts")]
    assert not (await house.queue.LeaseNext(request, metadata=house.ann)).leases
    assert [task.name for task in await house.tasks(filter='pool = "experts"')] == [last.name]


@pytest.mark.parametrize(
    ("boost", "pool"), [(-1, ""), (1_001, ""), (float("nan"), ""), (0, "no such name"), (0, "x" * 65)]
)
async def test_routing_out_of_range_is_poison(house: Any, news: Any, boost: float, pool: str) -> None:
    task = (await house.tasks())[0]
    with pytest.raises(Poison):
        await house.deliver(news, routed(task.label, boost, pool))
    assert (await house.tasks())[0].terms.boost == 0
