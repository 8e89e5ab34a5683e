"""What can go wrong in the rule service.

QaError
├── ProjectUnknown
├── RuleUnknown
├── RuleSettingsInvalid
├── RunUnknown
├── RunEnded
├── RunOvertaken
├── RunNotRevertible
├── RunRequestInvalid
├── BacktestMissing
├── BacktestFailed
├── PrecisionTooLow
├── RuleNotEnforced
├── VerdictInvalid
├── TextUnreadable
├── PictureUnreadable
├── ShapeUnreadable
├── VotesInvalid
└── PolicyInvalid
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


class RunUnknown(QaError):
    """There is no such run of a rule."""


class RunEnded(QaError):
    """The run has ended; there is nothing to stop or to continue."""


class RunOvertaken(QaError):
    """The run was stopped, or another worker has done its page."""


class RunNotRevertible(QaError):
    """A backtest changes nothing, so there is nothing to undo."""


class RunRequestInvalid(QaError):
    """The run that is asked for is not valid."""


class BacktestMissing(QaError):
    """A rule is enforced only after a finished backtest of the same rule with the same settings."""


class BacktestFailed(QaError):
    """The rule could not check enough labels of its backtest to be enforced."""


class PrecisionTooLow(QaError):
    """The rule is not right often enough to delete."""


class RuleNotEnforced(QaError):
    """Only a rule that is enforced may be applied to labels that are there."""


class VerdictInvalid(QaError):
    """A finding is either confirmed or dismissed, and all of one request are of one project."""


class PolicyInvalid(QaError):
    """The policy of consensus is not valid."""
