"""Which gRPC status each error becomes."""

from grpc import StatusCode

from chassis.errors import ErrorTable
from labels.errors import LabelError
from review_queue import errors

STATUS = ErrorTable(
    {
        errors.ReviewError: StatusCode.INTERNAL,
        LabelError: StatusCode.INVALID_ARGUMENT,
        errors.ProjectNotFound: StatusCode.NOT_FOUND,
        errors.AssetNotFound: StatusCode.NOT_FOUND,
        errors.LabelNotFound: StatusCode.NOT_FOUND,
        errors.TaskNotFound: StatusCode.NOT_FOUND,
        errors.SealUnknown: StatusCode.NOT_FOUND,
        errors.CertificateNotFound: StatusCode.NOT_FOUND,
        errors.GoldSetNotFound: StatusCode.NOT_FOUND,
        errors.ProjectExists: StatusCode.ALREADY_EXISTS,
        errors.RequestInvalid: StatusCode.INVALID_ARGUMENT,
        errors.TextNotUtf8: StatusCode.INVALID_ARGUMENT,
        errors.KeyTaken: StatusCode.ALREADY_EXISTS,
        errors.WatchesExhausted: StatusCode.RESOURCE_EXHAUSTED,
        errors.PoolForbidden: StatusCode.PERMISSION_DENIED,
        errors.PolicyForbidden: StatusCode.PERMISSION_DENIED,
        errors.WeightInvalid: StatusCode.INVALID_ARGUMENT,
        errors.SelfReview: StatusCode.PERMISSION_DENIED,
        errors.LeaseLost: StatusCode.FAILED_PRECONDITION,
        errors.EtagMismatch: StatusCode.ABORTED,
        errors.AlreadyReviewed: StatusCode.FAILED_PRECONDITION,
        errors.PolicyMissing: StatusCode.FAILED_PRECONDITION,
        errors.EvidenceMissing: StatusCode.FAILED_PRECONDITION,
        errors.StageHighest: StatusCode.FAILED_PRECONDITION,
        errors.NothingReviewed: StatusCode.FAILED_PRECONDITION,
        errors.SumsBehind: StatusCode.UNAVAILABLE,
    }
)
