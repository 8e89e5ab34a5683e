"""qa_engine and review_queue with their events carried by hand, so that a test says when who hears what."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import sqlalchemy as sa
from google.protobuf import symbol_database
from google.protobuf.message import Message

from chassis.blobs import Blobs
from chassis.bus import Event
from chassis.clock import now_us
from chassis.db import Database
from chassis.ids import new_uid
from labelmesh.label.v1 import asset_pb2, label_pb2
from labelmesh.qa.v1 import (
    finding_service_pb2,
    plugin_service_pb2,
    rule_run_service_pb2,
    rule_service_pb2,
)
from labelmesh.qa.v1.finding_service_pb2_grpc import FindingServiceStub
from labelmesh.qa.v1.plugin_service_pb2_grpc import PluginServiceStub
from labelmesh.qa.v1.rule_run_service_pb2_grpc import RuleRunServiceStub
from labelmesh.qa.v1.rule_service_pb2_grpc import RuleServiceStub
from labelmesh.review.v1 import asset_service_pb2, label_service_pb2, project_service_pb2, queue_service_pb2
from labelmesh.review.v1.asset_service_pb2_grpc import AssetServiceStub
from labelmesh.review.v1.label_service_pb2_grpc import LabelServiceStub
from labelmesh.review.v1.project_service_pb2_grpc import ProjectServiceStub
from labelmesh.review.v1.queue_service_pb2_grpc import QueueServiceStub
from labels.label import Annotation
from labels.ontology import Category, Ontology, Tool, ToolKind
from labels.proto import annotation_to_pb, ontology_to_pb
from qa_engine.life.worker import RunWorker

ONTOLOGY = Ontology(
    (
        Tool("entity", ToolKind.SPAN, (Category("person"), Category("place"))),
        Tool("roof", ToolKind.POLYGON, (Category("flat"), Category("steep"))),
        Tool("area", ToolKind.MASK, (Category("flat"),)),
    )
)
PARENT = "projects/news"
SEVERITY = label_pb2.SEVERITY_WARNING


@dataclass
class Clock:
    """The time by which rules are asked on their schedules: the real one, and as much later as a test says."""

    later_us: int = 0

    def __call__(self) -> int:
        return now_us() + self.later_us

    def wait(self, minutes: float) -> None:
        """Let that many minutes pass."""
        self.later_us += int(minutes * 60_000_000)


@dataclass
class Town:
    """Both services, and the events on their way between them."""

    qa_db: Database
    review_db: Database
    blobs: Blobs
    worker: RunWorker
    rules: RuleServiceStub
    runs: RuleRunServiceStub
    findings: FindingServiceStub
    projects: ProjectServiceStub
    assets: AssetServiceStub
    labels: LabelServiceStub
    queue: QueueServiceStub
    plugins: PluginServiceStub
    clock: Clock
    handlers: dict[str, Any]
    ann: tuple[tuple[str, str], ...] = (("authorization", "Bearer token-a"),)
    eve: tuple[tuple[str, str], ...] = (("authorization", "Bearer token-b"),)
    carried: dict[str, int] = field(default_factory=dict)
    said: list[Message] = field(default_factory=list)

    async def carry(self, *, twice: bool = False) -> None:
        """Bring every event to whom it concerns until nothing is said any more."""
        while news := await self._news():
            for subject, body in news:
                name, _, project_uid = subject.rpartition(".")
                message = symbol_database.Default().GetSymbol(name).FromString(body)
                self.said.append(message)
                for service in ("qa", "review"):
                    handler = self.handlers[service].get(type(message))
                    for _ in range(1 + twice) if handler else ():
                        event = Event(message, project_uid, new_uid(), now_us(), 1, "")
                        db = self.qa_db if service == "qa" else self.review_db
                        async with db.begin() as conn:
                            await handler(conn, [event])

    async def _news(self) -> list[tuple[str, bytes]]:
        found = []
        for name, db in (("review", self.review_db), ("qa", self.qa_db)):
            query = sa.text("SELECT id, subject, body FROM outbox WHERE id > :after ORDER BY id")
            async with db.read() as conn:
                rows = (await conn.execute(query, {"after": self.carried.get(name, 0)})).all()
            if rows:
                self.carried[name] = rows[-1].id
            found += [(row.subject, bytes(row.body)) for row in rows]
        return found

    def of(self, kind: type[Any]) -> list[Any]:
        """What was said of one type, oldest first."""
        return [message for message in self.said if isinstance(message, kind)]

    async def project(self) -> None:
        """The project, known to both."""
        definition = project_service_pb2.Project(
            ontology=ontology_to_pb(ONTOLOGY),
            pre_annotation=project_service_pb2.PreAnnotation.Value("PRE_ANNOTATION_ON_DEMAND"),
        )
        request = project_service_pb2.CreateProjectRequest(project_id="news", project=definition)
        await self.projects.CreateProject(request, metadata=self.ann)
        await self.carry()

    async def import_texts(self, *texts: str) -> list[asset_pb2.Asset]:
        """Assets in the order of their texts."""
        return await self._import([asset_pb2.Asset(key=f"{new_uid()}", text=text) for text in texts])

    async def import_pictures(self, count: int) -> list[asset_pb2.Asset]:
        """Black pictures of 100 x 100."""
        png = cv2.imencode(".png", np.zeros((100, 100, 3), dtype=np.uint8))[1].tobytes()
        blob = await self.blobs.of("house").put(png)
        ref = asset_pb2.ContentRef(uri=blob.uri, sha256=blob.sha256, size_bytes=blob.bytes)
        rows = [
            asset_pb2.Asset(key=new_uid(), width_px=100, height_px=100, image_ref=ref) for _ in range(count)
        ]
        return await self._import(rows)

    async def _import(self, assets: Sequence[asset_pb2.Asset]) -> list[asset_pb2.Asset]:
        rows = [asset_service_pb2.ImportRow(line=i + 1, asset=asset) for i, asset in enumerate(assets)]
        head = asset_service_pb2.ImportAssetsRequest(parent=PARENT)
        parts = [
            asset_service_pb2.ImportAssetsRequest(rows=rows[i : i + 100]) for i in range(0, len(rows), 100)
        ]
        async for response in self.assets.ImportAssets(iter([head, *parts]), metadata=self.ann):
            assert not response.errors, response.errors
        await self.carry()
        request = asset_service_pb2.ListAssetsRequest(parent=PARENT, page_size=1_000)
        found = (await self.assets.ListAssets(request, metadata=self.ann)).assets
        by_key = {asset.key: asset for asset in found}
        return [by_key[asset.key] for asset in assets]

    async def label(self, asset: asset_pb2.Asset, *annotations: Annotation) -> label_pb2.Label:
        """A person's label from outside review."""
        pbs = [annotation_to_pb(annotation) for annotation in annotations]
        request = label_service_pb2.CreateLabelRequest(
            asset=asset.name, annotations=pbs, request_id=new_uid()
        )
        return (await self.labels.CreateLabel(request, metadata=self.ann)).label

    async def revisions(self, asset: asset_pb2.Asset) -> list[label_pb2.Label]:
        """The asset's labels, oldest first."""
        request = label_service_pb2.ListLabelRevisionsRequest(parent=asset.name)
        found = (await self.labels.ListLabelRevisions(request, metadata=self.ann)).labels
        return list(reversed(found))

    async def lease(self) -> queue_service_pb2.Lease:
        """The next task."""
        request = queue_service_pb2.LeaseNextRequest(parent=PARENT, max_tasks=1, lease_seconds=60)
        (lease,) = (await self.queue.LeaseNext(request, metadata=self.ann)).leases
        return lease

    async def answer(self, lease: queue_service_pb2.Lease, decision: str, **fields: Any) -> label_pb2.Label:
        """A person's answer."""
        request = queue_service_pb2.SubmitReviewRequest(
            name=lease.task.name,
            fencing_token=lease.fencing_token,
            base_etag=lease.task.label.etag,
            decision=queue_service_pb2.Decision.Value(f"DECISION_{decision}"),
            request_id=new_uid(),
            **fields,
        )
        return (await self.queue.SubmitReview(request, metadata=self.ann)).label

    async def rule(self, rule_id: str) -> rule_service_pb2.Rule:
        """A rule as it is now."""
        request = rule_service_pb2.ListRulesRequest(parent=PARENT)
        found = (await self.rules.ListRules(request, metadata=self.ann)).rules
        return next(rule for rule in found if rule.id == rule_id)

    async def plugin(self, name: str, code: str, **fields: Any) -> plugin_service_pb2.Plugin:
        """A stored plugin; its rule is off."""
        made = plugin_service_pb2.Plugin(
            name=f"{PARENT}/plugins/{name}",
            language=plugin_service_pb2.PLUGIN_LANGUAGE_PYTHON,
            code=code,
            **fields,
        )
        request = plugin_service_pb2.CreatePluginRequest(parent=PARENT, plugin=made)
        return (await self.plugins.CreatePlugin(request, metadata=self.ann)).plugin

    async def work(self) -> None:
        """Let the worker do all that is to be done, and the events arrive."""
        while await self.worker.work():
            pass
        await self.carry()

    async def runs_of(self, rule_id: str, kind: str) -> list[rule_run_service_pb2.RuleRun]:
        """The runs of one kind, newest first."""
        request = rule_run_service_pb2.ListRuleRunsRequest(parent=PARENT, rule=rule_id)
        found = (await self.runs.ListRuleRuns(request, metadata=self.ann)).runs
        wanted = rule_run_service_pb2.RuleRunKind.Value(f"RULE_RUN_KIND_{kind}")
        return [run for run in found if run.kind == wanted]

    async def backtest(
        self, rule_id: str, action: str = "FLAG", **fields: Any
    ) -> rule_run_service_pb2.RuleRun:
        """A finished backtest of a rule with an action."""
        rule = await self.rule(rule_id)
        rule.action = rule_service_pb2.RuleAction.Value(f"RULE_ACTION_{action}")
        rule.enabled = True
        rule.ClearField("mode")
        for name, value in fields.items():
            setattr(rule, name, value)
        request = rule_run_service_pb2.BacktestRuleRequest(parent=PARENT, rule=rule)
        run = (await self.runs.BacktestRule(request, metadata=self.ann)).run
        await self.worker.work()
        return await self.run(run.name)

    async def run(self, name: str) -> rule_run_service_pb2.RuleRun:
        """A run as it is now."""
        request = rule_run_service_pb2.GetRuleRunRequest(name=name)
        return (await self.runs.GetRuleRun(request, metadata=self.ann)).run

    async def set_mode(self, rule_id: str, mode: str, backtest: str = "") -> rule_service_pb2.Rule:
        """Say how far a rule counts."""
        request = rule_run_service_pb2.SetRuleModeRequest(
            parent=PARENT,
            rule=rule_id,
            mode=rule_service_pb2.RuleMode.Value(f"RULE_MODE_{mode}"),
            backtest=backtest,
        )
        return (await self.runs.SetRuleMode(request, metadata=self.ann)).rule

    async def enforce(self, rule_id: str, action: str, **fields: Any) -> None:
        """Enforce a rule after its backtest."""
        run = await self.backtest(rule_id, action, **fields)
        await self.set_mode(rule_id, "ENFORCE", run.name)

    async def revert(self, name: str) -> None:
        """Undo a run, here and there."""
        await self.runs.RevertRuleRun(rule_run_service_pb2.RevertRuleRunRequest(name=name), metadata=self.ann)
        await self.carry()

    async def resolve(self, label: str, rule: str, annotation_id: str, verdict: str) -> None:
        """A verdict about a finding."""
        resolution = finding_service_pb2.FindingResolution(
            label=label,
            rule=rule,
            annotation_id=annotation_id,
            verdict=finding_service_pb2.FindingVerdict.Value(f"FINDING_VERDICT_{verdict}"),
        )
        request = finding_service_pb2.ResolveFindingRequest(resolution=resolution)
        await self.findings.ResolveFinding(request, metadata=self.ann)
