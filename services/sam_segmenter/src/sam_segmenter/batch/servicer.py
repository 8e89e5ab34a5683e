"""SegmentationRunService on the wire. Translates, decides nothing."""

from collections.abc import Callable
from typing import Any

from chassis.auth import caller
from chassis.db import Database
from chassis.pages import page
from labelmesh.segmenter.v1 import segmentation_run_service_pb2 as pb
from labelmesh.segmenter.v1.segmentation_run_service_pb2_grpc import SegmentationRunServiceServicer
from labels.names import parse_project
from sam_segmenter.batch import items, projects, runs, wire


class SegmentationRunServicer(SegmentationRunServiceServicer):
    """Runs over the pictures of projects; `wake` tells the worker that a run changed."""

    def __init__(self, database: Database, model: str, wake: Callable[[], None]) -> None:
        self._database = database
        self._model = model
        self._wake = wake

    async def CreateSegmentationRun(
        self, request: pb.CreateSegmentationRunRequest, context: Any
    ) -> pb.CreateSegmentationRunResponse:
        """Start a run."""
        project_id = parse_project(request.parent)
        config = wire.config_from_pb(request.config)
        minimum = wire.minimum_asset_count(request.minimum_asset_count)
        request_id = wire.request_id(request.request_id)
        async with self._database.begin() as conn:
            project = await projects.by_id(conn, caller().tenant, project_id)
            run = await runs.create(conn, project, config, minimum, request_id, self._model)
        self._wake()
        return pb.CreateSegmentationRunResponse(run=wire.run_to_pb(run, project.id, project.ontology))

    async def GetSegmentationRun(
        self, request: pb.GetSegmentationRunRequest, context: Any
    ) -> pb.GetSegmentationRunResponse:
        """Return a run."""
        project_id, uid = wire.run_ids(request.name)
        async with self._database.read() as conn:
            project = await projects.by_id(conn, caller().tenant, project_id)
            run = await runs.get(conn, project.uid, uid)
        return pb.GetSegmentationRunResponse(run=wire.run_to_pb(run, project.id, project.ontology))

    async def ListSegmentationRuns(
        self, request: pb.ListSegmentationRunsRequest, context: Any
    ) -> pb.ListSegmentationRunsResponse:
        """List runs."""
        project_id = parse_project(request.parent)
        async with self._database.read() as conn:
            project = await projects.by_id(conn, caller().tenant, project_id)
            asked = page(("segmentation runs", project.uid), request.page_size, request.page_token, (str,))
            after = str(asked.after[0]) if asked.after else None
            found = await runs.page(conn, project.uid, asked.size + 1, after)
        shown, token = asked.first(found, lambda run: (run.uid,))
        listed = [wire.run_to_pb(run, project.id, project.ontology) for run in shown]
        return pb.ListSegmentationRunsResponse(runs=listed, next_page_token=token)

    async def CancelSegmentationRun(
        self, request: pb.CancelSegmentationRunRequest, context: Any
    ) -> pb.CancelSegmentationRunResponse:
        """Stop a run."""
        project_id, uid = wire.run_ids(request.name)
        async with self._database.begin() as conn:
            project = await projects.by_id(conn, caller().tenant, project_id)
            run = await runs.cancel(conn, project.uid, uid)
        return pb.CancelSegmentationRunResponse(run=wire.run_to_pb(run, project.id, project.ontology))

    async def ResumeSegmentationRun(
        self, request: pb.ResumeSegmentationRunRequest, context: Any
    ) -> pb.ResumeSegmentationRunResponse:
        """Continue a run."""
        project_id, uid = wire.run_ids(request.name)
        async with self._database.begin() as conn:
            project = await projects.by_id(conn, caller().tenant, project_id)
            run = await runs.resume(conn, project.uid, uid)
        self._wake()
        return pb.ResumeSegmentationRunResponse(run=wire.run_to_pb(run, project.id, project.ontology))

    async def ListSegmentationFailures(
        self, request: pb.ListSegmentationFailuresRequest, context: Any
    ) -> pb.ListSegmentationFailuresResponse:
        """List the pictures of a run that failed."""
        project_id, uid = wire.run_ids(request.name)
        async with self._database.read() as conn:
            project = await projects.by_id(conn, caller().tenant, project_id)
            await runs.get(conn, project.uid, uid)
            asked = page(("segmentation failures", uid), request.page_size, request.page_token, (int,))
            after = int(asked.after[0]) if asked.after else None
            found = await items.failures(conn, project.uid, uid, asked.size + 1, after)
        shown, token = asked.first(found, lambda failure: (failure.position,))
        listed = [wire.failure_to_pb(failure, project.id) for failure in shown]
        return pb.ListSegmentationFailuresResponse(failures=listed, next_page_token=token)
