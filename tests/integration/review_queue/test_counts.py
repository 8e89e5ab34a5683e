"""Counts that triggers keep: equal to counting the rows, whatever happens and whoever does it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from grpc import StatusCode
from grpc.aio import AioRpcError
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis import migrate
from chassis.clock import now_us
from chassis.ids import new_uid
from labelmesh.label.v1 import asset_pb2
from labelmesh.review.v1 import asset_service_pb2, label_service_pb2
from labelmesh.review.v1.lineage_service_pb2 import VerifyLineageRequest
from labelmesh.review.v1.lineage_service_pb2_grpc import LineageServiceStub
from labels.label import Severity

_BY_HAND = """
    SELECT coalesce(sum(CASE WHEN state = 1 THEN 1 ELSE 0 END), 0),
           coalesce(sum(CASE WHEN state = 2 AND lease_expire_us <= :now THEN 1 ELSE 0 END), 0),
           coalesce(sum(CASE WHEN state = 2 AND lease_expire_us > :now THEN 1 ELSE 0 END), 0),
           coalesce(sum(CASE WHEN state = 4 THEN 1 ELSE 0 END), 0)
    FROM tasks WHERE project_uid = (SELECT uid FROM projects WHERE project_id = 'news')
"""


async def by_hand(house: Any) -> tuple[int, ...]:
    """The counts as the rows have them; leases of these tests end in an hour or have ended."""
    async with house.db.read() as conn:
        row = (await conn.execute(text(_BY_HAND), {"now": now_us()})).one()
    return tuple(map(int, row))


class Story:
    """What may happen to a project; every method does one thing to a task drawn from what is there."""

    def __init__(self, house: Any, project: Any) -> None:
        self._house = house
        self._project = project
        self._leases: list[Any] = []

    async def assets(self) -> list[Any]:
        return list(await self._house.import_texts())

    async def import_(self, n: int) -> None:
        rows = [
            asset_service_pb2.ImportRow(line=i + 1, asset=asset_pb2.Asset(key=new_uid(), text=f"text {i}"))
            for i in range(n % 4 + 1)
        ]
        await self._house.send_rows(rows)

    async def predict(self, n: int) -> None:
        if found := await self.assets():
            some = [found[n % len(found)], found[-1]]
            unique = {asset.name: asset for asset in some}
            events = [self._house.prediction(asset, 0.5, run=new_uid()) for asset in unique.values()]
            await self._house.deliver(self._project, *events)

    async def fail(self, n: int) -> None:
        if found := await self.assets():
            await self._house.deliver(self._project, self._house.failure(found[n % len(found)]))

    async def lease(self, n: int) -> None:
        self._leases += await self._house.lease(n % 3 + 1, seconds=3_600)

    async def submit(self, n: int) -> None:
        if self._leases:
            lease = self._leases.pop(n % len(self._leases))
            decision = "ACCEPT" if lease.task.HasField("label") and n % 2 else "REJECT"
            await self._house.submit(lease, decision, reason="no" if decision == "REJECT" else "")

    async def label(self, n: int) -> None:
        if found := await self.assets():
            request = label_service_pb2.CreateLabelRequest(
                asset=found[n % len(found)].name, annotations=[], request_id=new_uid()
            )
            await self._house.labels.CreateLabel(request, metadata=self._house.ann)

    async def expire(self, n: int) -> None:
        async with self._house.db.begin() as conn:
            await conn.execute(text("UPDATE tasks SET lease_expire_us = 1 WHERE lease_expire_us > 0"))
        self._leases.clear()

    async def repair(self, n: int) -> None:
        """Somebody with a database console."""
        async with self._house.db.begin() as conn:
            await conn.execute(
                text("UPDATE tasks SET state = :state WHERE uid = (SELECT min(uid) FROM tasks)"),
                {"state": (1, 2, 4)[n % 3]},
            )

    async def delete(self, n: int) -> None:
        async with self._house.db.begin() as conn:
            await conn.execute(
                text("DELETE FROM tasks WHERE uid = (SELECT max(uid) FROM tasks) AND project_uid = :uid"),
                {"uid": self._project.uid},
            )
            await conn.execute(text("DELETE FROM assets WHERE uid NOT IN (SELECT uid FROM tasks)"))

    async def roll_back(self, n: int) -> None:
        try:
            async with self._house.db.begin() as conn:
                await conn.execute(text("UPDATE tasks SET state = 4"))
                raise InterruptedError
        except InterruptedError:
            pass


_EVENTS = (
    "import_",
    "predict",
    "fail",
    "lease",
    "submit",
    "label",
    "expire",
    "repair",
    "delete",
    "roll_back",
)
events = st.lists(st.tuples(st.sampled_from(_EVENTS), st.integers(0, 30)), min_size=3, max_size=12)


@given(what=events)
@settings(
    max_examples=25,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
async def test_counts_never_drift_from_the_rows(house: Any, what: list[tuple[str, int]]) -> None:
    # Examples go on where the last one stopped: creating the same project again returns it.
    story = Story(house, await house.project())
    await story.import_(3)
    for name, n in what:
        do: Callable[[int], Awaitable[None]] = getattr(story, name)
        try:
            await do(n)
        except AioRpcError as error:
            # A label for a reviewed asset, an answer to a task that somebody repaired.
            if error.code() not in (StatusCode.FAILED_PRECONDITION, StatusCode.ABORTED):
                raise
        assert await house.counts() == await by_hand(house), (name, n)


async def test_counts_are_right_after_fifty_reviewers_at_once(house: Any) -> None:
    project = await house.project()
    assets = await house.import_texts(*(f"text {i}" for i in range(150)))
    other = await house.project("other")
    await house.import_texts("one", "two", parent="projects/other")

    async def predict(some: list[Any]) -> None:
        await house.deliver(project, *map(house.prediction, some))

    async def work(actor: str) -> None:
        for lease in await house.lease(2, actor=actor, seconds=3_600):
            await house.submit(lease, "ACCEPT", actor=actor)

    await asyncio.gather(*(predict(assets[i : i + 10]) for i in range(0, 150, 10)))
    assert await house.counts() == (0, 150, 0, 0)
    await asyncio.gather(*(work(f"reviewer-{i:02}") for i in range(50)))
    assert await house.counts() == await by_hand(house) == (0, 50, 0, 100)
    assert await house.counts("projects/other") == (2, 0, 0, 0)
    assert other.asset_count == 0


async def test_a_project_without_tasks_counts_nothing(house: Any) -> None:
    await house.project()
    assert await house.counts() == (0, 0, 0, 0)


_NEW_COLUMNS = ("confidence", "run_uid", "author", "finding_count", "review_time_us")


async def _derived(house: Any) -> dict[str, Any]:
    """What the second migration fills in, as it stands now."""
    columns = ", ".join(f"coalesce({name}, -1)" if name == "confidence" else name for name in _NEW_COLUMNS)
    async with house.db.read() as conn:
        return {
            "tasks": sorted((await conn.execute(text(f"SELECT uid, {columns} FROM tasks"))).all()),  # noqa: S608
            "categories": sorted((await conn.execute(text("SELECT * FROM label_categories"))).all()),
            "counts": await house.counts(),
        }


_FIRST_TABLES = ("projects", "assets", "tasks", "labels", "findings", "reviews", "confusion", "requests")


async def _take_back(house: Any) -> None:
    """Bring the database to what the first release left: its tables, with the rows that are there now."""
    async with house.db.begin() as conn:
        kept = {
            name: [dict(row._mapping) for row in await conn.execute(text(f"SELECT * FROM {name}"))]  # noqa: S608
            for name in _FIRST_TABLES
        }
        await _drop_everything(conn, house.db.dialect)
    await migrate.upgrade(house.db, "review_queue", "0001")
    async with house.db.begin() as conn:
        for name, rows in kept.items():
            then = await conn.run_sync(
                lambda sync, table=name: [c["name"] for c in inspect(sync).get_columns(table)]
            )
            insert = f"INSERT INTO {name} ({', '.join(then)}) VALUES ({', '.join(f':{c}' for c in then)})"  # noqa: S608
            if rows:
                await conn.execute(text(insert), [{column: row[column] for column in then} for row in rows])


async def _drop_everything(conn: AsyncConnection, dialect: str) -> None:
    if dialect == "postgresql":
        await conn.execute(text("DROP SCHEMA public CASCADE"))
        await conn.execute(text("CREATE SCHEMA public"))
        return
    tables = text("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    for name in list((await conn.execute(tables)).scalars()):
        await conn.execute(text(f"DROP TABLE {name}"))


async def test_the_migration_finds_in_old_rows_what_the_service_writes_for_new_ones(house: Any) -> None:
    project = await house.project()
    assets = await house.import_texts(*(f"text {i}" for i in range(8)))
    predictions = [house.prediction(asset, 0.1 + i / 10) for i, asset in enumerate(assets[:6])]
    await house.deliver(project, *predictions)
    await house.deliver(project, *(house.evaluation(p.label, Severity.INFO) for p in predictions[:3]))
    for i, lease in enumerate(await house.lease(3)):
        await house.submit(lease, "REJECT" if i else "ACCEPT", reason="no" if i else "")
    (label,) = [p.label for p in predictions[5:]]
    edit = label_service_pb2.CreateLabelRequest(
        asset=assets[7].name, annotations=label.annotations, request_id="made outside"
    )
    await house.labels.CreateLabel(edit, metadata=house.ann)
    await house.lease()
    expected = await _derived(house)

    await _take_back(house)
    await migrate.upgrade(house.db, "review_queue")
    assert await _derived(house) == expected
    # The chain speaks for the rows as the migration found them.
    lineage = LineageServiceStub(house.channel)
    found = [
        p
        async for p in lineage.VerifyLineage(VerifyLineageRequest(parent="projects/news"), metadata=house.ann)
    ]
    assert sum(part.entries for part in found) == 8 + 8 + 3
    assert not [trouble for part in found for trouble in part.troubles]
    await house.send_rows([asset_service_pb2.ImportRow(line=1, asset=asset_pb2.Asset(key="late", text="x"))])
    assert await house.counts() == await by_hand(house)
