"""SQL room: labels that rules change. What a rule changes is a new label; the one before it stays as it is."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from prometheus_client import Counter
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis import outbox
from chassis.clock import now_us
from labelmesh.review.v1.review_events_pb2 import LabelSubmitted
from labels.asset import Asset
from labels.checks import check_label
from labels.correction import CorrectionOp, apply
from labels.errors import LabelError
from labels.label import Annotation, Label, derive_uid
from labels.names import label_name, rule_run_name
from labels.proto import asset_to_pb, label_from_pb, label_to_pb
from review_queue import assets, projects, revisions, standing, tables, task_rows
from review_queue.errors import ProjectNotFound
from review_queue.patches.tables import label_patches, reverted_runs
from review_queue.project import Project
from review_queue.search.following import after
from review_queue.search.origin import Source

PATCHES = Counter(
    "labelmesh_review_queue_patches", "Changes by rules that were asked for, by fate.", ["fate"]
)
_l = tables.labels.c


class Fate(StrEnum):
    """What became of a change."""

    MADE = "made"
    STALE = "stale"
    """Another label is the asset's current one by now."""
    LEASED = "leased"
    """A person is at work on the asset."""
    REVERTED = "reverted"
    """The run was undone before."""
    INVALID = "invalid"
    """The changed label would not fit its ontology or its asset."""


@dataclass(frozen=True, slots=True)
class Patch:
    """Changes to one label, by the rules of a run."""

    project_uid: str
    asset_uid: str
    label_uid: str
    rule_run: str
    rules: tuple[str, ...]
    ops: tuple[CorrectionOp, ...]


@dataclass(frozen=True, slots=True)
class Made:
    """A label that stands in the place of another one, by a run or its undoing."""

    base: Label
    annotations: tuple[Annotation, ...]
    uid: str
    rule_run: str


async def missing(conn: AsyncConnection, patches: Sequence[Patch]) -> set[str]:
    """Uids of the labels that are not here yet: they travel by another stream."""
    wanted = {patch.label_uid for patch in patches}
    found = await conn.execute(select(_l.uid).where(_l.uid.in_(sorted(wanted))))
    return wanted - set(found.scalars())


async def store(conn: AsyncConnection, patches: Sequence[Patch]) -> None:
    """Make the changes to those labels that are still their assets' current ones, as new labels of the same kind.

    A person at work wins: what is leased is left. The same change again changes nothing. Raises ProjectNotFound or
    AssetNotFound.
    """
    known = await projects.by_uids(conn, (patch.project_uid for patch in patches))
    if any(patch.project_uid not in known for patch in patches):
        raise ProjectNotFound
    for patch in patches:
        PATCHES.labels(await _store(conn, known[patch.project_uid], patch)).inc()


async def _store(conn: AsyncConnection, project: Project, patch: Patch) -> Fate:
    held = (await task_rows.hold(conn, [(project.uid, patch.asset_uid)]))[patch.asset_uid]
    if held.standing.label_uid != patch.label_uid:
        return Fate.STALE
    if held.lease_expire_us > now_us():
        return Fate.LEASED
    if await _undone(conn, project, patch.rule_run):
        return Fate.REVERTED
    base = label_from_pb(await revisions.get(conn, project, patch.label_uid))
    asset = await assets.get(conn, project, patch.asset_uid)
    try:
        annotations = apply(base.annotations, patch.ops)
        check_label(annotations, asset, project.definition.ontology)
    except LabelError:
        return Fate.INVALID
    uid = derive_uid(f"{patch.rule_run}\0{patch.label_uid}", patch.asset_uid)
    await put(conn, project, asset, held, Made(base, annotations, uid, patch.rule_run))
    await conn.execute(
        insert(label_patches).values(
            label_uid=uid,
            project_uid=project.uid,
            asset_uid=patch.asset_uid,
            base_label_uid=patch.label_uid,
            rule_run=patch.rule_run,
            rules=json.dumps(patch.rules),
            create_time_us=now_us(),
        )
    )
    return Fate.MADE


async def put(
    conn: AsyncConnection, project: Project, asset: Asset, held: task_rows.Held, made: Made
) -> None:
    """Store a label in the place of another one, and tell the rules about it."""
    new = standing.after_patch(held.standing, made.uid)
    label = replace(made.base, uid=made.uid, annotations=made.annotations, create_time_us=now_us())
    label = revisions.numbered(label, new.revision)
    origin = await after(conn, held.standing.label_uid, label, Source.RULE)
    await revisions.store(conn, [(project, label)], {label.uid: origin})
    await task_rows.write(conn, [(held, new)], {project.uid: project.definition.weights})
    event = LabelSubmitted(
        asset=asset_to_pb(asset, project.project_id),
        label=label_to_pb(label, project.project_id),
        base=label_name(project.project_id, held.standing.label_uid),
        rule_run=rule_run_name(project.project_id, made.rule_run),
    )
    await outbox.add(conn, event, project.uid)


async def _undone(conn: AsyncConnection, project: Project, rule_run: str) -> bool:
    mine = (reverted_runs.c.project_uid == project.uid) & (reverted_runs.c.rule_run == rule_run)
    return await conn.scalar(select(reverted_runs.c.rule_run).where(mine)) is not None
