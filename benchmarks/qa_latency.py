"""How long after a label is submitted its findings can be read, on the embedded default.

Labels with polygons are made by CreateLabel at 50 a second for 30 seconds, each of them too small, so that the
geometry rules have something to say. A label's time runs from the call until its findings are committed in
review_queue's database, where a task shows them: two services, two outboxes, two streams. The floor is the same way
bare: published to one stream of the same broker, taken from it by a pull consumer and published to a second one, taken
from that, at the same rate in the same run.

    python benchmarks/qa_latency.py [--rate 50] [--seconds 30]
"""

import argparse
import asyncio
import io
import json
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from itertools import starmap
from pathlib import Path

import nats
import uvloop
from _rig import SERVICES, quiet_environment, say, usage
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, StreamConfig
from PIL import Image

from labelmesh.client import Client
from labelmesh.client.importing import ImportRow
from labelmesh.client.project import Project
from labelmesh.local.running import running
from labels.asset import Asset
from labels.label import Annotation, Polygon
from labels.ontology import Category, Ontology, Tool, ToolKind

TARGET_P95_MS = 500.0
ONTOLOGY = Ontology((Tool("outline", ToolKind.POLYGON, (Category("roof"),)),))
_POLYGONS = 20
_WARM_UP = 10
_BODY = b"x" * 2_000
_POLL_SECONDS = 0.002
_PATIENCE_SECONDS = 60.0


def shapes(number: int) -> tuple[Annotation, ...]:
    """Polygons of eight points, of which one is below the smallest area."""
    found = []
    for i in range(_POLYGONS):
        size = 1.0 if i == 0 else 40.0
        x, y = 60.0 * (i % 5), 60.0 * (i // 5) + number % 7
        ring = (x, y, x + size / 2, y, x + size, y, x + size, y + size, x + size / 2, y + size, x, y + size)
        found.append(Annotation(f"a{i}", "outline", "roof", Polygon((ring,))))
    return tuple(found)


async def paced(rate: float, seconds: float, call: Callable[[int], Awaitable[None]]) -> None:
    """Begin a call every 1/rate seconds, however long the ones before take."""
    started = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(int(rate * seconds)):
            await asyncio.sleep(max(0.0, started + number / rate - time.perf_counter()))
            group.create_task(call(number))  # type: ignore[arg-type]


async def watch(database: Path, seen: dict[str, float], wanted: int) -> None:
    """Note when the findings of each label can be read, until there are as many as wanted."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, isolation_level=None)
    last, end = 0, time.perf_counter() + _PATIENCE_SECONDS
    while len(seen) < wanted:
        rows = connection.execute("SELECT rowid, label_uid FROM findings WHERE rowid > ?", (last,)).fetchall()
        now = time.perf_counter()
        if now > end:
            raise TimeoutError(f"Findings of only {len(seen)} of {wanted} labels came.")
        for rowid, uid in rows:
            last = max(last, rowid)
            seen[uid] = now
            end = now + _PATIENCE_SECONDS
        await asyncio.sleep(_POLL_SECONDS)
    connection.close()


async def ours(client: Client, database: Path, rate: float, seconds: float) -> list[float]:
    """Milliseconds from CreateLabel to findings, of every label."""
    await client.projects.create(Project(id="latency", ontology=ONTOLOGY))
    count = int(rate * seconds)
    picture = io.BytesIO()
    Image.new("RGB", (640, 480)).save(picture, "PNG")
    content = await client.assets.upload("latency", picture.getvalue())
    assets = [
        Asset(key=f"k{i}", image_ref=content, width_px=640, height_px=480) for i in range(count + _WARM_UP)
    ]
    progress = await client.assets.import_rows("latency", list(starmap(ImportRow, enumerate(assets, 1))))
    assert progress.imported == len(assets), progress.errors[:1]
    uids = [asset.uid async for asset in client.assets.list("latency")]
    begun: dict[str, float] = {}

    async def submit(number: int) -> None:
        started = time.perf_counter()
        label = await client.labels.create("latency", uids[number], shapes(number))
        begun[label.uid] = started

    seen: dict[str, float] = {}
    # What is loaded once is loaded before.
    watching = asyncio.create_task(watch(database, seen, _WARM_UP))
    for number in range(count, count + _WARM_UP):
        await submit(number)
    await watching
    begun.clear()
    watching = asyncio.create_task(watch(database, seen, count + _WARM_UP))
    await paced(rate, seconds, submit)
    await watching
    return [(seen[uid] - started) * 1e3 for uid, started in begun.items()]


async def floor(url: str, rate: float, seconds: float) -> list[float]:
    """Milliseconds of two bare hops through the broker, of every message."""
    connection = await nats.connect(url)
    js = connection.jetstream()
    took: list[float] = []
    count, begun = int(rate * seconds), dict[str, float]()
    try:
        for name in ("FLOOR_A", "FLOOR_B"):
            await js.add_stream(StreamConfig(name=name, subjects=[name.lower()]))

        async def forward(number: str) -> None:
            await js.publish("floor_b", _BODY, headers={"Nats-Msg-Id": number})

        async def arrive(number: str) -> None:
            took.append((time.perf_counter() - begun[number]) * 1e3)

        async def publish(number: int) -> None:
            begun[str(number)] = time.perf_counter()
            await js.publish("floor_a", _BODY, headers={"Nats-Msg-Id": str(number)})

        async with asyncio.TaskGroup() as group:
            group.create_task(_take(js, "floor_a", count, forward))
            group.create_task(_take(js, "floor_b", count, arrive))
            await paced(rate, seconds, publish)
        for name in ("FLOOR_A", "FLOOR_B"):
            await js.delete_stream(name)
    finally:
        await connection.close()
    return took


async def _take(
    js: JetStreamContext, subject: str, count: int, handle: Callable[[str], Awaitable[None]]
) -> None:
    puller = await js.pull_subscribe(subject, "floor", config=ConsumerConfig(ack_wait=30))
    left = count
    while left:
        for message in await puller.fetch(1, timeout=_PATIENCE_SECONDS):
            await handle((message.headers or {})["Nats-Msg-Id"])
            await message.ack()
            left -= 1


def p95(times: list[float]) -> float:
    """The 95th percentile."""
    return statistics.quantiles(times, n=100)[94]


async def main() -> None:
    """Measure both."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rate", type=float, default=50.0, help="labels a second")
    parser.add_argument("--seconds", type=float, default=30.0)
    options = parser.parse_args()
    quiet_environment()
    environment = {"LABELMESH_LLM_API_KEY": "none", "LABELMESH_LOG_LEVEL": "WARNING"}
    with tempfile.TemporaryDirectory(prefix="labelmesh-bench-") as folder:
        stack_running = running(
            Path(folder),
            endpoint="http://127.0.0.1:9/v1",
            model="none",
            sam_model=None,
            environment=environment,
        )
        async with stack_running as stack, Client(stack.endpoints) as client:
            bare = await floor(f"nats://{stack.addresses['nats-server']}", options.rate, options.seconds / 3)
            before = usage(stack)
            took = await ours(client, Path(folder) / "review_queue.sqlite3", options.rate, options.seconds)
            after = usage(stack)
    cpu_ms = {name: (after[name].cpu_s - before[name].cpu_s) / len(took) * 1e3 for name in SERVICES}
    say(
        f"{len(took)} labels: p50 {statistics.median(took):.0f} ms, p95 {p95(took):.0f} ms, most {max(took):.0f} ms"
    )
    say(f"CPU ms a label: {', '.join(f'{name} {ms:.1f}' for name, ms in cpu_ms.items())}")
    say(f"target: p95 < {TARGET_P95_MS:.0f} ms")
    result = {
        "name": "qa_latency",
        "ours": round(p95(took), 1),
        "floor": round(p95(bare), 1),
        "ratio": round(p95(took) / p95(bare), 2),
        "unit": "ms p95 submit to findings",
    }
    print(json.dumps(result))


if __name__ == "__main__":
    uvloop.run(main())
