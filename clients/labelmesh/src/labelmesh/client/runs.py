"""Prediction runs, prompts and the example bank."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial

from ulid import ULID

from labelmesh.annotator.v1 import annotator_service_pb2, prediction_run_service_pb2
from labelmesh.annotator.v1.annotator_service_pb2_grpc import AnnotatorServiceStub
from labelmesh.annotator.v1.prediction_run_service_pb2_grpc import PredictionRunServiceStub
from labelmesh.client import wire
from labelmesh.client.arrival import Arrival
from labelmesh.client.calls import Link
from labelmesh.client.paging import pages, until_rest
from labelmesh.client.run import Example, ItemState, RenderedPrompt, Run, RunConfig, RunItem
from labels import names
from labels.label import Label
from labels.proto import label_from_pb

_ONE_TEXT_DEADLINE_S = 180.0
_PATIENCE_S = 120.0


@dataclass(frozen=True, slots=True)
class ExampleBank:
    """The newest examples and how many there are in all."""

    newest: tuple[Example, ...]
    total: int


class Runs:
    """`client.runs`."""

    def __init__(self, link: Link, arrival: Arrival) -> None:
        self._link = link
        self._arrival = arrival
        self._stub = PredictionRunServiceStub(link.channel)
        self._annotator = AnnotatorServiceStub(link.channel)

    async def create(
        self, project: str, config: RunConfig, *, minimum_asset_count: int = 0, request_id: str = ""
    ) -> Run:
        """Start a run over the assets that no person has reviewed.

        It waits until the annotator has received `minimum_asset_count` assets, so that a run right after an
        import misses none. The same `request_id` (made up when empty) again returns the first run.
        """
        request = prediction_run_service_pb2.CreatePredictionRunRequest(
            parent=names.project_name(project),
            config=wire.config_to_pb(config),
            minimum_asset_count=minimum_asset_count,
            request_id=request_id or str(ULID()),
        )
        response = await self._arrival.of(
            project, lambda: self._link.unary(self._stub.CreatePredictionRun, request, repeatable=True)
        )
        return wire.run_from_pb(response.run)

    async def get(self, project: str, run_uid: str) -> Run:
        """One run with its counts."""
        request = prediction_run_service_pb2.GetPredictionRunRequest(name=names.run_name(project, run_uid))
        response = await self._link.unary(
            self._stub.GetPredictionRun, request, repeatable=True, patience_s=_PATIENCE_S
        )
        return wire.run_from_pb(response.run)

    async def list(self, project: str) -> AsyncIterator[Run]:
        """Runs of a project, newest first."""
        request = prediction_run_service_pb2.ListPredictionRunsRequest(
            parent=names.project_name(project), page_size=100
        )
        call = partial(self._link.unary, self._stub.ListPredictionRuns, request, repeatable=True)
        async for page in pages(request, partial(self._arrival.of, project, call)):
            for pb in page.runs:
                yield wire.run_from_pb(pb)

    async def wait(
        self, run: Run, on_progress: Callable[[Run], None] | None = None, *, poll_seconds: float = 0.5
    ) -> Run:
        """Wait until nothing more happens by itself: the run is DONE, PAUSED or CANCELLED.

        A service that is restarted meanwhile is waited for up to two minutes. `on_progress` gets the run at
        every look. Raises LabelmeshError.
        """
        return await until_rest(partial(self.get, run.project, run.uid), on_progress, poll_seconds)

    async def cancel(self, project: str, run_uid: str) -> Run:
        """Stop a run; finished items stay."""
        request = prediction_run_service_pb2.CancelPredictionRunRequest(name=names.run_name(project, run_uid))
        response = await self._link.unary(self._stub.CancelPredictionRun, request, repeatable=True)
        return wire.run_from_pb(response.run)

    async def resume(self, project: str, run_uid: str, *, retry_failed: bool = False) -> Run:
        """Continue a paused or cancelled run where it stopped, with `retry_failed` the failed items too."""
        request = prediction_run_service_pb2.ResumePredictionRunRequest(
            name=names.run_name(project, run_uid), retry_failed=retry_failed
        )
        response = await self._link.unary(self._stub.ResumePredictionRun, request, repeatable=True)
        return wire.run_from_pb(response.run)

    async def items(
        self, project: str, run_uid: str, state: ItemState | None = None
    ) -> AsyncIterator[RunItem]:
        """Items of a run in import order, with the error of those that failed."""
        request = prediction_run_service_pb2.ListPredictionItemsRequest(
            parent=names.run_name(project, run_uid),
            state=wire.item_state_to_pb(state),
            page_size=1000,
        )
        call = partial(self._link.unary, self._stub.ListPredictionItems, request, repeatable=True)
        async for page in pages(request, call):
            for pb in page.items:
                yield wire.item_from_pb(pb)

    async def pre_annotate(self, project: str, text: str, config: RunConfig | None = None) -> Label:
        """Label one text now; nothing is stored and the label has no name."""
        request = annotator_service_pb2.PreAnnotateRequest(
            parent=names.project_name(project), text=text, config=wire.config_to_pb(config or RunConfig())
        )
        response = await self._arrival.of(
            project,
            lambda: self._link.unary(
                self._annotator.PreAnnotate, request, repeatable=False, deadline_s=_ONE_TEXT_DEADLINE_S
            ),
        )
        return label_from_pb(response.label)

    async def render_prompt(self, project: str, text: str, config: RunConfig | None = None) -> RenderedPrompt:
        """The messages that the model would get for a text."""
        request = annotator_service_pb2.RenderPromptRequest(
            parent=names.project_name(project), text=text, config=wire.config_to_pb(config or RunConfig())
        )
        response = await self._arrival.of(
            project, lambda: self._link.unary(self._annotator.RenderPrompt, request, repeatable=True)
        )
        return wire.rendered_from_pb(response)

    async def examples(self, project: str, newest: int = 100) -> ExampleBank:
        """The example bank: how many reviewed labels may stand in a prompt, and up to 1,000 of the newest."""
        request = annotator_service_pb2.ListExamplesRequest(
            parent=names.project_name(project), page_size=newest
        )
        response = await self._arrival.of(
            project, lambda: self._link.unary(self._annotator.ListExamples, request, repeatable=True)
        )
        return ExampleBank(tuple(wire.example_from_pb(pb) for pb in response.examples), response.total)
