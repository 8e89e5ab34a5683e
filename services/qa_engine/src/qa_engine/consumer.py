"""Events in, evaluations out: findings and the events that report them are one transaction."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from google.protobuf.message import Message
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis import outbox
from chassis.blobs import Blobs
from chassis.bus import Event, Handler, NotYet, Poison
from chassis.clock import now_us
from labelmesh.annotator.v1.annotator_events_pb2 import PredictionCreated
from labelmesh.review.v1.review_events_pb2 import LabelReviewed, LabelSubmitted, ProjectChanged
from labels.errors import LabelError
from labels.names import parse_project
from labels.proto import asset_from_pb, label_from_pb, ontology_from_pb
from qa_engine import acting, facts, findings, projects, reporting
from qa_engine.consensus import events as consensus
from qa_engine.engine import Engine
from qa_engine.findings import Evaluation
from qa_engine.life import pace, patches, runs, seen, told
from qa_engine.looking import Looker, Submission
from qa_engine.operation import Block, Resolve
from qa_engine.projects import Project
from qa_engine.rule import Need
from qa_engine.webhooks import announce

LabelEvent = Event[PredictionCreated] | Event[LabelSubmitted] | Event[LabelReviewed]


class Events:
    """Handlers of the events that qa_engine listens to."""

    def __init__(self, engine: Engine, blobs: Blobs) -> None:
        self._looker = Looker(engine, blobs)

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
        await _keep(conn, submissions)
        for turn in self._turns(submissions):
            evaluations = await self._looker.judge(conn, turn)
            fresh = await findings.add(conn, evaluations, now_us())
            pairs = zip(turn, evaluations, strict=True)
            done = [(s, _insisted(s, e)) for s, e in pairs if e.label_uid in fresh]
            await self._remember(conn, [s for s, _ in done])
            await reporting.report(conn, done)
            await _patch(conn, done)
            await _resolve(conn, done)

    def _turns(self, submissions: Sequence[Submission]) -> Iterator[list[Submission]]:
        """All at once; where rules compare labels, so that a label sees what an earlier one of its asset left."""
        left = list(submissions)
        if not any(self._looker.needs(s, Need.HISTORY) for s in left):
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

    async def _remember(self, conn: AsyncConnection, submissions: Sequence[Submission]) -> None:
        ontologies = {s.project.uid: s.project.ontology for s in submissions}
        for project_uid, labels in self._looker.comparing(submissions).items():
            await facts.remember(conn, project_uid, labels, ontologies[project_uid])


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


async def _keep(conn: AsyncConnection, submissions: Sequence[Submission]) -> None:
    """Keep the labels for runs over what is there, and what reviewers left of those that they were shown."""
    reviewed, bases, times = [], {}, []
    for submission in submissions:
        try:
            shown, base = told.reviewed(submission), told.base(submission)
        except LabelError as error:
            raise Poison(str(error), [submission.cause] if submission.cause else []) from error
        if shown is not None:
            reviewed.append(shown)
        if base:
            bases[submission.label.uid] = base
        times.append((submission.project.uid, told.active_seconds(submission)))
    await seen.put(conn, [told.seen(submission) for submission in submissions])
    await seen.put_reviewed(conn, reviewed)
    await pace.add(conn, times)
    await patches.follow(conn, bases)


def _insisted(submission: Submission, evaluation: Evaluation) -> Evaluation:
    """Without blocks where a person saw a blocked label and left it as it was: a label is sent back once."""
    if not told.insists(submission) or not acting.blocked(evaluation.operations):
        return evaluation
    left = tuple((rule, op) for rule, op in evaluation.operations if not isinstance(op, Block))
    return replace(evaluation, operations=left)


async def _resolve(conn: AsyncConnection, done: Sequence[tuple[Submission, Evaluation]]) -> None:
    """What enforced rules say that several people's answers come to; the first rule of a label has its way."""
    for submission, evaluation in done:
        for rule, op in evaluation.operations:
            if isinstance(op, Resolve) and submission.cause is not None:
                await consensus.by_rule(conn, submission.project, submission.cause, rule, op.annotations)


async def _patch(conn: AsyncConnection, done: Sequence[tuple[Submission, Evaluation]]) -> None:
    """Ask for the changes that enforced rules make to these labels."""
    by_uid = {evaluation.label_uid: submission for submission, evaluation in done}
    for evaluation, ops in await patches.fresh(conn, [evaluation for _, evaluation in done]):
        submission = by_uid[evaluation.label_uid]
        project = submission.project
        run_uid = await runs.live(conn, project, now_us())
        event = patches.event(project, evaluation, ops, run_uid)
        msg_id = f"patched:{evaluation.label_uid}:{evaluation.ruleset_revision}"
        await outbox.add(conn, event, project.uid, msg_id=msg_id, cause=submission.cause)
        await announce.messages(conn, [(event, project.uid, msg_id)])
