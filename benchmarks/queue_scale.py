"""Whether the queue stays as quick when it grows, on PostgreSQL.

Two projects in one database, of 10,000 and of 1,000,000 open tasks that SQL put there, are leased from in turns, one
task at a time, over the same connections. Told are the 99th percentile of LeaseNext (the statements of
`queue.lease_next`, with the task's asset, label and findings read) and what CountTasks and ListTasks take.

    python benchmarks/queue_scale.py [--tasks 1000000] [--leases 4000] [--reviewers 4]

The last line: p99 at the large project against p99 at the small one; at most 1.5 is wanted.
"""

import argparse
import asyncio
import gc
import json
import sys
import time
from collections.abc import Awaitable, Callable

if __name__ == "__main__":
    # A neighbour has the name of a package, which must be found first.
    sys.path.append(sys.path.pop(0))

import uvloop
from sqlalchemy import text

from chassis import migrate
from chassis.clock import now_us
from chassis.db import Database, connect
from chassis.pages import page
from chassis.testing import new_database, postgres_server
from labelmesh.label.v1 import asset_pb2, label_pb2
from labels.ontology import Category, Ontology, Tool, ToolKind
from review_queue import counts, listing, projects, queue
from review_queue.priority import Weights
from review_queue.project import Definition, PreAnnotation, Project

SMALL = 10_000
TARGET = 1.5
ONTOLOGY = Ontology((Tool("topic", ToolKind.CHOICE_SINGLE, (Category("billing"), Category("praise"))),))
FILTERS = (
    "confidence < 0.001",
    "severity >= WARNING AND confidence < 0.02",
    "category:praise AND confidence < 0.01",
    'key = "k7777"',
)
_FILL = (
    """
    INSERT INTO assets (uid, project_uid, seq, key, body)
    SELECT :prefix || lpad(i::text, 9, '0'), :project, i, 'k' || i, :asset FROM generate_series(1, :n) i
    """,
    """
    INSERT INTO tasks (uid, project_uid, state, rank, uncertainty, severity, create_time_us, revision, label_uid,
                       label_kind, prediction_error, reviewer, fencing_token, lease_expire_us, leased_label_uid,
                       decision, confidence, run_uid, author, finding_count)
    SELECT :prefix || lpad(i::text, 9, '0'), :project, 2, 0.01 * (:now / 3.6e9) - (1 - c) - s, 1 - c, s,
           :now, 1, :prefix || 'L' || lpad(i::text, 9, '0'), 'PREDICTION', '', '', 0, 0, '', '', c, '01RUN',
           'model', CASE WHEN s > 0 THEN 1 ELSE 0 END
    FROM (SELECT i, random() AS c, CASE WHEN random() < 0.05 THEN 0.5 ELSE 0 END AS s
          FROM generate_series(1, :n) i) drawn
    """,
    """
    INSERT INTO labels (uid, project_uid, asset_uid, revision, kind, run_uid, body)
    SELECT :prefix || 'L' || lpad(i::text, 9, '0'), :project, :prefix || lpad(i::text, 9, '0'), 1, 'PREDICTION',
           '01RUN', :label
    FROM generate_series(1, :n) i
    """,
    """
    INSERT INTO label_categories (project_uid, category, label_uid)
    SELECT :project, CASE WHEN i % 5 = 0 THEN 'praise' ELSE 'billing' END,
           :prefix || 'L' || lpad(i::text, 9, '0')
    FROM generate_series(1, :n) i
    """,
)


async def filled(db: Database, name: str, n: int) -> Project:
    """A project of n open tasks."""
    definition = Definition(name, "", ONTOLOGY, PreAnnotation.ON_DEMAND, Weights())
    project = await projects.create(db, "bench", name, definition)
    label = label_pb2.Label(
        annotations=[
            label_pb2.Annotation(id="a", tool="topic", category="billing", choice=label_pb2.Choice())
        ]
    )
    values = {
        "prefix": name[0],
        "project": project.uid,
        "n": n,
        "now": now_us(),
        "asset": asset_pb2.Asset(key="k", text="a customer's message " * 10).SerializeToString(),
        "label": label.SerializeToString(),
    }
    async with db.begin() as conn:
        for statement in _FILL:
            used = {name: value for name, value in values.items() if f":{name}" in statement}
            await conn.execute(text(statement), used)
    return project


async def lease(db: Database, project: Project, reviewer: str) -> float:
    """Seconds that one lease takes."""
    began = time.perf_counter()
    _, (found,) = await queue.lease_next(
        db, project.tenant, project.project_id, reviewer, queue.Wanted(1, 3_600)
    )
    seconds = time.perf_counter() - began
    assert found.task.label is not None
    return seconds


async def leases(db: Database, several: list[Project], each: int, reviewers: int) -> dict[str, list[float]]:
    """Times of leases from the projects in turns, by project, with so many reviewers at once."""
    times: dict[str, list[float]] = {project.project_id: [] for project in several}

    async def work(reviewer: int) -> None:
        for _ in range(each // reviewers):
            for project in several:
                times[project.project_id].append(await lease(db, project, f"reviewer-{reviewer}"))

    await asyncio.gather(*(work(i) for i in range(reviewers)))
    return times


def percentile(times: list[float], share: float) -> float:
    """The share-th of the sorted times, milliseconds."""
    return sorted(times)[min(len(times) - 1, int(len(times) * share))] * 1e3


async def typical(work: Callable[[], Awaitable[object]], times: int = 9) -> float:
    """Median milliseconds of a piece of work."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        await work()
        taken.append(time.perf_counter() - began)
    return percentile(taken, 0.5)


async def reads(db: Database, project: Project) -> dict[str, float]:
    """Milliseconds of counts and first pages."""

    async def count(filter_: str) -> object:
        async with db.read() as conn:
            if not filter_:
                return await counts.count(conn, project, now_us())
            return await listing.count(conn, project, filter_, now_us())

    async def first(filter_: str) -> object:
        query = listing.query(filter_, "", None)
        async with db.read() as conn:
            return await listing.some(conn, project, query, page((filter_,), 20, "", query.cursor), now_us())

    found = {"count": await typical(lambda: count("")), "list": await typical(lambda: first(""))}
    for filter_ in FILTERS:
        found[f"count {filter_}"] = await typical(lambda f=filter_: count(f))
        found[f"list {filter_}"] = await typical(lambda f=filter_: first(f))
    return found


async def main() -> None:
    """Fill, warm up, measure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tasks", type=int, default=1_000_000)
    parser.add_argument("--leases", type=int, default=4_000)
    parser.add_argument("--reviewers", type=int, default=4)
    options = parser.parse_args()
    with postgres_server() as server:
        async with connect(await new_database(server)) as db:
            await migrate.upgrade(db, "review_queue")
            began = time.perf_counter()
            small = await filled(db, "small", SMALL)
            large = await filled(db, "large", options.tasks)
            async with db.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as conn:
                await conn.execute(text("VACUUM ANALYZE"))
                await conn.execute(text("CHECKPOINT"))
            print(f"{options.tasks:,} tasks written in {time.perf_counter() - began:.0f} s", flush=True)
            await leases(db, [small, large], 200, options.reviewers)
            gc.collect()
            gc.freeze()
            times = await leases(db, [small, large], options.leases, options.reviewers)
            for name, taken in times.items():
                shares = {f"p{share * 100:g}": percentile(taken, share) for share in (0.5, 0.9, 0.99, 0.999)}
                print(name, {share: round(ms, 2) for share, ms in shares.items()}, flush=True)
            for project in (small, large):
                print(project.project_id, {k: round(v, 1) for k, v in (await reads(db, project)).items()})
            counted = await typical(lambda: _count(db, large), 51)
    ours, floor = percentile(times["large"], 0.99), percentile(times["small"], 0.99)
    result = {
        "name": "queue_scale",
        "ours": round(ours, 3),
        "floor": round(floor, 3),
        "ratio": round(ours / floor, 3),
        "unit": "ms, p99 of LeaseNext",
        "target": TARGET,
        "count_ms": round(counted, 2),
    }
    print(json.dumps(result))


async def _count(db: Database, project: Project) -> object:
    async with db.read() as conn:
        return await counts.count(conn, project, now_us())


if __name__ == "__main__":
    uvloop.run(main())
