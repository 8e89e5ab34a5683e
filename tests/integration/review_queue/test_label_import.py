"""Labels that come in by the stream: stored once, refused one by one, seen by rules and in the queue."""

from collections.abc import Sequence
from typing import Any

import pytest
from grpc import StatusCode

from chassis.ids import new_uid
from labelmesh.label.v1 import label_pb2
from labelmesh.review.v1 import label_service_pb2 as pb2
from labelmesh.review.v1.review_events_pb2 import LabelSubmitted
from labels.label import Annotation, Box, Choice, Span
from labels.proto import annotation_to_pb


def row(key: str, *claims: Annotation, line: int = 1, confidence: float = 0.0) -> pb2.ImportLabelRow:
    pbs = [annotation_to_pb(claim) for claim in claims]
    return pb2.ImportLabelRow(line=line, asset_key=key, annotations=pbs, confidence=confidence)


def topic(category: str, confidence: float = 0.0) -> Annotation:
    return Annotation("a0", "topic", category, Choice(), confidence)


async def send(
    house: Any, rows: Sequence[pb2.ImportLabelRow], actor: str = "ann", **first: Any
) -> tuple[int, int, dict[int, str]]:
    """Rows stored, rows skipped, and the reason of each refusal by line."""
    head = pb2.ImportLabelsRequest(**({"parent": "projects/news", "import_id": "i-1"} | first))
    messages = [head] + [pb2.ImportLabelsRequest(rows=rows[at : at + 300]) for at in range(0, len(rows), 300)]
    call = house.labels.ImportLabels(iter(messages), metadata=house.as_actor(actor))
    answers = [answer async for answer in call]
    errors = {error.line: error.reason for answer in answers for error in answer.errors}
    return sum(a.imported for a in answers), sum(a.skipped for a in answers), errors


async def test_labels_become_current_open_their_tasks_and_are_announced_to_rules(house: Any) -> None:
    await house.project()
    await house.import_texts("one", "two")
    assert await send(house, [row("k0", topic("sport")), row("k1", topic("politics"))]) == (2, 0, {})
    tasks = await house.tasks()
    assert {task.label.annotations[0].category for task in tasks} == {"sport", "politics"}
    assert {task.label.author for task in tasks} == {"ann"}
    events = await house.emitted(LabelSubmitted)
    assert {event.label.name for event in events} == {task.label.name for task in tasks}


async def test_imported_predictions_stand_in_the_queue_by_their_confidence(house: Any) -> None:
    await house.project()
    await house.import_texts("sure", "unsure")
    rows = [
        row("k0", topic("sport", 0.9), confidence=0.9),
        row("k1", topic("sport", 0.3), line=2, confidence=0.3),
    ]
    terms = {"kind": label_pb2.LABEL_KIND_PREDICTION, "model": "bert-9"}
    assert await send(house, rows, **terms) == (2, 0, {})
    leases = await house.lease(2)
    assert [lease.task.asset.key for lease in leases] == ["k1", "k0"]
    label = leases[0].task.label
    assert (label.author, label.kind, label.confidence.raw) == (
        "bert-9",
        label_pb2.LABEL_KIND_PREDICTION,
        0.3,
    )


async def test_a_prediction_never_replaces_a_persons_answer_but_is_kept(house: Any) -> None:
    await house.project()
    asset, *_ = await house.import_texts("one")
    await send(house, [row("k0", topic("sport"))])
    terms = {"kind": label_pb2.LABEL_KIND_PREDICTION, "model": "bert", "import_id": "i-2"}
    assert await send(house, [row("k0", topic("politics", 0.4))], **terms) == (1, 0, {})
    assert (await house.tasks())[0].label.annotations[0].category == "sport"
    request = pb2.ListLabelRevisionsRequest(parent=asset.name)
    revisions = (await house.labels.ListLabelRevisions(request, metadata=house.ann)).labels
    assert [label.author for label in revisions] == ["bert", "ann"]


async def test_the_same_import_again_changes_nothing(house: Any) -> None:
    await house.project()
    await house.import_texts(*(f"text {n}" for n in range(700)))
    rows = [row(f"k{n}", topic("sport"), line=n + 1) for n in range(700)]
    assert await send(house, rows[:400]) == (400, 0, {})
    assert await send(house, rows) == (300, 400, {})
    before = await house.contents()
    assert await send(house, rows) == (0, 700, {})
    assert await house.contents() == before
    assert await send(house, [row("k0", topic("politics"))]) == (0, 0, {1: "IMPORT_ID_REUSED"})
    assert await send(house, [row("k0", topic("politics"))], import_id="i-2") == (1, 0, {})


async def test_rows_are_refused_one_by_one_and_the_others_stored(house: Any) -> None:
    await house.project(mode="NONE")
    text = "Ann is here."
    await house.import_texts(text, text, text, text, text)
    (lease,) = await house.lease(1)
    await house.submit(lease, "CORRECT", ops=[])
    reviewed = lease.task.asset.key
    others = sorted({f"k{n}" for n in range(5)} - {reviewed})
    bad = [
        row("nobody", topic("sport"), line=1),
        row(others[0], topic("weather"), line=2),
        row(others[0], Annotation("a0", "entities", "person", Span(0, 3, "Bob")), line=3),
        row(others[0], Annotation("a0", "roof", "flat", Box(0, 0, 1, 1)), line=4),
        row(others[0], topic("sport"), topic("sport"), line=5),
        row(reviewed, topic("sport"), line=6),
        row(others[1], topic("sport"), line=7, confidence=2.0),
        row(others[2], line=8),
        row(others[0], topic("sport"), line=9),
        row(others[0], topic("politics"), line=10),
    ]
    assert await send(house, bad) == (
        2,
        0,
        {
            1: "ASSET_NOT_FOUND",
            2: "UNKNOWN_CATEGORY",
            3: "ANNOTATION_INVALID",
            4: "ANNOTATION_INVALID",
            5: "ANNOTATION_INVALID",
            6: "ALREADY_REVIEWED",
            7: "LABEL_INVALID",
            10: "IMPORT_ID_REUSED",
        },
    )


async def test_a_dry_import_names_bad_rows_and_stores_nothing(house: Any) -> None:
    await house.project()
    await house.import_texts("one")
    before = await house.contents()
    rows = [row("k0", topic("sport")), row("k1", topic("sport"), line=2)]
    assert await send(house, rows, validate_only=True) == (1, 0, {2: "ASSET_NOT_FOUND"})
    assert await house.contents() == before


@pytest.mark.parametrize(
    ("first", "code", "reason"),
    [
        ({"parent": ""}, StatusCode.INVALID_ARGUMENT, "PARENT_MISSING"),
        ({"parent": "projects/none"}, StatusCode.NOT_FOUND, "PROJECT_NOT_FOUND"),
        ({"import_id": ""}, StatusCode.INVALID_ARGUMENT, "IMPORT_INVALID"),
        ({"import_id": "x" * 65}, StatusCode.INVALID_ARGUMENT, "IMPORT_INVALID"),
        ({"kind": label_pb2.LABEL_KIND_REVIEW}, StatusCode.INVALID_ARGUMENT, "IMPORT_INVALID"),
        ({"kind": label_pb2.LABEL_KIND_PREDICTION}, StatusCode.INVALID_ARGUMENT, "IMPORT_INVALID"),
        ({"model": "m"}, StatusCode.INVALID_ARGUMENT, "IMPORT_INVALID"),
    ],
)
async def test_an_import_that_says_nothing_sound_is_refused(
    house: Any, refused: Any, first: dict[str, Any], code: StatusCode, reason: str
) -> None:
    await house.project()
    with refused(code, reason):
        await send(house, [row("k0", topic("sport"))], **first)


async def test_another_tenant_finds_neither_project_nor_assets(house: Any, refused: Any) -> None:
    await house.project()
    await house.import_texts("one")
    with refused(StatusCode.NOT_FOUND, "PROJECT_NOT_FOUND"):
        await send(house, [row("k0", topic("sport"))], actor="eve")
    await house.project(actor="eve")
    assert await send(house, [row("k0", topic("sport"))], actor="eve") == (0, 0, {1: "ASSET_NOT_FOUND"})


async def test_a_message_of_too_many_rows_is_refused(house: Any, refused: Any) -> None:
    await house.project()
    rows = [row("k0", topic("sport"))] * 1_001
    head = pb2.ImportLabelsRequest(parent="projects/news", import_id=new_uid())
    with refused(StatusCode.INVALID_ARGUMENT, "TOO_MANY_ROWS"):
        async for _ in house.labels.ImportLabels(
            iter([head, pb2.ImportLabelsRequest(rows=rows)]), metadata=house.ann
        ):
            pass
