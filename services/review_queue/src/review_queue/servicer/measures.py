"""Questions, rows and reports of MetricsService between messages and values."""

from collections.abc import Iterable
from math import isfinite

from labelmesh.review.v1 import metrics_service_pb2 as pb2
from review_queue.errors import MetricInvalid
from review_queue.measures.holdout import HoldOut
from review_queue.measures.intervals import Estimate
from review_queue.measures.lift import TARGET, ArmReport, Lift, Verdict
from review_queue.measures.query import Found
from review_queue.measures.question import Group, Question, Step
from review_queue.measures.values import OF_CATEGORY, Metric

_DEFAULT_PAUSE_SECONDS, _MAX_PAUSE_SECONDS = 5, 3_600


def question_from_pb(pb: pb2.QueryMetricsRequest, run_uid: str) -> Question:
    """What is asked. Raises MetricInvalid for a number that this release does not know."""
    try:
        metrics = tuple(dict.fromkeys(Metric(number) for number in pb.metrics))
        group, step = Group(pb.group), Step(pb.step)
    except ValueError:
        raise MetricInvalid("A metric, group or step is unknown.") from None
    of_cells = group is Group.CATEGORY or bool(pb.tool or pb.category)
    return Question(
        metrics=metrics or (OF_CATEGORY if of_cells else tuple(Metric)),
        group=group,
        step=step,
        start_us=pb.start_time_us,
        end_us=pb.end_time_us,
        reviewer=pb.reviewer,
        run_uid=run_uid,
        tool=pb.tool,
        category=pb.category,
    )


def pause_from_pb(seconds: int) -> int:
    """Seconds between two looks. Raises MetricInvalid."""
    if not 0 <= seconds <= _MAX_PAUSE_SECONDS:
        raise MetricInvalid("The seconds between two looks must be 1 to 3,600.")
    return seconds or _DEFAULT_PAUSE_SECONDS


def target_from_pb(pb: pb2.GetLiftReportRequest) -> float:
    """The speed-up asked for. Raises MetricInvalid."""
    if pb.target < 0 or not isfinite(pb.target):
        raise MetricInvalid("The target must be more than 0.")
    return pb.target or TARGET


def row_to_pb(found: Found) -> pb2.MetricRow:
    """A group's metrics."""
    values = (
        pb2.MetricValue(metric=pb2.Metric.ValueType(int(metric)), estimate=estimate_to_pb(estimate))
        for metric, estimate in found.values
    )
    return pb2.MetricRow(
        start_time_us=found.start_us,
        end_time_us=found.end_us,
        tool=found.tool,
        name=found.name,
        values=values,
    )


def key_of(row: pb2.MetricRow) -> tuple[int, str, str]:
    """What names a row in its answer."""
    return row.start_time_us, row.tool, row.name


def keyed(rows: Iterable[pb2.MetricRow]) -> dict[tuple[int, str, str], bytes]:
    """Rows as bytes, to see which have changed."""
    return {key_of(row): row.SerializeToString(deterministic=True) for row in rows}


def estimate_to_pb(e: Estimate) -> pb2.Estimate:
    """A number with its interval."""
    return pb2.Estimate(n=e.n, value=e.value, lower=e.lower, upper=e.upper)


def policy_to_pb(policy: HoldOut) -> pb2.HoldOutPolicy:
    """The policy; its secret stays here."""
    return pb2.HoldOutPolicy(
        share=policy.share, experiment=policy.experiment, start_time_us=policy.time_us, etag=policy.etag
    )


def report_to_pb(found: Lift, experiment: int, target: float) -> pb2.GetLiftReportResponse:
    """What an experiment showed."""
    return pb2.GetLiftReportResponse(
        experiment=experiment,
        target=target,
        assisted=_arm(found.assisted),
        held_out=_arm(found.held_out),
        speed_up=estimate_to_pb(found.speed_up),
        typical_speed_up=estimate_to_pb(found.typical_speed_up),
        verdict=_verdict(found.verdict),
        pull=estimate_to_pb(found.pull),
        anchoring=estimate_to_pb(found.anchoring),
        quality=estimate_to_pb(found.quality),
        not_worse=_verdict(found.not_worse),
        rework=estimate_to_pb(found.rework),
    )


def _verdict(found: Verdict) -> pb2.Verdict.ValueType:
    return pb2.Verdict.ValueType(int(found))


def _arm(arm: ArmReport) -> pb2.LiftArm:
    return pb2.LiftArm(
        answers=arm.answers,
        labels_per_hour=estimate_to_pb(arm.labels_per_hour),
        mean_seconds=estimate_to_pb(arm.mean_seconds),
        median_seconds=estimate_to_pb(arm.median_seconds),
        agreement=estimate_to_pb(arm.agreement),
        gold_accuracy=estimate_to_pb(arm.gold_accuracy),
        misled=estimate_to_pb(arm.misled),
        rework=estimate_to_pb(arm.rework),
    )
