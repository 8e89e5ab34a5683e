"""ProjectService on the wire."""

from grpc.aio import ServicerContext

from chassis.auth import caller
from chassis.db import Database
from chassis.pages import page
from labelmesh.review.v1 import project_service_pb2 as pb2
from labelmesh.review.v1.project_service_pb2_grpc import ProjectServiceServicer
from labels.names import parse_project
from review_queue import projects
from review_queue.wire import definition_from_pb, project_to_pb


class ProjectServicer(ProjectServiceServicer):
    """Projects of the caller's tenant."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def CreateProject(
        self,
        request: pb2.CreateProjectRequest,
        context: ServicerContext[pb2.CreateProjectRequest, pb2.CreateProjectResponse],
    ) -> pb2.CreateProjectResponse:
        """Store a project."""
        definition = definition_from_pb(request.project)
        project = await projects.create(self._db, caller().tenant, request.project_id, definition)
        return pb2.CreateProjectResponse(project=project_to_pb(project))

    async def GetProject(
        self,
        request: pb2.GetProjectRequest,
        context: ServicerContext[pb2.GetProjectRequest, pb2.GetProjectResponse],
    ) -> pb2.GetProjectResponse:
        """Return a project."""
        async with self._db.read() as conn:
            project = await projects.get(conn, caller().tenant, parse_project(request.name))
        return pb2.GetProjectResponse(project=project_to_pb(project))

    async def ListProjects(
        self,
        request: pb2.ListProjectsRequest,
        context: ServicerContext[pb2.ListProjectsRequest, pb2.ListProjectsResponse],
    ) -> pb2.ListProjectsResponse:
        """List projects by id."""
        asked = page(("projects", caller().tenant), request.page_size, request.page_token, (str,))
        async with self._db.read() as conn:
            found, token = await projects.some(conn, caller().tenant, asked)
        return pb2.ListProjectsResponse(projects=map(project_to_pb, found), next_page_token=token)
