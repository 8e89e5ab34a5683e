"""SQL room: labels, each a revision of what is said about its asset; none ever changes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis import at_once, outbox
from chassis.at_once import Rows
from chassis.blobs import Blobs
from chassis.clock import now_us
from chassis.db import Database
from chassis.ids import new_uid
from chassis.pages import Page
from chassis.prepared import together
from labelmesh.label.v1 import label_pb2
from labelmesh.review.v1 import review_events_pb2
from labels.asset import Asset
from labels.checks import check_label
from labels.label import Annotation, Label, LabelKind
from labels.names import RUN, parse
from labels.proto import asset_to_pb, label_from_pb, label_to_pb
from review_queue import assets, content, requests, standing, tables, task_rows
from review_queue.errors import EtagMismatch, LabelNotFound
from review_queue.lineage.digest import Kind
from review_queue.lineage.entries import entries
from review_queue.lineage.tables import chain
from review_queue.measures.rollup import rework
from review_queue.project import Project
from review_queue.request import Request
from review_queue.review import by_person
from review_queue.search.following import after
from review_queue.search.origin import Origin, first

_l = tables.labels.c
_ORIGIN = tuple(field.name for field in fields(Origin))


@dataclass(frozen=True, slots=True)
class Edit:
    """A label from outside review: the asset's new claims and who says so."""

    annotations: tuple[Annotation, ...]
    author: str
    request: Request


def etag(uid: str, revision: int) -> str:
    """A label never changes, so what names it proves what was seen."""
    return f"{revision}-{uid}"


def numbered(label: Label, revision: int) -> Label:
    """The label as the given revision of its asset's labels."""
    return replace(label, revision=revision, etag=etag(label.uid, revision))


def run_uid(label: Label) -> str:
    """Uid of the run that made the label, empty for a person's; raises NameInvalid."""
    return parse(label.lineage.run, RUN)[1] if label.lineage and label.lineage.run else ""


async def store(
    conn: AsyncConnection,
    labels: Sequence[tuple[Project, Label]],
    origins: Mapping[str, Origin] | None = None,
) -> None:
    """Store labels of projects, and the categories they claim, with a statement each; see `rows`."""
    await at_once.store(conn, rows(labels, origins))


def rows(
    labels: Sequence[tuple[Project, Label]],
    origins: Mapping[str, Origin] | None = None,
    bodies: Mapping[str, bytes] | None = None,
) -> list[Rows]:
    """What is stored of labels: themselves, their entries in the chain, the categories that they claim.

    `origins` by label uid; the others follow no label. `bodies` by label uid: messages that are made already.
    """
    known, made = origins or {}, bodies or {}
    stored = [
        _row(project, label, known.get(label.uid) or first(label), made.get(label.uid))
        for project, label in labels
    ]
    categories = [
        {"project_uid": project.uid, "category": category, "label_uid": label.uid}
        for project, label in labels
        for category in sorted({annotation.category for annotation in label.annotations})
    ]
    return [
        (tables.labels, stored),
        (chain, entries(Kind.LABEL, stored)),
        (tables.label_categories, categories),
    ]


def _row(project: Project, label: Label, origin: Origin, body: bytes | None) -> dict[str, Any]:
    return {
        "uid": label.uid,
        "project_uid": project.uid,
        "asset_uid": label.asset_uid,
        "revision": label.revision,
        "kind": label.kind.value,
        "run_uid": run_uid(label),
        "body": body or label_to_pb(label, project.project_id).SerializeToString(),
        "author": label.author,
        "create_time_us": label.create_time_us,
        **{name: getattr(origin, name) for name in _ORIGIN},
    }


async def create(
    db: Database, blobs: Blobs, named: tuple[str, str], asset_uid: str, edit: Edit
) -> label_pb2.Label:
    """Store a label made outside review; it becomes the asset's current one and opens its task.

    `named` are tenant and id of the project. Raises ProjectNotFound, AssetNotFound, AnnotationInvalid, OntologyError,
    AlreadyReviewed or RequestIdReused.
    """
    project, asset = await assets.with_project(db, *named, asset_uid)
    await check(blobs, project, asset, edit.annotations)
    async with db.begin() as conn:
        if (answer := await requests.claim(conn, project.uid, edit.request)) is not None:
            return label_pb2.Label.FromString(answer)
        held = (await task_rows.hold(conn, [(project.uid, asset_uid)]))[asset_uid]
        uid = new_uid()
        new = standing.after_label(held.standing, uid, author=edit.author)
        return await _put(conn, project, asset, edit, held, new)


async def update(
    db: Database, blobs: Blobs, project: Project, uid: str, seen: str, edit: Edit
) -> label_pb2.Label:
    """Replace the claims of an asset's current label, which `uid` and the etag `seen` must name.

    Raises LabelNotFound, EtagMismatch, AnnotationInvalid, OntologyError or RequestIdReused.
    """
    async with db.read() as conn:
        base = label_from_pb(await get(conn, project, uid))
        asset = await assets.get(conn, project, base.asset_uid)
    await check(blobs, project, asset, edit.annotations)
    async with db.begin() as conn:
        if (answer := await requests.claim(conn, project.uid, edit.request)) is not None:
            return label_pb2.Label.FromString(answer)
        held = (await task_rows.hold(conn, [(project.uid, asset.uid)]))[asset.uid]
        if held.standing.label_uid != uid or base.etag != seen:
            raise EtagMismatch
        new = standing.after_edit(held.standing, new_uid(), author=edit.author)
        return await _put(conn, project, asset, edit, held, new)


async def _put(
    conn: AsyncConnection,
    project: Project,
    asset: Asset,
    edit: Edit,
    held: task_rows.Held,
    new: standing.Standing,
) -> label_pb2.Label:
    """Store the label that `new` names, with its event and the request's answer."""
    label = Label(
        kind=new.label_kind or LabelKind.DEFAULT,
        author=edit.author,
        annotations=by_person(edit.annotations),
        uid=new.label_uid,
        asset_uid=asset.uid,
        create_time_us=now_us(),
    )
    label = numbered(label, new.revision)
    origin = await after(conn, held.standing.label_uid if label.kind is LabelKind.REVIEW else "", label)
    pb = label_to_pb(label, project.project_id)
    body = pb.SerializeToString()
    event = review_events_pb2.LabelSubmitted(asset=asset_to_pb(asset, project.project_id), label=pb)
    stored = [
        *rows([(project, label)], {label.uid: origin}, {label.uid: body}),
        (outbox.outbox, outbox.rows([(event, project.uid, None)])),
    ]
    answering = requests.answering(project.uid, edit.request, body)
    await together(conn, [*at_once.insertions(conn, stored), answering])
    outbox.announce_events(conn)
    if held.standing.label_kind is LabelKind.REVIEW:
        await rework(conn, held.standing.label_uid)
    await task_rows.write(conn, [(held, new)], {project.uid: project.definition.weights})
    return pb


async def check(blobs: Blobs, project: Project, asset: Asset, annotations: Sequence[Annotation]) -> None:
    """Raise AnnotationInvalid or OntologyError unless the claims fit the ontology and the asset's content."""
    text = await content.text_of(blobs.of(project.tenant), asset)
    check_label(annotations, asset, project.definition.ontology, text)


async def get(conn: AsyncConnection, project: Project, uid: str) -> label_pb2.Label:
    """One label of the project, whether current or not; raises LabelNotFound."""
    query = select(_l.body).where(_l.uid == uid, _l.project_uid == project.uid)
    body = (await conn.execute(query)).scalar_one_or_none()
    if body is None:
        raise LabelNotFound
    return label_pb2.Label.FromString(body)


async def some(
    conn: AsyncConnection, project: Project, asset_uid: str, page: Page
) -> tuple[list[label_pb2.Label], str]:
    """A page of an asset's labels, newest first, and the token of the next; raises AssetNotFound."""
    await assets.get(conn, project, asset_uid)
    query = select(_l.revision, _l.body).where(_l.asset_uid == asset_uid)
    if page.after:
        query = query.where(_l.revision < page.after[0])
    rows = (await conn.execute(query.order_by(_l.revision.desc()).limit(page.size + 1))).all()
    cut, token = page.cut(rows, lambda row: len(row.body), lambda row: (row.revision,))
    return [label_pb2.Label.FromString(found.body) for found in cut], token
