"""SQL room: what rules say about labels."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Row, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis import at_once
from chassis.prepared import Prepared
from labelmesh.qa.v1.qa_events_pb2 import LabelEvaluated
from review_queue import projects, standing, tables, task_rows
from review_queue.assurance import acceptance
from review_queue.errors import ProjectNotFound
from review_queue.review import Decision
from review_queue.search import rules

MAX_FINDINGS = 1_000
"""Findings that are kept of one label."""
_f = tables.findings.c
_REPLACE = Prepared(
    update(tables.findings)
    .where(_f.label_uid == bindparam("label"), _f.ruleset_revision <= bindparam("ruleset"))
    .values(ruleset_revision=bindparam("ruleset"), n=bindparam("count"), severity=bindparam("worst"))
    .values(body=bindparam("message"), boost=bindparam("routing"), pool=bindparam("routed_to"))
)
_of_labels = _f.label_uid.in_(bindparam("uids", expanding=True))
_KNOWN = Prepared(select(_f.label_uid, _f.ruleset_revision).where(_of_labels))
_WHOLE = Prepared(select(tables.findings).where(_of_labels))


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Findings about one label: `n` of them, the worst of weight `severity`, `body` the LabelEvaluated message.

    `boost` and `pool` are what rules say about its way to a person; `blocked` that a person's label must not stand.
    `adds` says that it comes on top of what was said before, instead of in its place.
    """

    project_uid: str
    asset_uid: str
    label_uid: str
    ruleset_revision: int
    n: int
    severity: float
    body: bytes
    boost: float = 0.0
    pool: str = ""
    blocked: bool = False
    adds: bool = False


async def store(conn: AsyncConnection, evaluations: Sequence[Evaluation]) -> None:
    """Keep the findings of labels in place of older ones; those of current labels raise or lower their tasks.

    The label itself may not be here yet: it travels by another stream, and finds its findings when it comes. Raises
    ProjectNotFound or AssetNotFound.
    """
    known = await projects.by_uids(conn, (e.project_uid for e in evaluations))
    if any(e.project_uid not in known for e in evaluations):
        raise ProjectNotFound
    held = await task_rows.hold(conn, ((e.project_uid, e.asset_uid) for e in evaluations))
    valid = await _keep(conn, evaluations)
    now = {uid: task.standing for uid, task in held.items()}
    for e in valid:
        if e.blocked:
            now[e.asset_uid] = standing.after_block(now[e.asset_uid], e.label_uid)
        now[e.asset_uid] = standing.after_findings(
            now[e.asset_uid], e.label_uid, e.severity, e.n, boost=e.boost, pool=e.pool
        )
    weights = {uid: project.definition.weights for uid, project in known.items()}
    await task_rows.write(conn, ((held[uid], new) for uid, new in now.items()), weights)
    unseen = [uid for uid, task in held.items() if task.standing.decision is Decision.AUTO_ACCEPT]
    await acceptance.forget(conn, [uid for uid in unseen if now[uid].decision is None])


async def _keep(conn: AsyncConnection, evaluations: Sequence[Evaluation]) -> list[Evaluation]:
    """Store what is newer than what is there; of several for one label the last one counts, with what it adds to."""
    uids = sorted({e.label_uid for e in evaluations})
    # What was said is read where something comes on top of it.
    query = _WHOLE if any(e.adds for e in evaluations) else _KNOWN
    rows = await query.rows(conn, {"uids": uids})
    stored = {row.label_uid: row for row in rows}
    latest: dict[str, Evaluation] = {}
    for e in evaluations:
        before = latest.get(e.label_uid, stored.get(e.label_uid))
        if before is not None and e.adds:
            latest[e.label_uid] = on_top(before, e)
        elif e.label_uid not in latest or latest[e.label_uid].ruleset_revision <= e.ruleset_revision:
            latest[e.label_uid] = e
    there = {uid: row.ruleset_revision for uid, row in stored.items()}
    valid = [e for e in latest.values() if there.get(e.label_uid, 0) <= e.ruleset_revision]
    new = [e for e in valid if e.label_uid not in there]
    await at_once.store(conn, [(tables.findings, [_row(e) for e in new])], ignore=True)
    old = [e for e in valid if e.label_uid in there]
    if old:
        await _REPLACE.run(conn, [_change(e) for e in old])
    said = [(e.project_uid, e.label_uid, e.body) for e in valid if e.n]
    await rules.name(conn, said, replaced=[e.label_uid for e in old])
    return valid


def on_top(before: Evaluation | Row[Any], e: Evaluation) -> Evaluation:
    """What was said before with what an evaluation adds, at most MAX_FINDINGS; the same again changes nothing."""
    said, more = LabelEvaluated.FromString(before.body), LabelEvaluated.FromString(e.body)
    known = {finding.SerializeToString(deterministic=True) for finding in said.findings}
    fresh = [f for f in more.findings if f.SerializeToString(deterministic=True) not in known]
    said.findings.extend(fresh[: max(MAX_FINDINGS - len(said.findings), 0)])
    said.rules.extend(rule for rule in more.rules if rule not in said.rules)
    # Not their sum, which would grow with every period.
    said.priority_boost, said.pool = max(before.boost, e.boost), before.pool or e.pool
    said.blocked, said.ruleset_revision = e.blocked, max(before.ruleset_revision, e.ruleset_revision)
    return replace(
        e,
        ruleset_revision=said.ruleset_revision,
        n=len(said.findings),
        severity=max(before.severity, e.severity) if fresh else before.severity,
        body=said.SerializeToString(),
        boost=said.priority_boost,
        pool=said.pool,
    )


def _row(e: Evaluation) -> dict[str, object]:
    return {
        "label_uid": e.label_uid,
        "project_uid": e.project_uid,
        "ruleset_revision": e.ruleset_revision,
        "n": e.n,
        "severity": e.severity,
        "body": e.body,
        "boost": e.boost,
        "pool": e.pool,
    }


def _change(e: Evaluation) -> dict[str, object]:
    return {
        "label": e.label_uid,
        "ruleset": e.ruleset_revision,
        "count": e.n,
        "worst": e.severity,
        "message": e.body,
        "routing": e.boost,
        "routed_to": e.pool,
    }
