"""Answers, labels and exports that are refused, and change nothing."""

from typing import Any

import pytest
from grpc import StatusCode

from chassis.ids import new_uid
from labelmesh.label.v1 import label_pb2
from labelmesh.review.v1 import label_service_pb2, queue_service_pb2
from labels.correction import Add, Delete, Relabel
from labels.label import Annotation, Choice, Span
from labels.proto import annotation_to_pb, correction_op_to_pb

INVALID = StatusCode.INVALID_ARGUMENT
TOPIC = annotation_to_pb(Annotation("a0", "topic", "sport", Choice()))


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
