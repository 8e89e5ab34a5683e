"""Predictions held back at random, behind a real gRPC server, on SQLite and on PostgreSQL."""

from typing import Any

import grpc
import pytest
import sqlalchemy as sa

from labelmesh.label.v1 import label_pb2
from labelmesh.review.v1 import label_service_pb2, queue_service_pb2
from labelmesh.review.v1 import metrics_service_pb2 as pb2
from labelmesh.review.v1.review_events_pb2 import LabelReviewed
from labels.label import Annotation, Choice, Severity
from labels.proto import annotation_to_pb
from review_queue.measures import adding
from review_queue.measures.holdout import HoldOut, held_out

NEWS = "projects/news"


def topic(category: str) -> label_pb2.Annotation:
    return annotation_to_pb(Annotation("a0", "topic", category, Choice()))


def add(*annotations: Annotation) -> list[queue_service_pb2.CorrectionOp]:
    return [
        queue_service_pb2.CorrectionOp(add=queue_service_pb2.AddAnnotation(annotation=annotation_to_pb(a)))
        for a in annotations
    ]


async def project_metrics(house: Any) -> pb2.GetProjectMetricsResponse:
    return await house.metrics.GetProjectMetrics(
        pb2.GetProjectMetricsRequest(parent=NEWS), metadata=house.ann
    )


async def hold_back(house: Any, share: float, etag: str = "") -> pb2.HoldOutPolicy:
    policy = pb2.HoldOutPolicy(share=share, etag=etag)
    request = pb2.UpdateHoldOutPolicyRequest(parent=NEWS, policy=policy)
    return (await house.metrics.UpdateHoldOutPolicy(request, metadata=house.ann)).policy


async def secret(house: Any) -> HoldOut:
    async with house.db.read() as conn:
        row = (await conn.execute(sa.text("SELECT holdout_share, holdout_secret FROM projects"))).one()
    return HoldOut(row[0], row[1], 1)


async def test_a_drawn_task_is_handed_out_as_if_no_model_had_seen_it(house: Any) -> None:
    project = await house.project()
    assets = await house.import_texts(*(f"text {i}" for i in range(40)))
    predictions = [house.prediction(asset, 0.9) for asset in assets]
    await house.deliver(project, *predictions)
    await house.deliver(project, *(house.evaluation(p.label, Severity.WARNING) for p in predictions))
    policy = await hold_back(house, 0.5)
    assert (policy.share, policy.experiment, policy.etag) == (0.5, 1, "1")
    leases = await house.lease(40)
    drawn = {lease.task.asset.key for lease in leases if not lease.task.HasField("label")}
    known = await secret(house)
    assert drawn == {a.key for a in assets if held_out(known, a.name.rpartition("/")[2])}
    assert 0 < len(drawn) < 40
    for lease in leases:
        if lease.task.asset.key in drawn:
            assert (lease.task.terms.uncertainty, len(lease.task.findings)) == (1.0, 0)
            assert lease.task.prediction_error == ""
    # Whoever lists the tasks at work does not see it either.
    listed = {
        t.asset.key
        for t in await house.tasks(state=queue_service_pb2.TASK_STATE_LEASED)
        if not t.HasField("label")
    }
    assert listed == drawn


async def test_hidden_predictions_are_judged_and_their_speed_compared(house: Any) -> None:
    project = await house.project()
    assets = await house.import_texts(*(f"text {i}" for i in range(60)))
    await house.deliver(project, *(house.prediction(asset, 0.9) for asset in assets))
    await hold_back(house, 0.5)
    hidden = 0
    for i, lease in enumerate(await house.lease(60)):
        if lease.task.HasField("label"):
            await house.submit(lease, "ACCEPT", active_seconds=2 + i % 3)
        else:
            category = "sport" if hidden % 4 else "politics"
            ops = add(Annotation("n0", "topic", category, Choice()))
            await house.submit(lease, "CORRECT", ops=ops, active_seconds=16 + i % 5)
            hidden += 1
    wrong = -(-hidden // 4)
    for _ in range(2):
        report = await lift_report(house)
        assert (report.experiment, report.held_out.answers, report.assisted.answers) == (
            1,
            hidden,
            60 - hidden,
        )
        assert report.verdict == pb2.VERDICT_REACHED
        assert report.speed_up.lower > 3
        assert report.assisted.agreement.value == 1
        assert report.held_out.agreement.value == pytest.approx(1 - wrong / hidden)
        assert report.pull.value == pytest.approx(wrong / hidden)
        assert report.not_worse == pb2.VERDICT_TOO_FEW
        # What was hidden counts in the model's accuracy all the same.
        overview = await project_metrics(house)
        assert (overview.accuracy.k, overview.accuracy.n) == (60 - wrong, 60)
        await adding.sum_all(house.db)
    events = await house.emitted(LabelReviewed)
    assert sum(not event.HasField("base") for event in events) == hidden
    assert (await lift_report(house, target=1_000.0)).verdict == pb2.VERDICT_NOT_REACHED


async def lift_report(house: Any, **fields: Any) -> pb2.GetLiftReportResponse:
    request = pb2.GetLiftReportRequest(parent=NEWS, **fields)
    return await house.metrics.GetLiftReport(request, metadata=house.ann)


async def test_a_task_that_goes_back_to_the_queue_stays_drawn(house: Any) -> None:
    project = await house.project()
    assets = await house.import_texts(*(f"text {i}" for i in range(20)))
    await house.deliver(project, *(house.prediction(asset, 0.9) for asset in assets))
    await hold_back(house, 0.5)
    seen = []
    for actor in ("ann", "bob"):
        leases = await house.lease(20, actor=actor)
        seen.append({lease.task.name for lease in leases if not lease.task.HasField("label")})
        for lease in leases:
            request = queue_service_pb2.ReleaseLeaseRequest(
                name=lease.task.name, fencing_token=lease.fencing_token
            )
            await house.queue.ReleaseLease(request, metadata=house.as_actor(actor))
    assert seen[0] == seen[1]
    # Nobody is at work: the predictions are listed again, and without a policy handed out again.
    assert all(task.HasField("label") for task in await house.tasks())
    await hold_back(house, 0.0)
    assert all(lease.task.HasField("label") for lease in await house.lease(20))


async def test_a_persons_label_is_never_held_back(house: Any) -> None:
    await house.project()
    assets = await house.import_texts(*(f"text {i}" for i in range(12)))
    await hold_back(house, 0.5)
    for asset in assets:
        request = label_service_pb2.CreateLabelRequest(
            asset=asset.name, annotations=[topic("sport")], request_id=asset.key
        )
        await house.labels.CreateLabel(request, metadata=house.ann)
    assert all(lease.task.HasField("label") for lease in await house.lease(12))


async def test_a_policy_is_changed_by_its_etag(house: Any, refused: Any) -> None:
    await house.project()
    request = pb2.GetHoldOutPolicyRequest(parent=NEWS)
    policy = (await house.metrics.GetHoldOutPolicy(request, metadata=house.ann)).policy
    assert (policy.share, policy.experiment, policy.etag) == (0, 0, "0")
    first = await hold_back(house, 0.1, policy.etag)
    assert (await hold_back(house, 0.1, first.etag)).experiment == 1
    with refused(grpc.StatusCode.ABORTED, "ETAG_MISMATCH"):
        await hold_back(house, 0.2, policy.etag)
    assert (await hold_back(house, 0.2, first.etag)).experiment == 2
    for share in (0.51, -0.1, float("nan")):
        with refused(grpc.StatusCode.INVALID_ARGUMENT, "HOLD_OUT_INVALID"):
            await hold_back(house, share)


async def test_a_target_that_is_no_number_is_refused(house: Any, refused: Any) -> None:
    await house.project()
    for target in (-1.0, float("nan"), float("inf")):
        with refused(grpc.StatusCode.INVALID_ARGUMENT, "METRIC_INVALID"):
            await lift_report(house, target=target)
    report = await lift_report(house)
    assert (report.experiment, report.target, report.verdict) == (0, 3.0, pb2.VERDICT_TOO_FEW)
