"""Events in any order and any number of times: nobody's work is lost or done twice."""

import asyncio
from typing import Any

import pytest
from grpc import StatusCode

from chassis.bus import Poison
from labelmesh.annotator.v1.annotator_events_pb2 import PredictionCreated
from labelmesh.label.v1 import label_pb2
from labelmesh.review.v1 import label_service_pb2, project_service_pb2
from labels.correction import Relabel
from labels.label import Annotation, Choice, Severity
from labels.proto import annotation_to_pb, correction_op_to_pb

POLITICS = correction_op_to_pb(Relabel("a0", "politics"))


async def revisions(house: Any, asset: Any) -> list[label_pb2.Label]:
    request = label_service_pb2.ListLabelRevisionsRequest(parent=asset.name)
    return list((await house.labels.ListLabelRevisions(request, metadata=house.ann)).labels)


async def export(house: Any) -> list[label_service_pb2.ExportLabelsResponse]:
    request = label_service_pb2.ExportLabelsRequest(parent="projects/news", include_unreviewed=True)
    return [item async for item in house.labels.ExportLabels(request, metadata=house.ann)]


async def test_a_prediction_that_comes_again_changes_nothing(house: Any) -> None:
    project = await house.project()
    assets = await house.import_texts(*(f"text {i}" for i in range(20)))
    events = [house.prediction(asset) for asset in assets]
    await house.deliver(project, *events[:10], *events[:10])
    before = await house.contents()
    await house.deliver(project, *events[:10])
    assert await house.contents() == before
    await house.deliver(project, *events)
    await house.deliver(project, *(house.failure(asset) for asset in assets))
    assert [len(await revisions(house, asset)) for asset in assets] == [1] * 20
    assert not any(task.prediction_error for task in await house.tasks())


async def test_findings_that_come_before_their_label(house: Any) -> None:
    project = await house.project()
    (asset,) = await house.import_texts("one")
    event = house.prediction(asset, 0.75)
    await house.deliver(project, house.evaluation(event.label, Severity.WARNING))
    assert await house.counts() == (1, 0, 0, 0)
    await house.deliver(project, event)
    (task,) = await house.tasks()
    assert (task.terms.severity, task.terms.uncertainty) == (0.5, 0.25)
    assert [finding.severity for finding in task.findings] == [label_pb2.SEVERITY_WARNING]


async def test_a_failure_after_and_before_a_prediction(house: Any) -> None:
    project = await house.project()
    (asset,) = await house.import_texts("one")
    await house.deliver(project, house.failure(asset, "PROMPT_TOO_LONG"))
    (task,) = await house.tasks()
    assert (task.prediction_error, task.terms.uncertainty) == ("PROMPT_TOO_LONG", 1.0)
    await house.deliver(project, house.prediction(asset, 0.5, run="01RUO"))
    (task,) = await house.tasks()
    assert (task.prediction_error, task.label.revision) == ("", 1)
    await house.deliver(project, house.failure(asset, "PROMPT_TOO_LONG"))
    (task,) = await house.tasks()
    assert (task.prediction_error, task.label.revision) == ("", 1)


async def test_a_prediction_that_does_not_fit_its_ontology_goes_to_a_person(house: Any) -> None:
    project = await house.project()
    good, bad = await house.import_texts("one", "two")
    wrong = (Annotation("a0", "topic", "weather", Choice(), 0.9),)
    await house.deliver(project, house.prediction(bad, annotations=wrong), house.prediction(good))
    tasks = {task.asset.key: task for task in await house.tasks()}
    assert tasks["k1"].prediction_error == "UNKNOWN_CATEGORY"
    assert not tasks["k1"].HasField("label")
    assert tasks["k0"].label.revision == 1


async def test_events_that_can_never_be_handled(house: Any) -> None:
    project = await house.project()
    other = await house.project("other")
    (asset,) = await house.import_texts("one")
    event = house.prediction(asset)
    before = await house.contents()
    with pytest.raises(Poison):
        await house.deliver(other, event)
    with pytest.raises(Poison):
        await house.deliver(project_service_pb2.Project(uid="01UNKNOWN"), event)
    with pytest.raises(Poison):
        await house.deliver(project, PredictionCreated())
    with pytest.raises(Poison):
        await house.deliver(project, house.failure(asset, "not a class"))
    with pytest.raises(Poison):
        await house.deliver(other, house.evaluation(label_pb2.Label(name=event.label.name, asset=asset.name)))
    event.label.kind = label_pb2.LABEL_KIND_REVIEW
    with pytest.raises(Poison):
        await house.deliver(project, event)
    assert await house.contents() == before


async def test_an_open_task_shows_the_newest_prediction(house: Any) -> None:
    project = await house.project()
    (asset,) = await house.import_texts("one")
    await house.deliver(project, house.prediction(asset, 0.5))
    await house.deliver(project, house.prediction(asset, 0.9, run="01RUO"))
    (lease,) = await house.lease()
    assert (lease.task.label.revision, lease.task.label.confidence.raw) == (2, 0.9)


async def test_a_leased_task_keeps_what_was_handed_out(house: Any) -> None:
    project = await house.project()
    (asset,) = await house.import_texts("one")
    await house.deliver(project, house.prediction(asset, 0.5))
    (lease,) = await house.lease()
    await house.deliver(project, house.prediction(asset, 0.9, run="01RUO"))
    label = await house.submit(lease, "CORRECT", ops=[POLITICS])
    assert (label.revision, label.annotations[0].category) == (3, "politics")
    assert [found.revision for found in await revisions(house, asset)] == [3, 2, 1]


async def test_a_persons_answer_outlives_later_predictions(house: Any) -> None:
    project = await house.project()
    (asset,) = await house.import_texts("one")
    await house.deliver(project, house.prediction(asset))
    (lease,) = await house.lease()
    label = await house.submit(lease, "CORRECT", ops=[POLITICS])
    later = house.prediction(asset, 0.99, run="01RUO")
    await house.deliver(project, later)
    await house.deliver(project, house.evaluation(later.label, Severity.ERROR))
    await house.deliver(project, house.failure(asset))
    (item,) = await export(house)
    assert (item.label, item.reviewed) == (label, True)
    assert await house.counts() == (0, 0, 0, 1)
    assert await house.lease() == []
    assert len(await revisions(house, asset)) == 3


async def test_corrections_race_with_new_predictions_and_the_person_wins(house: Any) -> None:
    project = await house.project()
    assets = await house.import_texts(*(f"text {i}" for i in range(30)))
    await house.deliver(project, *map(house.prediction, assets))
    leases = await house.lease(30)

    async def predict_again(run: str) -> None:
        for start in range(0, 30, 5):
            some = assets[start : start + 5]
            await house.deliver(project, *(house.prediction(a, 0.99, run=run) for a in some))

    answers = (house.submit(lease, "CORRECT", ops=[POLITICS]) for lease in leases)
    await asyncio.gather(*answers, *(predict_again(f"01RU{i}") for i in range(4)))
    items = await export(house)
    assert {item.label.annotations[0].category for item in items} == {"politics"}
    assert all(item.reviewed for item in items)
    assert await house.counts() == (0, 0, 0, 30)
    for asset in assets:
        found = await revisions(house, asset)
        assert [label.revision for label in found] == [6, 5, 4, 3, 2, 1]


async def test_a_persons_edit_meanwhile_is_not_overwritten_by_a_review(house: Any, refused: Any) -> None:
    project = await house.project()
    (asset,) = await house.import_texts("one")
    await house.deliver(project, house.prediction(asset))
    (lease,) = await house.lease()
    annotation = annotation_to_pb(Annotation("a0", "topic", "politics", Choice()))
    update = label_service_pb2.UpdateLabelRequest(
        name=lease.task.label.name, etag=lease.task.label.etag, annotations=[annotation], request_id="r"
    )
    edited = (await house.labels.UpdateLabel(update, metadata=house.ann)).label
    with refused(StatusCode.ABORTED, "ETAG_MISMATCH"):
        await house.submit(lease, "ACCEPT")
    (item,) = await export(house)
    assert item.label == edited
