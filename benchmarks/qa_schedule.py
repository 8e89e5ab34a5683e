"""A period of a rule on its schedule over labels in SQLite, against asking the same plugin with nothing stored.

    python benchmarks/qa_schedule.py --labels 20000

Two periods are run: the first tells what is found, the second finds the same and tells nothing. Times are of the wall,
as the sandbox's workers are processes of their own.
"""

import argparse
import asyncio
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from qa_backtest import fill, messages
from sqlalchemy import func, select

from chassis import migrate
from chassis.blobs import Blobs
from chassis.clock import now_us
from chassis.db import Database, connect
from labelmesh.label.v1 import asset_pb2, label_pb2
from labels.label import Severity
from labels.ontology import Ontology
from labels.proto import asset_from_pb, label_from_pb, ontology_to_pb
from qa_engine import projects
from qa_engine.conduct import Mode
from qa_engine.engine import Engine
from qa_engine.life import scheduling
from qa_engine.life.asked import asked
from qa_engine.life.run import RunKind
from qa_engine.life.worker import RunWorker
from qa_engine.plugins import sandbox, store
from qa_engine.plugins.plugin import Hook, Language, Plugin
from qa_engine.rule import Rule, Ruleset, Subject
from qa_engine.tables import findings

CODE = """def on_schedule(label, asset, facts):
    return [flag("The outline is small.", s) for s in label.shapes if s.area_px < 5]
"""
MINUTES = 10


def floor(told: list[tuple[bytes, bytes]], rule: Rule) -> tuple[float, int]:
    """Seconds to decode the labels and to ask the plugin about them, and what it finds."""
    once = asked(rule, RunKind.SCHEDULE, now_us())
    settings = rule.settings(Ruleset()).in_mode(Mode.ENFORCE)
    began, hits = time.perf_counter(), 0
    for start in range(0, len(told), 1_024):
        items = [
            (
                label_from_pb(label_pb2.Label.FromString(one)),
                Subject(Ontology(()), asset_from_pb(asset_pb2.Asset.FromString(asset))),
            )
            for one, asset in told[start : start + 1_024]
        ]
        hits += sum(map(len, Engine((once,)).evaluate_many(items, Ruleset(0, {rule.id: settings}))))
    return time.perf_counter() - began, hits


async def enforce(db: Database) -> Rule:
    """The plugin, enforced and due."""
    plugin = Plugin(
        "nightly", Language.PYTHON, CODE, severity=Severity.INFO, hooks=frozenset({Hook.ON_SCHEDULE})
    )
    async with db.begin() as conn:
        await store.create(conn, "P", plugin, b"", "bench", now_us())
        project = await projects.by_id(conn, "t", "bench")
        (rule,) = project.ruleset.custom
        settings = rule.settings(project.ruleset).in_mode(Mode.ENFORCE)
        settings = replace(settings, conduct=replace(settings.conduct, schedule_minutes=MINUTES))
        await scheduling.put(conn, "P", rule, settings, now_us())
        await projects.put_rule(conn, project, rule, settings)
    return rule


async def period(db: Database, blobs: Blobs, later_us: int) -> tuple[float, int]:
    """Seconds of one period's run, and how many findings are stored after it."""
    worker = RunWorker(db, Engine(()), blobs, clock_us=lambda: now_us() + later_us)
    began = time.perf_counter()
    while await worker.work():
        pass
    spent = time.perf_counter() - began
    async with db.read() as conn:
        return spent, int(await conn.scalar(select(func.count()).select_from(findings)) or 0)


async def measure(count: int) -> dict[str, float]:
    """All figures."""
    blobs, told = Blobs("memory:"), messages(count)
    with tempfile.TemporaryDirectory() as folder:
        async with connect(f"sqlite:///{Path(folder)}/qa.db") as db:
            await migrate.upgrade(db, "qa_engine")
            async with db.begin() as conn:
                await projects.put(conn, "P", "t", "bench", ontology_to_pb(Ontology((), revision=1)))
            await fill(db, told)
            rule = await enforce(db)
            bare, hits = floor(told, rule)
            first, stored = await period(db, blobs, 0)
            again, kept = await period(db, blobs, 2 * MINUTES * 60_000_000)
    assert hits == stored == kept, (hits, stored, kept)
    return {"bare": count / bare, "first": count / first, "again": count / again, "hits": hits}


def main() -> None:
    """Measure and say it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--labels", type=int, default=20_000)
    try:
        got = asyncio.run(measure(parser.parse_args().labels))
    finally:
        sandbox.shared().close()
    print(
        f"first period {got['first']:,.0f} labels/s, {got['hits']:,} findings; again {got['again']:,.0f} labels/s"
    )
    result = {
        "name": "qa_schedule",
        "ours": round(got["again"], 1),
        "first_period": round(got["first"], 1),
        "floor": round(got["bare"], 1),
        "ratio": round(got["again"] / got["bare"], 4),
        "unit": "labels/s",
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
