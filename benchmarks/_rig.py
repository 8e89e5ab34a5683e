"""What the benchmarks of the text line share: the stub endpoint, a stack on SQLite, and processor time by process."""

import asyncio
import json
import os
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from labelmesh.client import Client
from labelmesh.client.importing import ImportRow
from labelmesh.client.project import PreAnnotation, Project
from labelmesh.local.running import running
from labelmesh.local.stack import Stack
from labels.asset import Asset
from labels.ontology import Category, Ontology, Tool, ToolKind

SERVICES = ("review-queue", "llm-annotator", "qa-engine")
CATEGORIES = ("billing", "delivery", "defect", "account", "praise")
ONTOLOGY = Ontology((Tool("topic", ToolKind.CHOICE_SINGLE, tuple(Category(name) for name in CATEGORIES)),))
_STUB = Path(__file__).with_name("stub_llm.py")


@dataclass(frozen=True, slots=True)
class Usage:
    """Processor seconds and resident bytes of one process."""

    cpu_s: float
    rss_bytes: int


@dataclass(frozen=True, slots=True)
class LineRun:
    """One import-to-label run: items, wall seconds, processor use and memory at the end by process name."""

    items: int
    seconds: float
    cpu_s: Mapping[str, float]
    rss_bytes: Mapping[str, int]

    @property
    def rate(self) -> float:
        """Items a second."""
        return self.items / self.seconds

    def cpu_ms(self, names: Sequence[str] = SERVICES) -> float:
        """Processor milliseconds an item over these processes."""
        return sum(self.cpu_s[name] for name in names) / self.items * 1e3


@asynccontextmanager
async def stub(delay_ms: float) -> AsyncIterator[str]:
    """The stub endpoint as its own process; yields its OpenAI-compatible base URL."""
    with tempfile.TemporaryDirectory() as folder:
        ready = Path(folder) / "out"
        with ready.open("wb") as out:
            command = (sys.executable, str(_STUB), "--port", "0", "--delay-ms", str(delay_ms))
            process = await asyncio.create_subprocess_exec(*command, stdout=out)
        try:
            yield f"http://{await _address(ready)}/v1"
        finally:
            process.terminate()
            await process.wait()


async def _address(path: Path) -> str:
    for _ in range(200):
        line = path.read_text().partition("\n")[0]
        if line:
            return str(json.loads(line)["address"])
        await asyncio.sleep(0.05)
    raise TimeoutError("The stub endpoint did not start.")


def control(base_url: str) -> dict[str, object]:
    """The stub's counters."""
    with urllib.request.urlopen(base_url.removesuffix("/v1") + "/control", timeout=5) as reply:  # noqa: S310
        return dict(json.load(reply))


@asynccontextmanager
async def line(base_url: str, concurrency: int) -> AsyncIterator[tuple[Stack, Client]]:
    """A stack whose annotator asks the stub."""
    environment = {
        "LABELMESH_CONCURRENCY": str(concurrency),
        "LABELMESH_LLM_API_KEY": "none",
        "LABELMESH_LOG_LEVEL": "WARNING",
    }
    with tempfile.TemporaryDirectory(prefix="labelmesh-bench-") as folder:
        stack_running = running(
            Path(folder), endpoint=base_url, model="stub", sam_model=None, environment=environment
        )
        async with stack_running as stack, Client(stack.endpoints) as client:
            yield stack, client


def texts(count: int, offset: int = 0) -> list[str]:
    """Made-up customer messages of about forty words, all different."""
    filler = (
        "the parcel I ordered last week has not come and nobody answers my letters about it so please look "
    )
    return [f"Message {offset + i}: {filler * 2}into it before Friday." for i in range(count)]


def usage(stack: Stack) -> dict[str, Usage]:
    """Processor time and memory of every process of the stack by name."""
    found = {}
    for name, pid in stack.pids.items():
        process = psutil.Process(pid)
        times = process.cpu_times()
        found[name] = Usage(times.user + times.system, process.memory_info().rss)
    return found


async def run_line(stack: Stack, client: Client, project_id: str, count: int) -> LineRun:
    """Import texts into an AUTOMATIC project and wait until review_queue holds a prediction for each."""
    await client.projects.create(
        Project(id=project_id, ontology=ONTOLOGY, pre_annotation=PreAnnotation.AUTOMATIC)
    )
    rows = [ImportRow(i, Asset(key=f"k{i}", text=text)) for i, text in enumerate(texts(count), 1)]
    before, started = usage(stack), time.perf_counter()
    await client.assets.import_rows(project_id, rows)
    while True:
        tasks = await client.queue.count(project_id)
        if tasks.open >= count:
            break
        if time.perf_counter() - started > 1800:
            raise TimeoutError(f"Only {tasks.open} of {count} labels arrived.")
        await asyncio.sleep(0.25)
    seconds = time.perf_counter() - started
    await _settle(stack)
    after = usage(stack)
    cpu = {name: after[name].cpu_s - before[name].cpu_s for name in after}
    return LineRun(count, seconds, cpu, {name: after[name].rss_bytes for name in after})


async def _settle(stack: Stack) -> None:
    """Wait until the rules' events are through, so that their cost counts as well."""
    last = -1.0
    while True:
        total = sum(u.cpu_s for u in usage(stack).values())
        if total - last < 0.03:
            return
        last = total
        await asyncio.sleep(1.0)


def say(text: str) -> None:
    """Print a line at once, so that a watcher sees progress."""
    print(text, flush=True)


def quiet_environment() -> None:
    """Keep the caller's own endpoint and key out of the measurement."""
    for name in list(os.environ):
        if name.startswith(("LABELMESH_", "OPENAI_")):
            del os.environ[name]
