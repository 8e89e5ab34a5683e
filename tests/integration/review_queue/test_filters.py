"""Filters and orders of the task list mean on both databases what they mean in plain Python."""

import itertools
from dataclasses import asdict
from typing import Any

import pytest
from grpc import StatusCode
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert

from chassis.db import Database
from chassis.pages import page
from labelmesh.review.v1 import project_service_pb2
from labelmesh.review.v1 import queue_service_pb2 as pb2
from review_queue import listing, projects, tables
from review_queue.project import Project
from tests.integration.review_queue import filters

STATE_NUMBERS = {"WAITING": 1, "OPEN": 2, "LEASED": 2, "DONE": 4}
examples = settings(
    max_examples=50,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


async def _store(db: Database, project_uid: str, rows: list[Any]) -> None:
    """Write tasks straight into the tables."""
    tasks, assets, categories = [], [], []
    for i, row in enumerate(rows):
        uid, label_uid = row["uid"], f"L{row['uid']}"
        assets.append({"uid": uid, "project_uid": project_uid, "seq": i + 1, "key": row["key"], "body": b""})
        categories += [
            {"project_uid": project_uid, "category": name, "label_uid": label_uid} for name in row["category"]
        ]
        tasks.append(
            {
                "uid": uid,
                "project_uid": project_uid,
                "state": STATE_NUMBERS[row["state"]],
                "rank": row["rank"],
                "uncertainty": row["uncertainty"],
                "severity": row["severity"],
                "create_time_us": row["create_time"],
                "revision": 1,
                "label_uid": label_uid,
                "label_kind": row["kind"],
                "prediction_error": row["prediction_error"],
                "reviewer": row["stored_reviewer"],
                "fencing_token": 1,
                "lease_expire_us": filters.NOW + 1 if row["state"] == "LEASED" else filters.NOW * (i % 2),
                "leased_label_uid": "",
                "decision": row["decision"],
                "confidence": row["confidence"],
                "run_uid": row["run"],
                "author": row["author"],
                "finding_count": row["findings"],
                "review_time_us": row["review_time"],
                "audit": int(row["audit"] == "YES"),
                "sealed": 2 * int(row["sealed"] == "YES"),
                "boost": row["boost"],
                "pool": row["pool"] if row["pool"] != "experts" else "",
                "sent_pool": "experts" if row["pool"] == "experts" else "",
                "answers": row["answers"],
                "sent_to": row["sent_to"],
                "disagreement": row["disagreement"],
                "business": row["weight"],
                "novelty": row["novelty"],
            }
        )
    async with db.begin() as conn:
        await conn.execute(insert(tables.assets), assets)
        await conn.execute(insert(tables.tasks), tasks)
        await conn.execute(insert(tables.label_categories), categories)


@pytest.fixture
async def project(house: Any) -> Project:
    """A project with 250 random tasks beside another one with as many."""
    w = filters.WEIGHTS
    weights = project_service_pb2.PriorityWeights(**asdict(w))
    for name in ("news", "other"):
        created = await house.project(name, weights=weights)
        await _store(house.db, created.uid, filters.rows(name, 250))
    async with house.db.read() as conn:
        return await projects.get(conn, "house", "news")


ROWS = filters.rows("news", 250)


async def _uids(
    db: Database, project: Project, filter_: str, order_by: str = "", size: int = 1_000
) -> list[str]:
    """All uids that a list has, page by page."""
    query = listing.query(filter_, order_by, None)
    found: list[str] = []
    token = ""
    while True:
        asked = page((filter_, order_by), size, token, query.cursor)
        async with db.read() as conn:
            tasks, token = await listing.some(conn, project, query, asked, filters.NOW)
        found += [task.uid for task in tasks]
        if not token:
            return found


@given(said=filters.filters)
@examples
async def test_a_filter_finds_what_plain_python_finds(house: Any, project: Project, said: Any) -> None:
    expected = {row["uid"] for row in ROWS if said.holds(row)}
    found = await _uids(house.db, project, said.text)
    assert sorted(found) == sorted(expected), said.text
    async with house.db.read() as conn:
        n = await listing.count(conn, project, said.text, filters.NOW)
    by_state = [
        sum(row["state"] == state for row in ROWS if row["uid"] in expected) for state in filters.STATES
    ]
    assert [n.waiting, n.open, n.leased, n.done] == by_state, said.text


@given(said=filters.filters, order=filters.orders, size=st.integers(1, 60))
@examples
async def test_pages_in_any_order_are_the_sorted_list(
    house: Any, project: Project, said: Any, order: Any, size: int
) -> None:
    by = ", ".join(f"{field} desc" if down else field for field, down in order)
    expected = [row["uid"] for row in filters.sorted_rows([r for r in ROWS if said.holds(r)], order)]
    # 250 pages of one row each would be asked for a minute on a busy machine.
    size = max(size, len(expected) // 40)
    assert await _uids(house.db, project, said.text, by, size) == expected, (said.text, by)


@pytest.mark.parametrize(
    "filter_",
    [
        'author = "\' OR 1=1 --"',
        "author = '\\' OR \\'\\'=\\''",
        'key = "x\\"); DROP TABLE tasks; --"',
        'author = "%\' UNION SELECT * FROM projects --"',
        'category:"\') OR (1=1"',
    ],
)
async def test_what_looks_like_sql_is_only_a_text(house: Any, project: Project, filter_: str) -> None:
    wanted = [row["uid"] for row in ROWS if "1=1 --" in filter_ and row["author"] == "' OR 1=1 --"]
    assert sorted(await _uids(house.db, project, filter_)) == sorted(wanted)
    assert len(await _uids(house.db, project, "priority:*")) == len(ROWS)


async def test_lists_over_the_wire(house: Any, refused: Any) -> None:
    made = await house.project()
    assets = await house.import_texts(*(f"text {i}" for i in range(6)))
    await house.deliver(made, *(house.prediction(a, 0.2 + i / 10) for i, a in enumerate(assets[:5])))
    (lease,) = await house.lease()
    await house.submit(lease, "ACCEPT")

    def keys(found: list[pb2.Task]) -> list[str]:
        return [task.asset.key for task in found]

    assert keys(await house.tasks(filter="state = OPEN AND confidence < 0.5")) == ["k1", "k2"]
    assert keys(await house.tasks(filter="category:sport", order_by="confidence desc")) == [
        "k4", "k3", "k2", "k1", "k0",
    ]  # fmt: skip
    assert keys(await house.tasks(filter="reviewer = ann AND run = 01RUN")) == ["k0"]
    assert keys(await house.tasks(filter="decision = ACCEPT AND author = ann")) == ["k0"]
    assert keys(await house.tasks(filter="confidence:*", state=pb2.TASK_STATE_DONE)) == ["k0"]
    assert keys(await house.tasks(order_by="key desc")) == ["k5", "k4", "k3", "k2", "k1"]
    count = pb2.CountTasksRequest(parent="projects/news", filter="confidence >= 0.3")
    n = await house.queue.CountTasks(count, metadata=house.ann)
    assert (n.waiting, n.open, n.leased, n.done) == (0, 4, 0, 0)

    first = await house.queue.ListTasks(
        pb2.ListTasksRequest(parent="projects/news", page_size=2, filter="state = OPEN"), metadata=house.ann
    )
    for other in ({"filter": "state=OPEN"}, {}, {"filter": "state = OPEN", "order_by": "key"}):
        with refused(StatusCode.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID"):
            await house.tasks(page_token=first.next_page_token, **other)
    with refused(StatusCode.INVALID_ARGUMENT, "FILTER_INVALID") as refusal:
        await house.tasks(filter="state = OPEN AND confidence << 1")
    assert "at character 30" in refusal.message
    with refused(StatusCode.INVALID_ARGUMENT, "FILTER_INVALID"):
        await house.queue.CountTasks(
            pb2.CountTasksRequest(parent="projects/news", filter="x"), metadata=house.ann
        )
    with refused(StatusCode.INVALID_ARGUMENT, "ORDER_INVALID"):
        await house.tasks(order_by="category")


def test_the_filters_under_test_name_every_field() -> None:
    from review_queue.filter import FIELDS

    said = {name for row in ROWS[:1] for name in row} - {"stored_reviewer", "uncertainty", "rank"}
    assert said == set(FIELDS)
    assert set(filters.SORTABLE) == {name for name, field in FIELDS.items() if field.sortable}
    assert len(set(itertools.chain(*(row["category"] for row in ROWS)))) == len(filters.CATEGORIES)
