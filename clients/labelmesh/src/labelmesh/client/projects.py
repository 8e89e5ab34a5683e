"""Creating and finding projects, and their numbers."""

from collections.abc import AsyncIterator
from functools import partial

from labelmesh.client import wire
from labelmesh.client.calls import Link
from labelmesh.client.metric import Metrics
from labelmesh.client.paging import pages
from labelmesh.client.project import Project
from labelmesh.client.wire_metrics import metrics_from_pb
from labelmesh.review.v1 import metrics_service_pb2, project_service_pb2
from labelmesh.review.v1.metrics_service_pb2_grpc import MetricsServiceStub
from labelmesh.review.v1.project_service_pb2_grpc import ProjectServiceStub
from labels import names


class Projects:
    """`client.projects`."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._stub = ProjectServiceStub(link.channel)
        self._metrics = MetricsServiceStub(link.channel)

    async def create(self, project: Project) -> Project:
        """Create a project; creating the same again returns it.

        Raises LabelmeshError: ALREADY_EXISTS when the id belongs to another definition, INVALID_ARGUMENT
        when the ontology or the id is not valid.
        """
        request = project_service_pb2.CreateProjectRequest(
            project_id=project.id, project=wire.project_to_pb(project)
        )
        response = await self._link.unary(self._stub.CreateProject, request, repeatable=True)
        return wire.project_from_pb(response.project)

    async def get(self, project: str) -> Project:
        """One project by its id; NOT_FOUND when there is none."""
        request = project_service_pb2.GetProjectRequest(name=names.project_name(project))
        response = await self._link.unary(self._stub.GetProject, request, repeatable=True)
        return wire.project_from_pb(response.project)

    async def list(self) -> AsyncIterator[Project]:
        """All projects of the caller, by id."""
        request = project_service_pb2.ListProjectsRequest(page_size=1000)
        call = partial(self._link.unary, self._stub.ListProjects, request, repeatable=True)
        async for page in pages(request, call):
            for pb in page.projects:
                yield wire.project_from_pb(pb)

    async def metrics(self, project: str, run_uid: str = "") -> Metrics:
        """Numbers from the project's reviews, or from those of one prediction run."""
        request = metrics_service_pb2.GetProjectMetricsRequest(
            parent=names.project_name(project),
            prediction_run=names.run_name(project, run_uid) if run_uid else "",
        )
        response = await self._link.unary(self._metrics.GetProjectMetrics, request, repeatable=True)
        return metrics_from_pb(response)
