"""What the event that brought a label says about it beside the label."""

from labelmesh.review.v1.queue_service_pb2 import DECISION_REJECT
from labelmesh.review.v1.review_events_pb2 import LabelReviewed, LabelSubmitted
from labels.label import LabelKind, same_claims
from labels.names import LABEL, parse
from labels.proto import label_from_pb
from qa_engine.life import precision
from qa_engine.life.seen import Reviewed, Seen
from qa_engine.looking import Submission


def seen(submission: Submission) -> Seen:
    """The label as runs look at it."""
    assert submission.cause is not None  # noqa: S101 - labels come by events
    message, label = submission.cause.message, submission.label
    return Seen(
        submission.project.uid,
        submission.asset.uid,
        label.uid,
        label.kind is not LabelKind.PREDICTION,
        label.revision,
        message.label.SerializeToString(),
        message.asset.SerializeToString(),
    )


def reviewed(submission: Submission) -> Reviewed | None:
    """What a reviewer left of the label shown; None where none was shown or the asset was rejected.

    Raises a LabelError for a label that is not valid.
    """
    message = submission.cause.message if submission.cause else None
    if not isinstance(message, LabelReviewed) or not message.HasField("base"):
        return None
    if message.decision == DECISION_REJECT:
        return None
    base, final = label_from_pb(message.base), submission.label.annotations
    return Reviewed(
        submission.project.uid,
        base.uid,
        tuple(precision.changed(base.annotations, final)),
        same_claims(base.annotations, final),
        message.base.SerializeToString(),
        message.asset.SerializeToString(),
    )


def base(submission: Submission) -> str:
    """Uid of the label that rules changed to make this one; empty for all others."""
    message = submission.cause.message if submission.cause else None
    if not isinstance(message, LabelSubmitted) or not message.base:
        return ""
    return parse(message.base, LABEL)[1]


def insists(submission: Submission) -> bool:
    """Whether a person was shown a reviewed label and left it as it was."""
    message = submission.cause.message if submission.cause else None
    if not isinstance(message, LabelReviewed) or not message.HasField("base"):
        return False
    shown = label_from_pb(message.base)
    return shown.kind is LabelKind.REVIEW and same_claims(shown.annotations, submission.label.annotations)


def active_seconds(submission: Submission) -> float:
    """How long a reviewer worked on it, seconds; 0 where nobody said."""
    message = submission.cause.message if submission.cause else None
    return message.active_seconds if isinstance(message, LabelReviewed) else 0.0
