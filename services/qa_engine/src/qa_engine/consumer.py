"""Events in, evaluations out: findings and the events that report them are one transaction."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
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
from qa_engine import acting, facts, findings, pictures, projects, texts
from qa_engine.engine import Engine
from qa_engine.errors import PictureUnreadable, TextUnreadable
from qa_engine.findings import Evaluation
from qa_engine.history import NO_HISTORY, History
from qa_engine.operation import Judgement
from qa_engine.picture import Picture
from qa_engine.projects import Project
from qa_engine.rule import Need, Subject
from qa_engine.webhooks import announce

LabelEvent = Event[PredictionCreated] | Event[LabelSubmitted] | Event[LabelReviewed]
_UNREADABLE = (BlobMissing, BlobCorrupt, BlobTooLarge, BlobUriRefused, TextUnreadable, PictureUnreadable)
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
        for turn in self._turns(submissions):
            evaluations = [done for some in self._portions(turn) for done in await self._evaluate(conn, some)]
            fresh = await findings.add(conn, evaluations, now_us())
            pairs = zip(turn, evaluations, strict=True)
            done = [(s, e) for s, e in pairs if e.label_uid in fresh]
            await self._remember(conn, [s for s, _ in done])
            await _report(conn, done)

    def _needs(self, submission: Submission, need: Need) -> bool:
        return need in self._engine.needs(submission.project.ruleset)

    def _turns(self, submissions: Sequence[Submission]) -> Iterator[list[Submission]]:
        """All at once; where rules compare labels, so that a label sees what an earlier one of its asset left."""
        left = list(submissions)
        if not any(self._needs(s, Need.HISTORY) for s in left):
            yield left
            return
        while left:
            turn: dict[str, Submission] = {}
            later = []
            for submission in left:
                if submission.asset.uid in turn:
                    later.append(submission)
                else:
                    turn[submission.asset.uid] = submission
            yield list(turn.values())
            left = later

    def _portions(self, submissions: Sequence[Submission]) -> Iterator[list[Submission]]:
        """As many as may have their contents in memory."""
        portion: list[Submission] = []
        pictures_in = 0
        for submission in submissions:
            portion.append(submission)
            pictures_in += submission.asset.image_ref is not None and self._needs(submission, Need.PIXELS)
            if len(portion) == _TEXTS_AT_ONCE or pictures_in == pictures.AT_ONCE:
                yield portion
                portion, pictures_in = [], 0
        if portion:
            yield portion

    async def _evaluate(self, conn: AsyncConnection, submissions: Sequence[Submission]) -> list[Evaluation]:
        seen = await asyncio.gather(*(self._contents(s) for s in submissions))
        histories = await self._histories(conn, submissions)
        subjects = [
            Subject(s.project.ontology, s.asset, text, picture, histories.get(s.label.uid, NO_HISTORY))
            for s, (text, picture) in zip(submissions, seen, strict=True)
        ]
        # Rules are pure computing: in a thread they leave the loop free for calls and the broker.
        return await asyncio.to_thread(self._judge, submissions, subjects)

    def _judge(self, submissions: Sequence[Submission], subjects: Sequence[Subject]) -> list[Evaluation]:
        found: dict[str, Judgement] = {}
        for project in {s.project.uid: s.project for s in submissions}.values():
            mine = [
                (s.label, subject)
                for s, subject in zip(submissions, subjects, strict=True)
                if s.project.uid == project.uid
            ]
            judged = self._engine.judge_many(mine, project.ruleset)
            found |= {label.uid: some for (label, _), some in zip(mine, judged, strict=True)}
        return [_evaluation_of(s, found[s.label.uid]) for s in submissions]

    async def _contents(self, submission: Submission) -> tuple[str | None, Picture | None]:
        """The asset's text or picture; None also where it is lost for good, which is for the rules to say."""
        shelf = self._blobs.of(submission.project.tenant)
        try:
            text = await texts.read(submission.asset, shelf)
            wanted = self._needs(submission, Need.PIXELS)
            return text, await pictures.read(submission.asset, shelf) if wanted else None
        except _UNREADABLE:
            return None, None

    async def _histories(
        self, conn: AsyncConnection, submissions: Sequence[Submission]
    ) -> dict[str, History]:
        """By label, of those whose project has a rule that compares labels."""
        found: dict[str, History] = {}
        for project_uid, labels in self._comparing(submissions).items():
            histories = await facts.read(conn, project_uid, labels)
            found |= {label.uid: history for label, history in zip(labels, histories, strict=True)}
        return found

    async def _remember(self, conn: AsyncConnection, submissions: Sequence[Submission]) -> None:
        ontologies = {s.project.uid: s.project.ontology for s in submissions}
        for project_uid, labels in self._comparing(submissions).items():
            await facts.remember(conn, project_uid, labels, ontologies[project_uid])

    def _comparing(self, submissions: Sequence[Submission]) -> dict[str, list[Label]]:
        """Labels by project, of projects with a rule that compares labels."""
        found: dict[str, list[Label]] = {}
        for submission in submissions:
            if self._needs(submission, Need.HISTORY):
                # A label's own name for its asset may be missing.
                label = replace(submission.label, asset_uid=submission.asset.uid)
                found.setdefault(submission.project.uid, []).append(label)
        return found


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


def _evaluation_of(submission: Submission, judged: Judgement) -> Evaluation:
    return Evaluation(
        submission.project.uid,
        submission.label.uid,
        submission.asset.uid,
        submission.project.ruleset.revision,
        judged.findings,
        judged.shadow,
        judged.operations,
    )


async def _report(conn: AsyncConnection, done: Sequence[tuple[Submission, Evaluation]]) -> None:
    """Put LabelEvaluated into the outbox, each under the trace of the event that caused it."""
    for _, group in groupby(done, key=lambda pair: pair[0].cause.traceparent):
        members = list(group)
        rows = [(_evaluated(s.project, e), e.project_uid, _message_id(e)) for s, e in members]
        await outbox.add_many(conn, rows, cause=members[0][0].cause)
        await announce.messages(conn, rows)
    EVALUATED.inc(len(done))
    for _, evaluation in done:
        for finding in evaluation.findings:
            FOUND.labels(finding.rule, finding.severity).inc()


def _message_id(evaluation: Evaluation) -> str:
    return f"evaluated:{evaluation.label_uid}:{evaluation.ruleset_revision}"


def _evaluated(project: Project, evaluation: Evaluation) -> LabelEvaluated:
    boost, pool = acting.boost(evaluation.operations)
    return LabelEvaluated(
        priority_boost=boost,
        pool=pool,
        blocked=acting.blocked(evaluation.operations),
        label=label_name(project.id, evaluation.label_uid),
        asset=asset_name(project.id, evaluation.asset_uid),
        findings=map(finding_to_pb, evaluation.findings),
        ruleset_revision=evaluation.ruleset_revision,
    )
