"""Projects and answers on the wire."""

from collections.abc import Sequence

from labelmesh.review.v1 import project_service_pb2, queue_service_pb2
from labels.names import project_name
from labels.proto import correction_op_from_pb, ontology_from_pb, ontology_to_pb
from review_queue.errors import ProjectInvalid, SubmissionInvalid, WeightInvalid
from review_queue.priority import Weights
from review_queue.project import Definition, PreAnnotation, Project
from review_queue.review import MAX_OPS, Decision, Submission

_PRE_ANNOTATION_TO_PB = {
    mode: project_service_pb2.PreAnnotation.Value(f"PRE_ANNOTATION_{mode}") for mode in PreAnnotation
}
_PRE_ANNOTATION_FROM_PB = {int(number): mode for mode, number in _PRE_ANNOTATION_TO_PB.items()} | {
    int(project_service_pb2.PRE_ANNOTATION_UNSPECIFIED): PreAnnotation.ON_DEMAND
}
_DECISION_TO_PB = {
    decision: queue_service_pb2.Decision.Value(f"DECISION_{decision}") for decision in Decision
}
_DECISION_FROM_PB = {int(number): decision for decision, number in _DECISION_TO_PB.items()}
_DEFAULTS = Weights()


def definition_from_pb(pb: project_service_pb2.Project) -> Definition:
    """What the user says; raises ProjectInvalid or OntologyError."""
    mode = _PRE_ANNOTATION_FROM_PB.get(pb.pre_annotation)
    if mode is None:
        raise ProjectInvalid("The pre-annotation mode is unknown.")
    return Definition(
        display_name=pb.display_name,
        instruction=pb.instruction,
        ontology=ontology_from_pb(pb.ontology),
        pre_annotation=mode,
        weights=_weights_from_pb(pb.priority_weights),
    )


def _weights_from_pb(pb: project_service_pb2.PriorityWeights) -> Weights:
    return Weights(
        pb.uncertainty if pb.HasField("uncertainty") else _DEFAULTS.uncertainty,
        pb.findings if pb.HasField("findings") else _DEFAULTS.findings,
        pb.age_per_hour if pb.HasField("age_per_hour") else _DEFAULTS.age_per_hour,
        pb.disagreement if pb.HasField("disagreement") else _DEFAULTS.disagreement,
        pb.business if pb.HasField("business") else _DEFAULTS.business,
        pb.novelty if pb.HasField("novelty") else _DEFAULTS.novelty,
    )


def project_to_pb(project: Project) -> project_service_pb2.Project:
    """The project on the wire."""
    definition, weights = project.definition, project.definition.weights
    return project_service_pb2.Project(
        name=project_name(project.project_id),
        uid=project.uid,
        display_name=definition.display_name,
        ontology=ontology_to_pb(definition.ontology),
        pre_annotation=_PRE_ANNOTATION_TO_PB[definition.pre_annotation],
        priority_weights=project_service_pb2.PriorityWeights(
            uncertainty=weights.uncertainty,
            findings=weights.findings,
            age_per_hour=weights.age_per_hour,
            disagreement=weights.disagreement,
            business=weights.business,
            novelty=weights.novelty,
        ),
        instruction=definition.instruction,
        asset_count=project.asset_count,
        create_time_us=project.create_time_us,
    )


def weights_from_pb(pb: Sequence[queue_service_pb2.BusinessWeight]) -> dict[str, float]:
    """What assets are worth, by key; raises WeightInvalid for a key that stands there twice."""
    weights = {weight.key: weight.weight for weight in pb}
    if len(weights) < len(pb):
        raise WeightInvalid("A key stands there twice.")
    return weights


def submission_from_pb(pb: queue_service_pb2.SubmitReviewRequest, reviewer: str) -> Submission:
    """Raises SubmissionInvalid, CorrectionInvalid or AnnotationInvalid."""
    decision = _DECISION_FROM_PB.get(pb.decision)
    if decision is None:
        raise SubmissionInvalid("An answer must be to accept, to correct or to reject.")
    if len(pb.ops) > MAX_OPS:
        raise SubmissionInvalid(f"A correction may have {MAX_OPS:,} operations.")
    return Submission(
        reviewer=reviewer,
        fencing_token=pb.fencing_token,
        base_etag=pb.base_etag,
        decision=decision,
        ops=tuple(map(correction_op_from_pb, pb.ops)),
        reason=pb.reason,
        active_seconds=pb.active_seconds,
        pool=pb.pool,
    )


def decision_to_pb(decision: Decision) -> queue_service_pb2.Decision.ValueType:
    """The decision on the wire."""
    return _DECISION_TO_PB[decision]
