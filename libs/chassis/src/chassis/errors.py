"""Errors of the platform, and the table that gives every error its gRPC status."""

import re
from collections.abc import Iterator, Mapping

from grpc import StatusCode


class ChassisError(Exception):
    """The platform could not do what was asked."""

    def __str__(self) -> str:
        return super().__str__() or sentence(type(self))


class StorageFull(ChassisError):
    """The storage of this service is full; nothing was written."""


class StorageUnavailable(ChassisError):
    """The storage of this service does not answer; try again later."""


class BrokerUnavailable(ChassisError):
    """The event broker does not answer; try again later."""


class Unauthenticated(ChassisError):
    """The call carries no valid token."""


class PermissionDenied(ChassisError):
    """The caller may not do this."""


class DeadlineTooShort(ChassisError):
    """Too little time is left to answer this call."""


class DeadlinePassed(ChassisError):
    """The time for this call is over."""


class MessageTooLarge(ChassisError):
    """A message is larger than the platform carries."""


class BlobMissing(ChassisError):
    """The content is not in the blob store."""


class BlobCorrupt(ChassisError):
    """The content in the blob store differs from its checksum."""


class BlobTooLarge(ChassisError):
    """The content is larger than allowed."""


class BlobUriRefused(ChassisError):
    """The content's address does not belong to this blob store."""


class PageSizeInvalid(ChassisError):
    """A page_size must be 0 to 1,000."""


class PageTokenInvalid(ChassisError):
    """The page_token does not belong to this query."""


class SettingsRefused(ChassisError):
    """The settings are not safe or not complete."""


class SubjectRefused(ChassisError):
    """A project id cannot be part of an event's subject."""


PLATFORM: Mapping[type[Exception], StatusCode] = {
    ChassisError: StatusCode.INTERNAL,
    StorageFull: StatusCode.RESOURCE_EXHAUSTED,
    StorageUnavailable: StatusCode.UNAVAILABLE,
    BrokerUnavailable: StatusCode.UNAVAILABLE,
    Unauthenticated: StatusCode.UNAUTHENTICATED,
    PermissionDenied: StatusCode.PERMISSION_DENIED,
    DeadlineTooShort: StatusCode.DEADLINE_EXCEEDED,
    DeadlinePassed: StatusCode.DEADLINE_EXCEEDED,
    MessageTooLarge: StatusCode.RESOURCE_EXHAUSTED,
    BlobMissing: StatusCode.NOT_FOUND,
    BlobCorrupt: StatusCode.DATA_LOSS,
    BlobTooLarge: StatusCode.INVALID_ARGUMENT,
    BlobUriRefused: StatusCode.INVALID_ARGUMENT,
    PageSizeInvalid: StatusCode.INVALID_ARGUMENT,
    PageTokenInvalid: StatusCode.INVALID_ARGUMENT,
    SubjectRefused: StatusCode.INTERNAL,
    SettingsRefused: StatusCode.INTERNAL,
}


class ErrorTable:
    """Exception class to status code; the nearest listed base counts.

    The errors of the platform are always in it. An exception that is not listed has no code: the
    wire then says INTERNAL and nothing else.
    """

    def __init__(self, codes: Mapping[type[Exception], StatusCode]) -> None:
        self._codes = {**PLATFORM, **codes}

    def __iter__(self) -> Iterator[type[Exception]]:
        return iter(self._codes)

    def code(self, error: BaseException) -> StatusCode | None:
        """The code of this error, or None where nothing is said about its class."""
        for cls in type(error).__mro__:
            code = self._codes.get(cls)
            if code is not None:
                return code
        return None


def sentence(cls: type[BaseException]) -> str:
    """The default sentence of an error class: the first line of its docstring."""
    return (cls.__doc__ or cls.__name__).strip().splitlines()[0]


def reason(cls: type[BaseException]) -> str:
    """The class name in UPPER_SNAKE, as google.rpc.ErrorInfo wants its reason."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", cls.__name__).upper()
