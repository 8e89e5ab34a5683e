"""Every wrong call is refused with its own reason, and changes nothing."""

from typing import Any

import grpc
import pytest
from grpc import StatusCode

from chassis.ids import new_uid
from labelmesh.label.v1 import ontology_pb2
from labelmesh.review.v1 import (
    asset_service_pb2,
    label_service_pb2,
    metrics_service_pb2,
    project_service_pb2,
    queue_service_pb2,
)
from labels.label import Annotation, Choice
from labels.proto import annotation_to_pb

INVALID = StatusCode.INVALID_ARGUMENT
TOPIC = annotation_to_pb(Annotation("a0", "topic", "sport", Choice()))


@pytest.mark.parametrize(
    ("project_id", "fields", "reason"),
    [
        ("News", {}, "PROJECT_INVALID"),
        ("n", {}, "PROJECT_INVALID"),
        ("n" * 49, {}, "PROJECT_INVALID"),
        ("news", {"display_name": "x" * 201}, "PROJECT_INVALID"),
        ("news", {"display_name": "\x00"}, "PROJECT_INVALID"),
        ("news", {"instruction": "x" * 8_001}, "PROJECT_INVALID"),
        (
            "news",
            {"priority_weights": project_service_pb2.PriorityWeights(findings=float("nan"))},
            "PROJECT_INVALID",
        ),
        ("news", {"priority_weights": project_service_pb2.PriorityWeights(findings=-1)}, "PROJECT_INVALID"),
        ("news", {"ontology": ontology_pb2.Ontology()}, "ONTOLOGY_ERROR"),
        (
            "news",
            {"ontology": ontology_pb2.Ontology(tools=[ontology_pb2.Tool(name="t")])},
            "ONTOLOGY_ERROR",
        ),
    ],
)
async def test_projects(house: Any, refused: Any, project_id: str, fields: Any, reason: str) -> None:
    tool = ontology_pb2.Tool(
        name="t", kind=ontology_pb2.TOOL_KIND_SPAN, categories=[ontology_pb2.Category(name="c")]
    )
    values = {"ontology": ontology_pb2.Ontology(tools=[tool])} | fields
    request = project_service_pb2.CreateProjectRequest(
        project_id=project_id, project=project_service_pb2.Project(**values)
    )
    before = await house.contents()
    with refused(INVALID, reason):
        await house.projects.CreateProject(request, metadata=house.ann)
    assert await house.contents() == before


async def test_a_project_id_means_one_thing(house: Any, refused: Any) -> None:
    await house.project("news", display_name="one")
    with refused(StatusCode.ALREADY_EXISTS, "PROJECT_EXISTS"):
        await house.project("news", display_name="other")


async def test_texts_that_no_message_can_carry(house: Any) -> None:
    await house.project()
    row = asset_service_pb2.ImportRow(line=1)
    row.asset.key, row.asset.text = "k", "x" * 10_000_000
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await house.send_rows([row])
    assert refusal.value.code() is StatusCode.RESOURCE_EXHAUSTED
    assert (await house.contents())["assets"] == []


@pytest.mark.parametrize("actor", ["ann", "eve"])
async def test_an_unknown_project_and_anothers_look_alike(house: Any, refused: Any, actor: str) -> None:
    """Eve's tenant cannot tell Ann's project from none, whatever she calls."""
    parent = "projects/nowhere"
    asset = label = task = new_uid()
    if actor == "eve":
        project = await house.project(mode="NONE")
        parent = "projects/news"
        first, _ = await house.import_texts("one", "two")
        await house.deliver(project, house.prediction(first))
        leases = await house.lease()
        asset, task = first.name.rpartition("/")[2], leases[0].task.name.rpartition("/")[2]
        label = house.prediction(first).label.name.rpartition("/")[2]
    rq, lb, q = asset_service_pb2, label_service_pb2, queue_service_pb2
    calls = [
        (house.projects.GetProject, project_service_pb2.GetProjectRequest(name=parent)),
        (house.assets.ListAssets, rq.ListAssetsRequest(parent=parent)),
        (house.labels.GetLabel, lb.GetLabelRequest(name=f"{parent}/labels/{label}")),
        (house.labels.ListLabelRevisions, lb.ListLabelRevisionsRequest(parent=f"{parent}/assets/{asset}")),
        (house.labels.CreateLabel, lb.CreateLabelRequest(asset=f"{parent}/assets/{asset}", request_id="r")),
        (house.labels.UpdateLabel, lb.UpdateLabelRequest(name=f"{parent}/labels/{label}", request_id="r")),
        (house.queue.LeaseNext, q.LeaseNextRequest(parent=parent)),
        (house.queue.RenewLease, q.RenewLeaseRequest(name=f"{parent}/tasks/{task}", fencing_token=1)),
        (house.queue.ReleaseLease, q.ReleaseLeaseRequest(name=f"{parent}/tasks/{task}", fencing_token=1)),
        (
            house.queue.SubmitReview,
            q.SubmitReviewRequest(
                name=f"{parent}/tasks/{task}", fencing_token=1, decision=q.DECISION_ACCEPT, request_id="r"
            ),
        ),
        (house.queue.CountTasks, q.CountTasksRequest(parent=parent)),
        (house.queue.ListTasks, q.ListTasksRequest(parent=parent)),
        (house.metrics.GetProjectMetrics, metrics_service_pb2.GetProjectMetricsRequest(parent=parent)),
    ]
    before = await house.contents()
    for call, request in calls:
        with refused(StatusCode.NOT_FOUND, "PROJECT_NOT_FOUND"):
            await call(request, metadata=house.as_actor(actor))
    with refused(StatusCode.NOT_FOUND, "PROJECT_NOT_FOUND"):
        request = lb.ExportLabelsRequest(parent=parent)
        async for _ in house.labels.ExportLabels(request, metadata=house.as_actor(actor)):
            pass
    assert await house.contents() == before


async def test_names_of_another_project_are_not_found(house: Any, refused: Any) -> None:
    """The uid is real, but it stands in Ann's other project."""
    project = await house.project(mode="NONE")
    await house.project("other")
    (asset,) = await house.import_texts("one")
    await house.deliver(project, house.prediction(asset))
    (lease,) = await house.lease()

    def moved(name: str) -> str:
        return name.replace("projects/news", "projects/other")

    with refused(StatusCode.NOT_FOUND, "ASSET_NOT_FOUND"):
        request = label_service_pb2.CreateLabelRequest(asset=moved(asset.name), request_id="r")
        await house.labels.CreateLabel(request, metadata=house.ann)
    with refused(StatusCode.NOT_FOUND, "ASSET_NOT_FOUND"):
        revisions = label_service_pb2.ListLabelRevisionsRequest(parent=moved(asset.name))
        await house.labels.ListLabelRevisions(revisions, metadata=house.ann)
    with refused(StatusCode.NOT_FOUND, "LABEL_NOT_FOUND"):
        get = label_service_pb2.GetLabelRequest(name=moved(lease.task.label.name))
        await house.labels.GetLabel(get, metadata=house.ann)
    with refused(StatusCode.NOT_FOUND, "TASK_NOT_FOUND"):
        await house.submit(lease, "ACCEPT", name=moved(lease.task.name))
    with refused(StatusCode.NOT_FOUND, "TASK_NOT_FOUND"):
        release = queue_service_pb2.ReleaseLeaseRequest(name=moved(lease.task.name), fencing_token=1)
        await house.queue.ReleaseLease(release, metadata=house.ann)
    with refused(INVALID, "RUN_FOREIGN"):
        measure = metrics_service_pb2.GetProjectMetricsRequest(
            parent="projects/other", prediction_run="projects/news/predictionRuns/01RUN"
        )
        await house.metrics.GetProjectMetrics(measure, metadata=house.ann)
    with refused(INVALID, "NAME_INVALID"):
        await house.counts("projects/news/tasks")


async def test_callers_without_a_token(house: Any) -> None:
    request = project_service_pb2.ListProjectsRequest()
    for metadata in ((), (("authorization", "Bearer wrong"),)):
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await house.projects.ListProjects(request, metadata=metadata)
        assert refusal.value.code() is StatusCode.UNAUTHENTICATED
