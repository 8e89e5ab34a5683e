"""Rules and how labels are held to them.

A rule is one file in `qa_engine.rules`: a pure generator that looks at a label in its context and yields
findings.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from math import isfinite

from chassis.log import get_logger, where
from labels.asset import Asset
from labels.label import Finding, Label, Severity
from labels.ontology import Ontology
from qa_engine.errors import RuleSettingsInvalid, RuleUnknown

MAX_FINDINGS = 1_000
_log = get_logger()


@dataclass(frozen=True, slots=True)
class Parameter:
    """A number that steers a rule, `lowest` to `highest` inclusive, in the unit that its name ends in."""

    name: str
    default: float
    lowest: float
    highest: float
    description: str


@dataclass(frozen=True, slots=True)
class Settings:
    """How a project uses a rule."""

    enabled: bool
    severity: Severity
    parameters: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Ruleset:
    """A project's settings by rule id, over the rules' defaults; revisions count from 0."""

    revision: int = 0
    settings: Mapping[str, Settings] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Subject:
    """What a label is about. `text` is None for pictures, and where the text's content could not be read."""

    ontology: Ontology
    asset: Asset
    text: str | None


@dataclass(frozen=True, slots=True)
class Context:
    """What a rule sees beside the label."""

    rule: str
    severity: Severity
    subject: Subject
    parameters: Mapping[str, float]

    @property
    def ontology(self) -> Ontology:
        """The project's ontology as it is now."""
        return self.subject.ontology

    def finding(self, message: str, annotation_id: str = "") -> Finding:
        """A finding of this rule; the message is one sentence without the asset's content."""
        return Finding(self.rule, self.severity, message, annotation_id)


Check = Callable[[Label, Context], Iterable[Finding]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A check with its stable id and its settings where a project has none of its own."""

    id: str
    check: Check
    severity: Severity
    parameters: tuple[Parameter, ...]

    @property
    def description(self) -> str:
        """One sentence: the first line of the check's docstring."""
        return (self.check.__doc__ or "").strip().partition("\n")[0]

    def settings(self, ruleset: Ruleset) -> Settings:
        """What holds in a project: its own settings over the defaults."""
        defaults = {parameter.name: parameter.default for parameter in self.parameters}
        own = ruleset.settings.get(self.id)
        if own is None:
            return Settings(True, self.severity, defaults)
        return Settings(own.enabled, own.severity, {**defaults, **own.parameters})

    def change(self, before: Settings, change: Settings) -> Settings:
        """Settings after a change; parameters left out keep their value.

        Raises RuleSettingsInvalid for a parameter that the rule does not have or a number out of its range.
        """
        known = {parameter.name: parameter for parameter in self.parameters}
        for name, value in change.parameters.items():
            parameter = known.get(name)
            if parameter is None:
                raise RuleSettingsInvalid(f'The rule "{self.id}" has no parameter "{name[:64]}".')
            if not (isfinite(value) and parameter.lowest <= value <= parameter.highest):
                raise RuleSettingsInvalid(
                    f'The parameter "{name}" must be {parameter.lowest:g} to {parameter.highest:g}.'
                )
        return Settings(change.enabled, change.severity, {**before.parameters, **change.parameters})


def rule(id: str, *, severity: Severity, parameters: tuple[Parameter, ...] = ()) -> Callable[[Check], Rule]:
    """Make a check a rule."""
    return lambda check: Rule(id, check, severity, parameters)


def discover(package: str = "qa_engine.rules") -> tuple[Rule, ...]:
    """The rules in a package's modules, by id; raises ValueError when two have the same id."""
    folder = importlib.import_module(package)
    modules = [importlib.import_module(f"{package}.{m.name}") for m in pkgutil.iter_modules(folder.__path__)]
    found = sorted(
        (value for module in modules for value in vars(module).values() if isinstance(value, Rule)),
        key=lambda rule: rule.id,
    )
    if len({rule.id for rule in found}) < len(found):
        raise ValueError("two rules have the same id")
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Engine:
    """Holds labels to rules."""

    rules: tuple[Rule, ...]

    def rule(self, rule_id: str) -> Rule:
        """The rule of that id; raises RuleUnknown."""
        for rule in self.rules:
            if rule.id == rule_id:
                return rule
        raise RuleUnknown

    def evaluate(self, label: Label, subject: Subject, ruleset: Ruleset) -> tuple[Finding, ...]:
        """What the enabled rules say, by rule id; at most MAX_FINDINGS, the last of which says so."""
        findings = tuple(islice(self._findings(label, subject, ruleset), MAX_FINDINGS + 1))
        if len(findings) <= MAX_FINDINGS:
            return findings
        last = findings[MAX_FINDINGS - 1]
        cut = Finding(last.rule, last.severity, "There is more to find than is kept for one label.")
        return (*findings[: MAX_FINDINGS - 1], cut)

    def _findings(self, label: Label, subject: Subject, ruleset: Ruleset) -> Iterator[Finding]:
        for rule in self.rules:
            settings = rule.settings(ruleset)
            if not settings.enabled:
                continue
            try:
                yield from rule.check(
                    label, Context(rule.id, settings.severity, subject, settings.parameters)
                )
            except Exception as error:  # noqa: BLE001 - one rule's mistake must not silence the others
                # The error's own words may quote the asset.
                _log.error("rule_failed", rule=rule.id, label=label.uid, fault=where(error))
                yield Finding(
                    rule.id, Severity.ERROR, "The rule failed; the label was not fully checked by it."
                )
