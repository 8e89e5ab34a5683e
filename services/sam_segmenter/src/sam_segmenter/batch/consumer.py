"""Events in: projects, pictures, boxes, and what people have answered."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from google.protobuf.message import Message
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.bus import Event, Handler, NotYet, Poison
from labelmesh.review.v1.review_events_pb2 import (
    AssetsImported,
    LabelReviewed,
    LabelSubmitted,
    ProjectChanged,
)
from labels.asset import ContentRef
from labels.errors import LabelError
from labels.label import Box, LabelKind
from labels.proto import content_ref_from_pb, label_from_pb
from sam_segmenter.batch import assets, items, projects, runs
from sam_segmenter.batch.projects import Project
from sam_segmenter.batch.run import has_image_tool

_COMMIT_SECONDS = (0.05, 0.2)

Ahead = Callable[[str, Sequence[ContentRef]], None]
"""Told a tenant and pictures that will be wanted soon; returns at once."""


class BatchConsumer:
    """Handlers of review_queue's events; `wake` tells the worker that there may be work."""

    def __init__(self, model: str, wake: Callable[[], None], ahead: Ahead) -> None:
        self._model = model
        self._wake = wake
        self._ahead = ahead

    @property
    def handlers(self) -> Mapping[type[Message], Handler]:
        """Which method handles which message."""
        return {
            ProjectChanged: self.on_project_changed,
            AssetsImported: self.on_assets_imported,
            LabelSubmitted: self.on_label_submitted,
            LabelReviewed: self.on_label_reviewed,
        }

    async def on_project_changed(
        self, conn: AsyncConnection, events: Sequence[Event[ProjectChanged]]
    ) -> None:
        """Keep the projects as they are now."""
        for event in events:
            try:
                await projects.put(conn, event.message.tenant, event.message.project)
            except LabelError as error:
                raise Poison(str(error), [event]) from error

    async def on_assets_imported(
        self, conn: AsyncConnection, events: Sequence[Event[AssetsImported]]
    ) -> None:
        """Keep the pictures; those of an automatic project go to its standing run."""
        first: dict[str, int] = {}
        known: dict[str, Project] = {}
        for event in events:
            uid = event.project_uid
            project = known.get(uid) or await _locked(conn, event)
            first.setdefault(uid, project.next_position)
            try:
                known[uid] = await assets.add(conn, project, event.message.assets)
                refs = [
                    content_ref_from_pb(a.image_ref) for a in event.message.assets if assets.is_picture(a)
                ]
            except LabelError as error:
                raise Poison(str(error), [event]) from error
            if refs and has_image_tool(project.ontology):
                self._ahead(project.tenant, refs)
        for uid, project in known.items():
            if _works(project) and project.next_position > first[uid]:
                await runs.pictures_arrived(conn, project, first[uid], self._model)
        self._wake_soon()

    async def on_label_submitted(
        self, conn: AsyncConnection, events: Sequence[Event[LabelSubmitted]]
    ) -> None:
        """Keep the boxes of pictures; in an automatic project they become masks."""
        for event in events:
            if assets.is_picture(event.message.asset):
                try:
                    await self._submitted(conn, event)
                except LabelError as error:
                    raise Poison(str(error), [event]) from error
        self._wake_soon()

    async def _submitted(self, conn: AsyncConnection, event: Event[LabelSubmitted]) -> None:
        project, message = await _locked(conn, event), event.message
        label = label_from_pb(message.label)
        place = await assets.place(conn, project, message.asset)
        if label.kind is LabelKind.REVIEW:
            await _reviewed(conn, project, place.position)
            return
        boxed = any(isinstance(annotation.value, Box) for annotation in label.annotations)
        await assets.put_boxes(conn, project.uid, place.position, label.uid, message.label if boxed else None)
        if boxed and label.uid and not place.reviewed and _works(project):
            await runs.boxes_arrived(conn, project, place.position, label.uid, self._model)

    async def on_label_reviewed(self, conn: AsyncConnection, events: Sequence[Event[LabelReviewed]]) -> None:
        """A person has spoken: no run works on the picture any more."""
        for event in events:
            if assets.is_picture(event.message.asset):
                try:
                    project = await _locked(conn, event)
                    place = await assets.place(conn, project, event.message.asset)
                    await _reviewed(conn, project, place.position)
                except LabelError as error:
                    raise Poison(str(error), [event]) from error
        self._wake_soon()

    def _wake_soon(self) -> None:
        """Wake the worker when the commit should be done; if it is not, its own next look finds the work."""
        loop = asyncio.get_running_loop()
        for seconds in _COMMIT_SECONDS:
            loop.call_later(seconds, self._wake)


def _works(project: Project) -> bool:
    """Whether predictions are made without being asked for."""
    return project.automatic and has_image_tool(project.ontology)


async def _reviewed(conn: AsyncConnection, project: Project, position: int) -> None:
    await assets.mark_reviewed(conn, project.uid, position)
    await items.forget(conn, project.uid, position)


async def _locked(conn: AsyncConnection, event: Event[Any]) -> Project:
    project = await projects.locked(conn, event.project_uid)
    if project is None:
        raise NotYet("The project has not arrived.", [event])
    return project
