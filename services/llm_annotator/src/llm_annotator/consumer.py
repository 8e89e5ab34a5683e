"""Events in: projects, texts to label, and what people made of the predictions."""

import asyncio
from collections.abc import Callable, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.blobs import Blobs
from chassis.bus import Event, NotYet, Poison
from labelmesh.label.v1 import asset_pb2, label_pb2
from labelmesh.label.v1.label_pb2 import LABEL_KIND_REVIEW
from labelmesh.review.v1.queue_service_pb2 import DECISION_CORRECT, DECISION_REJECT
from labelmesh.review.v1.review_events_pb2 import (
    AssetsImported,
    AssetsSealed,
    LabelReviewed,
    LabelSubmitted,
    ProjectChanged,
)
from labels.errors import LabelError
from labels.names import ASSET, parse
from labels.proto import label_from_pb
from llm_annotator import bank, projects, runs, texts
from llm_annotator.errors import TextUnreadable
from llm_annotator.examples import MAX_EXAMPLE_CHARS
from llm_annotator.projects import Project

_COMMIT_SECONDS = (0.05, 0.2)


class AnnotatorConsumer:
    """Handlers of review_queue's events; `wake` tells the worker that there may be work."""

    def __init__(self, blobs: Blobs, model: str, wake: Callable[[], None]) -> None:
        self._blobs = blobs
        self._model = model
        self._wake = wake

    async def on_project_changed(
        self, conn: AsyncConnection, events: Sequence[Event[ProjectChanged]]
    ) -> None:
        """Keep the projects as they are now, with a prompt for each ontology."""
        for event in events:
            try:
                await projects.put(conn, event.message.tenant, event.message.project)
            except LabelError as error:
                raise Poison(type(error).__name__) from error

    async def on_assets_imported(
        self, conn: AsyncConnection, events: Sequence[Event[AssetsImported]]
    ) -> None:
        """Keep the texts; give them to the runs that want them."""
        first: dict[str, int] = {}
        known: dict[str, Project] = {}
        for event in events:
            uid = event.project_uid
            project = known.get(uid) or await _locked(conn, uid)
            first.setdefault(uid, project.next_position)
            try:
                known[uid] = await projects.add_assets(conn, project, event.message.assets)
            except LabelError as error:
                raise Poison(type(error).__name__) from error
        for uid, project in known.items():
            await runs.assets_arrived(conn, project, first[uid], self._model)
        self._wake_soon()

    async def on_label_reviewed(self, conn: AsyncConnection, events: Sequence[Event[LabelReviewed]]) -> None:
        """A person has spoken: nobody else labels the text, and their label becomes an example."""
        for event in events:
            try:
                await self._reviewed(conn, event.project_uid, event.message)
            except LabelError as error:
                raise Poison(type(error).__name__) from error
        self._wake_soon()

    async def on_label_submitted(
        self, conn: AsyncConnection, events: Sequence[Event[LabelSubmitted]]
    ) -> None:
        """Rules changed a reviewed label, or somebody did outside of the queue: the example is that from now on.

        Other labels that come by this event are predictions or wait for their review.
        """
        for event in events:
            message = event.message
            if message.label.kind != LABEL_KIND_REVIEW or message.asset.WhichOneof("content") == "image_ref":
                continue
            project = await _locked(conn, event.project_uid)
            try:
                await self._remember(conn, project, message.asset, message.label, corrected=True)
            except LabelError as error:
                raise Poison(type(error).__name__) from error

    async def on_assets_sealed(self, conn: AsyncConnection, events: Sequence[Event[AssetsSealed]]) -> None:
        """No prompt shows these assets from now on."""
        for event in events:
            # The same lock as a review's, so that one of the two sees what the other did.
            await _locked(conn, event.project_uid)
            try:
                uids = [parse(name, ASSET)[1] for name in event.message.assets]
            except LabelError as error:
                raise Poison(type(error).__name__) from error
            await bank.seal(conn, event.project_uid, uids)

    def _wake_soon(self) -> None:
        """Wake the worker when the commit should be done; if it is not, its own next look finds the work."""
        loop = asyncio.get_running_loop()
        for seconds in _COMMIT_SECONDS:
            loop.call_later(seconds, self._wake)

    async def _reviewed(self, conn: AsyncConnection, project_uid: str, message: LabelReviewed) -> None:
        project = await _locked(conn, project_uid)
        if message.asset.WhichOneof("content") == "image_ref":
            return
        asset_uid = parse(message.asset.name, ASSET)[1]
        if not await projects.knows_asset(conn, project_uid, asset_uid):
            # Its import comes again later; it must not be labelled then.
            await projects.add_assets(conn, project, [message.asset], reviewed=True)
        position = await projects.mark_reviewed(conn, project_uid, asset_uid)
        await runs.forget_item(conn, project_uid, position)
        if message.sealed:
            await bank.seal(conn, project_uid, [asset_uid])
            return
        if message.decision == DECISION_REJECT or not message.HasField("label"):
            await bank.remove(conn, project_uid, asset_uid)
            return
        corrected = message.decision == DECISION_CORRECT
        await self._remember(conn, project, message.asset, message.label, corrected=corrected)

    async def _remember(
        self,
        conn: AsyncConnection,
        project: Project,
        asset: asset_pb2.Asset,
        label: label_pb2.Label,
        *,
        corrected: bool,
    ) -> None:
        """Put a reviewed label into the bank."""
        text = await self._short_text(project.tenant, asset)
        if text is not None:
            body = label.SerializeToString()
            await bank.put(conn, project.uid, text, label_from_pb(label), body, corrected=corrected)

    async def _short_text(self, tenant: str, asset: asset_pb2.Asset) -> str | None:
        """The text, if it is short enough for the bank."""
        if asset.text_ref.size_bytes > 4 * MAX_EXAMPLE_CHARS:
            return None
        try:
            return await texts.text_of(asset, self._blobs.of(tenant))
        except TextUnreadable:
            return None


async def _locked(conn: AsyncConnection, project_uid: str) -> Project:
    project = await projects.locked(conn, project_uid)
    if project is None:
        raise NotYet
    return project
