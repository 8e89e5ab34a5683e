"""review_queue and qa_engine as they are run: two processes, two databases and a broker between them."""

import asyncio
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import grpc
import pytest
from aiohttp import web
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from chassis.ids import new_uid
from chassis.testing import nats_server, new_database, unused_port
from labelmesh.client import Client, Endpoints, ImportRow
from labelmesh.client.project import PreAnnotation, Project
from labelmesh.client.task import Lease, Task, TaskState
from labels.asset import Asset
from labels.label import Annotation, Choice
from labels.ontology import Category, Ontology, Tool, ToolKind

PEOPLE = ("ann", "bob", "cem", "dan", "eve")
TOPICS = ("sport", "politics", "culture")
ONTOLOGY = Ontology((Tool("topic", ToolKind.CHOICE_SINGLE, tuple(map(Category, TOPICS))),))
T = TypeVar("T")


@dataclass
class Line:
    """The two services with a client for each person, and a project of this test's own."""

    people: dict[str, Client]
    project: str = field(default_factory=lambda: f"news-{new_uid().lower()}")

    @property
    def ann(self) -> Client:
        """Who sets things up."""
        return self.people["ann"]

    async def create(self, *keys: str) -> None:
        """The project, with a text under each key that no model labels."""
        await self.ann.projects.create(Project(self.project, ONTOLOGY, pre_annotation=PreAnnotation.NONE))
        rows = [ImportRow(n, Asset(key, text=f"About {key}.")) for n, key in enumerate(keys, 1)]
        await self.ann.assets.import_rows(self.project, rows)

    async def lease(self, who: str, key: str) -> Lease | None:
        """The task of that key, if the person may have it."""
        queue = self.people[who].queue
        return next(iter(await queue.lease_next(self.project, filter=f'key = "{key}"')), None)

    async def answer(self, who: str, key: str, topic: str) -> None:
        """The person's answer, once the task is there to be answered."""
        lease = await eventually(lambda: self.lease(who, key))
        await self.people[who].queue.submit_final(lease, [Annotation("a0", "topic", topic, Choice())])

    async def task(self, key: str) -> Task:
        """The task as it is now."""
        async for task in self.ann.queue.list(self.project, filter=f'key = "{key}"'):
            return task
        raise AssertionError(key)

    async def task_when(self, key: str, holds: Callable[[Task], bool]) -> Task:
        """The task once that holds for it."""

        async def look() -> Task | None:
            task = await self.task(key)
            return task if holds(task) else None

        return await eventually(look)

    async def done(self, key: str) -> Task:
        """The task once it is done."""
        return await self.task_when(key, lambda task: task.state is TaskState.DONE)


async def eventually(look: Callable[[], Awaitable[T | None]], seconds: float = 90) -> T:
    end = time.monotonic() + seconds
    while (found := await look()) is None:
        assert time.monotonic() < end, "it did not happen in time"
        await asyncio.sleep(0.05)
    return found


def topics(task: Task) -> list[str]:
    assert task.label is not None
    return [a.category for a in task.label.annotations]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def addresses(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Endpoints]:
    """Where the two processes listen; they live as long as the module's tests on one kind of database."""
    folder = tmp_path_factory.mktemp("line")
    tokens = {hashlib.sha256(who.encode()).hexdigest(): {"tenant": "house", "actor": who} for who in PEOPLE}
    (folder / "tokens.json").write_text(json.dumps(tokens))
    with ExitStack() as stack:
        broker = stack.enter_context(nats_server())
        ports = {}
        for service in ("review-queue", "qa-engine"):
            url = f"sqlite:///{folder}/{service}.db"
            if request.param == "postgresql":
                url = asyncio.run(new_database(request.getfixturevalue("postgres")))
            ports[service] = f"127.0.0.1:{unused_port()}"
            settings = {
                "LABELMESH_LISTEN": ports[service],
                "LABELMESH_NATS_URL": broker.url,
                "LABELMESH_DATABASE_URL": url,
                "LABELMESH_BLOB_URL": f"file://{folder}/blobs",
                "LABELMESH_TOKENS_FILE": str(folder / "tokens.json"),
                "LABELMESH_WEBHOOK_ALLOW": "127.0.0.0/8",
                "LABELMESH_WEBHOOK_KEYS": "a key of the tests that is long enough",
            }
            stack.enter_context(_process(service, settings, folder))
        yield Endpoints(ports["review-queue"], "127.0.0.1:9", ports["qa-engine"], "")


@contextmanager
def _process(service: str, settings: dict[str, str], folder: Path) -> Iterator[None]:
    """The service until it is told to stop; it has to listen first, and to end well."""
    log, kept = (
        folder / f"{service}.log",
        {n: v for n, v in os.environ.items() if not n.startswith("LABELMESH_")},
    )
    program = Path(sys.executable).with_name(service)
    with log.open("wb") as out:
        process = subprocess.Popen([program], env=kept | settings, stdout=out, stderr=out)
    try:
        while not _listens(settings["LABELMESH_LISTEN"]):
            assert process.poll() is None, log.read_text()[-4_000:]
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        code = process.wait(60)
    assert code == 0, log.read_text()[-4_000:]


def _listens(address: str) -> bool:
    with grpc.insecure_channel(address) as channel:
        try:
            return (
                HealthStub(channel).Check(HealthCheckRequest(), timeout=5).status
                == HealthCheckResponse.SERVING
            )
        except grpc.RpcError:
            return False


@pytest.fixture
async def line(addresses: Endpoints) -> AsyncIterator[Line]:
    async with AsyncExitStack() as stack:
        people = {who: await stack.enter_async_context(Client(addresses, token=who)) for who in PEOPLE}
        yield Line(people)


@dataclass
class Endpoint:
    """An address outside that is told what happens."""

    url: str = ""
    got: list[dict[str, object]] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        self.got.append(json.loads(await request.read()))
        return web.Response()

    async def told(self, count: int) -> list[dict[str, object]]:
        """What it was told, once that is so many things."""

        async def look() -> list[dict[str, object]] | None:
            return self.got if len(self.got) >= count else None

        return await eventually(look)


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    made = Endpoint()
    app = web.Application()
    app.router.add_post("/hook", made.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port := unused_port())
    await site.start()
    made.url = f"http://127.0.0.1:{port}/hook"
    yield made
    await runner.cleanup()
