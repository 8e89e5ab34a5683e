"""SQL room: what made a label."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, and_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from labelmesh.label.v1 import label_pb2
from labelmesh.qa.v1 import qa_events_pb2
from labelmesh.review.v1 import review_events_pb2
from labels.asset import Asset
from review_queue import assets, tables
from review_queue.errors import AssetNotFound, LabelNotFound
from review_queue.lineage.digest import COLUMNS, Kind, entry
from review_queue.lineage.tables import chain, seals
from review_queue.patches.tables import label_patches
from review_queue.project import Project
from review_queue.review import Decision

MAX_REVISIONS = 1_000
_c, _s, _p = chain.c, seals.c, label_patches.c
_a, _l, _r, _f = tables.assets.c, tables.labels.c, tables.reviews.c, tables.findings.c


@dataclass(frozen=True, slots=True)
class Revision:
    """A label of an asset, the review that made it (None without one), and how it stands in the chain.

    `rule_run` is the uid of the run of rules that made it of the label before it, by `rules`; empty where none did.
    """

    label: label_pb2.Label
    decision: Decision | None
    reason: str
    op_count: int
    hash: bytes
    seal: int
    intact: bool
    rule_run: str
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Provenance:
    """What made a label: its asset, the revisions up to it (newest first), and what rules said about it."""

    asset: Asset
    asset_intact: bool
    revisions: tuple[Revision, ...]
    findings: qa_events_pb2.LabelEvaluated


@dataclass(frozen=True, slots=True)
class Link:
    """A seal; `digest` is 32 bytes, `create_time_us` microseconds since the Unix epoch."""

    number: int
    digest: bytes
    entries: int
    create_time_us: int


async def trace(conn: AsyncConnection, project: Project, label_uid: str) -> Provenance:
    """What made the label; raises LabelNotFound, or AssetNotFound where its asset is gone."""
    wanted = select(_l.asset_uid, _l.revision).where(_l.uid == label_uid, _l.project_uid == project.uid)
    found = (await conn.execute(wanted)).one_or_none()
    if found is None:
        raise LabelNotFound
    return Provenance(
        *await _asset(conn, project, found.asset_uid),
        revisions=await _revisions(conn, found.asset_uid, found.revision),
        findings=await _findings(conn, label_uid),
    )


async def _asset(conn: AsyncConnection, project: Project, uid: str) -> tuple[Asset, bool]:
    query = (
        select(tables.assets, _c.hash.label("entered"))
        .outerjoin(chain, and_(_c.kind == int(Kind.ASSET), _c.uid == _a.uid))
        .where(_a.uid == uid, _a.project_uid == project.uid)
    )
    row = (await conn.execute(query)).one_or_none()
    if row is None:
        raise AssetNotFound
    return assets.from_body(row.body), _intact(Kind.ASSET, row._asdict(), row.entered)


async def _revisions(conn: AsyncConnection, asset_uid: str, newest: int) -> tuple[Revision, ...]:
    """Columns of a review are named apart, for both tables have a `uid`."""
    reviewed = [_r[name].label(f"review_{name}") for name in ("decision", "reason", "ops")]
    query = (
        select(tables.labels, _c.hash.label("entered"), _c.seal, *reviewed, _p.rule_run, _p.rules)
        .outerjoin(chain, and_(_c.kind == int(Kind.LABEL), _c.uid == _l.uid))
        .outerjoin(tables.reviews, and_(_r.label_uid == _l.uid, _r.asset_uid == asset_uid))
        .outerjoin(label_patches, _p.label_uid == _l.uid)
        .where(_l.asset_uid == asset_uid, _l.revision <= newest)
        .order_by(_l.revision.desc())
        .limit(MAX_REVISIONS)
    )
    return tuple(_revision(row) for row in await conn.execute(query))


def _revision(row: Row[*tuple[Any, ...]]) -> Revision:
    ops = review_events_pb2.LabelReviewed.FromString(row.review_ops or b"").ops
    return Revision(
        label=label_pb2.Label.FromString(row.body),
        decision=Decision(row.review_decision) if row.review_decision else None,
        reason=row.review_reason or "",
        op_count=len(ops),
        hash=bytes(row.entered or b""),
        seal=row.seal or 0,
        intact=_intact(Kind.LABEL, row._asdict(), row.entered),
        rule_run=row.rule_run or "",
        rules=tuple(json.loads(row.rules)) if row.rules else (),
    )


def _intact(kind: Kind, row: Mapping[str, Any], entered: bytes | None) -> bool:
    return entered is not None and entry(kind, {name: row[name] for name in COLUMNS[kind]}) == bytes(entered)


async def _findings(conn: AsyncConnection, label_uid: str) -> qa_events_pb2.LabelEvaluated:
    body = (await conn.execute(select(_f.body).where(_f.label_uid == label_uid))).scalar_one_or_none()
    return qa_events_pb2.LabelEvaluated.FromString(body or b"")


async def last_seal(conn: AsyncConnection, project: Project) -> Link | None:
    """The project's last seal, None before the first."""
    query = select(seals).where(_s.project_uid == project.uid).order_by(_s.number.desc()).limit(1)
    row = (await conn.execute(query)).one_or_none()
    return None if row is None else Link(row.number, bytes(row.digest), row.entries, row.create_time_us)
