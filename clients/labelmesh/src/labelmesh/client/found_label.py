"""What a search of labels finds."""

from dataclasses import dataclass
from enum import StrEnum

from labelmesh.client.wire import member
from labelmesh.review.v1 import label_service_pb2, queue_service_pb2
from labels import names
from labels.label import Finding, Label
from labels.proto import finding_from_pb, label_from_pb


class LabelSource(StrEnum):
    """Who or what made a label."""

    UNKNOWN = "UNSPECIFIED"
    MODEL = "MODEL"
    IMPORT = "IMPORT"
    PERSON = "PERSON"
    RULE = "RULE"
    CONSENSUS = "CONSENSUS"


@dataclass(frozen=True, slots=True)
class FoundLabel:
    """A label that stands, and what a search asks about it.

    `decision` is ACCEPT, CORRECT, REJECT or AUTO_ACCEPT, and empty like `reviewer` (and `review_time_us`, microseconds
    since the Unix epoch, 0) while nobody has answered. `prediction` is the uid of the prediction that the label is or
    follows, empty for none; `run`, `model`, `prompt_revision` (0 for none) and `confidence` (0 to 1) are that one's.
    `agreement` (F1) and `overlap` (mean intersection over union) compare the two, 0 to 1; None where no person's label
    follows a prediction.
    """

    label: Label
    key: str
    source: LabelSource
    decision: str
    reviewer: str
    review_time_us: int
    prediction: str
    run: str
    model: str
    prompt_revision: int
    confidence: float | None
    agreement: float | None
    overlap: float | None
    findings: tuple[Finding, ...]

    @property
    def changed(self) -> bool | None:
        """Whether the label is another one than its prediction; None where there is nothing to compare."""
        return None if self.agreement is None else self.agreement < 1.0


def found_from_pb(pb: label_service_pb2.FoundLabel) -> FoundLabel:
    """A label as the server found it."""
    decision = queue_service_pb2.Decision.Name(pb.decision) if pb.decision else ""
    source = label_service_pb2.LabelSource.Name(pb.source)
    return FoundLabel(
        label=label_from_pb(pb.label),
        key=pb.asset_key,
        source=member(LabelSource, source, "UNSPECIFIED"),
        decision=decision.removeprefix("DECISION_"),
        reviewer=pb.reviewer,
        review_time_us=pb.review_time_us,
        prediction=names.parse(pb.prediction, names.LABEL)[1] if pb.prediction else "",
        run=names.parse(pb.prediction_run, names.RUN)[1] if pb.prediction_run else "",
        model=pb.model,
        prompt_revision=pb.prompt_revision,
        confidence=pb.confidence if pb.HasField("confidence") else None,
        agreement=pb.agreement if pb.HasField("agreement") else None,
        overlap=pb.overlap if pb.HasField("overlap") else None,
        findings=tuple(map(finding_from_pb, pb.findings)),
    )
