"""Starting, watching and ending segmentation runs."""

from collections.abc import AsyncIterator, Callable
from functools import partial

from ulid import ULID

from labelmesh.client import wire_segment as wire
from labelmesh.client.arrival import Arrival
from labelmesh.client.calls import Link
from labelmesh.client.paging import pages, until_rest
from labelmesh.client.segmentation_run import SegmentationConfig, SegmentationFailure, SegmentationRun
from labelmesh.segmenter.v1 import segmentation_run_service_pb2 as pb
from labelmesh.segmenter.v1.segmentation_run_service_pb2_grpc import SegmentationRunServiceStub
from labels import names

_PATIENCE_S = 120.0


class SegmentationRuns:
    """`client.segmentation_runs`."""

    def __init__(self, link: Link, arrival: Arrival) -> None:
        self._link = link
        self._arrival = arrival
        self._stub = SegmentationRunServiceStub(link.channel)

    async def create(
        self,
        project: str,
        config: SegmentationConfig,
        *,
        minimum_asset_count: int = 0,
        request_id: str = "",
    ) -> SegmentationRun:
        """Start a run over the pictures that no person has reviewed.

        While sam-segmenter has received fewer than `minimum_asset_count` assets of the project it is asked again, for
        up to 15 s. The same `request_id` (made up when empty) again returns the first run. Raises LabelmeshError.
        """
        request = pb.CreateSegmentationRunRequest(
            parent=names.project_name(project),
            config=wire.config_to_pb(config),
            minimum_asset_count=minimum_asset_count,
            request_id=request_id or str(ULID()),
        )
        response = await self._arrival.of(
            project, partial(self._link.unary, self._stub.CreateSegmentationRun, request, repeatable=True)
        )
        return wire.run_from_pb(response.run)

    async def get(self, project: str, run_uid: str) -> SegmentationRun:
        """One run with its counts."""
        request = pb.GetSegmentationRunRequest(name=names.run_name(project, run_uid))
        response = await self._link.unary(
            self._stub.GetSegmentationRun, request, repeatable=True, patience_s=_PATIENCE_S
        )
        return wire.run_from_pb(response.run)

    async def list(self, project: str) -> AsyncIterator[SegmentationRun]:
        """Runs of a project, newest first."""
        request = pb.ListSegmentationRunsRequest(parent=names.project_name(project), page_size=100)
        call = partial(self._link.unary, self._stub.ListSegmentationRuns, request, repeatable=True)
        async for page in pages(request, partial(self._arrival.of, project, call)):
            for run in page.runs:
                yield wire.run_from_pb(run)

    async def wait(
        self,
        run: SegmentationRun,
        on_progress: Callable[[SegmentationRun], None] | None = None,
        *,
        poll_seconds: float = 0.5,
    ) -> SegmentationRun:
        """Wait until the run is DONE or CANCELLED; `on_progress` gets it at every look.

        A service that is restarted meanwhile is waited for up to two minutes. Raises LabelmeshError.
        """
        return await until_rest(partial(self.get, run.project, run.uid), on_progress, poll_seconds)

    async def cancel(self, project: str, run_uid: str) -> SegmentationRun:
        """Stop a run; finished pictures stay."""
        request = pb.CancelSegmentationRunRequest(name=names.run_name(project, run_uid))
        response = await self._link.unary(self._stub.CancelSegmentationRun, request, repeatable=True)
        return wire.run_from_pb(response.run)

    async def resume(self, project: str, run_uid: str) -> SegmentationRun:
        """Continue a cancelled run where it stopped."""
        request = pb.ResumeSegmentationRunRequest(name=names.run_name(project, run_uid))
        response = await self._link.unary(self._stub.ResumeSegmentationRun, request, repeatable=True)
        return wire.run_from_pb(response.run)

    async def failures(self, project: str, run_uid: str) -> AsyncIterator[SegmentationFailure]:
        """Pictures of a run that failed, in import order."""
        request = pb.ListSegmentationFailuresRequest(name=names.run_name(project, run_uid), page_size=1000)
        call = partial(self._link.unary, self._stub.ListSegmentationFailures, request, repeatable=True)
        async for page in pages(request, call):
            for failure in page.failures:
                yield wire.failure_from_pb(failure)
