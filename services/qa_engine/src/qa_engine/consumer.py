"""Events in, evaluations out: findings and the events that report them are one transaction."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from google.protobuf.message import Message
from prometheus_client import Counter
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis import outbox
from chassis.blobs import Blobs
from chassis.bus import Event, Handler, NotYet, Poison
from chassis.clock import now_us
from chassis.errors import BlobCorrupt, BlobMissing, BlobTooLarge, BlobUriRefused
from labelmesh.annotator.v1.annotator_events_pb2 import PredictionCreated
from labelmesh.qa.v1.qa_events_pb2 import LabelEvaluated
from labelmesh.review.v1.review_events_pb2 import LabelReviewed, LabelSubmitted, ProjectChanged
from labels.asset import Asset
from labels.errors import LabelError
from labels.label import Label
from labels.names import asset_name, label_name, parse_project
from labels.proto import asset_from_pb, finding_to_pb, label_from_pb, ontology_from_pb
from qa_engine import findings, projects, texts
from qa_engine.engine import Engine
from qa_engine.errors import TextUnreadable
from qa_engine.findings import Evaluation
from qa_engine.projects import Project
from qa_engine.rule import Subject

LabelEvent = Event[PredictionCreated] | Event[LabelSubmitted] | Event[LabelReviewed]
_UNREADABLE = (BlobMissing, BlobCorrupt, BlobTooLarge, BlobUriRefused, TextUnreadable)
_TEXTS_AT_ONCE = 16
"""Texts from the blob store in memory at once; each may have 1 MiB."""
EVALUATED = Counter("labelmesh_qa_engine_labels_evaluated", "Labels that the rules looked at.")
FOUND = Counter("labelmesh_qa_engine_findings", "Findings by rule and severity.", ["rule", "severity"])


@dataclass(frozen=True, slots=True)
class Submission:
    """A label to evaluate, and the trace that its evaluation belongs to."""

    project: Project
    asset: Asset
    label: Label
    cause: Event[Any]


class Events:
    """Handlers of the events that qa_engine listens to."""

    def __init__(self, engine: Engine, blobs: Blobs) -> None:
        self._engine = engine
        self._blobs = blobs

    @property
    def handlers(self) -> Mapping[type[Message], Handler]:
        """Which method handles which message."""
        return {
            ProjectChanged: self.on_project_changed,
            PredictionCreated: self.on_label,
            LabelSubmitted: self.on_label,
            LabelReviewed: self.on_label,
        }

    async def on_project_changed(
        self, conn: AsyncConnection, events: Sequence[Event[ProjectChanged]]
    ) -> None:
        """Keep a copy of the project's ontology."""
        for event in events:
            project = event.message.project
            try:
                ontology_from_pb(project.ontology)
                project_id = parse_project(project.name)
            except LabelError as error:
                raise Poison(str(error), [event]) from error
            await projects.put(conn, event.project_uid, event.message.tenant, project_id, project.ontology)

    async def on_label(self, conn: AsyncConnection, events: Sequence[LabelEvent]) -> None:
        """Evaluate what was not evaluated under the present rules, and report it."""
        known = await projects.by_uid(conn, {event.project_uid for event in events})
        # A rejected asset has no label, so there is nothing to evaluate.
        labelled = [event for event in events if event.message.HasField("label")]
        early = [event for event in labelled if _comes_early(event, known.get(event.project_uid))]
        if early:
            raise NotYet("The project or its ontology has not arrived.", early)
        submissions = [_submission(event, known[event.project_uid]) for event in labelled]
        # A label that comes twice in a batch counts once.
        submissions = list({s.label.uid: s for s in submissions}.values())
        if not submissions:
            return
        evaluations = []
        for start in range(0, len(submissions), _TEXTS_AT_ONCE):
            evaluations += await self._evaluate(submissions[start : start + _TEXTS_AT_ONCE])
        fresh = await findings.add(conn, evaluations, now_us())
        pairs = zip(submissions, evaluations, strict=True)
        await _report(conn, [(s, e) for s, e in pairs if e.label_uid in fresh])

    async def _evaluate(self, submissions: Sequence[Submission]) -> list[Evaluation]:
        contents = await asyncio.gather(*(self._text(s) for s in submissions))
        # Rules are pure computing: in a thread they leave the loop free for calls and the broker.
        return await asyncio.to_thread(self._judge, submissions, contents)

    def _judge(self, submissions: Sequence[Submission], contents: Sequence[str | None]) -> list[Evaluation]:
        return [
            Evaluation(
                s.project.uid,
                s.label.uid,
                s.asset.uid,
                s.project.ruleset.revision,
                self._engine.evaluate(s.label, Subject(s.project.ontology, s.asset, text), s.project.ruleset),
            )
            for s, text in zip(submissions, contents, strict=True)
        ]

    async def _text(self, submission: Submission) -> str | None:
        """The asset's text; None also where it is lost for good, which is for the rules to say."""
        try:
            return await texts.read(submission.asset, self._blobs.of(submission.project.tenant))
        except _UNREADABLE:
            return None


def _comes_early(event: LabelEvent, project: Project | None) -> bool:
    """Whether the project, or its ontology that the label was made with, has not arrived yet."""
    return project is None or event.message.label.lineage.ontology_revision > project.ontology.revision


def _submission(event: LabelEvent, project: Project) -> Submission:
    try:
        asset, label = asset_from_pb(event.message.asset), label_from_pb(event.message.label)
    except LabelError as error:
        raise Poison(str(error), [event]) from error
    if not label.uid or not asset.uid:
        raise Poison("The label or its asset has no name.", [event])
    return Submission(project, asset, label, event)


async def _report(conn: AsyncConnection, done: Sequence[tuple[Submission, Evaluation]]) -> None:
    """Put LabelEvaluated into the outbox, each under the trace of the event that caused it."""
    for _, group in groupby(done, key=lambda pair: pair[0].cause.traceparent):
        members = list(group)
        rows = [(_evaluated(s.project, e), e.project_uid, _message_id(e)) for s, e in members]
        await outbox.add_many(conn, rows, cause=members[0][0].cause)
    EVALUATED.inc(len(done))
    for _, evaluation in done:
        for finding in evaluation.findings:
            FOUND.labels(finding.rule, finding.severity).inc()


def _message_id(evaluation: Evaluation) -> str:
    return f"evaluated:{evaluation.label_uid}:{evaluation.ruleset_revision}"


def _evaluated(project: Project, evaluation: Evaluation) -> LabelEvaluated:
    return LabelEvaluated(
        label=label_name(project.id, evaluation.label_uid),
        asset=asset_name(project.id, evaluation.asset_uid),
        findings=map(finding_to_pb, evaluation.findings),
        ruleset_revision=evaluation.ruleset_revision,
    )
