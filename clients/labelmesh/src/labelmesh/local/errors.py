"""What can go wrong when the services are run on this machine.

LocalError
├── AlreadyRunning
├── NotRunning
├── StateUnreadable
├── ProgramMissing
├── StartFailed
└── ModelUnavailable
"""


class LocalError(Exception):
    """The services could not be run on this machine."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").strip())


class AlreadyRunning(LocalError):
    """Labelmesh already runs on this state directory."""


class NotRunning(LocalError):
    """Labelmesh does not run here."""


class StateUnreadable(LocalError):
    """The state directory cannot be used."""


class ProgramMissing(LocalError):
    """A program that Labelmesh starts is not installed."""


class StartFailed(LocalError):
    """A process did not come up."""


class ModelUnavailable(LocalError):
    """The language model is not there and could not be fetched."""
