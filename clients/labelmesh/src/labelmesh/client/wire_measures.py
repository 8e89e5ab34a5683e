"""Metric queries, policies and lift reports to and from protobuf."""

from labelmesh.client.measure import (
    Estimate,
    HoldOutPolicy,
    Lift,
    LiftArm,
    Metric,
    MetricQuery,
    MetricRow,
    Verdict,
)
from labelmesh.review.v1 import metrics_service_pb2 as pb2
from labels import names


def query_to_pb(project: str, query: MetricQuery) -> pb2.QueryMetricsRequest:
    """The request of a query."""
    return pb2.QueryMetricsRequest(
        parent=names.project_name(project),
        metrics=[pb2.Metric.Value(f"METRIC_{metric}") for metric in query.metrics],
        group=pb2.MetricGroup.Value(f"METRIC_GROUP_{query.group}"),
        step=pb2.MetricStep.Value(f"METRIC_STEP_{query.step}"),
        start_time_us=query.start_us,
        end_time_us=query.end_us,
        reviewer=query.reviewer,
        prediction_run=names.run_name(project, query.run_uid) if query.run_uid else "",
        tool=query.tool,
        category=query.category,
    )


def row_from_pb(pb: pb2.MetricRow) -> MetricRow:
    """A group's metrics; those that this client does not know are left out."""
    known = {metric.value for metric in Metric}
    values = {
        Metric(name): estimate_from_pb(item.estimate)
        for item in pb.values
        if (name := pb2.Metric.Name(item.metric).removeprefix("METRIC_")) in known
    }
    return MetricRow(pb.start_time_us, pb.end_time_us, pb.tool, pb.name, values)


def estimate_from_pb(pb: pb2.Estimate) -> Estimate:
    """A number with its interval."""
    return Estimate(
        pb.n,
        pb.value if pb.HasField("value") else None,
        pb.lower if pb.HasField("lower") else None,
        pb.upper if pb.HasField("upper") else None,
    )


def policy_from_pb(pb: pb2.HoldOutPolicy) -> HoldOutPolicy:
    """Which share is held back."""
    return HoldOutPolicy(pb.share, pb.experiment, pb.start_time_us, pb.etag)


def lift_from_pb(pb: pb2.GetLiftReportResponse) -> Lift:
    """What an experiment showed."""
    return Lift(
        experiment=pb.experiment,
        target=pb.target,
        assisted=_arm(pb.assisted),
        held_out=_arm(pb.held_out),
        speed_up=estimate_from_pb(pb.speed_up),
        typical_speed_up=estimate_from_pb(pb.typical_speed_up),
        verdict=_verdict(pb.verdict),
        pull=estimate_from_pb(pb.pull),
        anchoring=estimate_from_pb(pb.anchoring),
        quality=estimate_from_pb(pb.quality),
        not_worse=_verdict(pb.not_worse),
        rework=estimate_from_pb(pb.rework),
    )


def _verdict(number: pb2.Verdict.ValueType) -> Verdict:
    return Verdict(pb2.Verdict.Name(number).removeprefix("VERDICT_"))


def _arm(pb: pb2.LiftArm) -> LiftArm:
    return LiftArm(
        answers=pb.answers,
        labels_per_hour=estimate_from_pb(pb.labels_per_hour),
        mean_seconds=estimate_from_pb(pb.mean_seconds),
        median_seconds=estimate_from_pb(pb.median_seconds),
        agreement=estimate_from_pb(pb.agreement),
        gold_accuracy=estimate_from_pb(pb.gold_accuracy),
        misled=estimate_from_pb(pb.misled),
        rework=estimate_from_pb(pb.rework),
    )
