"""Why a task stands where it stands; and the queue that is cut from 500 to 13."""

from random import Random
from typing import Any

import pytest
from grpc import StatusCode

from labelmesh.review.v1 import assurance_service_pb2, project_service_pb2
from labelmesh.review.v1 import queue_service_pb2 as pb2
from labelmesh.review.v1.assurance_service_pb2_grpc import AssuranceServiceStub
from labels.label import SEVERITY_WEIGHT, Severity

THE_FILTER = "state = OPEN AND priority >= 0.5 AND confidence < 0.75"
"""The one that docs/queue.md explains: urgent by rules or by doubt, and the model was not sure."""


async def explain(house: Any, name: str) -> pb2.ExplainPriorityResponse:
    request = pb2.ExplainPriorityRequest(name=name)
    return await house.queue.ExplainPriority(request, metadata=house.ann)


async def test_the_order_is_that_of_the_explained_sums(house: Any) -> None:
    weights = project_service_pb2.PriorityWeights(uncertainty=2, findings=0.5, age_per_hour=0.25)
    project = await house.project(weights=weights)
    assets = await house.import_texts(*(f"text {i}" for i in range(12)))
    predictions = [
        house.prediction(a, random) for a, random in zip(assets, map(_share, range(12)), strict=True)
    ]
    await house.deliver(project, *predictions)
    await house.deliver(project, *(house.evaluation(p.label, Severity.WARNING) for p in predictions[::3]))
    queue = await house.tasks()
    explained = [await explain(house, task.name) for task in queue]

    for task, e in zip(queue, explained, strict=True):
        assert e.priority == pytest.approx(sum(term.contribution for term in e.terms))
        assert [(term.name, term.weight) for term in e.terms] == [
            ("uncertainty", 2.0), ("findings", 0.5), ("age_per_hour", 0.25), ("disagreement", 1.0),
            ("business", 0.0), ("novelty", 0.0), ("boost", 1.0),
        ]  # fmt: skip
        assert all(term.contribution == term.weight * term.value for term in e.terms)
        assert [term.value for term in e.terms[:2]] == [task.terms.uncertainty, task.terms.severity]
        # The rank is the priority without the part that all tasks share.
        assert e.rank == pytest.approx(0.25 * e.time_us / 3.6e9 - e.priority)
        assert e.state == pb2.TASK_STATE_OPEN
    at_one_time = [e.rank for e in explained]
    assert at_one_time == sorted(at_one_time)
    assert [e.ahead for e in explained] == list(range(12))


def _share(i: int) -> float:
    return (i * 7 % 12) / 12


async def test_who_is_ahead_are_tasks_that_can_be_leased(house: Any, refused: Any) -> None:
    project = await house.project()
    assets = await house.import_texts(*(f"text {i}" for i in range(4)))
    await house.deliver(project, *(house.prediction(a, 0.1 + i / 10) for i, a in enumerate(assets[:3])))
    last = (await house.tasks(state=pb2.TASK_STATE_OPEN))[-1]
    assert (await explain(house, last.name)).ahead == 2
    (lease,) = await house.lease()
    leased = await explain(house, lease.task.name)
    assert (leased.state, leased.ahead) == (pb2.TASK_STATE_LEASED, 0)
    assert (await explain(house, last.name)).ahead == 1
    (waits,) = await house.tasks(state=pb2.TASK_STATE_WAITING)
    assert (await explain(house, waits.name)).state == pb2.TASK_STATE_WAITING
    for name in ("projects/news/tasks/nothing", "projects/other/tasks/x"):
        reason = "TASK_NOT_FOUND" if "news" in name else "PROJECT_NOT_FOUND"
        with refused(StatusCode.NOT_FOUND, reason):
            await explain(house, name)
    with refused(StatusCode.NOT_FOUND, "PROJECT_NOT_FOUND"):
        await house.queue.ExplainPriority(
            pb2.ExplainPriorityRequest(name=last.name), metadata=house.as_actor("eve")
        )


def drawn(n: int) -> list[tuple[float, Severity | None]]:
    """Confidence and worst finding of n predictions: mostly sure, a tenth with something that rules found."""
    random = Random(31)
    severities = (Severity.INFO, Severity.WARNING, Severity.ERROR)
    return [
        (round(random.betavariate(8, 1.3), 3), random.choice(severities) if random.random() < 0.1 else None)
        for _ in range(n)
    ]


async def test_a_queue_of_five_hundred_is_cut_to_thirteen(house: Any) -> None:
    project = await house.project(weights=project_service_pb2.PriorityWeights(age_per_hour=0))
    assets = await house.import_texts(*(f"text {i}" for i in range(500)))
    material = drawn(500)
    predictions = [house.prediction(a, c) for a, (c, _) in zip(assets, material, strict=True)]
    for start in range(0, 500, 100):
        await house.deliver(project, *predictions[start : start + 100])
    found = [
        house.evaluation(p.label, severity)
        for p, (_, severity) in zip(predictions, material, strict=True)
        if severity
    ]
    await house.deliver(project, *found)
    by_hand = {
        f"k{i}"
        for i, (confidence, severity) in enumerate(material)
        if (1 - confidence) + SEVERITY_WEIGHT.get(severity, 0.0) >= 0.5 and confidence < 0.75
    }

    left = await house.tasks(filter=THE_FILTER)
    assert len(left) == 13
    assert {task.asset.key for task in left} == by_hand

    async def open_tasks(filter_: str) -> int:
        request = pb2.CountTasksRequest(parent="projects/news", filter=filter_)
        return (await house.queue.CountTasks(request, metadata=house.ann)).open

    assert await open_tasks(THE_FILTER) == 13
    others = await open_tasks(f"NOT ({THE_FILTER})")
    assert 13 + others == await open_tasks("") == 500


async def test_the_thirteen_the_audited_the_accepted_and_the_deferred_are_all_five_hundred(
    house: Any,
) -> None:
    """The same queue under a policy: what is not urgent is accepted unseen, drawn for the audit or left to people."""
    project = await house.project(weights=project_service_pb2.PriorityWeights(age_per_hour=0))
    assets = await house.import_texts(*(f"text {i}" for i in range(500)))
    material = drawn(500)
    predictions = [house.prediction(a, c) for a, (c, _) in zip(assets, material, strict=True)]
    await house.deliver(project, *predictions)
    found = [
        house.evaluation(p.label, severity)
        for p, (_, severity) in zip(predictions, material, strict=True)
        if severity
    ]
    await house.deliver(project, *found)
    await _automate(AssuranceServiceStub(house.channel), house)

    async def count(filter_: str) -> int:
        n = await house.queue.CountTasks(
            pb2.CountTasksRequest(parent="projects/news", filter=filter_), metadata=house.ann
        )
        return int(n.waiting + n.open + n.leased + n.done)

    urgent = THE_FILTER.removeprefix("state = OPEN AND ")
    thirteen = await count(urgent)
    audited = await count(f"audit = YES AND NOT ({urgent})")
    accepted = await count("decision = AUTO_ACCEPT")
    deferred = await count(f"state = OPEN AND audit = NO AND NOT ({urgent})")
    assert thirteen == 13
    assert await count(f"decision = AUTO_ACCEPT AND {urgent}") == 0
    assert min(audited, accepted, deferred) > 10
    assert thirteen + audited + accepted + deferred == 500


async def _automate(stub: AssuranceServiceStub, house: Any) -> None:
    """A policy, its random sample answered, thresholds for what is sure, and all that they allow accepted."""
    parent, ann = "projects/news", house.ann
    policy = assurance_service_pb2.AcceptancePolicy(
        target_error=0.1, delta=0.1, audit_rate=0.3, mixed_audit_rate=0.3, n_min=20
    )
    request = assurance_service_pb2.SetAcceptancePolicyRequest(parent=parent, policy=policy)
    await stub.SetAcceptancePolicy(request, metadata=ann)
    apply = assurance_service_pb2.ApplyAcceptanceRequest(parent=parent)
    [_ async for _ in stub.ApplyAcceptance(apply, metadata=ann)]
    waiting = {task.name for task in await house.tasks(filter="audit = YES")}
    leases = [lease for _ in range(5) for lease in await house.lease(100)]
    for lease in leases:
        if lease.task.name not in waiting:
            release = pb2.ReleaseLeaseRequest(name=lease.task.name, fencing_token=lease.fencing_token)
            await house.queue.ReleaseLease(release, metadata=ann)
        elif lease.task.label.confidence.raw >= 0.8:
            await house.submit(lease, "ACCEPT")
        else:
            await house.submit(lease, "REJECT", reason="The model is wrong where it is not sure.")
    fit = assurance_service_pb2.FitThresholdsRequest(parent=parent)
    await stub.FitThresholds(fit, metadata=ann)
    await stub.PromoteAutomation(assurance_service_pb2.PromoteAutomationRequest(parent=parent), metadata=ann)
    [_ async for _ in stub.ApplyAcceptance(apply, metadata=ann)]
