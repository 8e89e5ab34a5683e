"""llm_annotator as a process of its own, between a real broker and a stub model endpoint."""

import asyncio
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc
import nats
import pytest
from google.protobuf.message import Message
from nats.js.errors import NoStreamResponseError, NotFoundError

from chassis.testing import unused_port
from labelmesh.annotator.v1.annotator_events_pb2 import PredictionCreated, PredictionFailed
from labelmesh.annotator.v1.annotator_service_pb2_grpc import AnnotatorServiceStub
from labelmesh.annotator.v1.prediction_run_service_pb2 import (
    CreatePredictionRunRequest,
    GetPredictionRunRequest,
    PredictionRun,
    RunConfig,
    RunState,
)
from labelmesh.annotator.v1.prediction_run_service_pb2_grpc import PredictionRunServiceStub
from labelmesh.review.v1.project_service_pb2 import PreAnnotation, Project
from labelmesh.review.v1.queue_service_pb2 import Decision
from labelmesh.review.v1.review_events_pb2 import AssetsImported, LabelReviewed, ProjectChanged
from labels.asset import Asset
from labels.label import Annotation, Choice, Label, LabelKind
from labels.ontology import Category, Ontology, Tool, ToolKind
from labels.proto import asset_to_pb, label_to_pb, ontology_to_pb

ROOT = Path(__file__).parents[3]
TOPIC = Ontology((Tool("topic", ToolKind.CHOICE_SINGLE, (Category("sport"), Category("art"))),), revision=1)
ENTITY = Ontology((Tool("entity", ToolKind.SPAN, (Category("PER"), Category("LOC"))),), revision=1)
PROJECT_UID = "01J00000000000000000000001"


class Process:
    """A child process that ends with the test."""

    def __init__(
        self, arguments: list[str], env: dict[str, str] | None = None, log: Path | None = None
    ) -> None:
        self._arguments, self._env, self._log = arguments, env, log
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with open(self._log or os.devnull, "ab") as log:
            self.process = subprocess.Popen(self._arguments, env=self._env, stdout=log, stderr=log)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def terminate(self) -> int:
        assert self.process is not None
        self.process.terminate()
        code = self.process.wait(30)
        self.process = None
        return code


class StubModel(Process):
    """benchmarks/stub_llm.py."""

    def __init__(self) -> None:
        self.port = unused_port()
        super().__init__([sys.executable, str(ROOT / "benchmarks/stub_llm.py"), "--port", str(self.port)])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def control(self, **wanted: Any) -> dict[str, Any]:
        """Tell it how to behave; returns its counters."""
        data = json.dumps(wanted).encode() if wanted else None
        for _ in range(200):
            try:
                with urllib.request.urlopen(f"{self.url}/control", data, 5) as response:  # noqa: S310
                    return dict(json.load(response))
            except ConnectionError:
                time.sleep(0.05)
            except OSError as error:
                if not isinstance(error.__cause__ or getattr(error, "reason", None), ConnectionError):
                    raise
                time.sleep(0.05)
        raise TimeoutError


@pytest.fixture
def stub_model() -> Iterator[StubModel]:
    stub = StubModel()
    stub.start()
    stub.control()
    yield stub
    stub.kill()


class World:
    """The service, and what happens around it."""

    def __init__(self, service: Process, port: int, stub: StubModel, broker_url: str, log: Path) -> None:
        self.service = service
        self.stub = stub
        self.log = log
        self._broker_url = broker_url
        self._address = f"127.0.0.1:{port}"
        self._nats: Any = None
        self._js: Any = None
        self._seq = 0

    async def open(self) -> None:
        self.service.start()
        self.channel = grpc.aio.insecure_channel(
            self._address, [("grpc.initial_reconnect_backoff_ms", 50), ("grpc.max_reconnect_backoff_ms", 200)]
        )
        await asyncio.wait_for(self.channel.channel_ready(), 40)
        self.annotator = AnnotatorServiceStub(self.channel)  # type: ignore[no-untyped-call]
        self.runs = PredictionRunServiceStub(self.channel)  # type: ignore[no-untyped-call]
        self._nats = await nats.connect(self._broker_url)
        self._js = self._nats.jetstream()

    async def close(self) -> None:
        if self._nats is not None:
            await self._nats.close()
            await self.channel.close()
        self.service.kill()

    async def emit(self, message: Message, uid: str = PROJECT_UID) -> None:
        """What review_queue's relay does: again under the same id until there is a stream that takes it."""
        self._seq += 1
        subject = f"{message.DESCRIPTOR.full_name}.{uid}"
        headers = {"Nats-Msg-Id": f"{subject}.{self._seq}"}
        async with asyncio.timeout(30):
            while True:
                try:
                    await self._js.publish(subject, message.SerializeToString(), headers=headers)
                except NoStreamResponseError:
                    await asyncio.sleep(0.05)
                else:
                    return

    async def create_project(
        self,
        ontology: Ontology = TOPIC,
        *,
        automatic: bool = False,
        instruction: str = "Name the topic.",
        uid: str = PROJECT_UID,
        project: str = "news",
        tenant: str = "default",
    ) -> None:
        kind = PreAnnotation.PRE_ANNOTATION_AUTOMATIC if automatic else PreAnnotation.PRE_ANNOTATION_ON_DEMAND
        body = Project(
            name=f"projects/{project}",
            uid=uid,
            ontology=ontology_to_pb(ontology),
            instruction=instruction,
            pre_annotation=kind,
        )
        await self.emit(ProjectChanged(tenant=tenant, project=body), uid)

    async def import_texts(self, texts: list[str], *, first: int = 0, project: str = "news") -> None:
        for start in range(0, len(texts), 100):
            pack = texts[start : start + 100]
            assets = [asset(first + start + n, text, project) for n, text in enumerate(pack)]
            await self.emit(AssetsImported(project=f"projects/{project}", assets=assets))

    async def review(self, n: int, text: str, category: str, decision: int, revision: int = 2) -> None:
        base = Label(LabelKind.PREDICTION, "m", (Annotation("a0", "topic", "art", Choice()),), uid=f"B{n:03}")
        final = Label(
            LabelKind.REVIEW,
            "ann",
            (Annotation("a0", "topic", category, Choice()),),
            uid=f"L{n:03}R{revision}",
            asset_uid=uid_of(n),
            revision=revision,
        )
        message = LabelReviewed(asset=asset(n, text), decision=decision, base=label_to_pb(base, "news"))  # type: ignore[arg-type]
        if decision != Decision.DECISION_REJECT:
            message.label.CopyFrom(label_to_pb(final, "news"))
        await self.emit(message)

    async def run(self, request_id: str = "r1", *, minimum: int = 0, **config: Any) -> PredictionRun:
        """Create a run, as soon as the project is known."""
        request = CreatePredictionRunRequest(
            parent="projects/news",
            config=RunConfig(**config),
            minimum_asset_count=minimum,
            request_id=request_id,
        )

        async def create() -> PredictionRun | None:
            try:
                run: PredictionRun = (await self.runs.CreatePredictionRun(request)).run
                return run
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.NOT_FOUND:
                    raise
                return None

        return await eventually(create)

    async def get(self, name: str) -> PredictionRun:
        run: PredictionRun = (await self.runs.GetPredictionRun(GetPredictionRunRequest(name=name))).run
        return run

    async def reaches(self, name: str, state: int, seconds: float = 60) -> PredictionRun:
        """The run, once it is in that state."""

        seen: list[PredictionRun] = []

        async def look() -> PredictionRun | None:
            seen[:] = [await self.get(name)]
            return seen[0] if seen[0].state == state else None

        return await eventually(look, seconds, lambda: f"wanted {RunState.Name(state)}, is {seen}")

    async def events(self, count: int = 0, seconds: float = 90) -> list[PredictionCreated | PredictionFailed]:
        """All events of the service in order, once there are that many and then a moment longer."""

        stored = 0

        async def enough() -> bool:
            nonlocal stored
            with suppress(NotFoundError):  # made with the first event
                stored = (await self._js.stream_info("LABELMESH_ANNOTATOR")).state.messages
            return stored >= count

        def why() -> str:
            return f"{stored} of {count} events; the service said:\n{self.log.read_text()[-3_000:]}"

        await eventually(enough, seconds, why)
        await asyncio.sleep(0.3)
        info = await self._js.stream_info("LABELMESH_ANNOTATOR")
        found: list[PredictionCreated | PredictionFailed] = []
        for seq in range(1, info.state.last_seq + 1):
            message = await self._js.get_msg("LABELMESH_ANNOTATOR", seq)
            kind = PredictionCreated if ".PredictionCreated." in message.subject else PredictionFailed
            found.append(kind.FromString(message.data or b""))
        return found


def uid_of(n: int) -> str:
    return f"A{n:06}"


def asset(n: int, text: str, project: str = "news") -> Any:
    return asset_to_pb(Asset(key=f"key-{n}", text=text, uid=uid_of(n)), project)


async def eventually(
    look: Callable[[], Awaitable[Any]], seconds: float = 30, why: Callable[[], str] = lambda: "not in time"
) -> Any:
    """What `look` returns once it is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = await look()
        if found:
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(why())


Worlds = Callable[..., Awaitable[World]]


@pytest.fixture
async def worlds(
    broker: Any, database_url: str, stub_model: StubModel, tmp_path: Path
) -> AsyncIterator[Worlds]:
    """Starts the service with settings of the test's choice."""
    opened: list[World] = []

    async def start(**settings: Any) -> World:
        port, log = unused_port(), tmp_path / "service.log"
        chosen = {
            "listen": f"127.0.0.1:{port}",
            "nats_url": broker.url,
            "database_url": database_url,
            "blob_url": f"file://{tmp_path}/blobs",
            "llm_base_url": f"{stub_model.url}/v1",
            "llm_model": "stub",
            "tries": 2,
            "first_wait_seconds": 0.05,
            "longest_wait_seconds": 0.1,
            **settings,
        }
        env = {k: v for k, v in os.environ.items() if not k.startswith("LABELMESH_")}
        env |= {f"LABELMESH_{name.upper()}": str(value) for name, value in chosen.items()}
        service = Process([sys.executable, "-m", "llm_annotator"], env, log)
        world = World(service, port, stub_model, broker.url, log)
        opened.append(world)
        await world.open()
        return world

    yield start
    for world in opened:
        await world.close()


@pytest.fixture
async def world(worlds: Worlds) -> World:
    return await worlds()
