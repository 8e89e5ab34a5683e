"""Events that tell what the rules say, in the transaction of the findings."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from google.protobuf.message import Message
from prometheus_client import Counter
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis import outbox
from labelmesh.qa.v1.qa_events_pb2 import LabelEvaluated
from labels.names import asset_name, label_name
from labels.proto import finding_to_pb
from qa_engine import acting
from qa_engine.findings import Evaluation
from qa_engine.looking import Submission
from qa_engine.operation import Emit
from qa_engine.projects import Project
from qa_engine.webhooks import announce

EVALUATED = Counter("labelmesh_qa_engine_labels_evaluated", "Labels that the rules looked at.")
MAX_RULES = 1_000
"""Named in an event."""
FOUND = Counter("labelmesh_qa_engine_findings", "Findings by rule and severity.", ["rule", "severity"])


async def report(
    conn: AsyncConnection, done: Sequence[tuple[Submission, Evaluation]], run_uid: str = ""
) -> None:
    """Put LabelEvaluated into the outbox, each under the trace of the event that caused it.

    With a run, which asked one rule, it comes on top of what was said about the label before.
    """
    reported: list[tuple[Message, str, str | None]] = []
    stored: list[dict[str, Any]] = []
    for _, group in groupby(done, key=lambda pair: pair[0].cause.traceparent if pair[0].cause else ""):
        members = list(group)
        rows = [
            (_evaluated(s.project, e, adds=bool(run_uid)), e.project_uid, _message_id(e, run_uid))
            for s, e in members
        ]
        stored += outbox.rows(rows, members[0][0].cause)
        reported += rows
    await outbox.put(conn, stored)
    await announce.messages(conn, reported)
    await _emit(conn, done, run_uid)
    EVALUATED.inc(len(done))
    for _, evaluation in done:
        for finding in evaluation.findings:
            FOUND.labels(finding.rule, finding.severity).inc()


async def _emit(conn: AsyncConnection, done: Sequence[tuple[Submission, Evaluation]], run_uid: str) -> None:
    """Tell the projects' webhooks what enforced rules ask to be told."""
    for submission, evaluation in done:
        asked = [(rule, op) for rule, op in evaluation.operations if isinstance(op, Emit)]
        if asked:
            key, asset_uid = _message_id(evaluation, run_uid), evaluation.asset_uid
            await announce.emits(conn, submission.project, key, evaluation.label_uid, asset_uid, asked)


def _message_id(evaluation: Evaluation, run_uid: str) -> str:
    if run_uid:
        return f"scheduled:{evaluation.label_uid}:{run_uid}"
    return f"evaluated:{evaluation.label_uid}:{evaluation.ruleset_revision}"


def _evaluated(project: Project, evaluation: Evaluation, *, adds: bool) -> LabelEvaluated:
    boost, pool = acting.boost(evaluation.operations)
    return LabelEvaluated(
        priority_boost=boost,
        pool=pool,
        blocked=acting.blocked(evaluation.operations),
        label=label_name(project.id, evaluation.label_uid),
        asset=asset_name(project.id, evaluation.asset_uid),
        findings=map(finding_to_pb, evaluation.findings),
        ruleset_revision=evaluation.ruleset_revision,
        adds=adds,
        rules=evaluation.rules[:MAX_RULES],
    )
