"""A running review_queue behind a real gRPC server, on SQLite and on PostgreSQL."""

import hashlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import grpc
import pytest
import sqlalchemy as sa
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from chassis import migrate
from chassis.blobs import Blobs
from chassis.bus import Event
from chassis.clock import now_us
from chassis.db import Database, connect
from chassis.ids import new_uid
from chassis.testing import serving
from labelmesh.annotator.v1.annotator_events_pb2 import PredictionCreated, PredictionFailed
from labelmesh.label.v1 import asset_pb2, label_pb2
from labelmesh.qa.v1.qa_events_pb2 import LabelEvaluated
from labelmesh.review.v1 import asset_service_pb2, project_service_pb2, queue_service_pb2
from labelmesh.review.v1.asset_service_pb2_grpc import AssetServiceStub
from labelmesh.review.v1.label_service_pb2_grpc import LabelServiceStub
from labelmesh.review.v1.metrics_service_pb2_grpc import MetricsServiceStub
from labelmesh.review.v1.project_service_pb2_grpc import ProjectServiceStub
from labelmesh.review.v1.queue_service_pb2_grpc import QueueServiceStub
from labels.label import (
    Annotation,
    Choice,
    Confidence,
    ConfidenceMethod,
    Finding,
    Label,
    LabelKind,
    Lineage,
    Severity,
    derive_uid,
)
from labels.names import parse
from labels.ontology import Category, Ontology, Tool, ToolKind
from labels.proto import finding_to_pb, label_to_pb, ontology_to_pb
from review_queue.consumer import handlers
from review_queue.servicer import servicers
from review_queue.settings import Settings
from review_queue.status import STATUS

ONTOLOGY = Ontology(
    (
        Tool("topic", ToolKind.CHOICE_SINGLE, (Category("sport"), Category("politics"))),
        Tool(
            "entities",
            ToolKind.SPAN,
            tuple(map(Category, ("person", "location", "organisation", "miscellaneous"))),
        ),
        Tool("roof", ToolKind.BOX, (Category("flat"),)),
    )
)
ANN, EVE = "ann", "eve"
TENANTS = {"eve": "other"}
ACTORS = (ANN, "bob", EVE, *(f"reviewer-{i:02}" for i in range(50)))
ERROR_INFO = "type.googleapis.com/google.rpc.ErrorInfo"
M = TypeVar("M", bound=Message)


def as_actor(actor: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer token-of-{actor}"),)


def choice(category: str = "sport", uid: str = "a0", confidence: float = 0.0) -> Annotation:
    return Annotation(uid, "topic", category, Choice(), confidence)


@dataclass
class House:
    """The service's parts as tests use them; calls are Ann's unless they say otherwise."""

    db: Database
    blobs: Blobs
    projects: ProjectServiceStub
    assets: AssetServiceStub
    labels: LabelServiceStub
    queue: QueueServiceStub
    metrics: MetricsServiceStub
    channel: grpc.aio.Channel
    ann: tuple[tuple[str, str], ...] = as_actor(ANN)

    def as_actor(self, actor: str) -> tuple[tuple[str, str], ...]:
        return as_actor(actor)

    async def project(
        self,
        project_id: str = "news",
        mode: str = "ON_DEMAND",
        actor: str = ANN,
        weights: project_service_pb2.PriorityWeights | None = None,
        **fields: Any,
    ) -> project_service_pb2.Project:
        definition = project_service_pb2.Project(
            ontology=ontology_to_pb(ONTOLOGY),
            pre_annotation=project_service_pb2.PreAnnotation.Value(f"PRE_ANNOTATION_{mode}"),
            priority_weights=weights,
            **fields,
        )
        request = project_service_pb2.CreateProjectRequest(project_id=project_id, project=definition)
        return (await self.projects.CreateProject(request, metadata=as_actor(actor))).project

    async def send_rows(
        self,
        rows: Sequence[asset_service_pb2.ImportRow],
        parent: str = "projects/news",
        validate_only: bool = False,
        per_message: int = 100,
        actor: str = ANN,
    ) -> list[asset_service_pb2.ImportAssetsResponse]:
        parts = [rows[start : start + per_message] for start in range(0, len(rows), per_message)]
        messages = [asset_service_pb2.ImportAssetsRequest(parent=parent, validate_only=validate_only)]
        messages += [asset_service_pb2.ImportAssetsRequest(rows=part) for part in parts]
        return [
            response async for response in self.assets.ImportAssets(iter(messages), metadata=as_actor(actor))
        ]

    async def import_texts(
        self, *texts: str, parent: str = "projects/news", per_message: int = 100
    ) -> list[asset_pb2.Asset]:
        """Import texts under the keys k0, k1 ...; all of the project's assets after it."""
        rows = [
            asset_service_pb2.ImportRow(line=i + 1, asset=asset_pb2.Asset(key=f"k{i}", text=text))
            for i, text in enumerate(texts)
        ]
        responses = await self.send_rows(rows, parent, per_message=per_message)
        assert not [error for response in responses for error in response.errors]
        request = asset_service_pb2.ListAssetsRequest(parent=parent, page_size=1_000)
        found: list[asset_pb2.Asset] = []
        while True:
            page = await self.assets.ListAssets(request, metadata=self.ann)
            found += page.assets
            if not page.next_page_token:
                return found
            request.page_token = page.next_page_token

    def prediction(
        self,
        asset: asset_pb2.Asset,
        confidence: float = 0.75,
        run: str = "01RUN",
        annotations: Sequence[Annotation] = (choice(confidence=0.75),),
    ) -> PredictionCreated:
        project_id, asset_uid = parse(asset.name, "projects/{}/assets/{}")
        label = Label(
            LabelKind.PREDICTION,
            "model",
            tuple(annotations),
            uid=derive_uid(run, asset_uid),
            asset_uid=asset_uid,
            confidence=Confidence(ConfidenceMethod.LABEL_MASS, confidence, confidence, confidence),
            lineage=Lineage("model", f"projects/{project_id}/predictionRuns/{run}", 1, "0" * 64, (), 1),
            create_time_us=now_us(),
        )
        return PredictionCreated(asset=asset, label=label_to_pb(label, project_id))

    def failure(self, asset: asset_pb2.Asset, reason: str = "REPLY_MALFORMED") -> PredictionFailed:
        return PredictionFailed(
            asset=asset, prediction_run="projects/news/predictionRuns/01RUN", reason=reason
        )

    def evaluation(
        self, label: label_pb2.Label, *severities: Severity, ruleset_revision: int = 1
    ) -> LabelEvaluated:
        findings = [finding_to_pb(Finding(f"rule_{i}", s, "Look here.")) for i, s in enumerate(severities)]
        return LabelEvaluated(
            label=label.name, asset=label.asset, findings=findings, ruleset_revision=ruleset_revision
        )

    async def deliver(self, project: project_service_pb2.Project, *messages: Message) -> None:
        """Hand events of one type to their handler as the bus does."""
        events: list[Event[Any]] = [
            Event(message, project.uid, new_uid(), now_us(), 1, "") for message in messages
        ]
        async with self.db.begin() as conn:
            await handlers()[type(messages[0])](conn, events)

    async def lease(
        self, max_tasks: int = 1, actor: str = ANN, seconds: int = 60, parent: str = "projects/news"
    ) -> list[queue_service_pb2.Lease]:
        request = queue_service_pb2.LeaseNextRequest(
            parent=parent, max_tasks=max_tasks, lease_seconds=seconds
        )
        return list((await self.queue.LeaseNext(request, metadata=as_actor(actor))).leases)

    async def submit(
        self, lease: queue_service_pb2.Lease, decision: str, actor: str = ANN, **fields: Any
    ) -> label_pb2.Label:
        values: dict[str, Any] = {
            "name": lease.task.name,
            "fencing_token": lease.fencing_token,
            "base_etag": lease.task.label.etag,
            "decision": queue_service_pb2.Decision.Value(f"DECISION_{decision}"),
            "request_id": new_uid(),
        }
        request = queue_service_pb2.SubmitReviewRequest(**(values | fields))
        return (await self.queue.SubmitReview(request, metadata=as_actor(actor))).label

    async def tasks(self, parent: str = "projects/news", **fields: Any) -> list[queue_service_pb2.Task]:
        request = queue_service_pb2.ListTasksRequest(parent=parent, page_size=1_000, **fields)
        return list((await self.queue.ListTasks(request, metadata=self.ann)).tasks)

    async def counts(self, parent: str = "projects/news") -> tuple[int, int, int, int]:
        request = queue_service_pb2.CountTasksRequest(parent=parent)
        n = await self.queue.CountTasks(request, metadata=self.ann)
        return n.waiting, n.open, n.leased, n.done

    async def emitted(self, kind: type[M]) -> list[M]:
        """Events of one type in the outbox, oldest first."""
        query = sa.text("SELECT subject, body FROM outbox ORDER BY id")
        async with self.db.read() as conn:
            rows = (await conn.execute(query)).all()
        name = kind.DESCRIPTOR.full_name
        return [kind.FromString(body) for subject, body in rows if subject.rpartition(".")[0] == name]

    async def contents(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every table but that of request ids, to see that nothing changed."""
        names = ("projects", "assets", "tasks", "labels", "findings", "reviews", "confusion", "outbox")
        async with self.db.read() as conn:
            return {
                name: sorted(map(tuple, (await conn.execute(sa.text(f"SELECT * FROM {name}"))).all()))  # noqa: S608
                for name in names
            }


class Refused:
    """Expect a call to be refused with a status and an ErrorInfo reason."""

    def __init__(self, code: grpc.StatusCode, reason: str) -> None:
        self._expected = (code, reason)
        self.message = ""

    def __enter__(self) -> "Refused":
        return self

    def __exit__(self, kind: object, error: BaseException | None, _trace: object) -> bool:
        assert isinstance(error, grpc.aio.AioRpcError), f"not refused: {error!r}"
        assert (error.code(), reason_of(error)) == self._expected, error.details()
        self.message = error.details() or ""
        assert self.message
        return True


def reason_of(error: grpc.aio.AioRpcError) -> str:
    trailing = dict(error.trailing_metadata() or ())
    status = status_pb2.Status.FromString(trailing["grpc-status-details-bin"])
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    assert info.domain == "labelmesh"
    return info.reason


@pytest.fixture(scope="session")
def refused() -> type[Refused]:
    return Refused


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    tokens = tmp_path / "tokens.json"
    rows = {
        hashlib.sha256(f"token-of-{actor}".encode()).hexdigest(): {
            "tenant": TENANTS.get(actor, "house"),
            "actor": actor,
        }
        for actor in ACTORS
    }
    tokens.write_text(json.dumps(rows))
    return Settings(database_url=database_url, blob_url=f"file://{tmp_path}/blobs", tokens_file=tokens)


@pytest.fixture
async def house(settings: Settings) -> AsyncIterator[House]:
    blobs = Blobs(settings.blob_url)
    async with connect(settings.database_url) as db:
        await migrate.upgrade(db, "review_queue")
        async with serving(servicers(db, blobs), STATUS, settings) as channel:
            yield House(
                db,
                blobs,
                ProjectServiceStub(channel),
                AssetServiceStub(channel),
                LabelServiceStub(channel),
                QueueServiceStub(channel),
                MetricsServiceStub(channel),
                channel,
            )
