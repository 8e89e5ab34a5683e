"""What can go wrong with a model's file. Each message is one sentence that says what to do.

ModelError
├── BadManifest
├── UnknownModel
├── GivenByPath
├── CacheUnusable
│   └── NotEnoughSpace
├── SourceUnavailable
├── NothingReachable
├── Damaged
├── Absent
└── Stopped
"""


class ModelError(Exception):
    """The model's file could not be provided."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").strip())


class BadManifest(ModelError):
    """The list of models that came with this installation is damaged; install Labelmesh anew."""


class UnknownModel(ModelError):
    """No model of that name is known."""


class GivenByPath(ModelError):
    """The model is not fetched from here: it is a file that its user has."""


class CacheUnusable(ModelError):
    """The folder that keeps the models cannot be written; set LABELMESH_CACHE to one that can."""


class NotEnoughSpace(CacheUnusable):
    """The disk has not enough space for the model; free some or set LABELMESH_CACHE to another disk."""


class SourceUnavailable(ModelError):
    """This source of the model could not be used; the next one is tried."""


class NothingReachable(ModelError):
    """None of the model's sources could be reached; check the network and run the command again."""


class Damaged(ModelError):
    """The model's file is not the one that was published; fetch it again."""


class Absent(ModelError):
    """The model has not been fetched yet."""


class Stopped(ModelError):
    """Fetching was stopped; what has been downloaded is kept for the next time."""
