"""What review_queue refuses.

ReviewError
├── ProjectNotFound · AssetNotFound · LabelNotFound · TaskNotFound · CertificateNotFound · GoldSetNotFound · SealUnknown
├── ProjectExists
├── RequestInvalid
│   ├── ProjectInvalid · RunForeign
│   ├── RequestIdInvalid · RequestIdReused
│   ├── LeaseInvalid · FilterInvalid · OrderInvalid
│   ├── QueuePolicyInvalid · HoldOutInvalid · MetricInvalid · TooManyGroups
│   ├── ImportInvalid · ImportIdReused
│   ├── ParentMissing · TooManyRows · ChunkTooLarge · ContentEmpty
│   ├── PolicyInvalid · GoldInvalid
│   └── SubmissionInvalid
│       └── NothingToAccept · OpsMissing · OpsUnwanted · ReasonMissing · SendBackToNobody · PoolUnknown
├── KeyTaken · TextNotUtf8
├── LeaseLost
├── EtagMismatch
├── AlreadyReviewed
├── PoolForbidden · PolicyForbidden · SelfReview
├── PolicyMissing · EvidenceMissing · StageHighest
├── WatchesExhausted · SumsBehind
└── NothingReviewed
"""


class ReviewError(Exception):
    """The review queue refused the request."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").strip())


class ProjectNotFound(ReviewError):
    """There is no such project."""


class AssetNotFound(ReviewError):
    """The project has no such asset."""


class LabelNotFound(ReviewError):
    """The project has no such label."""


class TaskNotFound(ReviewError):
    """The project has no such task."""


class SealUnknown(ReviewError):
    """The project has no seal of this number."""


class CertificateNotFound(ReviewError):
    """The project has no such certificate."""


class GoldSetNotFound(ReviewError):
    """The project has no such gold set."""


class ProjectExists(ReviewError):
    """A project with this id and another definition exists already."""


class RequestInvalid(ReviewError):
    """The request is not valid."""


class RunForeign(RequestInvalid):
    """The prediction run belongs to another project."""


class ProjectInvalid(RequestInvalid):
    """The project is not valid."""


class RequestIdInvalid(RequestInvalid):
    """A request_id must have 1 to 64 characters."""


class RequestIdReused(RequestInvalid):
    """This request_id was used before for another request."""


class LeaseInvalid(RequestInvalid):
    """A lease is for 1 to 100 tasks and 5 to 86,400 seconds."""


class PolicyInvalid(RequestInvalid):
    """The rules of automatic acceptance are not valid."""


class GoldInvalid(RequestInvalid):
    """The gold set or its items are not valid."""


class FilterInvalid(RequestInvalid):
    """The filter is not valid."""


class OrderInvalid(RequestInvalid):
    """The order is not valid."""


class QueuePolicyInvalid(RequestInvalid):
    """The queue's policy is not valid."""


class HoldOutInvalid(RequestInvalid):
    """The share of predictions held back must be 0 to 0.5."""


class MetricInvalid(RequestInvalid):
    """The question about metrics is not valid."""


class TooManyGroups(MetricInvalid):
    """The answer would have more than 5,000 groups; ask for a shorter window, longer steps or fewer groups."""


class ParentMissing(RequestInvalid):
    """The first message of the stream must name the project."""


class TooManyRows(RequestInvalid):
    """An import message may hold 1,000 rows."""


class ImportInvalid(RequestInvalid):
    """The import of labels is not valid."""


class ImportIdReused(RequestInvalid):
    """This import has stored another label for the asset; a new import needs an id of its own."""


class ChunkTooLarge(RequestInvalid):
    """An upload message may hold 1 MiB."""


class ContentEmpty(RequestInvalid):
    """The upload has no content."""


class SubmissionInvalid(RequestInvalid):
    """The answer to the task is not valid."""


class NothingToAccept(SubmissionInvalid):
    """There is no label to accept; correct it by adding annotations, or reject the asset."""


class OpsMissing(SubmissionInvalid):
    """A correction of a label needs at least one operation; accept it if nothing is to change."""


class OpsUnwanted(SubmissionInvalid):
    """Only a correction may have operations."""


class ReasonMissing(SubmissionInvalid):
    """Who rejects, sends back or escalates says why."""


class SendBackToNobody(SubmissionInvalid):
    """No person made this label, so there is nobody to send it back to; name a pool."""


class PoolUnknown(SubmissionInvalid):
    """An escalation needs a pool: name one of the queue's policy, or let the policy say which."""


class KeyTaken(ReviewError):
    """The project has an asset with this key and another content."""


class TextNotUtf8(ReviewError):
    """The text is not UTF-8."""


class LeaseLost(ReviewError):
    """The lease on this task expired or belongs to someone else."""


class EtagMismatch(ReviewError):
    """The label is not the one that was seen; look at it again."""


class AlreadyReviewed(ReviewError):
    """A person reviewed this asset's label; change it by an update."""


class PolicyMissing(ReviewError):
    """The project has no rules of automatic acceptance; set its acceptance policy first."""


class EvidenceMissing(ReviewError):
    """The evidence for this step is missing."""


class StageHighest(ReviewError):
    """The automation of this project is in its highest stage."""


class NothingReviewed(ReviewError):
    """No label of this project has been reviewed; ask for unreviewed labels to export predictions."""


class PoolForbidden(ReviewError):
    """Only members of this pool may take its tasks."""


class PolicyForbidden(ReviewError):
    """Only the managers that the queue's policy names may change it."""


class WeightInvalid(ReviewError):
    """What an asset is worth must be 0 to 1,000."""


class SelfReview(ReviewError):
    """Nobody reviews what they answered themselves."""


class WatchesExhausted(ReviewError):
    """This server watches as many different queues as it can; watch fewer, or try again later."""


class SumsBehind(ReviewError):
    """Many reviews are still being added to the sums; ask again in a minute."""
