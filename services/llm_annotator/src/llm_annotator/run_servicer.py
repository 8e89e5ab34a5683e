"""The API of prediction runs. Translates, decides nothing."""

from collections.abc import Callable

from grpc.aio import ServicerContext
from sqlalchemy.ext.asyncio import AsyncConnection

from chassis.auth import caller
from chassis.db import Database
from chassis.pages import page
from labelmesh.annotator.v1 import prediction_run_service_pb2 as pb
from labelmesh.annotator.v1 import prediction_run_service_pb2_grpc
from llm_annotator import items, projects, runs, wire
from llm_annotator.projects import Project


class PredictionRunServicer(prediction_run_service_pb2_grpc.PredictionRunServiceServicer):
    """PredictionRunService; `wake` tells the worker that a run changed."""

    def __init__(self, database: Database, model: str, wake: Callable[[], None]) -> None:
        self._database = database
        self._model = model
        self._wake = wake

    async def CreatePredictionRun(
        self,
        request: pb.CreatePredictionRunRequest,
        _context: ServicerContext[pb.CreatePredictionRunRequest, pb.CreatePredictionRunResponse],
    ) -> pb.CreatePredictionRunResponse:
        """Starts a run."""
        config = wire.config_from_pb(request.config)
        minimum = wire.minimum_asset_count(request.minimum_asset_count)
        request_id = wire.request_id(request.request_id)
        async with self._database.begin() as conn:
            project = await _project(conn, request.parent)
            run = await runs.create(conn, project, config, minimum, request_id, self._model)
        self._wake()
        return pb.CreatePredictionRunResponse(run=wire.run_to_pb(run, project.id))

    async def GetPredictionRun(
        self,
        request: pb.GetPredictionRunRequest,
        _context: ServicerContext[pb.GetPredictionRunRequest, pb.GetPredictionRunResponse],
    ) -> pb.GetPredictionRunResponse:
        """Returns a run."""
        async with self._database.read() as conn:
            project, uid = await _run(conn, request.name)
            run = await runs.get(conn, project.uid, uid)
        return pb.GetPredictionRunResponse(run=wire.run_to_pb(run, project.id))

    async def ListPredictionRuns(
        self,
        request: pb.ListPredictionRunsRequest,
        _context: ServicerContext[pb.ListPredictionRunsRequest, pb.ListPredictionRunsResponse],
    ) -> pb.ListPredictionRunsResponse:
        """Lists runs."""
        async with self._database.read() as conn:
            project = await _project(conn, request.parent)
            asked = page(("runs", project.uid), request.page_size, request.page_token, (str,))
            after = str(asked.after[0]) if asked.after else None
            found = await runs.page(conn, project.uid, asked.size + 1, after)
        shown, token = asked.first(found, lambda run: (run.uid,))
        return pb.ListPredictionRunsResponse(
            runs=[wire.run_to_pb(run, project.id) for run in shown], next_page_token=token
        )

    async def CancelPredictionRun(
        self,
        request: pb.CancelPredictionRunRequest,
        _context: ServicerContext[pb.CancelPredictionRunRequest, pb.CancelPredictionRunResponse],
    ) -> pb.CancelPredictionRunResponse:
        """Stops a run."""
        async with self._database.begin() as conn:
            project, uid = await _run(conn, request.name)
            run = await runs.cancel(conn, project.uid, uid)
        self._wake()
        return pb.CancelPredictionRunResponse(run=wire.run_to_pb(run, project.id))

    async def ResumePredictionRun(
        self,
        request: pb.ResumePredictionRunRequest,
        _context: ServicerContext[pb.ResumePredictionRunRequest, pb.ResumePredictionRunResponse],
    ) -> pb.ResumePredictionRunResponse:
        """Continues a run."""
        async with self._database.begin() as conn:
            project, uid = await _run(conn, request.name)
            run = await runs.resume(conn, project, uid, retry_failed=request.retry_failed)
        self._wake()
        return pb.ResumePredictionRunResponse(run=wire.run_to_pb(run, project.id))

    async def ListPredictionItems(
        self,
        request: pb.ListPredictionItemsRequest,
        _context: ServicerContext[pb.ListPredictionItemsRequest, pb.ListPredictionItemsResponse],
    ) -> pb.ListPredictionItemsResponse:
        """Lists a run's items."""
        state = wire.item_state_from_pb(request.state)
        async with self._database.read() as conn:
            project, uid = await _run(conn, request.parent)
            await runs.get(conn, project.uid, uid)
            query = ("items", uid, str(state))
            asked = page(query, request.page_size, request.page_token, (int,))
            after = int(asked.after[0]) if asked.after else None
            found = await items.page(conn, project.uid, uid, state, asked.size + 1, after)
        shown, token = asked.first(found, lambda item: (item.position,))
        listed = [wire.item_to_pb(item, project.id) for item in shown]
        return pb.ListPredictionItemsResponse(items=listed, next_page_token=token)


async def _project(conn: AsyncConnection, name: str) -> Project:
    return await projects.by_id(conn, caller().tenant, wire.project_id(name))


async def _run(conn: AsyncConnection, name: str) -> tuple[Project, str]:
    project_id, uid = wire.run_ids(name)
    return await projects.by_id(conn, caller().tenant, project_id), uid
