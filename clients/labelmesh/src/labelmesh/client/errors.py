"""What a call to Labelmesh can end in."""

from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]
from grpc import StatusCode
from grpc.aio import AioRpcError

_DETAILS_KEY = "grpc-status-details-bin"


class LabelmeshError(Exception):
    """A call to a Labelmesh service failed.

    `code` is the gRPC status ("NOT_FOUND"), `reason` the error class in UPPER_SNAKE ("PROJECT_NOT_FOUND",
    empty when the server gave none), `message` one sentence for a person, `service` the service that was
    called.
    """

    def __init__(self, code: str, message: str, *, reason: str = "", service: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.service = service


class NotConnected(LabelmeshError):
    """The service cannot be reached, or stopped answering in the middle of a call."""


class Refused(LabelmeshError):
    """The service understood the call and said no."""


def from_rpc(error: AioRpcError, service: str, address: str) -> LabelmeshError:
    """The LabelmeshError that says what a gRPC error means to a caller."""
    code = error.code()
    if code in (StatusCode.UNAVAILABLE, StatusCode.CANCELLED):
        return NotConnected(
            StatusCode.UNAVAILABLE.name,
            _unreachable(service, address, error.details()),
            reason=_reason(error),
            service=service,
        )
    if code is StatusCode.DEADLINE_EXCEEDED:
        message = f"{service} at {address} did not answer in time."
        return NotConnected(code.name, message, reason=_reason(error), service=service)
    message = error.details() or f"{service} answered {code.name}."
    return Refused(code.name, message, reason=_reason(error), service=service)


def _unreachable(service: str, address: str, details: str | None) -> str:
    # gRPC's own connection errors are long and name sockets; a service's own sentence ends in a full stop.
    if details and details.endswith(".") and "\n" not in details:
        return details
    return f"{service} cannot be reached at {address}."


def _reason(error: AioRpcError) -> str:
    for key, value in error.trailing_metadata() or ():
        if key == _DETAILS_KEY and isinstance(value, bytes):
            return _reason_in(value)
    return ""


def _reason_in(details: bytes) -> str:
    info = error_details_pb2.ErrorInfo()
    for detail in status_pb2.Status.FromString(details).details:
        if detail.Unpack(info):
            return str(info.reason)
    return ""
