"""Trust on the wire."""

from labelmesh.client.metric import Rate
from labelmesh.client.trust import (
    AcceptancePolicy,
    AnnotatorQuality,
    AssuranceCounts,
    AssuranceStatus,
    AutomationStage,
    Certificate,
    GoldSet,
    SliceBy,
    SliceThreshold,
    ThresholdFit,
)
from labelmesh.review.v1 import assurance_service_pb2 as pb2
from labelmesh.review.v1 import gold_service_pb2


def policy_to_pb(policy: AcceptancePolicy) -> pb2.AcceptancePolicy:
    """A policy to be set."""
    return pb2.AcceptancePolicy(
        target_error=policy.target_error,
        delta=policy.delta,
        slice_by=pb2.SliceBy.Value(f"SLICE_BY_{policy.slice_by}"),
        audit_rate=policy.audit_rate,
        mixed_audit_rate=policy.mixed_audit_rate,
        n_min=policy.n_min,
        check_share=policy.check_share,
        export_auto_accepted=policy.export_auto_accepted,
        revision=policy.revision,
    )


def policy_from_pb(pb: pb2.AcceptancePolicy) -> AcceptancePolicy:
    """A policy as it is."""
    return AcceptancePolicy(
        target_error=pb.target_error,
        delta=pb.delta,
        slice_by=SliceBy(pb2.SliceBy.Name(pb.slice_by).removeprefix("SLICE_BY_")),
        audit_rate=pb.audit_rate,
        mixed_audit_rate=pb.mixed_audit_rate,
        n_min=pb.n_min,
        check_share=pb.check_share,
        export_auto_accepted=pb.export_auto_accepted,
        revision=pb.revision,
    )


def stage_from_pb(pb: pb2.AutomationStage.ValueType) -> AutomationStage:
    """A stage."""
    return AutomationStage(pb2.AutomationStage.Name(pb).removeprefix("AUTOMATION_STAGE_"))


def fit_from_pb(pb: pb2.ThresholdFit) -> ThresholdFit:
    """A fit with its slices."""
    return ThresholdFit(
        name=pb.name,
        number=pb.number,
        prediction_run=pb.prediction_run,
        method=pb.method,
        slices=tuple(map(_slice_from_pb, pb.slices)),
        pending=pb.pending,
        create_time_us=pb.create_time_us,
        in_force=pb.in_force,
    )


def _slice_from_pb(pb: pb2.SliceThreshold) -> SliceThreshold:
    return SliceThreshold(
        slice=pb.slice,
        threshold=pb.threshold if pb.HasField("threshold") else None,
        sample=pb.sample,
        n=pb.n,
        errors=pb.errors,
        p_value=pb.p_value,
        upper_bound=pb.upper_bound,
        delta=pb.delta,
        watched=pb.watched,
        watched_errors=pb.watched_errors,
        watched_upper_bound=pb.watched_upper_bound,
    )


def counts_from_pb(pb: pb2.AssuranceCounts) -> AssuranceCounts:
    """Where tasks stand."""
    return AssuranceCounts(
        total=pb.total,
        reviewed=pb.reviewed,
        audited=pb.audited,
        audits_waiting=pb.audits_waiting,
        auto_accepted=pb.auto_accepted,
        rejected=pb.rejected,
        deferred=pb.deferred,
    )


def certificate_from_pb(pb: pb2.Certificate) -> Certificate:
    """A certificate."""
    return Certificate(
        name=pb.name,
        counts=counts_from_pb(pb.counts),
        audit_n=pb.audit_n,
        audit_errors=pb.audit_errors,
        error_upper_bound=pb.error_upper_bound,
        audit_upper_bound=pb.audit_upper_bound,
        single_look_upper_bound=pb.single_look_upper_bound,
        confidence=pb.confidence,
        method=pb.method,
        target_error=pb.target_error,
        within_target=pb.within_target,
        policy_revision=pb.policy_revision,
        threshold_fit=pb.threshold_fit,
        stage=stage_from_pb(pb.stage),
        create_time_us=pb.create_time_us,
        actor=pb.actor,
    )


def status_from_pb(pb: pb2.GetAssuranceResponse) -> AssuranceStatus:
    """All of it."""
    return AssuranceStatus(
        policy=policy_from_pb(pb.policy) if pb.HasField("policy") else None,
        stage=stage_from_pb(pb.stage),
        stage_reason=pb.stage_reason,
        stage_time_us=pb.stage_time_us,
        fit=fit_from_pb(pb.fit) if pb.HasField("fit") else None,
        counts=counts_from_pb(pb.counts),
        certificate=certificate_from_pb(pb.certificate) if pb.HasField("certificate") else None,
        items_until_alarm=pb.items_until_alarm,
    )


def gold_set_from_pb(pb: gold_service_pb2.GoldSet) -> GoldSet:
    """A gold set."""
    return GoldSet(
        id=pb.name.rpartition("/")[2],
        display_name=pb.display_name,
        revision=pb.revision,
        items=pb.items,
        answered=pb.answered,
        create_time_us=pb.create_time_us,
    )


def quality_from_pb(pb: gold_service_pb2.AnnotatorQuality) -> AnnotatorQuality:
    """How a reviewer did on gold."""
    rate = pb.accuracy
    return AnnotatorQuality(
        pb.reviewer, Rate(rate.k, rate.n, rate.value, rate.lower, rate.upper), pb.lower_bound
    )
