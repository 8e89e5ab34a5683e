"""SQL room: labels that come in by the thousand, a batch in a handful of statements.

A label's uid follows from the import's id and the asset, so a row that comes again finds itself stored.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis import outbox
from chassis.blobs import Blobs
from chassis.clock import now_us
from chassis.db import Database
from chassis.errors import BlobCorrupt, BlobMissing, BlobTooLarge, BlobUriRefused, MessageTooLarge, reason
from labelmesh.label.v1 import label_pb2
from labelmesh.review.v1 import review_events_pb2
from labels.asset import Asset
from labels.errors import LabelError
from labels.label import (
    Annotation,
    Confidence,
    ConfidenceMethod,
    Label,
    LabelKind,
    derive_uid,
    same_claims,
)
from labels.proto import asset_to_pb, label_from_pb, label_to_pb
from review_queue import assets, projects, revisions, standing, tables, task_rows
from review_queue.errors import AssetNotFound, ImportIdReused, ImportInvalid, ReviewError
from review_queue.importing import Refusal
from review_queue.project import Project
from review_queue.ranking.renewing import renewed
from review_queue.review import TaskState, by_person
from review_queue.search.origin import Source, first
from review_queue.standing import Standing

MAX_IMPORT_ID = 64
MAX_MODEL = 128
_BLOBS_AT_ONCE = 16
_ROOM = 64
_REFUSED = (LabelError, ReviewError, BlobMissing, BlobCorrupt, BlobTooLarge, BlobUriRefused)


@dataclass(frozen=True, slots=True)
class LabelRow:
    """A row of the user's file: claims about the asset of that key, or why they are none; `line` counts from 1."""

    line: int
    asset_key: str
    annotations: tuple[Annotation, ...] | LabelError
    confidence: float = 0.0


@dataclass(frozen=True, slots=True)
class LabelsImported:
    """What became of a batch."""

    imported: int
    skipped: int
    refusals: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True)
class Terms:
    """What one import is: its id, and whose labels it brings; a dry one checks and stores nothing."""

    import_id: str
    kind: LabelKind
    author: str
    dry: bool = False

    def check(self) -> None:
        """Raise ImportInvalid."""
        if not 0 < len(self.import_id) <= MAX_IMPORT_ID or not self.import_id.isprintable():
            raise ImportInvalid("An import's id must have 1 to 64 printable characters.")
        if self.kind is LabelKind.REVIEW:
            raise ImportInvalid(
                "Labels are imported as people's or as predictions; reviews are made in the queue."
            )
        if self.kind is LabelKind.PREDICTION and not (
            0 < len(self.author) <= MAX_MODEL and self.author.isprintable()
        ):
            raise ImportInvalid("Predictions need the name of their model, 1 to 128 printable characters.")


@dataclass(frozen=True, slots=True)
class _Known:
    """A row whose asset is there and whose claims fit it."""

    line: int
    asset: Asset
    label: Label


class LabelImporter:
    """Imports labels into one project of a tenant."""

    def __init__(self, db: Database, blobs: Blobs, tenant: str, project_id: str, terms: Terms) -> None:
        terms.check()
        self._db = db
        self._blobs = blobs
        self._tenant = tenant
        self._project_id = project_id
        self._terms = terms
        self._gate = asyncio.Semaphore(_BLOBS_AT_ONCE)

    async def check_project(self) -> None:
        """Raise ProjectNotFound."""
        async with self._db.read() as conn:
            await projects.get(conn, self._tenant, self._project_id)

    async def run(self, rows: Sequence[LabelRow]) -> LabelsImported:
        """Store a batch in one transaction. Raises ProjectNotFound, StorageFull or StorageUnavailable."""
        async with self._db.read() as conn:
            project = await projects.get(conn, self._tenant, self._project_id)
            known = await assets.of_keys(conn, project, {row.asset_key for row in rows})
        settled = await asyncio.gather(
            *(self._settle(project, row, known.get(row.asset_key)) for row in rows)
        )
        good = [found for found in settled if isinstance(found, _Known)]
        refused = [(row.line, e) for row, e in zip(rows, settled, strict=True) if isinstance(e, Exception)]
        async with self._db.read() if self._terms.dry else self._db.begin() as conn:
            imported, skipped, late = await self._store(conn, project, good)
        refused = sorted([*refused, *late], key=lambda refusal: refusal[0])
        return LabelsImported(
            imported,
            skipped,
            tuple(Refusal(line, reason(type(error)), str(error)) for line, error in refused),
        )

    async def _settle(self, project: Project, row: LabelRow, asset: Asset | None) -> _Known | Exception:
        """The row's label, or what is wrong with it."""
        if isinstance(row.annotations, LabelError):
            return row.annotations
        if asset is None:
            return AssetNotFound("The project has no asset with this key.")
        async with self._gate:
            try:
                await revisions.check(self._blobs, project, asset, row.annotations)
            except _REFUSED as error:
                return error
        label = self._label(row, row.annotations, asset)
        # One that no event could carry would take the whole batch down with it.
        if _event(project, asset, label).ByteSize() > outbox.MAX_BODY_BYTES - _ROOM:
            return MessageTooLarge()
        return _Known(row.line, asset, label)

    def _label(self, row: LabelRow, claims: tuple[Annotation, ...], asset: Asset) -> Label:
        predicted = self._terms.kind is LabelKind.PREDICTION
        sure = row.confidence
        return Label(
            kind=self._terms.kind,
            author=self._terms.author,
            annotations=claims if predicted else by_person(claims),
            uid=derive_uid(f"import/{self._terms.import_id}", asset.uid),
            asset_uid=asset.uid,
            confidence=Confidence(ConfidenceMethod.STATED, sure, sure, sure) if predicted and sure else None,
            create_time_us=now_us(),
        )

    async def _store(
        self, conn: AsyncConnection, project: Project, rows: Sequence[_Known]
    ) -> tuple[int, int, list[tuple[int, Exception]]]:
        """How many were stored and skipped, and the rows refused for what is stored already."""
        held = {}
        if not self._terms.dry:
            held = await task_rows.hold(conn, ((project.uid, row.asset.uid) for row in rows))
        # Only now: until the tasks are held another import may be storing the same labels.
        there = await _stored(conn, rows)
        now = {uid: task.standing for uid, task in held.items()}
        fresh: list[tuple[_Known, Label]] = []
        skipped, refused = 0, list[tuple[int, Exception]]()
        for row in rows:
            before = there.get(row.label.uid)
            if before is not None:
                same = same_claims(before, row.label.annotations)
                skipped += same
                refused += [] if same else [(row.line, ImportIdReused())]
                continue
            there[row.label.uid] = row.label.annotations
            try:
                new = self._after(now.get(row.asset.uid, _BLANK), row.label)
            except ReviewError as error:
                refused.append((row.line, error))
                continue
            now[row.asset.uid] = new
            fresh.append((row, revisions.numbered(row.label, new.revision)))
        if not self._terms.dry:
            if self._terms.kind is LabelKind.PREDICTION:
                claims = [(label.asset_uid, label.annotations) for _, label in fresh]
                held = await renewed(conn, [project], held, claims)
            await _write(conn, project, fresh)
            changed = ((held[uid], new) for uid, new in now.items())
            await task_rows.write(conn, changed, {project.uid: project.definition.weights})
        return len(fresh), skipped, refused

    def _after(self, before: Standing, label: Label) -> Standing:
        """Raises AlreadyReviewed."""
        if label.kind is LabelKind.PREDICTION:
            sure = label.confidence.raw if label.confidence else None
            return standing.after_prediction(before, label.uid, sure, 0.0, author=label.author)
        return standing.after_label(before, label.uid, author=label.author)


_BLANK = Standing(TaskState.OPEN)


async def _stored(conn: AsyncConnection, rows: Sequence[_Known]) -> dict[str, tuple[Annotation, ...]]:
    """Claims of the labels that are there already, by uid."""
    _l = tables.labels.c
    query = select(_l.uid, _l.body).where(_l.uid.in_(sorted({row.label.uid for row in rows})))
    found = (await conn.execute(query)).all()
    return {uid: label_from_pb(label_pb2.Label.FromString(body)).annotations for uid, body in found}


def _event(project: Project, asset: Asset, label: Label) -> review_events_pb2.LabelSubmitted:
    name = project.project_id
    return review_events_pb2.LabelSubmitted(asset=asset_to_pb(asset, name), label=label_to_pb(label, name))


async def _write(conn: AsyncConnection, project: Project, fresh: Sequence[tuple[_Known, Label]]) -> None:
    """Store labels with an event for each."""
    origins = {label.uid: first(label, Source.IMPORT) for _, label in fresh}
    await revisions.store(conn, [(project, label) for _, label in fresh], origins)
    events = [_event(project, row.asset, label) for row, label in fresh]
    if events:
        await outbox.add_many(conn, [(event, project.uid, None) for event in events])
