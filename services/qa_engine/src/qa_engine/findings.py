"""SQL of evaluations and findings."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis import at_once
from labels.label import Finding, Severity
from qa_engine.operation import Operation
from qa_engine.tables import evaluations, findings


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What the rules of one revision said about one label; `rules` are those whose findings count."""

    project_uid: str
    label_uid: str
    asset_uid: str
    ruleset_revision: int
    findings: tuple[Finding, ...]
    shadow: tuple[Finding, ...] = ()
    operations: tuple[tuple[str, Operation], ...] = ()
    rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StoredFinding:
    """A finding with where it was found; `seq` grows with time, `create_time_us` is since the Unix epoch."""

    seq: int
    finding: Finding
    label_uid: str
    asset_uid: str
    create_time_us: int
    shadow: bool = False


async def add(conn: AsyncConnection, done: Sequence[Evaluation], now_us: int) -> set[str]:
    """Store the evaluations that are not there yet, with their findings; returns the uids of those labels."""
    rows = [
        {
            "label_uid": e.label_uid,
            "ruleset_revision": e.ruleset_revision,
            "project_uid": e.project_uid,
            "asset_uid": e.asset_uid,
            "create_time_us": now_us,
        }
        for e in done
    ]
    fresh = await at_once.store_new(conn, evaluations, rows, "label_uid")
    await put(conn, [e for e in done if e.label_uid in fresh], now_us)
    return fresh


async def put(conn: AsyncConnection, done: Sequence[Evaluation], now_us: int) -> None:
    """Store the findings of evaluations."""
    found = [
        {
            "project_uid": e.project_uid,
            "label_uid": e.label_uid,
            "asset_uid": e.asset_uid,
            "rule": finding.rule,
            "severity": finding.severity.value,
            "message": finding.message,
            "annotation_id": finding.annotation_id,
            "create_time_us": now_us,
            "shadow": shadow,
        }
        for e in done
        for shadow, some in ((False, e.findings), (True, e.shadow))
        for finding in some
    ]
    await at_once.store(conn, [(findings, found)])


async def page(
    conn: AsyncConnection, project_uid: str, rule: str, before: int | None, size: int, *, shadow: bool = False
) -> list[StoredFinding]:
    """Findings of a project, newest first: at most `size` below `before`, of any rule when that is empty.

    Those of rules on trial are among them only if asked for.
    """
    query = select(findings).where(findings.c.project_uid == project_uid)
    if not shadow:
        query = query.where(~findings.c.shadow)
    if rule:
        query = query.where(findings.c.rule == rule)
    if before is not None:
        query = query.where(findings.c.seq < before)
    rows = await conn.execute(query.order_by(findings.c.seq.desc()).limit(size))
    return [
        StoredFinding(
            row.seq,
            Finding(row.rule, Severity(row.severity), row.message, row.annotation_id),
            row.label_uid,
            row.asset_uid,
            row.create_time_us,
            row.shadow,
        )
        for row in rows
    ]
