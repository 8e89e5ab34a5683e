"""The whole way of an asset: imported, predicted, checked by rules, reviewed, exported, measured."""

from typing import Any

import sqlalchemy as sa

from labelmesh.label.v1 import label_pb2
from labelmesh.review.v1 import (
    label_service_pb2,
    metrics_service_pb2,
    project_service_pb2,
    queue_service_pb2,
)
from labelmesh.review.v1.review_events_pb2 import (
    AssetsImported,
    LabelReviewed,
    LabelSubmitted,
    ProjectChanged,
)
from labels.correction import Relabel
from labels.label import Annotation, Choice, Severity, Span
from labels.proto import annotation_to_pb, correction_op_to_pb
from review_queue import tables

REVIEW = label_pb2.LABEL_KIND_REVIEW


async def exported(house: Any, **fields: Any) -> list[label_service_pb2.ExportLabelsResponse]:
    request = label_service_pb2.ExportLabelsRequest(parent="projects/news", **fields)
    return [item async for item in house.labels.ExportLabels(request, metadata=house.ann)]


async def test_from_import_to_export(house: Any) -> None:
    project = await house.project(display_name="News")
    assert (await house.emitted(ProjectChanged))[0].project.uid == project.uid
    assets = await house.import_texts("Sport wins.", "Law passed.", "Who knows?")
    imported = await house.emitted(AssetsImported)
    assert [a.key for event in imported for a in event.assets] == ["k0", "k1", "k2"]
    assert imported[-1].project_asset_count == 3
    assert await house.counts() == (3, 0, 0, 0)
    assert await house.lease() == []

    sure, unsure = house.prediction(assets[0], 0.9), house.prediction(assets[1], 0.6)
    await house.deliver(project, sure, unsure)
    await house.deliver(project, house.failure(assets[2]))
    await house.deliver(project, house.evaluation(sure.label, Severity.ERROR))
    assert await house.counts() == (0, 3, 0, 0)

    first, second, third = await house.lease(3)
    assert [lease.task.asset.key for lease in (first, second, third)] == ["k0", "k2", "k1"]
    assert first.task.findings[0].rule == "rule_0"
    assert (first.task.terms.severity, round(first.task.terms.uncertainty, 6)) == (1.0, 0.1)
    assert second.task.prediction_error == "REPLY_MALFORMED"
    assert not second.task.HasField("label")
    assert third.task.label.confidence.raw == 0.6
    assert await house.counts() == (0, 0, 3, 0)

    accepted = await house.submit(first, "ACCEPT", active_seconds=2.5)
    assert (accepted.kind, accepted.revision, accepted.author) == (REVIEW, 2, "ann")
    assert accepted.annotations[0].confidence == 0
    await house.submit(second, "REJECT", reason="Not a statement.")
    op = correction_op_to_pb(Relabel("a0", "politics"))
    corrected = await house.submit(third, "CORRECT", ops=[op], active_seconds=4)
    assert corrected.annotations[0].category == "politics"
    assert await house.counts() == (0, 0, 0, 3)

    items = await exported(house)
    assert [(i.asset.key, i.reviewed, i.rejected) for i in items] == [
        ("k0", True, False),
        ("k1", True, False),
        ("k2", False, True),
    ]
    assert items[0].label == accepted
    assert items[1].label == corrected
    assert not items[2].HasField("label")

    events = await house.emitted(LabelReviewed)
    assert [e.decision for e in events] == [
        queue_service_pb2.DECISION_ACCEPT,
        queue_service_pb2.DECISION_REJECT,
        queue_service_pb2.DECISION_CORRECT,
    ]
    assert (events[0].asset.key, events[0].reviewer) == ("k0", "ann")
    assert events[0].base.name == sure.label.name
    assert list(events[2].ops) == [op]
    assert events[2].label == corrected


async def test_a_wrong_location_is_a_cell_of_the_confusion_matrix(house: Any) -> None:
    project = await house.project()
    (asset,) = await house.import_texts("The Germany match was lost.")
    span = Span(4, 11, "Germany")
    claim = Annotation("a0", "entities", "location", span, 0.8)
    await house.deliver(project, house.prediction(asset, 0.8, annotations=(claim,)))
    (lease,) = await house.lease()
    op = correction_op_to_pb(Relabel("a0", "miscellaneous"))
    await house.submit(lease, "CORRECT", ops=[op], active_seconds=3)

    request = metrics_service_pb2.GetProjectMetricsRequest(parent="projects/news")
    metrics = await house.metrics.GetProjectMetrics(request, metadata=house.ann)
    (cell,) = metrics.confusion
    assert (cell.tool, cell.predicted, cell.reviewed, cell.count) == (
        "entities",
        "location",
        "miscellaneous",
        1,
    )
    assert {
        (c.category, c.true_positives, c.false_positives, c.false_negatives) for c in metrics.categories
    } == {
        ("location", 0, 1, 0),
        ("miscellaneous", 0, 0, 1),
    }
    (event,) = await house.emitted(LabelReviewed)
    assert (event.ops[0].relabel.annotation_id, event.ops[0].relabel.category) == ("a0", "miscellaneous")
    assert event.base.annotations[0].category == "location"
    assert event.label.annotations[0].category == "miscellaneous"


async def test_metrics(house: Any) -> None:
    project = await house.project()
    assets = await house.import_texts(*(f"text {i}" for i in range(6)))
    predictions = [house.prediction(asset, 0.95 - i / 10) for i, asset in enumerate(assets[:4])]
    await house.deliver(project, *predictions)
    await house.deliver(project, house.prediction(assets[4], 0.5, run="01RUO"))
    await house.deliver(project, house.failure(assets[5]))
    await house.deliver(
        project,
        house.evaluation(predictions[0].label, Severity.INFO, Severity.INFO),
        house.evaluation(predictions[1].label),
    )
    wrong = {"k3", "k4"}
    for lease in await house.lease(10):
        if not lease.task.HasField("label"):
            topic = correction_op_to_pb_add("sport")
            await house.submit(lease, "CORRECT", ops=[topic], active_seconds=1)
        elif lease.task.asset.key in wrong:
            op = correction_op_to_pb(Relabel("a0", "politics"))
            await house.submit(lease, "CORRECT", ops=[op], active_seconds=1)
        else:
            await house.submit(lease, "ACCEPT", active_seconds=1)

    request = metrics_service_pb2.GetProjectMetricsRequest(parent="projects/news")
    m = await house.metrics.GetProjectMetrics(request, metadata=house.ann)
    assert (m.assets, m.predictions, m.failed_predictions) == (6, 5, 1)
    assert (m.accepted, m.corrected, m.rejected, m.active_seconds) == (3, 3, 0, 6.0)
    assert (m.accuracy.k, m.accuracy.n, m.accuracy.value) == (3, 5, 0.6)
    assert 0 < m.accuracy.lower < 0.6 < m.accuracy.upper < 1
    assert [(round(b.lower, 1), b.correct.k, b.correct.n) for b in m.reliability.bins] == [
        (0.5, 0, 1),
        (0.6, 0, 1),
        (0.7, 1, 1),
        (0.8, 1, 1),
        (0.9, 1, 1),
    ]
    assert m.reliability.auroc == 1.0
    assert {(c.predicted, c.reviewed, c.count) for c in m.confusion} == {
        ("sport", "sport", 3),
        ("sport", "politics", 2),
    }
    assert [(run.prediction_run.rpartition("/")[2], run.accuracy.k, run.accuracy.n) for run in m.runs] == [
        ("01RUN", 3, 4),
        ("01RUO", 0, 1),
    ]
    assert round(m.runs[0].f1, 6) == 0.75
    assert (m.labels_with_findings, m.findings) == (1, 2)

    request.prediction_run = "projects/news/predictionRuns/01RUO"
    one = await house.metrics.GetProjectMetrics(request, metadata=house.ann)
    assert (one.predictions, one.corrected, one.accuracy.n) == (1, 1, 1)
    assert not one.reliability.HasField("auroc")


def correction_op_to_pb_add(category: str) -> queue_service_pb2.CorrectionOp:
    annotation = annotation_to_pb(Annotation("n0", "topic", category, Choice()))
    return queue_service_pb2.CorrectionOp(add=queue_service_pb2.AddAnnotation(annotation=annotation))


async def test_an_empty_project_has_metrics(house: Any) -> None:
    await house.project()
    request = metrics_service_pb2.GetProjectMetricsRequest(parent="projects/news")
    m = await house.metrics.GetProjectMetrics(request, metadata=house.ann)
    assert (m.assets, m.accuracy.n, m.reliability.ece, len(m.runs)) == (0, 0, 0, 0)


async def test_without_models_tasks_open_at_import(house: Any) -> None:
    await house.project(mode="NONE")
    await house.import_texts("one", "two")
    assert await house.counts() == (0, 2, 0, 0)
    (lease,) = await house.lease()
    assert lease.task.asset.key == "k0"
    assert lease.task.terms.uncertainty == 1.0
    label = await house.submit(lease, "CORRECT")
    assert (len(label.annotations), label.revision) == (0, 1)


async def test_a_label_from_outside(house: Any) -> None:
    project = await house.project()
    (asset,) = await house.import_texts("one")
    topic = annotation_to_pb(Annotation("a0", "topic", "sport", Choice()))
    create = label_service_pb2.CreateLabelRequest(asset=asset.name, annotations=[topic], request_id="r1")
    label = (await house.labels.CreateLabel(create, metadata=house.ann)).label
    assert (label.kind, label.revision, label.author) == (label_pb2.LABEL_KIND_DEFAULT, 1, "ann")
    again = (await house.labels.CreateLabel(create, metadata=house.ann)).label
    assert again == label
    assert [e.label for e in await house.emitted(LabelSubmitted)] == [label]
    assert await house.counts() == (0, 1, 0, 0)

    await house.deliver(project, house.prediction(asset))
    topic.category = "politics"
    update = label_service_pb2.UpdateLabelRequest(
        name=label.name, etag=label.etag, annotations=[topic], request_id="r2"
    )
    updated = (await house.labels.UpdateLabel(update, metadata=house.ann)).label
    assert (updated.kind, updated.revision) == (label_pb2.LABEL_KIND_DEFAULT, 3)
    revisions = label_service_pb2.ListLabelRevisionsRequest(parent=asset.name, page_size=2)
    page = await house.labels.ListLabelRevisions(revisions, metadata=house.ann)
    assert [found.revision for found in page.labels] == [3, 2]
    revisions.page_token = page.next_page_token
    page = await house.labels.ListLabelRevisions(revisions, metadata=house.ann)
    assert [found.revision for found in page.labels] == [1]
    assert not page.next_page_token

    (lease,) = await house.lease()
    assert lease.task.label == updated
    reviewed = await house.submit(lease, "ACCEPT")
    update = label_service_pb2.UpdateLabelRequest(
        name=reviewed.name, etag=reviewed.etag, annotations=[], request_id="r3"
    )
    edited = (await house.labels.UpdateLabel(update, metadata=house.ann)).label
    assert (edited.kind, edited.revision) == (REVIEW, 5)
    get = label_service_pb2.GetLabelRequest(name=label.name)
    assert (await house.labels.GetLabel(get, metadata=house.ann)).label == label
    assert (await exported(house))[0].label == edited


async def test_unreviewed_labels_are_exported_on_demand(house: Any) -> None:
    project = await house.project()
    assets = await house.import_texts(*(f"text {i}" for i in range(250)))
    await house.deliver(project, *map(house.prediction, assets[:249]))
    items = await exported(house, include_unreviewed=True)
    assert [item.asset.key for item in items] == [f"k{i}" for i in range(250)]
    assert sum(item.HasField("label") for item in items) == 249
    assert not any(item.reviewed for item in items)


async def test_projects_are_listed_and_created_once(house: Any) -> None:
    first = await house.project("beta")
    assert await house.project("beta") == first
    await house.project("alpha")
    await house.project("gamma")
    await house.project("delta", actor="eve")
    request = project_service_pb2.ListProjectsRequest(page_size=2)
    page = await house.projects.ListProjects(request, metadata=house.ann)
    request.page_token = page.next_page_token
    rest = await house.projects.ListProjects(request, metadata=house.ann)
    names = [p.name for p in (*page.projects, *rest.projects)]
    assert names == ["projects/alpha", "projects/beta", "projects/gamma"]
    assert len(await house.emitted(ProjectChanged)) == 4


async def test_the_migration_makes_the_tables(house: Any) -> None:
    def look(connection: sa.Connection) -> None:
        inspector = sa.inspect(connection)
        for table in tables.metadata.tables.values():
            columns = {c["name"]: c["nullable"] for c in inspector.get_columns(table.name)}
            assert columns == {c.name: c.nullable for c in table.columns}, table.name
            made = {
                i["name"] for i in inspector.get_indexes(table.name) if not i.get("duplicates_constraint")
            }
            assert made == {i.name for i in table.indexes}, table.name
            unique = {c["name"] for c in inspector.get_unique_constraints(table.name)}
            declared = {c.name for c in table.constraints if isinstance(c, sa.UniqueConstraint)}
            assert unique == declared, table.name

    async with house.db.read() as conn:
        await conn.run_sync(look)
