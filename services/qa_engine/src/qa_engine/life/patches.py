"""SQL of what rules change: which annotation by which rule, and the events that ask for it.

A rule changes an annotation once. Labels that rules changed, or that got their claims back, hang on the label that
their chain began with; what a rule did to one of them it does to none after it.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.db import insert_ignore
from labelmesh.qa.v1.qa_events_pb2 import LabelPatched
from labels.correction import CorrectionOp
from labels.names import asset_name, label_name, rule_run_name
from labels.proto import correction_op_to_pb
from qa_engine import acting
from qa_engine.findings import Evaluation
from qa_engine.life.tables import patched_annotations, patched_labels
from qa_engine.operation import Judgement
from qa_engine.projects import Project

_a, _p = patched_annotations.c, patched_labels.c
_AT_ONCE = 500


def live_run_uid(project_uid: str, ruleset_revision: int) -> str:
    """Uid of what rules do to labels as they come under a revision of the rules: always the same 26 characters."""
    digest = hashlib.sha256(f"live\0{project_uid}\0{ruleset_revision}".encode()).digest()
    return base64.b32encode(digest).decode()[:26]


async def follow(conn: AsyncConnection, bases: Mapping[str, str]) -> None:
    """Hang labels on the chains of the labels that they were made of; `bases` by the new label."""
    if bases:
        roots = await _roots(conn, list(bases.values()))
        for uid, base in bases.items():
            roots[uid] = roots[base]
        rows = [{"label_uid": uid, "root_uid": roots[uid]} for uid in sorted(bases)]
        await conn.execute(insert_ignore(conn, patched_labels), rows)


async def fresh(
    conn: AsyncConnection, evaluations: Sequence[Evaluation]
) -> list[tuple[Evaluation, list[tuple[str, CorrectionOp]]]]:
    """The changes that evaluations ask for and that their rules have not made yet; from now on they have."""
    asked = [(e, acting.changes(Judgement(operations=e.operations))) for e in evaluations if e.operations]
    asked = [(e, ops) for e, ops in asked if ops]
    if not asked:
        return []
    roots = await _roots(conn, [e.label_uid for e, _ in asked])
    there: set[tuple[str, str, str]] = set()
    wanted = sorted(set(roots.values()))
    for start in range(0, len(wanted), _AT_ONCE):
        query = select(patched_annotations).where(_a.root_uid.in_(wanted[start : start + _AT_ONCE]))
        there |= {(row.root_uid, row.rule, row.annotation_id) for row in await conn.execute(query)}
    made, rows = [], []
    for e, ops in asked:
        root = roots[e.label_uid]
        new = [(rule, op) for rule, op in ops if (root, rule, acting.target(op)) not in there]
        keys = {(root, rule, acting.target(op)) for rule, op in new}
        there |= keys
        rows += [{"root_uid": r, "rule": rule, "annotation_id": a} for r, rule, a in sorted(keys)]
        if new:
            made.append((e, new))
    if rows:
        await conn.execute(insert_ignore(conn, patched_annotations), rows)
    return made


def event(
    project: Project, evaluation: Evaluation, ops: Sequence[tuple[str, CorrectionOp]], run_uid: str
) -> LabelPatched:
    """The event that asks for changes to a label."""
    return LabelPatched(
        label=label_name(project.id, evaluation.label_uid),
        asset=asset_name(project.id, evaluation.asset_uid),
        rule_run=rule_run_name(project.id, run_uid),
        rules=dict.fromkeys(rule for rule, _ in ops),
        ops=[correction_op_to_pb(op) for _, op in ops],
    )


async def _roots(conn: AsyncConnection, label_uids: Sequence[str]) -> dict[str, str]:
    """The label that each one's chain began with: itself where no rule had a hand in it."""
    roots = {uid: uid for uid in label_uids}
    wanted = sorted(roots)
    for start in range(0, len(wanted), _AT_ONCE):
        query = select(_p.label_uid, _p.root_uid).where(_p.label_uid.in_(wanted[start : start + _AT_ONCE]))
        roots |= {row.label_uid: row.root_uid for row in await conn.execute(query)}
    return roots
