"""A project's own rules: code in the sandbox's Python, or one expression."""

from dataclasses import dataclass
from enum import StrEnum

from labels.asset import Asset
from labels.label import Finding, Label, Severity


class PluginLanguage(StrEnum):
    """What a plugin is written in."""

    PYTHON = "PYTHON"
    CEL = "CEL"


@dataclass(frozen=True, slots=True)
class PluginTest:
    """A label that a plugin is tried on.

    `expected` counts the findings and operations that should come of it, 0 to 1,000; None is any number without a
    failure.
    """

    name: str
    asset: Asset
    label: Label
    answers: tuple[Label, ...] = ()
    expected: int | None = None


@dataclass(frozen=True, slots=True)
class Plugin:
    """A project's own rule; `name` is 1 to 48 of a-z, 0-9 and _, `message` what an expression says when it is true.

    What stands from `hooks` on is the server's; `rule` is the id of the rule that it makes. Times are microseconds
    since the Unix epoch, UTC.
    """

    name: str
    language: PluginLanguage
    code: str
    description: str = ""
    message: str = ""
    severity: Severity = Severity.WARNING
    tests: tuple[PluginTest, ...] = ()
    hooks: tuple[str, ...] = ()
    rule: str = ""
    revision: int = 0
    etag: str = ""
    author: str = ""
    create_time_us: int = 0
    update_time_us: int = 0


@dataclass(frozen=True, slots=True)
class PluginError:
    """Why a plugin failed: `line` counts from 1, `kind` is the class of Python error behind it."""

    reason: str
    message: str
    line: int
    kind: str = ""


@dataclass(frozen=True, slots=True)
class PluginOutcome:
    """What became of a test; `operations` are sentences such as `delete a0`."""

    name: str
    passed: bool
    findings: tuple[Finding, ...] = ()
    operations: tuple[str, ...] = ()
    printed: tuple[str, ...] = ()
    error: PluginError | None = None


@dataclass(frozen=True, slots=True)
class RuleDraft:
    """A plugin that a model wrote and that passes its own tests; not stored yet."""

    plugin: Plugin
    outcomes: tuple[PluginOutcome, ...]
    model: str
    attempts: int
