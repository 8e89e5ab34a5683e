"""Runs of rules and verdicts, on the wire and in the client."""

from labelmesh.client.rule_run import (
    ReviewTimeSource,
    RulePrecision,
    RuleRun,
    RuleRunKind,
    RuleRunState,
    RunHit,
    Verdict,
)
from labelmesh.client.wire import member, rule_from_pb
from labelmesh.qa.v1 import finding_service_pb2
from labelmesh.qa.v1 import rule_run_service_pb2 as pb2
from labels import names
from labels.proto import finding_from_pb


def run_from_pb(pb: pb2.RuleRun) -> RuleRun:
    """A run."""
    project, uid = names.parse(pb.name, names.RULE_RUN)
    # A rule that is gone by now has left nothing but its name.
    rule = rule_from_pb(pb.rule) if pb.rule.id else None
    return RuleRun(
        project=project,
        uid=uid,
        kind=member(RuleRunKind, pb2.RuleRunKind.Name(pb.kind), "BACKTEST"),
        state=member(RuleRunState, pb2.RuleRunState.Name(pb.state), "RUNNING"),
        rule=rule,
        total=pb.total,
        looked=pb.looked,
        hit_labels=pb.hit_labels,
        hits=pb.hits,
        hit_rate=pb.hit_rate,
        patched=pb.patched,
        reviewer_minutes=pb.reviewer_minutes,
        precision=precision_from_pb(pb.precision),
        error=pb.error,
        author=pb.author,
        create_time_us=pb.create_time_us,
        end_time_us=pb.end_time_us,
        unchecked_labels=pb.unchecked_labels,
        review_seconds=pb.review_seconds,
        review_time_source=member(
            ReviewTimeSource, pb2.ReviewTimeSource.Name(pb.review_time_source), "DEFAULT"
        ),
    )


def precision_from_pb(pb: pb2.RulePrecision) -> RulePrecision:
    """How often a rule was right."""
    return RulePrecision(pb.right, pb.wrong, pb.estimate, pb.lower, pb.upper)


def hit_from_pb(pb: pb2.RunHit) -> RunHit:
    """One thing that a run found."""
    label_uid = names.parse(pb.label, names.LABEL)[1]
    return RunHit(finding_from_pb(pb.finding), label_uid, names.parse(pb.asset, names.ASSET)[1])


def verdict_to_pb(verdict: Verdict, project: str) -> finding_service_pb2.FindingResolution:
    """What a person says."""
    confirm, dismiss = (
        finding_service_pb2.FINDING_VERDICT_CONFIRM,
        finding_service_pb2.FINDING_VERDICT_DISMISS,
    )
    return finding_service_pb2.FindingResolution(
        label=names.label_name(project, verdict.label_uid),
        rule=verdict.rule,
        annotation_id=verdict.annotation_id,
        verdict=confirm if verdict.confirmed else dismiss,
    )
