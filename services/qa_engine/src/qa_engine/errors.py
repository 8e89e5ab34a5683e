"""What can go wrong in the rule service.

QaError
├── ProjectUnknown
├── RuleUnknown
├── RuleSettingsInvalid
├── TextUnreadable
├── PictureUnreadable
├── ShapeUnreadable
└── VotesInvalid
"""


class QaError(Exception):
    """The request to the rule service is not valid."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").strip())


class ProjectUnknown(QaError):
    """There is no such project."""


class RuleUnknown(QaError):
    """There is no such rule."""


class RuleSettingsInvalid(QaError):
    """The settings do not fit the rule."""


class TextUnreadable(QaError):
    """The asset's text is not UTF-8."""


class PictureUnreadable(QaError):
    """The asset's picture is damaged, too large, or of a format that is not read."""


class ShapeUnreadable(QaError):
    """The shape does not say which pixels of the picture it covers."""


class VotesInvalid(QaError):
    """The answers cannot be compared."""
