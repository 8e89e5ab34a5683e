"""Metrics and the hold-out behind a real gRPC server, on SQLite and on PostgreSQL."""

from typing import Any

import grpc
import pytest
import sqlalchemy as sa

from chassis.clock import now_us
from labelmesh.review.v1 import gold_service_pb2, label_service_pb2, project_service_pb2, queue_service_pb2
from labelmesh.review.v1 import metrics_service_pb2 as pb2
from labelmesh.review.v1.gold_service_pb2_grpc import GoldServiceStub
from labels.correction import Relabel, Resize
from labels.label import Annotation, Choice, Span
from labels.proto import correction_op_to_pb
from review_queue.measures import adding
from tests.integration.review_queue.measured import HOUR_US, NEWS, ask, reviewed, told, topic


async def test_every_number_has_its_sample_and_interval(house: Any) -> None:
    await reviewed(house)
    (row,) = await ask(house)
    found = told(row)
    assert found["REVIEWS"].value == 8
    assert (found["ACCURACY"].n, found["ACCURACY"].value) == (8, 5 / 8)
    assert 0 < found["ACCURACY"].lower < 5 / 8 < found["ACCURACY"].upper < 1
    mean_seconds = (3 * 10 + 5 * 4) / 8
    assert found["ACTIVE_SECONDS_MEAN"].value == pytest.approx(mean_seconds)
    assert found["LABELS_PER_HOUR"].value == pytest.approx(3_600 / mean_seconds)
    assert found["LABELS_PER_HOUR"].lower < 3_600 / mean_seconds < found["LABELS_PER_HOUR"].upper
    assert found["ACTIVE_SECONDS_MEDIAN"].value == pytest.approx(4, rel=0.02)
    assert found["FALSE_POSITIVES"].n == 8
    assert found["FALSE_POSITIVES"].value == found["FALSE_NEGATIVES"].value == 3 / 8
    assert (found["GOLD_ACCURACY"].n, found["GOLD_ACCURACY"].HasField("value")) == (0, False)
    assert (found["SEND_BACKS"].n, found["SEND_BACKS"].value) == (8, 0)


async def test_groups_are_told_apart(house: Any) -> None:
    await reviewed(house)
    by_reviewer = {
        row.name: told(row)["REVIEWS"].value for row in await ask(house, group="METRIC_GROUP_REVIEWER")
    }
    assert by_reviewer == {"ann": 4, "bob": 4}
    by_run = {row.name: told(row)["ACCURACY"].n for row in await ask(house, group="METRIC_GROUP_RUN")}
    assert by_run == {"01RUN0": 4, "01RUN1": 4}
    assert [row.name for row in await ask(house, group="METRIC_GROUP_MODEL")] == ["model"]
    assert [row.name for row in await ask(house, group="METRIC_GROUP_SHOTS")] == ["no examples"]
    assert [row.name for row in await ask(house, group="METRIC_GROUP_PROMPT")] == ["revision 1"]
    by_category = {row.name: told(row) for row in await ask(house, group="METRIC_GROUP_CATEGORY")}
    assert set(by_category) == {"politics", "sport"}
    assert (by_category["sport"]["FALSE_POSITIVES"].n, by_category["sport"]["FALSE_POSITIVES"].value) == (
        8,
        3 / 8,
    )
    assert (by_category["politics"]["FALSE_NEGATIVES"].n, by_category["politics"]["F1"].value) == (3, 0)


async def test_steps_and_windows_hold_their_reviews(house: Any) -> None:
    await reviewed(house, n=4)
    async with house.db.begin() as conn:
        rows = (await conn.execute(sa.text("SELECT uid FROM reviews ORDER BY uid"))).scalars().all()
        for i, uid in enumerate(rows):
            # Thursday 1 January 1970, an hour, a day and a week apart.
            time = (0, HOUR_US, 24 * HOUR_US, 7 * 24 * HOUR_US)[i]
            set_ = sa.text("UPDATE reviews SET create_time_us = :time WHERE uid = :uid")
            await conn.execute(set_, {"time": time, "uid": uid})
    await adding.sum_all(house.db)

    async def counts(**fields: Any) -> list[tuple[int, float]]:
        rows = await ask(house, metrics=[pb2.METRIC_REVIEWS], **fields)
        return [(row.start_time_us // HOUR_US, row.values[0].estimate.value) for row in rows]

    assert await counts(step="METRIC_STEP_HOUR") == [(0, 1), (1, 1), (24, 1), (168, 1)]
    assert await counts(step="METRIC_STEP_DAY") == [(0, 2), (24, 1), (168, 1)]
    assert await counts(step="METRIC_STEP_WEEK") == [(-72, 3), (96, 1)]
    assert await counts(start_time_us=HOUR_US) == [(0, 3)]
    assert await counts(start_time_us=2**63 - 2, end_time_us=2**63 - 1) == [(0, 0)]
    assert await counts(start_time_us=HOUR_US, end_time_us=168 * HOUR_US) == [(0, 2)]
    assert await counts(start_time_us=2 * HOUR_US, end_time_us=3 * HOUR_US) == [(0, 0)]
    assert await counts(step="METRIC_STEP_DAY", end_time_us=HOUR_US) == [(0, 2)]


async def test_a_label_that_is_changed_after_review_is_rework_once(house: Any) -> None:
    await reviewed(house, n=3, wrong=0)
    await adding.sum_all(house.db)
    (task, *_) = await house.tasks(state=queue_service_pb2.TASK_STATE_DONE)
    label = task.label
    for category in ("politics", "sport"):
        request = label_service_pb2.UpdateLabelRequest(
            name=label.name, etag=label.etag, annotations=[topic(category)], request_id=f"edit-{category}"
        )
        label = (await house.labels.UpdateLabel(request, metadata=house.ann)).label
        (row,) = await ask(house)
        assert (told(row)["REWORK"].n, told(row)["REWORK"].value) == (3, pytest.approx(1 / 3))
    assert await adding.sum_all(house.db) == 1
    (row,) = await ask(house)
    assert told(row)["REWORK"].value == pytest.approx(1 / 3)
    assert told(row)["REVIEWS"].value == 3


async def test_a_moved_span_is_half_there(house: Any) -> None:
    project = await house.project()
    (asset,) = await house.import_texts("Germany won")
    choice = Annotation("a0", "topic", "sport", Choice())
    place = Annotation("s0", "entities", "location", Span(0, 7, "Germany"))
    await house.deliver(project, house.prediction(asset, annotations=(choice, place)))
    (lease,) = await house.lease()
    op = correction_op_to_pb(Resize("s0", Span(0, 11, "Germany won")))
    await house.submit(lease, "CORRECT", ops=[op], active_seconds=1)
    for _ in range(2):
        found = {row.name: told(row) for row in await ask(house, group="METRIC_GROUP_CATEGORY")}
        assert found["location"]["OVERLAP"].n == 1
        assert found["location"]["OVERLAP"].value == pytest.approx(7 / 11)
        assert (found["location"]["FALSE_POSITIVES"].value, found["location"]["FALSE_NEGATIVES"].value) == (
            1,
            1,
        )
        await adding.sum_all(house.db)


async def test_another_tenants_numbers_are_not_told(house: Any, refused: Any) -> None:
    await reviewed(house, n=2)
    for call, request in (
        (house.metrics.QueryMetrics, pb2.QueryMetricsRequest(parent=NEWS)),
        (house.metrics.GetHoldOutPolicy, pb2.GetHoldOutPolicyRequest(parent=NEWS)),
        (house.metrics.UpdateHoldOutPolicy, pb2.UpdateHoldOutPolicyRequest(parent=NEWS)),
        (house.metrics.GetLiftReport, pb2.GetLiftReportRequest(parent=NEWS)),
    ):
        with refused(grpc.StatusCode.NOT_FOUND, "PROJECT_NOT_FOUND"):
            await call(request, metadata=house.as_actor("eve"))
    stream = house.metrics.StreamMetrics(
        pb2.StreamMetricsRequest(query=pb2.QueryMetricsRequest(parent=NEWS)), metadata=house.as_actor("eve")
    )
    with refused(grpc.StatusCode.NOT_FOUND, "PROJECT_NOT_FOUND"):
        await stream.read()


@pytest.mark.parametrize(
    "fields",
    [
        {"metrics": [99]},
        {"group": 99},
        {"step": 99},
        {"start_time_us": -1},
        {"start_time_us": 2, "end_time_us": 1},
        {"group": "METRIC_GROUP_CATEGORY", "metrics": [pb2.METRIC_REWORK]},
        {"group": "METRIC_GROUP_RUN", "category": "sport"},
    ],
)
async def test_a_question_without_an_answer_is_refused(
    house: Any, refused: Any, fields: dict[str, Any]
) -> None:
    await house.project()
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "METRIC_INVALID"):
        await ask(house, **fields)


async def test_an_empty_project_has_no_numbers_and_says_so(house: Any) -> None:
    await house.project()
    (row,) = await ask(house)
    assert {name: (e.n, e.HasField("lower")) for name, e in told(row).items()} == dict.fromkeys(
        told(row), (0, False)
    )
    assert await ask(house, group="METRIC_GROUP_REVIEWER") == []


async def test_a_stream_tells_what_has_changed(house: Any) -> None:
    await reviewed(house, n=2, wrong=0)
    query = pb2.QueryMetricsRequest(parent=NEWS, metrics=[pb2.METRIC_REVIEWS], group="METRIC_GROUP_REVIEWER")
    stream = house.metrics.StreamMetrics(
        pb2.StreamMetricsRequest(query=query, every_seconds=1), metadata=house.ann
    )
    first = await stream.read()
    assert [(row.name, row.values[0].estimate.value) for row in first.rows] == [("ann", 1), ("bob", 1)]
    await house.import_texts("text 0", "text 1", "one more")
    (task,) = await house.tasks(filter='key = "k2"')
    get = project_service_pb2.GetProjectRequest(name=NEWS)
    project = (await house.projects.GetProject(get, metadata=house.ann)).project
    await house.deliver(project, house.prediction(task.asset, 0.9))
    (lease,) = await house.lease(actor="bob")
    await house.submit(lease, "ACCEPT", actor="bob", active_seconds=2)
    second = await stream.read()
    assert [(row.name, row.values[0].estimate.value) for row in second.rows] == [("bob", 2)]
    stream.cancel()


async def test_answers_to_gold_are_told_by_reviewer_tests_among_them(house: Any) -> None:
    project = await house.project()
    assets = await house.import_texts("one", "two")
    await house.deliver(project, *map(house.prediction, assets))
    stub = GoldServiceStub(house.channel)
    create = gold_service_pb2.CreateGoldSetRequest(parent=NEWS, gold_set_id="known")
    await stub.CreateGoldSet(create, metadata=house.ann)
    items = [gold_service_pb2.GoldAnswer(asset=asset.name, annotations=[topic("sport")]) for asset in assets]
    add = gold_service_pb2.AddGoldItemsRequest(name=f"{NEWS}/goldSets/known", items=items)
    await stub.AddGoldItems(add, metadata=house.as_actor("bob"))
    for lease in await house.lease(2):
        if lease.task.asset.key == "k0":
            await house.submit(lease, "ACCEPT", active_seconds=3)
        else:
            op = correction_op_to_pb(Relabel("a0", "politics"))
            await house.submit(lease, "CORRECT", ops=[op], active_seconds=3)
    await failed_test(house, project.uid, "bob")
    for _ in range(2):
        (row,) = await ask(house)
        assert (told(row)["GOLD_ACCURACY"].n, told(row)["GOLD_ACCURACY"].value) == (3, pytest.approx(1 / 3))
        by_reviewer = await ask(house, group="METRIC_GROUP_REVIEWER", step="METRIC_STEP_HOUR")
        gold = {row.name: told(row)["GOLD_ACCURACY"] for row in by_reviewer}
        assert {name: (e.n, e.value) for name, e in gold.items()} == {"ann": (2, 0.5), "bob": (1, 0)}
        # A test says nothing about the run that made the label it showed.
        (by_run,) = await ask(house, group="METRIC_GROUP_RUN")
        assert told(by_run)["GOLD_ACCURACY"].n == 2
        await adding.sum_all(house.db)


async def failed_test(house: Any, project_uid: str, reviewer: str) -> None:
    row = {"asset": "a", "reviewer": reviewer, "project": project_uid, "now": now_us()}
    insert = sa.text(
        "INSERT INTO honeypots (asset_uid, reviewer, project_uid, fencing_token, lease_expire_us, base_label_uid,"
        " passed, create_time_us) VALUES (:asset, :reviewer, :project, 1, 0, '', 0, :now)"
    )
    async with house.db.begin() as conn:
        await conn.execute(insert, row)
