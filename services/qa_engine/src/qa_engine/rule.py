"""What a rule is: a pure check with a stable id, and the parameters that steer it.

A rule looks at one label (`rule`), or at all shapes of a batch of labels at once (`shape_rule`), which is how
numbers are computed in columns instead of one polygon after the other, or at the labels of a batch together, which is
for rules that are asked somewhere else.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from math import isfinite

from labels.asset import Asset
from labels.correction import CorrectionOp
from labels.label import Annotation, Finding, Label, Severity
from labels.ontology import Ontology
from qa_engine.conduct import FLAGS, Action, Conduct, Mode
from qa_engine.errors import RuleSettingsInvalid
from qa_engine.history import NO_HISTORY, History
from qa_engine.operation import Judgement
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
    ANSWERS = "ANSWERS"
    """What other people answered about the same asset, where several are asked."""


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
    conduct: Conduct = FLAGS

    @property
    def mode(self) -> Mode:
        """How far the rule counts."""
        if not self.enabled:
            return Mode.DISABLED
        return Mode.SHADOW if self.conduct.shadow else Mode.ENFORCE

    def in_mode(self, mode: Mode) -> "Settings":
        """The same settings in another mode."""
        conduct = replace(self.conduct, shadow=mode is Mode.SHADOW)
        return replace(self, enabled=mode is not Mode.DISABLED, conduct=conduct)


@dataclass(frozen=True, slots=True)
class Ruleset:
    """A project's settings by rule id, over the rules' defaults; revisions count from 0.

    `custom` are the project's own rules, which stand beside those of the engine.
    """

    revision: int = 0
    settings: Mapping[str, Settings] = field(default_factory=dict)
    custom: tuple["Rule", ...] = ()


@dataclass(frozen=True, slots=True)
class Subject:
    """What a label is about.

    `text` is None for pictures and where the text could not be read; `picture` is None for texts, where no
    enabled rule needs pixels, and where they could not be read. `answers` are other people's labels of the asset where
    several are asked, in the order they came; one that rejects the asset has no uid and claims nothing.
    """

    ontology: Ontology
    asset: Asset
    text: str | None = None
    picture: Picture | None = None
    history: History = NO_HISTORY
    answers: tuple[Label, ...] = ()


class Unchecked(str):
    """A rule's message that it could not check something: it is reported, and nothing is done about it."""

    __slots__ = ()


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
Item = tuple[Label, Subject]
BatchCheck = Callable[[Sequence[Item], Terms], Sequence[Judgement]]
"""A judgement for each label, in order; it may fail for all, and never knows which labels share a batch."""
ScheduledCheck = Callable[[Sequence[Item], Terms, int], Sequence[Judgement]]
"""The same once a period; the number is the time that it is asked at, microseconds since the Unix epoch, UTC."""
Fix = Callable[[Annotation, Context], CorrectionOp | None]
"""What would correct an annotation that the rule found fault with; None where that is for a person to say."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A check with its stable id and its settings where a project has none of its own.

    Exactly one of `check`, `shape_check` and `batch_check` is there; `scheduled` is what is asked beside it, each
    `schedule_minutes` (0 for never) unless a project says otherwise. `version` counts the changes of a project's own
    rule from 1, and `says` is what it checks, in one sentence, where no docstring tells.
    """

    id: str
    severity: Severity
    parameters: tuple[AnyParameter, ...] = ()
    enabled: bool = True
    needs: frozenset[Need] = frozenset()
    check: LabelCheck | None = None
    shape_check: ShapeCheck | None = None
    batch_check: BatchCheck | None = None
    fix: Fix | None = None
    version: int = 1
    says: str = ""
    scheduled: ScheduledCheck | None = None
    schedule_minutes: int = 0

    @property
    def description(self) -> str:
        """One sentence: the first line of the check's docstring."""
        check = self.check or self.shape_check or self.batch_check
        return self.says or (check.__doc__ or "").strip().partition("\n")[0]

    def holds(self, ruleset: Ruleset) -> bool:
        """Whether labels are held to it in a project."""
        own = ruleset.settings.get(self.id)
        return self.enabled if own is None else own.enabled

    def settings(self, ruleset: Ruleset) -> Settings:
        """What holds in a project: its own settings over the defaults."""
        defaults: dict[str, Value] = {parameter.name: parameter.default for parameter in self.parameters}
        own = ruleset.settings.get(self.id)
        if own is None:
            conduct = replace(FLAGS, schedule_minutes=self.schedule_minutes)
            return Settings(self.enabled, self.severity, defaults, conduct)
        return replace(own, parameters={**defaults, **own.parameters})

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
        change.conduct.check()
        if change.conduct.action is Action.FIX and self.fix is None and self.batch_check is None:
            raise RuleSettingsInvalid(f'The rule "{self.id}" does not know how to fix what it finds.')
        if change.conduct.schedule_minutes and self.scheduled is None:
            raise RuleSettingsInvalid(f'The rule "{self.id}" has no on_schedule, so it has no schedule.')
        return replace(change, parameters={**before.parameters, **change.parameters})


def rule(
    id: str,
    *,
    severity: Severity,
    parameters: tuple[AnyParameter, ...] = (),
    enabled: bool = True,
    needs: frozenset[Need] = frozenset(),
    fix: Fix | None = None,
) -> Callable[[LabelCheck], Rule]:
    """Make a check of labels a rule."""
    return lambda check: Rule(id, severity, parameters, enabled, needs, check=check, fix=fix)


def shape_rule(
    id: str,
    *,
    severity: Severity,
    parameters: tuple[AnyParameter, ...] = (),
    enabled: bool = True,
    fix: Fix | None = None,
) -> Callable[[ShapeCheck], Rule]:
    """Make a check of all shapes of a batch a rule."""
    return lambda check: Rule(id, severity, parameters, enabled, shape_check=check, fix=fix)
