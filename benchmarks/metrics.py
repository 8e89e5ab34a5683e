"""Whether metrics cost as much when there are a hundred times as many reviews, on PostgreSQL.

Two projects in one database, of 4,000 and of 400,000 reviews that SQL put there, are summed by the code that sums
them in the service; then both are asked the same questions in turns: the key numbers, by class, by reviewer, by day of
the last four weeks, and the lift report. Both have the same ten reviewers, three runs, eight classes and four weeks, so
what differs is the number of reviews alone. Told is also how many reviews a second are summed.

    python benchmarks/metrics.py [--reviews 400000] [--rounds 200]

The last line: median time of a round of questions to the large project against the small one; at most 1.5 is wanted.
"""

import argparse
import json
import statistics
import sys
import time

# A neighbour of this file has the name of the package, which must be found first.
sys.path.append(sys.path.pop(0))

import uvloop
from sqlalchemy import text

from chassis import migrate
from chassis.clock import now_us
from chassis.db import Database, connect
from chassis.testing import new_database, postgres_server
from labels.ontology import Category, Ontology, Tool, ToolKind
from review_queue import projects
from review_queue.measures import adding, experiments, query
from review_queue.measures.question import Group, Question, Step
from review_queue.measures.values import OF_CATEGORY, Metric
from review_queue.priority import Weights
from review_queue.project import Definition, PreAnnotation, Project

TIMES = 100
TARGET = 1.5
WEEKS = 4
_TOPIC = Ontology((Tool("topic", ToolKind.CHOICE_SINGLE, (Category("c0"), Category("c1"))),))
_FILL = (
    """
    INSERT INTO reviews (uid, project_uid, asset_uid, base_label_uid, label_uid, reviewer, decision, reason, ops,
                         active_seconds, create_time_us, run_uid, confidence, unchanged, true_positives,
                         false_positives, false_negatives, arm, experiment)
    SELECT CAST(:prefix AS text) || lpad(i::text, 9, '0'), CAST(:project AS text), '', '',
           CAST(:prefix AS text) || 'L' || i, 'reviewer-' || i % 10,
           CASE WHEN i % 7 = 0 THEN 'CORRECT' ELSE 'ACCEPT' END, '', '', exp(1.5 + random()),
           CAST(:now AS bigint) - CAST(:span AS bigint) + CAST(:span AS bigint) / CAST(:n AS int) * i,
           '01RUN' || i % 3, random(), CASE WHEN i % 7 = 0 THEN 0 ELSE 1 END,
           1, 0, 0, CASE WHEN i % 10 = 3 THEN 3 ELSE 2 END, 1
    FROM generate_series(1, CAST(:n AS int)) i
    """,
    """
    INSERT INTO confusion (review_uid, tool, predicted, reviewed, project_uid, run_uid, n)
    SELECT CAST(:prefix AS text) || lpad(i::text, 9, '0'), 'topic', 'c' || i % 8,
           'c' || CASE WHEN i % 7 = 0 THEN (i + 1) % 8 ELSE i % 8 END, CAST(:project AS text), '01RUN' || i % 3, 1
    FROM generate_series(1, CAST(:n AS int)) i
    """,
)


async def filled(db: Database, name: str, n: int) -> Project:
    """A project with n reviews of the last four weeks, none of them summed."""
    definition = Definition(name, "", _TOPIC, PreAnnotation.ON_DEMAND, Weights())
    project = await projects.create(db, "bench", name, definition)
    span = WEEKS * 7 * 86_400 * 1_000_000
    values = {"prefix": name[0], "project": project.uid, "n": n, "now": now_us(), "span": span}
    async with db.begin() as conn:
        for statement in _FILL:
            await conn.execute(text(statement), values)
    return project


def questions() -> list[Question]:
    """What a dashboard asks for."""
    weeks = now_us() - WEEKS * 7 * 86_400 * 1_000_000
    return [
        Question(tuple(Metric)),
        Question(OF_CATEGORY, group=Group.CATEGORY),
        Question(tuple(Metric), group=Group.REVIEWER),
        Question(tuple(Metric), step=Step.DAY, start_us=weeks),
    ]


async def seconds_of(db: Database, project: Project, asked: list[Question]) -> float:
    """Time to answer all questions once."""
    began = time.perf_counter()
    async with db.read() as conn:
        for question in asked:
            await query.ask(conn, project, question)
        await experiments.report(conn, project, 1, 3.0)
    return time.perf_counter() - began


async def rounds(db: Database, both: list[Project], n: int) -> list[float]:
    """Median seconds of a round for each project, asked in turns."""
    asked = questions()
    took: list[list[float]] = [[], []]
    for _ in range(n):
        for times, project in zip(took, both, strict=True):
            times.append(await seconds_of(db, project, asked))
    return [statistics.median(times[n // 10 :]) for times in took]


async def bench(reviews: int, n: int) -> None:
    """Fill, sum, ask."""
    with postgres_server() as server:
        async with connect(await new_database(server)) as db:
            await migrate.upgrade(db, "review_queue")
            small, large = await filled(db, "small", reviews // TIMES), await filled(db, "large", reviews)
            began = time.perf_counter()
            added = await adding.sum_all(db)
            took = time.perf_counter() - began
            print(f"{added:,} reviews summed in {took:.1f} s: {added / took:,.0f} a second")
            async with db.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as conn:
                await conn.execute(text("VACUUM ANALYZE"))
            ours, floor = await rounds(db, [large, small], n)
    print(
        f"a round of questions: {ours * 1e3:.2f} ms at {reviews:,}, {floor * 1e3:.2f} ms at {reviews // TIMES:,}"
    )
    result = {
        "name": "metrics",
        "ours": round(ours * 1e3, 2),
        "floor": round(floor * 1e3, 2),
        "ratio": round(ours / floor, 3),
        "unit": "ms, median of a round of questions",
        "target": TARGET,
        "summed_per_second": round(added / took),
    }
    print(json.dumps(result))


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--reviews", type=int, default=400_000)
    parser.add_argument("--rounds", type=int, default=200)
    arguments = parser.parse_args()
    uvloop.run(bench(arguments.reviews, arguments.rounds))


if __name__ == "__main__":
    main()
