"""A project whose reviews are measured, and questions about it."""

from typing import Any

from labelmesh.label.v1 import label_pb2
from labelmesh.review.v1 import metrics_service_pb2 as pb2
from labels.correction import Relabel
from labels.label import Annotation, Choice
from labels.proto import annotation_to_pb, correction_op_to_pb

HOUR_US = 3_600_000_000
NEWS = "projects/news"


async def ask(house: Any, actor: str = "ann", **fields: Any) -> list[pb2.MetricRow]:
    request = pb2.QueryMetricsRequest(parent=NEWS, **fields)
    return list((await house.metrics.QueryMetrics(request, metadata=house.as_actor(actor))).rows)


def told(row: pb2.MetricRow) -> dict[str, pb2.Estimate]:
    return {pb2.Metric.Name(v.metric).removeprefix("METRIC_"): v.estimate for v in row.values}


def topic(category: str) -> label_pb2.Annotation:
    return annotation_to_pb(Annotation("a0", "topic", category, Choice()))


async def reviewed(house: Any, n: int = 8, wrong: int = 3) -> None:
    """`n` predictions of sport reviewed by ann and bob in turns, the first `wrong` of them relabelled."""
    project = await house.project()
    assets = await house.import_texts(*(f"text {i}" for i in range(n)))
    predictions = [house.prediction(a, 0.5 + i / 100, run=f"01RUN{i % 2}") for i, a in enumerate(assets)]
    await house.deliver(project, *predictions)
    for i in range(n):
        actor = ("ann", "bob")[i % 2]
        (lease,) = await house.lease(actor=actor)
        if i < wrong:
            op = correction_op_to_pb(Relabel("a0", "politics"))
            await house.submit(lease, "CORRECT", actor=actor, ops=[op], active_seconds=10.0)
        else:
            await house.submit(lease, "ACCEPT", actor=actor, active_seconds=4.0)


async def every_answer(house: Any) -> list[list[pb2.MetricRow]]:
    groups = [
        {"group": group, "step": step}
        for group in pb2.MetricGroup.values()
        for step in pb2.MetricStep.values()
    ]
    return [await ask(house, **fields) for fields in (*groups, {"reviewer": "bob"}, {"category": "politics"})]


async def project_metrics(house: Any) -> pb2.GetProjectMetricsResponse:
    return await house.metrics.GetProjectMetrics(
        pb2.GetProjectMetricsRequest(parent=NEWS), metadata=house.ann
    )
