"""SQL room: the answer to a honeypot. It looks like any other to the reviewer, and changes no label."""

from chassis.blobs import Blobs
from chassis.clock import now_us
from chassis.db import Database
from chassis.ids import new_uid
from labelmesh.label.v1 import label_pb2
from labels.asset import Asset
from labels.label import Annotation, Label, LabelKind
from labels.proto import label_to_pb
from review_queue import requests, review, revisions
from review_queue.assurance import honeypots
from review_queue.project import Project
from review_queue.request import Request
from review_queue.review import LeasedTask, Submission


async def submit(
    db: Database,
    blobs: Blobs,
    project: Project,
    pot: tuple[LeasedTask, Asset],
    submission: Submission,
    request: Request,
) -> label_pb2.Label | None:
    """Judge the answer by the known one; what comes back is as it would be for a task, and stored nowhere.

    Raises what an answer to a task raises.
    """
    task, asset = pot
    now = now_us()
    annotations = review.decide(task, submission, now)
    if annotations is not None:
        await revisions.check(blobs, project, asset, annotations)
    label = _label(task, asset, annotations, submission, now)
    pb = label_to_pb(label, project.project_id) if label else None
    async with db.begin() as conn:
        if (answer := await requests.claim(conn, project.uid, request)) is not None:
            return label_pb2.Label.FromString(answer) if answer else None
        await honeypots.answer(conn, asset.uid, task, annotations, now)
        await requests.answer(conn, project.uid, request, pb.SerializeToString() if pb else b"")
    return pb


def _label(
    task: LeasedTask,
    asset: Asset,
    annotations: tuple[Annotation, ...] | None,
    submission: Submission,
    now: int,
) -> Label | None:
    if annotations is None:
        return None
    label = Label(
        kind=LabelKind.REVIEW,
        author=submission.reviewer,
        annotations=annotations,
        uid=new_uid(),
        asset_uid=asset.uid,
        create_time_us=now,
    )
    return revisions.numbered(label, (task.base.revision if task.base else 0) + 1)
