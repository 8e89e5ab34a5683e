"""Reviews in, consensus out: an answer, what it completes and the event that tells it are one transaction."""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf.message import Message
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis import outbox
from chassis.blobs import Blobs
from chassis.bus import Event, Handler, NotYet, Poison
from chassis.clock import now_us
from chassis.errors import BlobCorrupt, BlobMissing, BlobTooLarge, BlobUriRefused
from labelmesh.label.v1 import label_pb2
from labelmesh.qa.v1.qa_events_pb2 import ConsensusResolved
from labelmesh.review.v1.review_events_pb2 import LabelReviewed
from labels.asset import Asset
from labels.errors import LabelError
from labels.label import Annotation, Label, LabelKind
from labels.names import label_name
from labels.proto import asset_from_pb, label_from_pb, label_to_pb
from qa_engine import projects, texts
from qa_engine.consensus import answers, counts, policies, results
from qa_engine.consensus.answers import Given
from qa_engine.consensus.arriving import NOTHING_KNOWN, Added, added, posterior, said, single_tools
from qa_engine.consensus.comparing import NONE
from qa_engine.consensus.policy import Policy
from qa_engine.consensus.resolution import MAX_ANSWERS, Answer, Resolution, resolve
from qa_engine.consensus.results import Result
from qa_engine.errors import TextUnreadable, VotesInvalid
from qa_engine.projects import Project
from qa_engine.webhooks import announce

PATIENCE = 10
"""Deliveries after which the answers that are there are compared, even if the review queue counted more."""
_UNREADABLE = (BlobMissing, BlobCorrupt, BlobTooLarge, BlobUriRefused, TextUnreadable)
Reviewed = Event[LabelReviewed]


def also_resolving(handlers: Mapping[type[Message], Handler], blobs: Blobs) -> dict[type[Message], Handler]:
    """The handlers, of which that of reviews also keeps answers before, and compares them after."""
    return {**handlers, LabelReviewed: _resolving(handlers[LabelReviewed], blobs)}


def _resolving(handler: Handler, blobs: Blobs) -> Handler:
    async def handle(conn: AsyncConnection, events: Sequence[Reviewed]) -> None:
        known = await _keep(conn, events)
        # Rules see the answers, and may come to claims of their own.
        await handler(conn, events)
        for event in events:
            if _completes(event.message):
                await _compare(conn, known[event.project_uid], event, blobs)

    return handle


def _completes(review: LabelReviewed) -> bool:
    return 1 < review.answers_wanted <= review.answers


async def _keep(conn: AsyncConnection, events: Sequence[Reviewed]) -> Mapping[str, Project]:
    """Store the answers among the events; raises NotYet or Poison."""
    shared = [event for event in events if event.message.answers_wanted > 1]
    if not shared:
        return {}
    known = await projects.by_uid(conn, {event.project_uid for event in shared})
    early = [event for event in shared if event.project_uid not in known]
    if early:
        raise NotYet("The project has not arrived.", early)
    for event in shared:
        await answers.put(conn, _given(event))
    return known


def _given(event: Reviewed) -> Given:
    review = event.message
    label = review.label if review.HasField("label") else None
    try:
        asset_uid = asset_from_pb(review.asset).uid
        label_uid = label_from_pb(label).uid if label is not None else ""
    except LabelError as error:
        raise Poison(str(error), [event]) from error
    if not asset_uid or not review.reviewer or (label is not None and not label_uid):
        raise Poison("The asset, the label or the reviewer has no name.", [event])
    first = review.answers <= 1
    return Given(event.project_uid, asset_uid, review.reviewer, label_uid, label, event.time_us, first)


async def _compare(conn: AsyncConnection, project: Project, event: Reviewed, blobs: Blobs) -> None:
    asset = asset_from_pb(event.message.asset)
    given = await answers.of_asset(conn, project.uid, asset.uid)
    if len(given) < event.message.answers and event.delivered < PATIENCE:
        raise NotYet("Not all answers have arrived.", [event])
    before = await results.of_asset(conn, project.uid, asset.uid)
    if before is not None and before.answers_key == _key(given):
        return
    policy = await policies.of(conn, project.uid)
    found, parts = await _resolution(
        conn, project, policy, given[-MAX_ANSWERS:], await _text(project, asset, blobs)
    )
    label = _label(project, asset, found.annotations, policy.method.value)
    result = Result(
        asset.uid, policy.method.value, label, found.agreement, found.confidence, found.by_tool, found.disputes,
        parts, _key(given), len(given), now_us(),
    )  # fmt: skip
    await _tell(conn, project, event, given, result, before)


async def _text(project: Project, asset: Asset, blobs: Blobs) -> str | None:
    try:
        return await texts.read(asset, blobs.of(project.tenant))
    except _UNREADABLE:
        # Merged spans are then among those given.
        return None


async def _resolution(
    conn: AsyncConnection, project: Project, policy: Policy, given: Sequence[Answer], text: str | None
) -> tuple[Resolution, dict[str, Added]]:
    tools = single_tools(project.ontology)
    votes = {tool.name: said(given, tool) for tool in tools}
    people = {answer.annotator for answer in given}
    known = await counts.known(conn, project.uid, list(votes), people)

    def compare() -> tuple[Resolution, dict[str, Added]]:
        likely = {
            t.name: posterior(t, votes[t.name], known.get(t.name, NOTHING_KNOWN), policy.method)
            for t in tools
        }
        parts = {t.name: added(t, votes[t.name], likely[t.name]) for t in tools}
        sure = {name: row for name, row in likely.items() if row is not None}
        try:
            return resolve(given, project.ontology, policy, sure, text), parts
        except (VotesInvalid, LabelError):
            return NONE, parts

    return await asyncio.to_thread(compare)


def _label(
    project: Project, asset: Asset, claims: tuple[Annotation, ...] | None, method: str
) -> label_pb2.Label | None:
    if claims is None:
        return None
    label = Label(LabelKind.REVIEW, f"consensus:{method}", claims, asset_uid=asset.uid)
    return label_to_pb(label, project.id)


async def by_rule(
    conn: AsyncConnection, project: Project, event: Event[Any], rule: str, claims: tuple[Annotation, ...]
) -> None:
    """What a rule says that the answers to the review's asset come to, once all are there; it goes before the vote.

    Agreement is that of the answers. Nobody is judged by what a rule says: it adds to no counts.
    """
    if not isinstance(event.message, LabelReviewed) or not _completes(event.message):
        return
    asset = asset_from_pb(event.message.asset)
    given = await answers.of_asset(conn, project.uid, asset.uid)
    before = await results.of_asset(conn, project.uid, asset.uid)
    if before is not None and before.answers_key == _key(given):
        return
    method = f"rule:{rule}"[:80]
    label = _label(project, asset, claims, method)
    policy = await policies.of(conn, project.uid)
    found, _ = await _resolution(conn, project, policy, given[-MAX_ANSWERS:], None)
    result = Result(
        asset.uid, method, label, found.agreement, 0.0, found.by_tool, (), {}, _key(given), len(given), now_us()
    )  # fmt: skip
    await _tell(conn, project, event, given, result, before)


async def _tell(
    conn: AsyncConnection,
    project: Project,
    event: Event[Any],
    given: Sequence[Answer],
    result: Result,
    before: Result | None,
) -> None:
    """Store the result and put ConsensusResolved into the outbox."""
    await results.put(conn, project.uid, result)
    await counts.move(conn, project.uid, before.added if before else {}, result.added)
    resolved = ConsensusResolved(
        asset=event.message.asset,
        label=result.label,
        method=result.method,
        agreement=result.agreement,
        confidence=result.confidence,
        answers=[label_name(project.id, uid) for uid in answers.uids(given)],
    )
    msg_id = f"consensus:{result.asset_uid}:{result.answers_key[:32]}"
    await outbox.add(conn, resolved, project.uid, msg_id=msg_id, cause=event)
    await announce.messages(conn, [(resolved, project.uid, msg_id)])


def _key(given: Sequence[Answer]) -> str:
    """Names the answers."""
    said = "\n".join(f"{answer.annotator}\t{answer.label_uid}" for answer in given)
    return hashlib.sha256(said.encode()).hexdigest()
