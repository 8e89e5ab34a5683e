"""What an import or export of a file can end in.

FormatError
├── FormatUnknown
├── FileUnusable
├── OptionInvalid
├── NothingWritten
├── LossRefused
├── TargetTaken
└── RecordBroken
"""


class FormatError(Exception):
    """The file cannot be read or written in this format."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").strip())


class FormatUnknown(FormatError):
    """There is no format of that name."""


class FileUnusable(FormatError):
    """The file cannot be read at all."""


class OptionInvalid(FormatError):
    """The option does not fit the format or the ontology."""


class NothingWritten(FormatError):
    """Nothing would be in the file, so none was written."""


class LossRefused(FormatError):
    """The format cannot hold everything, and a loss was not allowed."""


class TargetTaken(FormatError):
    """The place of the file is taken by something that would have to be deleted."""


class RecordBroken(FormatError):
    """One record cannot be read; the others can."""
