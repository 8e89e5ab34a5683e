"""SQL room: every asset with its current label, in import order."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.db import Database
from labelmesh.label.v1 import asset_pb2, label_pb2
from labels.label import LabelKind
from review_queue import tables
from review_queue.errors import NothingReviewed
from review_queue.project import Project
from review_queue.review import Decision, TaskState

_PAGE = 100
_t, _a, _l = tables.tasks.c, tables.assets.c, tables.labels.c


@dataclass(frozen=True, slots=True)
class Exported:
    """An asset and the label that may leave the house, as they go over the wire."""

    asset: asset_pb2.Asset
    label: label_pb2.Label | None
    reviewed: bool
    rejected: bool


async def export(db: Database, project: Project, *, include_unreviewed: bool) -> AsyncIterator[Exported]:
    """Raises NothingReviewed when only reviewed labels are asked for and there is none.

    Pages are read one after the other, each as of its own moment: an asset's label is never torn, but a label
    reviewed meanwhile may be in or not.
    """
    if not include_unreviewed:
        async with db.read() as conn:
            await _check_reviewed(conn, project)
    seq = 0
    while True:
        async with db.read() as conn:
            rows = await _page(conn, project, seq)
        for row in rows:
            yield _exported(row, include_unreviewed)
        if len(rows) < _PAGE:
            return
        seq = rows[-1].seq


async def _check_reviewed(conn: AsyncConnection, project: Project) -> None:
    reviewed = select(_t.uid).where(
        _t.project_uid == project.uid,
        _t.state == TaskState.DONE,
        _t.label_kind == LabelKind.REVIEW.value,
        _t.decision != Decision.REJECT.value,
    )
    if (await conn.execute(reviewed.limit(1))).first() is None:
        raise NothingReviewed


async def _page(conn: AsyncConnection, project: Project, after_seq: int) -> list[Row[*tuple[Any, ...]]]:
    query = (
        select(_a.seq, _a.body.label("asset"), _t.label_kind, _t.decision, _l.body.label("label"))
        .join(tables.tasks, _t.uid == _a.uid)
        .outerjoin(tables.labels, _l.uid == _t.label_uid)
        .where(_a.project_uid == project.uid, _a.seq > after_seq)
        .order_by(_a.seq)
        .limit(_PAGE)
    )
    return list((await conn.execute(query)).all())


def _exported(row: Row[*tuple[Any, ...]], include_unreviewed: bool) -> Exported:
    rejected = row.decision == Decision.REJECT.value
    reviewed = row.label_kind == LabelKind.REVIEW.value and not rejected
    wanted = row.label is not None and not rejected and (reviewed or include_unreviewed)
    return Exported(
        asset=asset_pb2.Asset.FromString(row.asset),
        label=label_pb2.Label.FromString(row.label) if wanted else None,
        reviewed=reviewed,
        rejected=rejected,
    )
