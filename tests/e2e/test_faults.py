"""Kill -9 of any process in the middle of an import and an annotation: nothing lost, nothing doubled."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from chassis.testing import new_database, postgres_server
from labelmesh.client import Client, ImportRow, PreAnnotation, Project
from labelmesh.local.running import running
from labelmesh.local.stack import Stack
from labels.asset import Asset
from labels.label import LabelKind
from labels.ontology import Category, Ontology, Tool, ToolKind

ITEMS = 2_000
ONTOLOGY = Ontology((Tool("topic", ToolKind.CHOICE_SINGLE, (Category("calm"), Category("storm"))),))
STUB = Path(__file__).parents[2] / "benchmarks" / "stub_llm.py"
VICTIMS = ("nats-server", "review-queue", "llm-annotator", "qa-engine", "sam-segmenter")


@asynccontextmanager
async def stub_endpoint() -> AsyncIterator[str]:
    """The stub model endpoint as a process of its own, with a little delay so that calls are under way."""
    command = (sys.executable, str(STUB), "--port", "0", "--delay-ms", "20")
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield f"http://{json.loads(await process.stdout.readline())['address']}/v1"
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def stack_on(
    folder: Path, database_url: Callable[[str], str] | None = None
) -> AsyncIterator[tuple[Stack, Client]]:
    async with stub_endpoint() as endpoint:
        stack_running = running(
            folder,
            endpoint=endpoint,
            model="stub",
            sam_model=None,
            database_url=database_url,
            environment={"LABELMESH_CONCURRENCY": "16", "LABELMESH_LOG_LEVEL": "WARNING"},
        )
        async with stack_running as stack, Client(stack.endpoints) as client:
            yield stack, client


def rows() -> list[ImportRow]:
    return [
        ImportRow(i, Asset(key=f"k{i:05}", text=f"Text number {i} of the fault test."))
        for i in range(1, ITEMS + 1)
    ]


async def import_all(client: Client) -> None:
    """Import every row, again as often as the service goes away: what is there already is skipped."""
    while True:
        try:
            progress = await client.assets.import_rows("faults", rows())
        except Exception:  # noqa: BLE001 - whatever the dying service answered, the import is resumed
            await asyncio.sleep(0.2)
        else:
            assert not progress.errors
            return


async def opened(client: Client) -> int:
    """Tasks that have a prediction; 0 while the service is away."""
    try:
        return (await client.queue.count("faults")).open
    except Exception:  # noqa: BLE001 - the service is being restarted
        return 0


async def until_open(client: Client, count: int) -> None:
    """Return when that many tasks have a prediction."""
    while await opened(client) < count:  # noqa: ASYNC110 - the count lies in another process
        await asyncio.sleep(0.02)


async def kill_when(stack: Stack, client: Client, victim: str, at: list[int]) -> None:
    """Kill the victim each time that many items are through."""
    for threshold in at:
        await until_open(client, threshold)
        stack.kill(victim)
        await stack.until_serving()


async def assert_complete(client: Client) -> None:
    """Every asset has exactly one label, a prediction, and one open task."""
    async with asyncio.timeout(120):
        await until_open(client, ITEMS)
    counts = await client.queue.count("faults")
    assert (counts.waiting, counts.open, counts.leased, counts.done) == (0, ITEMS, 0, 0)
    keys = []
    async for exported in client.labels.export("faults", include_unreviewed=True):
        keys.append(exported.asset.key)
        assert exported.label is not None
        assert exported.label.kind is LabelKind.PREDICTION
        assert exported.label.revision == 1
    assert keys == [f"k{i:05}" for i in range(1, ITEMS + 1)]
    metrics = await client.projects.metrics("faults")
    assert (metrics.assets, metrics.predictions, metrics.failed_predictions) == (ITEMS, ITEMS, 0)


async def run_with_kills(stack: Stack, client: Client, victim: str) -> None:
    await client.projects.create(
        Project(id="faults", ontology=ONTOLOGY, pre_annotation=PreAnnotation.AUTOMATIC)
    )
    importing = asyncio.create_task(import_all(client))
    # The first death comes as soon as the import has begun.
    await asyncio.sleep(0.3)
    stack.kill(victim)
    await stack.until_serving()
    await kill_when(stack, client, victim, [ITEMS // 4, ITEMS // 2])
    await importing
    await assert_complete(client)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("victim", VICTIMS)
async def test_nothing_is_lost_or_doubled_when_a_process_is_killed(tmp_path: Path, victim: str) -> None:
    async with stack_on(tmp_path) as (stack, client):
        await run_with_kills(stack, client, victim)


@pytest.mark.timeout(300)
async def test_the_same_on_postgresql_with_every_process_killed_once(tmp_path: Path) -> None:
    with postgres_server() as server:
        urls = {name: await new_database(server) for name in VICTIMS}
        async with stack_on(tmp_path, lambda name: urls[name]) as (stack, client):
            await client.projects.create(
                Project(id="faults", ontology=ONTOLOGY, pre_annotation=PreAnnotation.AUTOMATIC)
            )
            importing = asyncio.create_task(import_all(client))
            for share, victim in enumerate(VICTIMS, 1):
                await kill_when(stack, client, victim, [ITEMS * share // 8])
            await importing
            await assert_complete(client)
