"""Events from the other services."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from google.protobuf.message import Message
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.bus import Event, NotYet, Poison
from labelmesh.annotator.v1.annotator_events_pb2 import PredictionCreated, PredictionFailed
from labelmesh.qa.v1.qa_events_pb2 import ConsensusResolved, LabelEvaluated, LabelPatched, RuleRunReverted
from labels.errors import LabelError, LabelInvalid
from labels.label import SEVERITY_WEIGHT, LabelKind
from labels.names import ASSET, LABEL, RULE_RUN, parse
from labels.proto import asset_from_pb, correction_op_from_pb, finding_from_pb, label_from_pb
from review_queue import evaluations, predictions, prompting, revisions
from review_queue.errors import ReviewError
from review_queue.patches import patching, undoing
from review_queue.review import MAX_OPS
from review_queue.routing import settling

M = TypeVar("M", bound=Message)
T = TypeVar("T")
Handler = Callable[[AsyncConnection, Sequence[Event[Any]]], Awaitable[None]]
_REASON = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
_POOL = re.compile(r"([a-z][a-z0-9_-]{0,63})?")
MAX_BOOST = 1_000.0
_PATIENCE = 8
"""Deliveries after which a label that has not come is taken for one that was refused."""


def handlers() -> Mapping[type[Message], Handler]:
    """What this service does with which event."""
    return {
        PredictionCreated: on_prediction_created,
        PredictionFailed: on_prediction_failed,
        LabelEvaluated: on_label_evaluated,
        LabelPatched: on_label_patched,
        RuleRunReverted: on_rule_run_reverted,
        ConsensusResolved: on_consensus_resolved,
    }


async def on_prediction_created(conn: AsyncConnection, events: Sequence[Event[PredictionCreated]]) -> None:
    """A model labelled assets."""
    news = _each(_prediction, events)
    try:
        await predictions.store(conn, news)
    except ReviewError as error:
        raise Poison(str(error)) from error


async def on_prediction_failed(conn: AsyncConnection, events: Sequence[Event[PredictionFailed]]) -> None:
    """A model had no usable answer for assets."""
    news = _each(_failure, events)
    try:
        await predictions.fail(conn, news)
    except ReviewError as error:
        raise Poison(str(error)) from error


async def on_label_evaluated(conn: AsyncConnection, events: Sequence[Event[LabelEvaluated]]) -> None:
    """Rules looked at labels."""
    news = _each(_evaluation, events)
    try:
        await evaluations.store(conn, news)
    except ReviewError as error:
        raise Poison(str(error)) from error


async def on_label_patched(conn: AsyncConnection, events: Sequence[Event[LabelPatched]]) -> None:
    """Rules change labels."""
    news = _each(_patch, events)
    missing = await patching.missing(conn, news)
    pairs = list(zip(events, news, strict=True))
    early = [e for e, patch in pairs if patch.label_uid in missing and e.delivered < _PATIENCE]
    if early:
        raise NotYet("The label has not arrived.", early)
    try:
        await patching.store(conn, [patch for patch in news if patch.label_uid not in missing])
    except ReviewError as error:
        raise Poison(str(error)) from error


async def on_rule_run_reverted(conn: AsyncConnection, events: Sequence[Event[RuleRunReverted]]) -> None:
    """What rules changed is undone."""
    try:
        for event in events:
            await undoing.undo(conn, event.project_uid, parse(event.message.rule_run, RULE_RUN)[1])
    except (LabelError, ReviewError) as error:
        raise Poison(str(error)) from error


async def on_consensus_resolved(conn: AsyncConnection, events: Sequence[Event[ConsensusResolved]]) -> None:
    """The answers of several people were compared."""
    for event, found in zip(events, _each(_consensus, events), strict=True):
        try:
            await settling.settle(conn, found)
        except ReviewError as error:
            raise Poison(str(error), [event]) from error


def _each(convert: Callable[[Event[M]], T], events: Sequence[Event[M]]) -> list[T]:
    converted = []
    for event in events:
        try:
            converted.append(convert(event))
        except LabelError as error:
            raise Poison(str(error), [event]) from error
    return converted


def _prediction(event: Event[PredictionCreated]) -> predictions.Prediction:
    label = label_from_pb(event.message.label)
    asset = asset_from_pb(event.message.asset)
    if label.kind is not LabelKind.PREDICTION or not label.uid or label.asset_uid != asset.uid:
        raise LabelInvalid("The prediction is not one, or does not name its asset.")
    revisions.run_uid(label)
    prompting.source_uid(label)
    return predictions.Prediction(event.project_uid, asset, label)


def _failure(event: Event[PredictionFailed]) -> predictions.Failure:
    reason = event.message.reason
    if not _REASON.fullmatch(reason):
        raise LabelInvalid("The reason of a failed prediction is not an error class.")
    return predictions.Failure(event.project_uid, parse(event.message.asset.name, ASSET)[1], reason)


def _evaluation(event: Event[LabelEvaluated]) -> evaluations.Evaluation:
    message = event.message
    findings = [finding_from_pb(finding) for finding in message.findings]
    if not 0.0 <= message.priority_boost <= MAX_BOOST or not _POOL.fullmatch(message.pool):
        raise LabelInvalid("What rules add to a priority is out of range, or their pool has no name.")
    return evaluations.Evaluation(
        project_uid=event.project_uid,
        asset_uid=parse(message.asset, ASSET)[1],
        label_uid=parse(message.label, LABEL)[1],
        ruleset_revision=message.ruleset_revision,
        n=len(findings),
        severity=max((SEVERITY_WEIGHT[finding.severity] for finding in findings), default=0.0),
        body=message.SerializeToString(),
        boost=message.priority_boost,
        pool=message.pool,
        blocked=message.blocked,
        adds=message.adds,
    )


def _patch(event: Event[LabelPatched]) -> patching.Patch:
    message = event.message
    if not 1 <= len(message.ops) <= MAX_OPS:
        raise LabelInvalid("A change by rules has 1 to 10,000 operations.")
    return patching.Patch(
        project_uid=event.project_uid,
        asset_uid=parse(message.asset, ASSET)[1],
        label_uid=parse(message.label, LABEL)[1],
        rule_run=parse(message.rule_run, RULE_RUN)[1],
        rules=tuple(message.rules),
        ops=tuple(correction_op_from_pb(op) for op in message.ops),
    )


def _consensus(event: Event[ConsensusResolved]) -> settling.Consensus:
    message = event.message
    # Written so that NaN fails.
    if not 0.0 <= message.agreement <= 1.0:
        raise LabelInvalid("The agreement of answers is not 0 to 1.")
    label = label_from_pb(message.label) if message.HasField("label") else None
    return settling.Consensus(
        project_uid=event.project_uid,
        asset_uid=parse(message.asset.name, ASSET)[1],
        annotations=label.annotations if label else None,
        agreement=message.agreement,
    )
