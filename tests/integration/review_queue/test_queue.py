"""Leases: order, exclusiveness, ends; and pages of tasks."""

import asyncio
import itertools
from typing import Any

from grpc import StatusCode
from sqlalchemy import text

from labelmesh.label.v1 import asset_pb2
from labelmesh.review.v1 import asset_service_pb2, project_service_pb2
from labelmesh.review.v1 import queue_service_pb2 as pb2
from labels.correction import Relabel
from labels.label import Severity
from labels.proto import correction_op_to_pb


async def filled(house: Any, n: int) -> list[Any]:
    """A project of n open tasks, the later the more urgent."""
    project = await house.project()
    assets = await house.import_texts(*(f"text {i}" for i in range(n)))
    await house.deliver(project, *(house.prediction(a, 0.99 - i * 0.9 / n) for i, a in enumerate(assets)))
    return assets


async def expire_leases(house: Any) -> None:
    """Let every lease have ended a moment ago."""

    async with house.db.begin() as conn:
        await conn.execute(text("UPDATE tasks SET lease_expire_us = 1 WHERE lease_expire_us > 0"))


async def test_fifty_reviewers_get_every_task_once_and_in_order(house: Any) -> None:
    assets = await filled(house, 200)

    async def work(actor: str) -> list[pb2.Lease]:
        return [lease for _ in range(2) for lease in await house.lease(2, actor=actor)]

    taken = await asyncio.gather(*(work(f"reviewer-{i:02}") for i in range(50)))
    names = [lease.task.name for leases in taken for lease in leases]
    assert sorted(names) == sorted(asset.name.replace("/assets/", "/tasks/") for asset in assets)
    for leases in taken:
        priorities = [lease.task.terms.uncertainty for lease in leases]
        assert priorities == sorted(priorities, reverse=True)
    assert await house.lease() == []


async def test_one_at_a_time_the_order_is_exact(house: Any) -> None:
    await filled(house, 30)
    keys = []
    for i in range(30):
        (lease,) = await house.lease(actor=f"reviewer-{i:02}")
        keys.append(lease.task.asset.key)
    assert keys == [f"k{i}" for i in reversed(range(30))]


async def test_an_expired_lease_is_taken_again_at_its_place(house: Any, refused: Any) -> None:
    await filled(house, 3)
    (lease,) = await house.lease()
    await expire_leases(house)
    assert await house.counts() == (0, 3, 0, 0)
    (again,) = await house.lease(actor="bob")
    assert again.task.name == lease.task.name
    assert again.fencing_token == lease.fencing_token + 1
    assert again.task.reviewer == "bob"
    with refused(StatusCode.FAILED_PRECONDITION, "LEASE_LOST"):
        await house.submit(lease, "ACCEPT")
    with refused(StatusCode.FAILED_PRECONDITION, "LEASE_LOST"):
        await house.submit(lease, "ACCEPT", actor="bob")
    with refused(StatusCode.FAILED_PRECONDITION, "LEASE_LOST"):
        await house.submit(again, "ACCEPT")
    await house.submit(again, "ACCEPT", actor="bob")
    with refused(StatusCode.FAILED_PRECONDITION, "LEASE_LOST"):
        await house.submit(again, "ACCEPT", actor="bob")


async def test_renewing_and_giving_back(house: Any, refused: Any) -> None:
    await filled(house, 2)
    (lease,) = await house.lease(seconds=5)
    renew = pb2.RenewLeaseRequest(
        name=lease.task.name, fencing_token=lease.fencing_token, lease_seconds=3_600
    )
    renewed = await house.queue.RenewLease(renew, metadata=house.ann)
    assert renewed.expire_time_us > lease.expire_time_us + 3_000_000_000
    with refused(StatusCode.FAILED_PRECONDITION, "LEASE_LOST"):
        await house.queue.RenewLease(renew, metadata=house.as_actor("bob"))
    release = pb2.ReleaseLeaseRequest(name=lease.task.name, fencing_token=lease.fencing_token)
    await house.queue.ReleaseLease(release, metadata=house.ann)
    with refused(StatusCode.FAILED_PRECONDITION, "LEASE_LOST"):
        await house.queue.ReleaseLease(release, metadata=house.ann)
    with refused(StatusCode.FAILED_PRECONDITION, "LEASE_LOST"):
        await house.queue.RenewLease(renew, metadata=house.ann)
    (again,) = await house.lease(actor="bob")
    assert again.task.name == lease.task.name


async def test_a_reviewer_may_hold_several_leases(house: Any) -> None:
    await filled(house, 3)
    one, two = [(await house.lease())[0] for _ in range(2)]
    assert one.task.name != two.task.name
    await house.submit(two, "ACCEPT")
    await house.submit(one, "ACCEPT")
    assert await house.counts() == (0, 1, 0, 2)


async def test_lease_bounds(house: Any, refused: Any) -> None:
    await house.project()
    for fields in ({"max_tasks": 101}, {"max_tasks": -1}, {"seconds": 4}, {"seconds": 86_401}):
        with refused(StatusCode.INVALID_ARGUMENT, "LEASE_INVALID"):
            await house.lease(**fields)


async def test_findings_move_a_task_up_and_down(house: Any) -> None:
    project = await house.project()
    assets = await house.import_texts("one", "two")
    first, second = house.prediction(assets[0], 0.5), house.prediction(assets[1], 0.9)
    await house.deliver(project, first, second)
    assert [t.asset.key for t in await house.tasks()] == ["k0", "k1"]
    await house.deliver(project, house.evaluation(second.label, Severity.INFO, Severity.ERROR))
    top, below = await house.tasks()
    assert (top.asset.key, top.terms.severity, len(top.findings)) == ("k1", 1.0, 2)
    assert top.priority > below.priority
    await house.deliver(project, house.evaluation(second.label, ruleset_revision=2))
    assert [(t.asset.key, t.terms.severity) for t in await house.tasks()] == [("k0", 0.0), ("k1", 0.0)]
    await house.deliver(project, house.evaluation(second.label, Severity.ERROR, ruleset_revision=1))
    assert (await house.tasks())[0].asset.key == "k0"


async def test_weights_steer_the_order(house: Any) -> None:
    weights = project_service_pb2.PriorityWeights(uncertainty=0, findings=0, age_per_hour=1)
    project = await house.project(weights=weights)
    assets = await house.import_texts("one", "two")
    await house.deliver(project, house.prediction(assets[0], 0.9), house.prediction(assets[1], 0.1))
    later = asset_service_pb2.ImportRow(line=1, asset=asset_pb2.Asset(key="later", text="three"))
    await house.send_rows([later])
    (third,) = [a for a in await house.import_texts() if a.key == "later"]
    await house.deliver(project, house.prediction(third, 0.0))
    keys = [t.asset.key for t in await house.tasks()]
    assert keys[-1] == "later"


async def test_pages_of_tasks(house: Any, refused: Any) -> None:
    assets = await filled(house, 25)
    more = [
        asset_service_pb2.ImportRow(line=i, asset=asset_pb2.Asset(key=f"w{i}", text="waits"))
        for i in range(5)
    ]
    await house.send_rows(more)
    leases = await house.lease(3)
    await house.submit(leases[0], "ACCEPT")

    request = pb2.ListTasksRequest(parent="projects/news", page_size=7)
    found: list[pb2.Task] = []
    while True:
        page = await house.queue.ListTasks(request, metadata=house.ann)
        found += page.tasks
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert len(found) == len({t.name for t in found}) == len(assets) + 5 - 1
    ranks = [t.priority for t in found]
    assert all(a >= b - 1e-3 for a, b in itertools.pairwise(ranks))
    by_state = {
        state: len(await house.tasks(state=pb2.TaskState.Value(f"TASK_STATE_{state}")))
        for state in ("WAITING", "OPEN", "LEASED", "DONE")
    }
    assert by_state == {"WAITING": 5, "OPEN": 22, "LEASED": 2, "DONE": 1}
    assert await house.counts() == (5, 22, 2, 1)

    with refused(StatusCode.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID"):
        await house.tasks(page_token=request.page_token, state=pb2.TASK_STATE_OPEN)
    with refused(StatusCode.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID"):
        await house.tasks(page_token="made up")
    with refused(StatusCode.INVALID_ARGUMENT, "PAGE_SIZE_INVALID"):
        await house.queue.ListTasks(
            pb2.ListTasksRequest(parent="projects/news", page_size=1_001), metadata=house.ann
        )


async def test_the_same_request_gets_the_same_answer(house: Any, refused: Any) -> None:
    await filled(house, 2)
    one, two = await house.lease(2)
    op = correction_op_to_pb(Relabel("a0", "politics"))
    first = await house.submit(one, "CORRECT", ops=[op], request_id="again")
    before = await house.contents()
    answers = await asyncio.gather(
        *(house.submit(one, "CORRECT", ops=[op], request_id="again") for _ in range(5))
    )
    assert all(answer == first for answer in answers)
    with refused(StatusCode.INVALID_ARGUMENT, "REQUEST_ID_REUSED"):
        await house.submit(two, "ACCEPT", request_id="again")
    assert await house.contents() == before
    await house.submit(two, "REJECT", reason="no", request_id="other")
    assert not (await house.submit(two, "REJECT", reason="no", request_id="other")).name


async def test_the_same_submission_at_once_counts_once(house: Any) -> None:
    await filled(house, 1)
    (lease,) = await house.lease()
    sent = [house.submit(lease, "ACCEPT", request_id="once") for _ in range(10)]
    assert len({answer.name for answer in await asyncio.gather(*sent)}) == 1
    assert len((await house.contents())["reviews"]) == 1


async def test_answers_stay_within_a_message(house: Any) -> None:
    await house.project(mode="NONE")
    await house.import_texts(*("Ж" * 8_000 + str(i) for i in range(100)))
    rows = [
        asset_service_pb2.ImportRow(
            line=i, asset=asset_pb2.Asset(key=f"c{i}", text="x" * 16_000, context={"about": "y" * 8_000})
        )
        for i in range(150)
    ]
    await house.send_rows(rows)
    request = pb2.ListTasksRequest(parent="projects/news", page_size=1_000)
    names: list[str] = []
    while True:
        page = await house.queue.ListTasks(request, metadata=house.ann)
        names += [task.name for task in page.tasks]
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert len(names) == len(set(names)) == 250
    seen: list[str] = []
    while leases := await house.lease(100):
        seen += [lease.task.name for lease in leases]
    assert seen == names


async def test_a_lease_of_long_texts_carries_as_many_as_it_can(house: Any) -> None:
    await house.project(mode="NONE")
    await house.import_texts(*("x" * 900_000 + str(i) for i in range(5)), per_message=2)
    leases = await house.lease(5)
    assert [lease.task.asset.WhichOneof("content") for lease in leases] == ["text"] * 3 + ["text_ref"] * 2
