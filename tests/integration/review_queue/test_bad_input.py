"""Every wrong call is refused with its own reason, and changes nothing."""

from typing import Any

import grpc
import pytest
from grpc import StatusCode

from chassis.ids import new_uid
from labelmesh.label.v1 import label_pb2, ontology_pb2
from labelmesh.review.v1 import (
    asset_service_pb2,
    label_service_pb2,
    metrics_service_pb2,
    project_service_pb2,
    queue_service_pb2,
)
from labels.correction import Add, Delete, Relabel
from labels.label import Annotation, Choice, Span
from labels.proto import annotation_to_pb, correction_op_to_pb

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


def op(change: Any) -> queue_service_pb2.CorrectionOp:
    return correction_op_to_pb(change)


@pytest.mark.parametrize(
    ("decision", "fields", "code", "reason"),
    [
        ("CORRECT", {"ops": [op(Relabel("a0", "weather"))]}, INVALID, "UNKNOWN_CATEGORY"),
        (
            "CORRECT",
            {"ops": [op(Add(Annotation("n0", "mood", "sad", Choice())))]},
            INVALID,
            "UNKNOWN_TOOL",
        ),
        ("CORRECT", {"ops": [op(Delete("a9"))]}, INVALID, "CORRECTION_INVALID"),
        (
            "CORRECT",
            {"ops": [op(Add(Annotation("n0", "entities", "person", Span(0, 3, "Bob"))))]},
            INVALID,
            "ANNOTATION_INVALID",
        ),
        ("CORRECT", {}, INVALID, "OPS_MISSING"),
        ("CORRECT", {"ops": [queue_service_pb2.CorrectionOp()]}, INVALID, "CORRECTION_INVALID"),
        ("ACCEPT", {"ops": [op(Delete("a0"))]}, INVALID, "OPS_UNWANTED"),
        ("REJECT", {}, INVALID, "REASON_MISSING"),
        ("REJECT", {"reason": "x" * 2_001}, INVALID, "SUBMISSION_INVALID"),
        ("UNSPECIFIED", {}, INVALID, "SUBMISSION_INVALID"),
        ("ACCEPT", {"active_seconds": float("inf")}, INVALID, "SUBMISSION_INVALID"),
        ("ACCEPT", {"request_id": ""}, INVALID, "REQUEST_ID_INVALID"),
        ("ACCEPT", {"request_id": "x" * 65}, INVALID, "REQUEST_ID_INVALID"),
        ("ACCEPT", {"request_id": "a\nb"}, INVALID, "REQUEST_ID_INVALID"),
        ("ACCEPT", {"base_etag": ""}, StatusCode.ABORTED, "ETAG_MISMATCH"),
        ("ACCEPT", {"base_etag": "9-made-up"}, StatusCode.ABORTED, "ETAG_MISMATCH"),
        ("ACCEPT", {"fencing_token": 99}, StatusCode.FAILED_PRECONDITION, "LEASE_LOST"),
    ],
)
async def test_answers(
    house: Any, refused: Any, decision: str, fields: Any, code: StatusCode, reason: str
) -> None:
    project = await house.project()
    (asset,) = await house.import_texts("Ann met nobody.")
    await house.deliver(project, house.prediction(asset))
    (lease,) = await house.lease()
    before = await house.contents()
    with refused(code, reason):
        await house.submit(lease, decision, **fields)
    assert await house.contents() == before
    await house.submit(lease, "ACCEPT")


async def test_nothing_to_accept(house: Any, refused: Any) -> None:
    await house.project(mode="NONE")
    await house.import_texts("one")
    (lease,) = await house.lease()
    with refused(INVALID, "NOTHING_TO_ACCEPT"):
        await house.submit(lease, "ACCEPT")


@pytest.mark.parametrize(
    ("annotations", "reason"),
    [
        ([annotation_to_pb(Annotation("a0", "topic", "weather", Choice()))], "UNKNOWN_CATEGORY"),
        ([annotation_to_pb(Annotation("a0", "mood", "sad", Choice()))], "UNKNOWN_TOOL"),
        ([TOPIC, TOPIC], "ANNOTATION_INVALID"),
        ([label_pb2.Annotation(id="a0", tool="topic", category="sport")], "ANNOTATION_INVALID"),
        (
            [annotation_to_pb(Annotation("a0", "entities", "person", Span(0, 99, "x" * 99)))],
            "ANNOTATION_INVALID",
        ),
        ([annotation_to_pb(Annotation("a0", "entities", "person", Span(0, 3, "Bob")))], "ANNOTATION_INVALID"),
        ([label_pb2.Annotation(id="a0", tool="topic", category="sport", confidence=2)], "ANNOTATION_INVALID"),
    ],
)
async def test_labels(house: Any, refused: Any, annotations: Any, reason: str) -> None:
    await house.project()
    (asset,) = await house.import_texts("Ann met nobody.")
    before = await house.contents()
    request = label_service_pb2.CreateLabelRequest(asset=asset.name, annotations=annotations, request_id="r")
    with refused(INVALID, reason):
        await house.labels.CreateLabel(request, metadata=house.ann)
    assert await house.contents() == before


async def test_spans_are_held_to_long_texts_too(house: Any, refused: Any) -> None:
    await house.project()
    (asset,) = await house.import_texts("Ж" * 9_000 + "Bob")
    right = annotation_to_pb(Annotation("a0", "entities", "person", Span(9_000, 9_003, "Bob")))
    wrong = annotation_to_pb(Annotation("a0", "entities", "person", Span(0, 3, "Bob")))
    request = label_service_pb2.CreateLabelRequest(asset=asset.name, annotations=[wrong], request_id="r")
    with refused(INVALID, "ANNOTATION_INVALID"):
        await house.labels.CreateLabel(request, metadata=house.ann)
    request = label_service_pb2.CreateLabelRequest(asset=asset.name, annotations=[right], request_id="r")
    assert (await house.labels.CreateLabel(request, metadata=house.ann)).label.revision == 1


async def test_updates_need_the_current_label_and_its_etag(house: Any, refused: Any) -> None:
    project = await house.project()
    (asset,) = await house.import_texts("one")
    event = house.prediction(asset)
    await house.deliver(project, event)
    get = label_service_pb2.GetLabelRequest(name=event.label.name)
    first = (await house.labels.GetLabel(get, metadata=house.ann)).label

    def update(label: label_pb2.Label, etag: str) -> label_service_pb2.UpdateLabelRequest:
        return label_service_pb2.UpdateLabelRequest(
            name=label.name, etag=etag, annotations=[TOPIC], request_id=new_uid()
        )

    before = await house.contents()
    for etag in ("", "9-made-up"):
        with refused(StatusCode.ABORTED, "ETAG_MISMATCH"):
            await house.labels.UpdateLabel(update(first, etag), metadata=house.ann)
    assert await house.contents() == before
    await house.labels.UpdateLabel(update(first, first.etag), metadata=house.ann)
    with refused(StatusCode.ABORTED, "ETAG_MISMATCH"):
        await house.labels.UpdateLabel(update(first, first.etag), metadata=house.ann)
    missing = label_pb2.Label(name=f"projects/news/labels/{new_uid()}")
    with refused(StatusCode.NOT_FOUND, "LABEL_NOT_FOUND"):
        await house.labels.UpdateLabel(update(missing, "x"), metadata=house.ann)


async def test_reviewed_labels_are_not_created_over(house: Any, refused: Any) -> None:
    project = await house.project()
    (asset,) = await house.import_texts("one")
    await house.deliver(project, house.prediction(asset))
    (lease,) = await house.lease()
    await house.submit(lease, "ACCEPT")
    request = label_service_pb2.CreateLabelRequest(asset=asset.name, annotations=[TOPIC], request_id="r")
    with refused(StatusCode.FAILED_PRECONDITION, "ALREADY_REVIEWED"):
        await house.labels.CreateLabel(request, metadata=house.ann)


async def test_unreviewed_labels_are_not_exported(house: Any, refused: Any) -> None:
    project = await house.project()
    (asset,) = await house.import_texts("one")
    request = label_service_pb2.ExportLabelsRequest(parent="projects/news")

    async def refuse() -> None:
        with refused(StatusCode.FAILED_PRECONDITION, "NOTHING_REVIEWED"):
            async for _ in house.labels.ExportLabels(request, metadata=house.ann):
                pass

    await refuse()
    await house.deliver(project, house.prediction(asset))
    await refuse()
    (lease,) = await house.lease()
    await house.submit(lease, "REJECT", reason="unreadable")
    await refuse()


async def test_callers_without_a_token(house: Any) -> None:
    request = project_service_pb2.ListProjectsRequest()
    for metadata in ((), (("authorization", "Bearer wrong"),)):
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await house.projects.ListProjects(request, metadata=metadata)
        assert refusal.value.code() is StatusCode.UNAUTHENTICATED
