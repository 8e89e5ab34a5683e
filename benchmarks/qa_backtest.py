"""A backtest over labels in SQLite, against decoding the same messages and asking the rule with nothing stored.

    python benchmarks/qa_backtest.py --labels 100000

Also says what keeping the labels for backtests adds to evaluating them as they come, and whether the memory of a run
is the same at a tenth of the labels.
"""

import argparse
import asyncio
import json
import resource
import tempfile
import time
from pathlib import Path

from qa_geometry import HEIGHT, WIDTH, label

from chassis import migrate
from chassis.blobs import Blobs
from chassis.bus import Event
from chassis.db import Database, connect
from chassis.ids import new_uid
from labelmesh.annotator.v1.annotator_events_pb2 import PredictionCreated
from labelmesh.label.v1 import asset_pb2, label_pb2
from labels.names import asset_name, label_name
from labels.ontology import Ontology
from labels.proto import asset_from_pb, label_from_pb, label_to_pb, ontology_to_pb
from qa_engine import consumer, projects
from qa_engine.consumer import Events
from qa_engine.engine import Engine, discover
from qa_engine.life import runs, starting
from qa_engine.life.seen import Seen, put
from qa_engine.life.worker import RunWorker
from qa_engine.rule import Ruleset, Subject

RULE = "polygon_min_area"
LIVE = 4_096
BATCH = 256
DISTINCT = 5_000
"""Labels that differ; each comes again and again for another asset."""


def messages(count: int) -> list[tuple[bytes, bytes]]:
    """Serialised labels and the assets that they are about."""
    found = []
    for seed in range(count):
        uid = new_uid()
        pb = label_to_pb(label(seed % DISTINCT), "bench")
        pb.name, pb.asset = label_name("bench", new_uid()), asset_name("bench", uid)
        asset = asset_pb2.Asset(name=pb.asset, key=uid, width_px=WIDTH, height_px=HEIGHT)
        asset.image_ref.uri, asset.image_ref.sha256 = "blob:sha256/" + "0" * 64, "0" * 64
        asset.image_ref.size_bytes = 1
        found.append((pb.SerializeToString(), asset.SerializeToString()))
    return found


async def fill(db: Database, told: list[tuple[bytes, bytes]]) -> None:
    """The labels as evaluation keeps them."""
    for start in range(0, len(told), 1_000):
        rows = [
            Seen(
                "P",
                asset_pb2.Asset.FromString(asset).key,
                label_pb2.Label.FromString(one).name.rpartition("/")[2],
                False,
                0,
                one,
                asset,
            )
            for one, asset in told[start : start + 1_000]
        ]
        async with db.begin() as conn:
            await put(conn, rows)


async def backtest(db: Database, engine: Engine, blobs: Blobs) -> tuple[float, int]:
    """Seconds of processor time of one run, and what it found."""
    async with db.begin() as conn:
        project = await projects.by_id(conn, "t", "bench")
        rule = engine.rule(RULE)
        settings = rule.settings(Ruleset())
        run = await starting.backtest(
            conn, project, rule, settings, seconds_per_hit=20, author="bench", request_id=""
        )
    began = time.process_time()
    await RunWorker(db, engine, blobs).work()
    spent = time.process_time() - began
    async with db.read() as conn:
        done = await runs.get(conn, "P", run.uid)
    assert done.looked == done.total, done
    return spent, done.hits


def floor(told: list[tuple[bytes, bytes]], engine: Engine) -> tuple[float, int]:
    """The same without a database: decode and ask, a batch at a time."""
    only = Engine((engine.rule(RULE),))
    began, hits = time.process_time(), 0
    for start in range(0, len(told), 1_024):
        items = [
            (
                label_from_pb(label_pb2.Label.FromString(one)),
                Subject(Ontology(()), asset_from_pb(asset_pb2.Asset.FromString(asset))),
            )
            for one, asset in told[start : start + 1_024]
        ]
        hits += sum(map(len, only.evaluate_many(items, Ruleset())))
    return time.process_time() - began, hits


async def live(db: Database, engine: Engine, blobs: Blobs, told: list[tuple[bytes, bytes]]) -> float:
    """Milliseconds of processor time that one label costs as it comes."""
    handler = Events(engine, blobs).on_label
    began = time.process_time()
    for start in range(0, len(told), BATCH):
        events = [
            Event(
                PredictionCreated(
                    label=label_pb2.Label.FromString(one), asset=asset_pb2.Asset.FromString(asset)
                ),
                "P",
                new_uid(),
                0,
                1,
                "",
            )
            for one, asset in told[start : start + BATCH]
        ]
        async with db.begin() as conn:
            await handler(conn, events)
    return (time.process_time() - began) / len(told) * 1_000


async def _nothing(*_: object) -> None:
    """In place of keeping labels."""


async def measure(count: int) -> dict[str, float]:
    """All figures."""
    engine, blobs = Engine(discover()), Blobs("memory:")
    with tempfile.TemporaryDirectory() as folder:
        async with connect(f"sqlite:///{Path(folder)}/qa.db") as db:
            await migrate.upgrade(db, "qa_engine")
            async with db.begin() as conn:
                await projects.put(conn, "P", "t", "bench", ontology_to_pb(Ontology((), revision=1)))
            kept, keep = [], consumer._keep
            lost = []
            for turn in range(4):
                consumer._keep = _nothing if turn % 2 else keep  # type: ignore[assignment]
                cost = await live(db, engine, blobs, messages(LIVE))
                (lost if turn % 2 else kept).append(cost)
            consumer._keep = keep
            async with db.begin() as conn:
                await conn.exec_driver_sql("DELETE FROM seen_labels")
            told = messages(count)
            await fill(db, told[: count // 10])
            await backtest(db, engine, blobs)
            small = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            await fill(db, told[count // 10 :])
            spent, hits = await backtest(db, engine, blobs)
            large = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            bare, found = floor(told, engine)
            assert hits == found, (hits, found)
    return {
        "rate": count / spent,
        "floor": count / bare,
        "kept_ms": min(kept),
        "lost_ms": min(lost),
        "memory": large / small,
        "hits": hits,
    }


def main() -> None:
    """Measure and say it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--labels", type=int, default=50_000)
    got = asyncio.run(measure(parser.parse_args().labels))
    print(
        f"backtest {got['rate']:,.0f} labels/s/core, {got['hits']:,} hits; bare {got['floor']:,.0f} labels/s/core"
    )
    print(f"live {got['kept_ms']:.3f} CPU ms a label, {got['lost_ms']:.3f} without keeping it")
    print(f"resident memory at all labels over a tenth: {got['memory']:.3f}")
    result = {
        "name": "qa_backtest",
        "ours": round(got["rate"], 1),
        "floor": round(got["floor"], 1),
        "ratio": round(got["rate"] / got["floor"], 4),
        "unit": "labels/s/core",
        "keeping_ms_a_label": round(got["kept_ms"] - got["lost_ms"], 4),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
