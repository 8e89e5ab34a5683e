"""SQL room: every asset with its current label, in import order."""

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.db import Database
from labelmesh.label.v1 import asset_pb2, label_pb2
from labelmesh.review.v1 import label_service_pb2
from labels.label import LabelKind
from review_queue import tables
from review_queue.assurance import certificates, policies
from review_queue.errors import NothingReviewed
from review_queue.project import Project
from review_queue.review import Decision, TaskState

_PAGE = 100
_t, _a, _l = tables.tasks.c, tables.assets.c, tables.labels.c


@dataclass(frozen=True, slots=True)
class Exported:
    """An asset and the label that may leave the house, as they go over the wire.

    `audited`: reviewed because it was drawn for the audit; `auto_accepted`: by the project's policy, unseen.
    """

    asset: asset_pb2.Asset
    label: label_pb2.Label | None
    reviewed: bool
    rejected: bool
    auto_accepted: bool
    audited: bool

    @property
    def kind(self) -> str:
        """Which number of the manifest counts it."""
        if self.rejected:
            return "rejected"
        if self.label is None:
            return "missing"
        if self.reviewed:
            return "audited" if self.audited else "reviewed"
        return "auto_accepted" if self.auto_accepted else "unreviewed"


async def export(db: Database, project: Project, *, include_unreviewed: bool) -> AsyncIterator[Exported]:
    """Raises NothingReviewed when only reviewed labels are asked for and there is none.

    Labels accepted unseen count as reviewed here where the project's policy says so.

    Pages are read one after the other, each as of its own moment: an asset's label is never torn, but a label
    reviewed meanwhile may be in or not.
    """
    async with db.read() as conn:
        policy = await policies.find(conn, project.uid)
        unseen = policy is not None and policy.policy.export_auto_accepted
        if not include_unreviewed:
            await _check_reviewed(conn, project, unseen=unseen)
    seq = 0
    while True:
        async with db.read() as conn:
            rows = await _page(conn, project, seq)
        for row in rows:
            yield _exported(row, include_unreviewed, unseen=unseen)
        if len(rows) < _PAGE:
            return
        seq = rows[-1].seq


async def _check_reviewed(conn: AsyncConnection, project: Project, *, unseen: bool) -> None:
    by_person = (_t.label_kind == LabelKind.REVIEW.value) & (_t.decision != Decision.REJECT.value)
    by_policy = _t.decision == Decision.AUTO_ACCEPT.value
    reviewed = select(_t.uid).where(
        _t.project_uid == project.uid,
        _t.state == TaskState.DONE,
        or_(by_person, by_policy) if unseen else by_person,
    )
    if (await conn.execute(reviewed.limit(1))).first() is None:
        raise NothingReviewed


async def _page(conn: AsyncConnection, project: Project, after_seq: int) -> list[Row[*tuple[Any, ...]]]:
    query = (
        select(
            _a.seq,
            _a.body.label("asset"),
            _t.state,
            _t.label_kind,
            _t.decision,
            _t.audit,
            _l.body.label("label"),
        )
        .join(tables.tasks, _t.uid == _a.uid)
        .outerjoin(tables.labels, _l.uid == _t.label_uid)
        .where(_a.project_uid == project.uid, _a.seq > after_seq)
        .order_by(_a.seq)
        .limit(_PAGE)
    )
    return list((await conn.execute(query)).all())


def _exported(row: Row[*tuple[Any, ...]], include_unreviewed: bool, *, unseen: bool) -> Exported:
    rejected = row.decision == Decision.REJECT.value
    # With four eyes, or where rules block it, a person's label may wait for another person.
    done = row.state == TaskState.DONE
    reviewed = done and row.label_kind == LabelKind.REVIEW.value and not rejected
    auto_accepted = row.decision == Decision.AUTO_ACCEPT.value
    may_leave = reviewed or include_unreviewed or (auto_accepted and unseen)
    wanted = row.label is not None and not rejected and may_leave
    return Exported(
        asset=asset_pb2.Asset.FromString(row.asset),
        label=label_pb2.Label.FromString(row.label) if wanted else None,
        reviewed=reviewed,
        rejected=rejected,
        auto_accepted=auto_accepted and wanted,
        audited=reviewed and row.audit > 0,
    )


async def manifest(db: Database, project: Project, counted: Counter[str]) -> label_service_pb2.ExportManifest:
    """What an export held, by `Exported.kind`, stamped with the newest certificate."""
    async with db.read() as conn:
        stamp = await certificates.stamp(conn, project)
    return label_service_pb2.ExportManifest(
        assets=counted.total(),
        **counted,
        certificate=stamp.name,
        error_upper_bound=stamp.error_upper_bound,
        confidence=stamp.confidence,
        certificate_time_us=stamp.create_time_us,
    )
