"""SQL of what people say about findings."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.at_once import upsert
from labels.label import Finding, Severity
from qa_engine.life import precision
from qa_engine.life.precision import Precision
from qa_engine.life.tables import reviewed_labels, verdicts
from qa_engine.tables import findings

RECENT = 10_000
"""Findings of a rule that its metrics look at, the newest ones."""
_v, _f, _r = verdicts.c, findings.c, reviewed_labels.c


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a person says about what a rule said about an annotation, empty where it was the whole label."""

    rule: str
    label_uid: str
    annotation_id: str
    confirmed: bool


async def put(
    conn: AsyncConnection, project_uid: str, said: Sequence[Verdict], author: str, now_us: int
) -> None:
    """Keep verdicts; a later one replaces an earlier one."""
    last = {(v.rule, v.label_uid, v.annotation_id): v for v in said}
    rows = [
        {
            "project_uid": project_uid,
            "rule": v.rule,
            "label_uid": v.label_uid,
            "annotation_id": v.annotation_id,
            "confirmed": v.confirmed,
            "author": author,
            "create_time_us": now_us,
        }
        for _, v in sorted(last.items())
    ]
    await upsert(conn, verdicts, rows, replaced=("confirmed", "author", "create_time_us"))


async def about(
    conn: AsyncConnection, project_uid: str, rule: str, label_uids: Collection[str]
) -> dict[tuple[str, str], bool]:
    """By label and annotation, whether what the rule said was confirmed."""
    query = select(_v.label_uid, _v.annotation_id, _v.confirmed).where(
        _v.project_uid == project_uid, _v.rule == rule, _v.label_uid.in_(sorted(label_uids))
    )
    return {(label, annotation): confirmed for label, annotation, confirmed in await conn.execute(query)}


async def metrics(conn: AsyncConnection, project_uid: str, rule: str) -> tuple[int, int, Precision]:
    """Findings reported, findings on trial, and how often people agreed with the newest RECENT of both."""
    mine = (_f.project_uid == project_uid) & (_f.rule == rule)
    query = select(_f.shadow, func.count().label("n")).where(mine).group_by(_f.shadow)
    counts = {bool(row.shadow): row.n for row in await conn.execute(query)}
    explicit = (
        (_v.project_uid == _f.project_uid)
        & (_v.rule == _f.rule)
        & (_v.label_uid == _f.label_uid)
        & (_v.annotation_id == _f.annotation_id)
    )
    reviewed = (_r.project_uid == _f.project_uid) & (_r.label_uid == _f.label_uid)
    recent = select(findings).where(mine).order_by(_f.seq.desc()).limit(RECENT).subquery()
    judged = (
        select(_f.label_uid, _f.annotation_id, _v.confirmed, _r.changed, _r.kept)
        .outerjoin(verdicts, explicit)
        .outerjoin(reviewed_labels, reviewed)
        .where(_f.seq.in_(select(recent.c.seq)), (_v.confirmed.is_not(None)) | (_r.kept.is_not(None)))
    )
    found: dict[tuple[str, str], bool] = {}
    for row in await conn.execute(judged):
        right = row.confirmed
        if right is None:
            finding = Finding(rule, Severity.INFO, "", row.annotation_id)
            right = precision.right(finding, json.loads(row.changed), kept=row.kept)
        found[row.label_uid, row.annotation_id] = bool(right)
    right_ones = sum(found.values())
    return counts.get(False, 0), counts.get(True, 0), Precision(right_ones, len(found) - right_ones)
