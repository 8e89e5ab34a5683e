"""SQL of starting runs, and of undoing what they did."""

import base64
import hashlib
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncConnection

from chassis import outbox
from chassis.clock import now_us
from chassis.ids import new_uid
from labelmesh.qa.v1.qa_events_pb2 import RuleRunReverted
from labels.names import rule_run_name
from qa_engine.conduct import Mode
from qa_engine.errors import RuleNotEnforced, RunNotRevertible
from qa_engine.life import pace, runs, seen
from qa_engine.life import run as running
from qa_engine.life.precision import Precision
from qa_engine.life.run import SECONDS_PER_HIT, ReviewTimeSource, Run, RunKind, RunState, Stage
from qa_engine.projects import Project
from qa_engine.rule import Rule, Settings
from qa_engine.webhooks import announce


async def backtest(
    conn: AsyncConnection,
    project: Project,
    rule: Rule,
    settings: Settings,
    *,
    seconds_per_hit: float,
    author: str,
    request_id: str,
) -> Run:
    """Start counting what a rule would find with these settings; the same request again gives the same run.

    `seconds_per_hit` is 0 where the project's reviews are to say it.
    """
    uid = _uid("run", project.uid, request_id)
    run = await _run(conn, project, rule, settings, RunKind.BACKTEST, uid, author, now_us())
    if seconds_per_hit:
        return await runs.create(
            conn, replace(run, review_seconds=seconds_per_hit, review_time_source=ReviewTimeSource.REQUEST)
        )
    return await runs.create(conn, run)


async def enforce(conn: AsyncConnection, project: Project, rule: Rule, author: str, request_id: str) -> Run:
    """Start applying an enforced rule to the labels that are there; raises RuleNotEnforced."""
    settings = rule.settings(project.ruleset)
    if settings.mode is not Mode.ENFORCE:
        raise RuleNotEnforced
    uid = _uid("run", project.uid, request_id)
    run = await _run(conn, project, rule, settings, RunKind.ENFORCE, uid, author, now_us())
    return await runs.create(conn, run)


async def scheduled(
    conn: AsyncConnection, project: Project, rule: Rule, settings: Settings, due_us: int, now_us: int
) -> Run:
    """The run of a rule for the period that was due then; always the same uid. Not stored yet."""
    uid = _uid("schedule", project.uid, f"{rule.id}\0{rule.version}\0{due_us}")
    return await _run(conn, project, rule, settings, RunKind.SCHEDULE, uid, "", now_us)


async def revert(conn: AsyncConnection, project: Project, uid: str) -> Run:
    """Tell that what a run changed is to be undone; again, it restores what had a person at work before.

    A run that works is stopped by it. Raises RunUnknown or RunNotRevertible.
    """
    run = await runs.get(conn, project.uid, uid, lock=True)
    if run.kind is RunKind.BACKTEST:
        raise RunNotRevertible
    await runs.to_state(conn, run, RunState.REVERTED, now_us())
    event = RuleRunReverted(rule_run=rule_run_name(project.id, uid))
    await outbox.add(conn, event, project.uid)
    await announce.messages(conn, [(event, project.uid, None)])
    return await runs.get(conn, project.uid, uid)


async def _run(
    conn: AsyncConnection,
    project: Project,
    rule: Rule,
    settings: Settings,
    kind: RunKind,
    uid: str,
    author: str,
    create_time_us: int,
) -> Run:
    median = await pace.median(conn, project.uid)
    return Run(
        uid=uid,
        project_uid=project.uid,
        kind=kind,
        rule=rule.id,
        version=rule.version,
        terms=running.terms(rule, settings),
        settings=running.settings_json(settings),
        state=RunState.RUNNING,
        stage=Stage.LABELS,
        cursor="",
        total=await seen.count(conn, project.uid),
        looked=0,
        hit_labels=0,
        hits=0,
        patched=0,
        unchecked_labels=0,
        precision=Precision(),
        review_seconds=SECONDS_PER_HIT if median is None else median,
        review_time_source=ReviewTimeSource.DEFAULT if median is None else ReviewTimeSource.REVIEWS,
        error="",
        author=author,
        create_time_us=create_time_us,
        end_time_us=0,
    )


def _uid(what: str, project_uid: str, request_id: str) -> str:
    """Uid of the run that a request makes, the same for the same request."""
    if not request_id:
        return new_uid()
    digest = hashlib.sha256(f"{what}\0{project_uid}\0{request_id}".encode()).digest()
    return base64.b32encode(digest).decode()[:26]
