"""Assurance on the wire."""

from labelmesh.review.v1 import assurance_service_pb2 as pb2
from labels.names import fit_name, run_name
from review_queue.assurance.certificate import Counts
from review_queue.assurance.fitting import METHOD, FitOfRun, Slice
from review_queue.assurance.policies import Stored
from review_queue.assurance.policy import MIXED_AUDIT_RATE, Policy, Stage
from review_queue.assurance.slices import SliceBy
from review_queue.errors import PolicyInvalid

_STAGE_TO_PB = {stage: pb2.AutomationStage.Value(f"AUTOMATION_STAGE_{stage}") for stage in Stage}
_SLICE_BY_TO_PB = {by: pb2.SliceBy.Value(f"SLICE_BY_{by}") for by in SliceBy}
_SLICE_BY_FROM_PB = {int(number): by for by, number in _SLICE_BY_TO_PB.items()} | {
    int(pb2.SLICE_BY_UNSPECIFIED): SliceBy.NONE
}


def stage_to_pb(stage: Stage) -> pb2.AutomationStage.ValueType:
    """The stage on the wire."""
    return _STAGE_TO_PB[stage]


def policy_from_pb(pb: pb2.AcceptancePolicy) -> Policy:
    """What the user says; raises PolicyInvalid for an unknown slicing."""
    slice_by = _SLICE_BY_FROM_PB.get(pb.slice_by)
    if slice_by is None:
        raise PolicyInvalid("The slicing is unknown.")
    return Policy(
        target_error=pb.target_error,
        delta=pb.delta,
        slice_by=slice_by,
        audit_rate=pb.audit_rate,
        mixed_audit_rate=pb.mixed_audit_rate or max(MIXED_AUDIT_RATE, pb.audit_rate),
        n_min=pb.n_min,
        check_share=pb.check_share,
        export_auto_accepted=pb.export_auto_accepted,
    )


def policy_to_pb(stored: Stored) -> pb2.AcceptancePolicy:
    """The policy as stored."""
    policy = stored.policy
    return pb2.AcceptancePolicy(
        target_error=policy.target_error,
        delta=policy.delta,
        slice_by=_SLICE_BY_TO_PB[policy.slice_by],
        audit_rate=policy.audit_rate,
        mixed_audit_rate=policy.mixed_audit_rate,
        n_min=policy.n_min,
        check_share=policy.check_share,
        export_auto_accepted=policy.export_auto_accepted,
        revision=stored.revision,
    )


def fit_to_pb(found: FitOfRun, project_id: str) -> pb2.ThresholdFit:
    """The fit, slice by slice."""
    return pb2.ThresholdFit(
        name=fit_name(project_id, found.uid),
        number=found.number,
        prediction_run=run_name(project_id, found.run_uid) if found.run_uid else "",
        method=METHOD,
        slices=map(_slice_to_pb, found.slices),
        pending=found.pending,
        create_time_us=found.create_time_us,
        in_force=found.in_force,
    )


def _slice_to_pb(found: Slice) -> pb2.SliceThreshold:
    fit = found.fit
    return pb2.SliceThreshold(
        slice=found.name,
        threshold=fit.threshold,
        sample=fit.sample,
        n=fit.n,
        errors=fit.k,
        p_value=fit.p_value,
        upper_bound=fit.upper,
        delta=fit.delta,
        watched=found.watched,
        watched_errors=found.watched_errors,
        watched_upper_bound=found.watched_upper_bound,
    )


def counts_to_pb(counts: Counts) -> pb2.AssuranceCounts:
    """Where the tasks stand."""
    return pb2.AssuranceCounts(
        total=counts.total,
        reviewed=counts.reviewed,
        audited=counts.audited,
        audits_waiting=counts.audits_waiting,
        auto_accepted=counts.auto_accepted,
        rejected=counts.rejected,
        deferred=counts.deferred,
    )
