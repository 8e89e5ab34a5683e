"""SQL room: answering review tasks.

What was handed out is read and checked first, together with its project and all that the answer will rest on. Then one
UPDATE closes the task if nothing of that has changed, and stores along with it all that follows (see answer_rows.py);
where something has changed, it is read again. On PostgreSQL that is two statements an answer, and no transaction around
them.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Row, and_, bindparam, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis import at_once, outbox
from chassis.blobs import Blobs
from chassis.clock import now_us
from chassis.db import Database
from chassis.prepared import Prepared
from labelmesh.label.v1 import label_pb2
from labels.label import Annotation, Label, LabelKind
from labels.proto import label_from_pb, label_to_pb
from review_queue import answer_rows, assets, projects, requests, review, revisions, tables
from review_queue.answer_rows import Answer, Found
from review_queue.assurance import evidence, gold, honeypots, testing
from review_queue.assurance.evidence import Answered
from review_queue.errors import EtagMismatch, TaskNotFound
from review_queue.measures.learning import Learned, is_slow, learn
from review_queue.measures.rollup import rework
from review_queue.project import Project
from review_queue.request import Request
from review_queue.review import MOVES, Decision, LeasedTask, Submission, TaskState
from review_queue.routing import moving, turning
from review_queue.routing import turn as turns
from review_queue.search.following import after
from review_queue.search.origin import Origin, compared
from review_queue.shown import turn_of

_t, _a, _l, _r = tables.tasks.c, tables.assets.c, tables.labels.c, tables.requests.c
Name = tuple[str, str]
"""A project's tenant and id."""
_TRIES = 5
"""Times that an answer is held against a task which changes all the while."""
_READ = Prepared(
    select(
        tables.tasks,
        *(column for column in projects.changing if column.name != "project_uid"),
        _a.body.label("asset"),
        _l.body.label("base"),
        _r.digest.label("digest"),
        _r.response.label("response"),
    )
    .join(tables.projects, tables.projects.c.uid == _t.project_uid)
    .join(tables.assets, _a.uid == _t.uid)
    .outerjoin(
        tables.labels, _l.uid == func.coalesce(func.nullif(_t.leased_label_uid, ""), _t.hidden_label_uid)
    )
    .outerjoin(
        tables.requests,
        and_(
            _r.project_uid == _t.project_uid,
            _r.actor == bindparam("actor"),
            _r.request_id == bindparam("request_id"),
        ),
    )
    .where(_t.uid == bindparam("task_uid"), projects.named)
)
_CLOSE = (
    update(tables.tasks)
    .where(
        _t.uid == bindparam("task_uid"),
        _t.project_uid == bindparam("in_project"),
        _t.state == TaskState.OPEN,
        _t.reviewer == bindparam("by"),
        _t.fencing_token == bindparam("token"),
        _t.lease_expire_us > bindparam("at_us"),
        *(_t[name] == bindparam(f"seen_{name}") for name in answer_rows.SEEN),
    )
    .values(lease_expire_us=0, **{name: bindparam(f"new_{name}") for name in answer_rows.CLOSED})
)


async def submit(
    db: Database, blobs: Blobs, name: Name, uid: str, submission: Submission, request: Request
) -> label_pb2.Label | None:
    """Answer a leased task: task, label, review, event and the request's answer at once.

    Raises ProjectNotFound, TaskNotFound, LeaseLost, EtagMismatch, SubmissionInvalid, CorrectionInvalid,
    AnnotationInvalid, OntologyError or RequestIdReused.
    """
    review.check(submission)
    if submission.decision in MOVES:
        await moving.move(db, await projects.read(db, *name), uid, submission, request)
        return None
    for _ in range(_TRIES):
        async with db.read_one() as conn:
            row, project = await _read(conn, name, uid, request)
        if row.digest is not None:
            return _from_answer(requests.answered(request, row.digest, row.response))
        found = _found(row)
        if found.task.answered:
            async with db.read_one() as conn:
                pot = await honeypots.find(conn, project, uid, submission.reviewer)
            if pot is not None:
                return await testing.submit(db, blobs, project, pot, submission, request)
        answer = await _answer(db, blobs, project, found, submission)
        if await _store(db, project, answer, request):
            return answer.label
    raise EtagMismatch


def _from_answer(answer: bytes) -> label_pb2.Label | None:
    return label_pb2.Label.FromString(answer) if answer else None


async def _read(conn: AsyncConnection, name: Name, uid: str, request: Request) -> tuple[Any, Project]:
    """The task with what was handed out, the request's answer where there is one, and the project.

    Raises ProjectNotFound or TaskNotFound.
    """
    asked = {"actor": request.actor, "request_id": request.request_id}
    for row in await _READ.rows(conn, projects.name_of(*name) | {"task_uid": uid} | asked):
        return row, await projects.from_row(conn, *name, row)
    await projects.get(conn, *name)
    raise TaskNotFound


def _found(row: Row[*tuple[Any, ...]]) -> Found:
    base = label_pb2.Label.FromString(row.base) if row.base is not None else None
    label = label_from_pb(base) if base is not None else None
    task = LeasedTask(
        state=TaskState(row.state),
        reviewer=row.reviewer,
        fencing_token=row.fencing_token,
        lease_expire_us=row.lease_expire_us,
        base=label if row.leased_label_uid else None,
        hidden=None if row.leased_label_uid else label,
        overruled=row.label_uid != row.leased_label_uid and row.label_kind != LabelKind.PREDICTION,
        sealed=row.sealed > 0,
    )
    shown = base if row.leased_label_uid else None
    return Found(row, task, assets.from_body(row.asset), shown, turn_of(row))


async def _answer(
    db: Database, blobs: Blobs, project: Project, found: Found, submission: Submission
) -> Answer:
    """What is to be stored, checked against what was handed out. Raises what `submit` raises."""
    task, now = found.task, now_us()
    annotations = review.decide(task, submission, now)
    step = turns.step(project.routing, found.turn, task.base, submission.decision, submission.reviewer)
    if annotations is not None:
        await revisions.check(blobs, project, found.asset, annotations)
    learned = await _learn(project, found, annotations)
    if annotations is None:
        return Answer(found, submission, None, None, None, now, learned, step)
    made = answer_rows.made(found, submission.reviewer, annotations, now)
    label = label_to_pb(made, project.project_id)
    answer = Answer(found, submission, annotations, made, label, now, learned, step)
    return replace(answer, origin=await _origin(db, answer, made))


async def _learn(project: Project, found: Found, annotations: Sequence[Annotation] | None) -> Learned:
    """What the answer says about the prediction; pictures are compared beside the event loop."""
    task, uid = found.task, found.asset.uid
    label = task.base or task.hidden
    if is_slow(annotations, label.annotations if label else ()):
        return await asyncio.to_thread(learn, project.holdout, uid, task.base, task.hidden, annotations)
    return learn(project.holdout, uid, task.base, task.hidden, annotations)


async def _origin(db: Database, answer: Answer, made: Label) -> Origin | None:
    """Where the label comes from; only what follows a person's label has to be looked up."""
    base = answer.looked_at
    if base is None:
        return None
    if base.kind is LabelKind.PREDICTION:
        return compared(base, answer.learned.outcome, answer.learned.moved)
    async with db.read() as conn:
        return await after(conn, base.uid, made)


async def _store(db: Database, project: Project, answer: Answer, request: Request) -> bool:
    """Close the task with all that follows, unless anything has changed; whether it was closed."""
    more, forgets = _more(project, answer), requests.forgets(request)
    uid = answer.found.asset.uid
    try:
        async with db.begin() if more or forgets else db.write_one() as conn:
            sealed = answer.found.task.sealed
            known = await gold.judge(conn, uid, answer.annotations, answer.looked_at) if sealed else {}
            rows = answer_rows.rows(project, answer, request, known)
            if not await at_once.change(conn, _CLOSE, answer_rows.closing(project, answer), rows):
                return False
            outbox.announce_events(conn)
            if more:
                await _follow(conn, project, answer)
            if forgets:
                await requests.forget(conn)
    except IntegrityError:
        # Somebody was faster under the same request id, or with the asset's next revision.
        return False
    return True


def _more(project: Project, answer: Answer) -> bool:
    """Whether the answer changes more than what every answer changes."""
    row = answer.found.row
    return bool(row.sealed or row.audit or project.routing.revision or _reworks(answer))


def _reworks(answer: Answer) -> bool:
    base = answer.found.task.base
    by_person = base is not None and base.kind is LabelKind.REVIEW
    return by_person and answer.submission.decision is not Decision.ACCEPT


async def _follow(conn: AsyncConnection, project: Project, answer: Answer) -> None:
    found, step, reviewer = answer.found, answer.step, answer.submission.reviewer
    row, asset, looked_at = found.row, found.asset, answer.looked_at
    # An asset is drawn once, so of several answers one is evidence.
    if not step.aside or step.turn.answers == 1:
        facts = (row.audit, row.sealed, row.severity)
        await evidence.record(conn, project, Answered(asset, looked_at, answer.annotations, *facts))
    if project.routing.revision:
        await turning.turn(conn, project, asset.uid, reviewer, step)
    if found.task.sealed and step.done:
        await gold.learn(conn, asset.uid, answer.label, looked_at, reviewer)
    if found.task.base is not None and _reworks(answer):
        await rework(conn, found.task.base.uid)
