"""SQL of what a rule says on its schedule: kept, reported and done once, however often it is said.

A finding about a label that is there already, from an earlier period or from when the label came, is not told again;
nor is what was asked for about it. Changes are kept from repeating by life.patches.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.db import insert_ignore
from labels.label import Finding
from qa_engine import findings as finding_rows
from qa_engine import reporting
from qa_engine.findings import Evaluation
from qa_engine.life.run import Run
from qa_engine.life.tables import scheduled_operations
from qa_engine.looking import Submission
from qa_engine.operation import Block, Change, Operation
from qa_engine.tables import findings

_AT_ONCE = 500
_f, _o = findings.c, scheduled_operations.c
_Key = tuple[str, str, str, bool]
_Row = tuple[str, str]


async def tell(
    conn: AsyncConnection,
    run: Run,
    done: Sequence[tuple[Submission, Evaluation]],
    now_us: int,
) -> None:
    """Keep what is new among what the run's rule says about a page of labels, and tell of it where it is enforced."""
    said = [(s, e) for s, e in done if e.findings or e.shadow or e.operations]
    found = await _new_findings(conn, run, [e for _, e in said])
    asked = await _new_operations(conn, run, [e for _, e in said])
    news = [
        (s, replace(e, findings=f, shadow=shadow, operations=ops))
        for (s, e), (f, shadow), ops in zip(said, found, asked, strict=True)
    ]
    await finding_rows.put(conn, [e for _, e in news], now_us)
    await reporting.report(conn, [(s, e) for s, e in news if e.findings or e.operations], run.uid)


async def _new_findings(
    conn: AsyncConnection, run: Run, evaluations: Sequence[Evaluation]
) -> list[tuple[tuple[Finding, ...], tuple[Finding, ...]]]:
    """Of each evaluation the findings that are not stored, and those on trial."""
    labels = sorted({e.label_uid for e in evaluations if e.findings or e.shadow})
    there: set[_Key] = set()
    for start in range(0, len(labels), _AT_ONCE):
        query = select(_f.label_uid, _f.annotation_id, _f.message, _f.shadow).where(
            _f.project_uid == run.project_uid,
            _f.label_uid.in_(labels[start : start + _AT_ONCE]),
            _f.rule == run.rule,
        )
        there |= {
            (uid, place, message, bool(shadow)) for uid, place, message, shadow in await conn.execute(query)
        }

    def new(e: Evaluation, found: Sequence[Finding], shadow: bool) -> tuple[Finding, ...]:
        return tuple(f for f in found if (e.label_uid, f.annotation_id, f.message, shadow) not in there)

    return [(new(e, e.findings, False), new(e, e.shadow, True)) for e in evaluations]


async def _new_operations(
    conn: AsyncConnection, run: Run, evaluations: Sequence[Evaluation]
) -> list[tuple[tuple[str, Operation], ...]]:
    """Of each evaluation what is asked for the first time, without changes; from now on it was asked for."""
    wanted = [
        [(rule, op, _key(run, e, op)) for rule, op in e.operations if not isinstance(op, Change)]
        for e in evaluations
    ]
    keys = sorted({key for some in wanted for _, _, key in some})
    rows = [
        {"project_uid": run.project_uid, "rule": run.rule, "about": about, "said": said}
        for about, said in keys
    ]
    fresh: set[_Row] = set()
    if rows:
        insert = insert_ignore(conn, scheduled_operations).returning(_o.about, _o.said)
        fresh = {(row.about, row.said) for row in await conn.execute(insert, rows)}
    return [tuple((rule, op) for rule, op, key in some if key in fresh) for some in wanted]


def _key(run: Run, evaluation: Evaluation, op: Operation) -> _Row:
    """What an operation is about, and a digest of it: an asset is sent back to a person once, whatever its label."""
    about = evaluation.asset_uid if isinstance(op, Block) else evaluation.label_uid
    said = f"{run.version}\0{op!r}".encode("utf-8", "surrogatepass")
    return about, hashlib.blake2b(said, digest_size=16).hexdigest()
