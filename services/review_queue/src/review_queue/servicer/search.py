"""What searches find, on the wire."""

from labelmesh.review.v1 import label_service_pb2 as pb2
from labelmesh.review.v1.queue_service_pb2 import Decision
from labels.names import label_name, run_name
from review_queue.project import Project
from review_queue.search.finding import Found


def found_to_pb(project: Project, found: Found) -> pb2.FoundLabel:
    """A label with what a search asks about it."""
    facts, name = found.facts, project.project_id
    return pb2.FoundLabel(
        label=found.label,
        asset_key=found.asset_key,
        source=pb2.LabelSource.Value(f"LABEL_SOURCE_{facts.source or 'UNSPECIFIED'}"),
        decision=Decision.Value(f"DECISION_{facts.decision or 'UNSPECIFIED'}"),
        reviewer=facts.reviewer,
        review_time_us=facts.review_time_us,
        prediction=label_name(name, facts.prediction_uid) if facts.prediction_uid else "",
        prediction_run=run_name(name, facts.prediction_run_uid) if facts.prediction_run_uid else "",
        model=facts.model,
        prompt_revision=facts.prompt_revision,
        confidence=facts.confidence,
        agreement=facts.agreement,
        overlap=facts.overlap,
        findings=found.findings,
    )
