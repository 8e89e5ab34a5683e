"""The platform's errors, and the table that gives each error class its gRPC status.

ChassisError
├── StorageFull · StorageUnavailable
├── Unauthenticated · PermissionDenied
├── DeadlineTooShort
├── BlobMissing · BlobCorrupt · BlobTooLarge · BlobUriRefused
├── MessageTooLarge
└── SettingsRefused
"""

import re
from collections.abc import Mapping

from grpc import StatusCode


class ChassisError(Exception):
    """The platform could not do its part."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").strip())


class StorageFull(ChassisError):
    """The storage is full; nothing was changed."""


class StorageUnavailable(ChassisError):
    """The database does not answer; nothing was changed."""


class Unauthenticated(ChassisError):
    """The call needs a valid bearer token."""


class PermissionDenied(ChassisError):
    """The caller may not do this."""


class DeadlineTooShort(ChassisError):
    """Too little time is left of the call's deadline to do any work."""


class BlobMissing(ChassisError):
    """The content is not in the blob store."""


class BlobCorrupt(ChassisError):
    """The content in the blob store does not match its hash."""


class BlobTooLarge(ChassisError):
    """The content is larger than allowed."""


class BlobUriRefused(ChassisError):
    """The address is not one of this blob store."""


class MessageTooLarge(ChassisError):
    """The event is too large and there is no blob store to carry it."""


class SettingsRefused(ChassisError):
    """The settings are not safe or not complete."""


PLATFORM_STATUS: Mapping[type[Exception], StatusCode] = {
    StorageFull: StatusCode.RESOURCE_EXHAUSTED,
    StorageUnavailable: StatusCode.UNAVAILABLE,
    Unauthenticated: StatusCode.UNAUTHENTICATED,
    PermissionDenied: StatusCode.PERMISSION_DENIED,
    DeadlineTooShort: StatusCode.DEADLINE_EXCEEDED,
    BlobMissing: StatusCode.NOT_FOUND,
    BlobCorrupt: StatusCode.DATA_LOSS,
    BlobTooLarge: StatusCode.RESOURCE_EXHAUSTED,
    BlobUriRefused: StatusCode.INVALID_ARGUMENT,
    MessageTooLarge: StatusCode.RESOURCE_EXHAUSTED,
    SettingsRefused: StatusCode.FAILED_PRECONDITION,
    ChassisError: StatusCode.INTERNAL,
}


class ErrorTable:
    """Which gRPC status an exception becomes: its own class's, else its nearest base's, else none."""

    def __init__(self, statuses: Mapping[type[Exception], StatusCode]) -> None:
        self._statuses = {**PLATFORM_STATUS, **statuses}

    def status(self, error: BaseException) -> StatusCode | None:
        """The status, or None when the error is not part of the contract."""
        return next((self._statuses[c] for c in type(error).__mro__ if c in self._statuses), None)

    def __contains__(self, error_class: type[Exception]) -> bool:
        return any(c in self._statuses for c in error_class.__mro__)


def reason(error_class: type[BaseException]) -> str:
    """The class's name in UPPER_SNAKE, as ErrorInfo.reason carries it."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", error_class.__name__).upper()
