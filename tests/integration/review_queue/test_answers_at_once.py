"""Answers to tasks that change, or are answered, at the same moment."""

import asyncio
from typing import Any

import sqlalchemy as sa

from chassis.ids import new_uid
from labelmesh.label.v1 import label_pb2
from labelmesh.review.v1.review_events_pb2 import LabelReviewed
from labels.label import Severity
from tests.integration.review_queue.conftest import choice, reason_of

TASKS = 24


async def leased(house: Any, n: int = TASKS) -> tuple[Any, list[Any]]:
    project = await house.project()
    assets = await house.import_texts(*(f"text {i}" for i in range(n)))
    await house.deliver(project, *(house.prediction(asset) for asset in assets))
    return project, await house.lease(n)


async def outcomes(*calls: Any) -> list[Any]:
    """A label for each that went through, else the reason it was refused."""
    done = await asyncio.gather(*calls, return_exceptions=True)
    return [found if isinstance(found, label_pb2.Label) else reason_of(found) for found in done]


async def rows(house: Any, table: str) -> int:
    async with house.db.read() as conn:
        return int((await conn.execute(sa.text(f"SELECT count(*) FROM {table}"))).scalar_one())  # noqa: S608


async def test_the_same_request_many_times_at_once_is_one_answer(house: Any) -> None:
    _, (lease,) = await leased(house, 1)
    request_id = new_uid()
    labels = await outcomes(*(house.submit(lease, "ACCEPT", request_id=request_id) for _ in range(12)))
    assert {label.name for label in labels} == {labels[0].name}
    assert (await rows(house, "reviews"), len(await house.emitted(LabelReviewed))) == (1, 1)


async def test_different_answers_at_once_to_one_task_are_one_answer(house: Any) -> None:
    _, (lease,) = await leased(house, 1)
    found = await outcomes(*(house.submit(lease, "ACCEPT") for _ in range(12)))
    assert sorted(str(type(each).__name__) for each in found) == ["Label"] + ["str"] * 11
    assert {each for each in found if isinstance(each, str)} == {"LEASE_LOST"}
    assert (await rows(house, "reviews"), len(await house.emitted(LabelReviewed))) == (1, 1)


async def test_one_request_id_for_many_tasks_at_once_answers_one_of_them(house: Any) -> None:
    _, leases = await leased(house)
    request_id = new_uid()
    found = await outcomes(*(house.submit(lease, "ACCEPT", request_id=request_id) for lease in leases))
    assert [each for each in found if isinstance(each, str)] == ["REQUEST_ID_REUSED"] * (TASKS - 1)
    assert await house.counts() == (0, 0, TASKS - 1, 1)
    assert (await rows(house, "reviews"), len(await house.emitted(LabelReviewed))) == (1, 1)


async def test_predictions_and_findings_that_come_in_meanwhile_lose_no_answer(house: Any) -> None:
    project, leases = await leased(house)
    shown = {lease.task.asset.name: lease.task for lease in leases}
    newer = [
        house.deliver(
            project, house.prediction(task.asset, 0.4, "02RUN", (choice("weather", confidence=0.4),))
        )
        for task in shown.values()
    ]
    told = [house.deliver(project, house.evaluation(task.label, Severity.WARNING)) for task in shown.values()]
    answers = (house.submit(lease, "ACCEPT") for lease in leases)
    found = (await asyncio.gather(*newer, *told, *answers))[-TASKS:]
    assert all(label.annotations[0].category == "sport" for label in found), "what the reviewer was shown"
    assert await house.counts() == (0, 0, 0, TASKS)
    async with house.db.read() as conn:
        query = "SELECT asset_uid, revision FROM labels ORDER BY asset_uid, revision"
        numbered = (await conn.execute(sa.text(query))).all()
    by_asset: dict[str, list[int]] = {}
    for asset, revision in numbered:
        by_asset.setdefault(asset, []).append(revision)
    # A prediction for an answered asset is not stored at all.
    assert all(found in ([1, 2], [1, 2, 3]) for found in by_asset.values())
    assert len(await house.emitted(LabelReviewed)) == TASKS
