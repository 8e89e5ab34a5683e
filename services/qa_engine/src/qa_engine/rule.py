"""What a rule is: a pure check with a stable id, and the parameters that steer it.

A rule looks at one label (`rule`), or at all shapes of a batch of labels at once (`shape_rule`), which is how
numbers are computed in columns instead of one polygon after the other.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import isfinite

from labels.asset import Asset
from labels.label import Finding, Label, Severity
from labels.ontology import Ontology
from qa_engine.errors import RuleSettingsInvalid
from qa_engine.history import NO_HISTORY, History
from qa_engine.picture import Picture
from qa_engine.shapes import Shapes

MAX_TEXTS = 200
MAX_TEXT = 500

Value = float | tuple[str, ...]
"""What a parameter is set to: a number, or texts."""


class Need(StrEnum):
    """What a rule reads beside the label, fetched only while a rule that needs it is enabled."""

    PIXELS = "PIXELS"
    """The picture's pixels; a rule that needs them finds them missing rather than passes."""
    HISTORY = "HISTORY"
    """What the project's other labels claim, kept from the time that such a rule is enabled."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A number that steers a rule, `lowest` to `highest` inclusive, in the unit that its name ends in."""

    name: str
    default: float
    lowest: float
    highest: float
    description: str

    def check(self, value: Value) -> None:
        """Raise RuleSettingsInvalid unless it is a number in the range."""
        if isinstance(value, tuple) or not (isfinite(value) and self.lowest <= value <= self.highest):
            raise RuleSettingsInvalid(
                f'The parameter "{self.name}" must be a number from {self.lowest:g} to {self.highest:g}.'
            )


def anything(text: str) -> None:
    """Every text will do."""


@dataclass(frozen=True, slots=True)
class TextParameter:
    """Texts that steer a rule: at most `most`, each of 1 to MAX_TEXT characters on one line.

    `accept` raises ValueError, whose words end the sentence about the parameter, for a text that will not do.
    """

    name: str
    default: tuple[str, ...]
    description: str
    most: int = MAX_TEXTS
    accept: Callable[[str], object] = anything

    def check(self, value: Value) -> None:
        """Raise RuleSettingsInvalid unless these are texts that the rule can use."""
        if not isinstance(value, tuple):
            raise RuleSettingsInvalid(f'The parameter "{self.name}" takes texts, not a number.')
        if len(value) > self.most:
            raise RuleSettingsInvalid(f'The parameter "{self.name}" takes at most {self.most} texts.')
        for place, text in enumerate(value, 1):
            if not 0 < len(text) <= MAX_TEXT or any(ord(character) < 32 for character in text):
                raise RuleSettingsInvalid(
                    f'Text {place} of the parameter "{self.name}" must be one line of 1 to {MAX_TEXT} characters.'
                )
            try:
                self.accept(text)
            except ValueError as error:
                raise RuleSettingsInvalid(f'Text {place} of the parameter "{self.name}" {error}.') from None


AnyParameter = Parameter | TextParameter


@dataclass(frozen=True, slots=True)
class Settings:
    """How a project uses a rule."""

    enabled: bool
    severity: Severity
    parameters: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Ruleset:
    """A project's settings by rule id, over the rules' defaults; revisions count from 0."""

    revision: int = 0
    settings: Mapping[str, Settings] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Subject:
    """What a label is about.

    `text` is None for pictures and where the text could not be read; `picture` is None for texts, where no
    enabled rule needs pixels, and where they could not be read.
    """

    ontology: Ontology
    asset: Asset
    text: str | None = None
    picture: Picture | None = None
    history: History = NO_HISTORY


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms a project uses a rule."""

    rule: str
    severity: Severity
    parameters: Mapping[str, Value]

    def number(self, parameter: Parameter) -> float:
        """The value of a number."""
        value = self.parameters[parameter.name]
        if isinstance(value, tuple):
            raise TypeError(f"{parameter.name} is not a number")
        return value

    def texts(self, parameter: TextParameter) -> tuple[str, ...]:
        """The value of a parameter that takes texts."""
        value = self.parameters[parameter.name]
        if not isinstance(value, tuple):
            raise TypeError(f"{parameter.name} is a number")
        return value

    def finding(self, message: str, annotation_id: str = "") -> Finding:
        """A finding of this rule; the message is one sentence of less than 500 characters without the asset's
        content."""
        return Finding(self.rule, self.severity, message, annotation_id)


@dataclass(frozen=True, slots=True)
class Context(Terms):
    """What a rule sees beside the label."""

    subject: Subject

    @property
    def ontology(self) -> Ontology:
        """The project's ontology as it is now."""
        return self.subject.ontology


LabelCheck = Callable[[Label, Context], Iterable[Finding]]
ShapeCheck = Callable[[Shapes, Terms], Iterable[tuple[int, str]]]
"""Yields the place of a shape in the columns, and the message about it."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A check with its stable id and its settings where a project has none of its own.

    Exactly one of `check` and `shape_check` is there.
    """

    id: str
    severity: Severity
    parameters: tuple[AnyParameter, ...] = ()
    enabled: bool = True
    needs: frozenset[Need] = frozenset()
    check: LabelCheck | None = None
    shape_check: ShapeCheck | None = None

    @property
    def description(self) -> str:
        """One sentence: the first line of the check's docstring."""
        return ((self.check or self.shape_check).__doc__ or "").strip().partition("\n")[0]

    def holds(self, ruleset: Ruleset) -> bool:
        """Whether labels are held to it in a project."""
        own = ruleset.settings.get(self.id)
        return self.enabled if own is None else own.enabled

    def settings(self, ruleset: Ruleset) -> Settings:
        """What holds in a project: its own settings over the defaults."""
        defaults: dict[str, Value] = {parameter.name: parameter.default for parameter in self.parameters}
        own = ruleset.settings.get(self.id)
        if own is None:
            return Settings(self.enabled, self.severity, defaults)
        return Settings(own.enabled, own.severity, {**defaults, **own.parameters})

    def change(self, before: Settings, change: Settings) -> Settings:
        """Settings after a change; parameters left out keep their value.

        Raises RuleSettingsInvalid for a parameter that the rule does not have or a value that it does not take.
        """
        known = {parameter.name: parameter for parameter in self.parameters}
        for name, value in change.parameters.items():
            parameter = known.get(name)
            if parameter is None:
                raise RuleSettingsInvalid(f'The rule "{self.id}" has no parameter "{name[:64]}".')
            parameter.check(value)
        return Settings(change.enabled, change.severity, {**before.parameters, **change.parameters})


def rule(
    id: str,
    *,
    severity: Severity,
    parameters: tuple[AnyParameter, ...] = (),
    enabled: bool = True,
    needs: frozenset[Need] = frozenset(),
) -> Callable[[LabelCheck], Rule]:
    """Make a check of labels a rule."""
    return lambda check: Rule(id, severity, parameters, enabled, needs, check=check)


def shape_rule(
    id: str, *, severity: Severity, parameters: tuple[AnyParameter, ...] = (), enabled: bool = True
) -> Callable[[ShapeCheck], Rule]:
    """Make a check of all shapes of a batch a rule."""
    return lambda check: Rule(id, severity, parameters, enabled, shape_check=check)
