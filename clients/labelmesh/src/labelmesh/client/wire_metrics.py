"""Metrics from protobuf."""

from labelmesh.client.metric import (
    CategoryScore,
    ConfusionCell,
    Metrics,
    Rate,
    Reliability,
    ReliabilityBin,
    RunMetrics,
)
from labelmesh.review.v1 import metrics_service_pb2 as pb2
from labels import names


def metrics_from_pb(pb: pb2.GetProjectMetricsResponse) -> Metrics:
    """A project's metrics."""
    return Metrics(
        assets=pb.assets,
        predictions=pb.predictions,
        failed_predictions=pb.failed_predictions,
        accepted=pb.accepted,
        corrected=pb.corrected,
        rejected=pb.rejected,
        accuracy=_rate(pb.accuracy),
        reliability=_reliability(pb.reliability),
        confusion=tuple(ConfusionCell(c.tool, c.predicted, c.reviewed, c.count) for c in pb.confusion),
        categories=tuple(
            CategoryScore(c.tool, c.category, c.true_positives, c.false_positives, c.false_negatives)
            for c in pb.categories
        ),
        runs=tuple(_run(run) for run in pb.runs),
        labels_with_findings=pb.labels_with_findings,
        findings=pb.findings,
        active_seconds=pb.active_seconds,
    )


def _run(pb: pb2.RunMetrics) -> RunMetrics:
    uid = names.parse(pb.prediction_run, names.RUN)[1]
    return RunMetrics(uid, _rate(pb.accuracy), pb.f1 if pb.HasField("f1") else None)


def _rate(pb: pb2.Rate) -> Rate:
    return Rate(pb.k, pb.n, pb.value, pb.lower, pb.upper)


def _reliability(pb: pb2.Reliability) -> Reliability:
    bins = tuple(ReliabilityBin(b.lower, b.upper, b.mean_confidence, _rate(b.correct)) for b in pb.bins)
    return Reliability(bins, pb.ece, pb.brier, pb.auroc if pb.HasField("auroc") else None)
