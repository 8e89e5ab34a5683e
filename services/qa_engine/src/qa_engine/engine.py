"""Holds labels to rules, a batch at a time.

Rules are the files of `qa_engine.rules`, and a project's own; the engine knows none of them.
"""

import importlib
import pkgutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice

from chassis.log import get_logger, where
from labels.label import Finding, Label, Severity
from qa_engine import acting
from qa_engine.allowed import allowed
from qa_engine.conduct import Action
from qa_engine.errors import RuleUnknown
from qa_engine.operation import Judgement, Operation
from qa_engine.rule import Context, Item, Need, Rule, Ruleset, Settings, Subject, Terms
from qa_engine.shapes import Shapes

MAX_FINDINGS = 1_000
BATCH_LABELS = 1_024
BATCH_WEIGHT = 1_000_000
"""A batch has at most that many labels, and fewer where the shapes of all are heavier than that."""
_FAILED = "The rule failed; the label was not fully checked by it."
_NOTHING = Judgement()
_log = get_logger()


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

    def rule(self, rule_id: str, ruleset: Ruleset | None = None) -> Rule:
        """The rule of that id, of the project's own too where its ruleset is given; raises RuleUnknown."""
        for rule in self.rules if ruleset is None else self.of(ruleset):
            if rule.id == rule_id:
                return rule
        raise RuleUnknown

    def of(self, ruleset: Ruleset) -> tuple[Rule, ...]:
        """All rules of a project by id: the engine's and its own."""
        if not ruleset.custom:
            return self.rules
        return tuple(sorted((*self.rules, *ruleset.custom), key=lambda rule: rule.id))

    def needs(self, ruleset: Ruleset) -> frozenset[Need]:
        """What the enabled rules read beside the label."""
        return frozenset(
            need for rule in self.of(ruleset) if rule.needs and rule.holds(ruleset) for need in rule.needs
        )

    def enforced(self, ruleset: Ruleset) -> tuple[str, ...]:
        """Ids of the rules whose findings about a label count, in order."""
        settings = ((rule.id, rule.settings(ruleset)) for rule in self.of(ruleset))
        return tuple(rule_id for rule_id, own in settings if own.enabled and not own.conduct.shadow)

    def evaluate(self, label: Label, subject: Subject, ruleset: Ruleset) -> tuple[Finding, ...]:
        """What the enforced rules say, by rule id; at most MAX_FINDINGS, the last of which says so."""
        return self.evaluate_many([(label, subject)], ruleset)[0]

    def evaluate_many(self, items: Iterable[Item], ruleset: Ruleset) -> list[tuple[Finding, ...]]:
        """What the enforced rules say about each label, the same as one by one and many times faster."""
        return [judgement.findings for judgement in self.judge_many(items, ruleset)]

    def judge_many(self, items: Iterable[Item], ruleset: Ruleset) -> list[Judgement]:
        """What the rules say about each label, those on trial apart, and what is to be done about it."""
        enabled = [(rule, s) for rule in self.of(ruleset) if (s := rule.settings(ruleset)).enabled]
        return [judged for batch in _batches(items) for judged in _run(batch, enabled)]


def _batches(items: Iterable[Item]) -> Iterator[Sequence[Item]]:
    remaining = iter(items)
    while batch := list(islice(remaining, BATCH_LABELS)):
        yield batch


def _run(items: Sequence[Item], rules: Sequence[tuple[Rule, Settings]]) -> Iterator[Judgement]:
    """A judgement of each label of a batch, which is parted while it is too heavy."""
    shapes = Shapes((label, subject.asset) for label, subject in items)
    if len(items) > 1 and shapes.weight > BATCH_WEIGHT:
        half = len(items) // 2
        yield from _run(items[:half], rules)
        yield from _run(items[half:], rules)
    else:
        yield from _Evaluation(items, shapes).run(rules)


class _Evaluation:
    """One batch on its way through the rules."""

    def __init__(self, items: Sequence[Item], shapes: Shapes) -> None:
        self._items = items
        self._shapes = shapes
        self._found: dict[int, list[Finding]] = {}
        self._shadow: dict[int, list[Finding]] = {}
        self._asked: dict[int, list[tuple[str, Operation]]] = {}

    def run(self, rules: Sequence[tuple[Rule, Settings]]) -> Iterator[Judgement]:
        """A judgement of each label, findings by rule id."""
        for rule, settings in rules:
            self._hold(rule, settings)
        heard = self._found.keys() | self._shadow.keys() | self._asked.keys()
        for place in range(len(self._items)):
            # Most labels are in order.
            yield self._judgement(place) if place in heard else _NOTHING

    def _judgement(self, place: int) -> Judgement:
        found, shadow = self._found.get(place, ()), self._shadow.get(place, ())
        return Judgement(_bounded(found), tuple(self._asked.get(place, ())), _bounded(shadow))

    def _hold(self, rule: Rule, settings: Settings) -> None:
        """Hold all labels to one rule."""
        if rule.batch_check is not None:
            self._ask(rule, settings)
        elif rule.shape_check is not None:
            self._look_at_shapes(rule, settings)
        else:
            for place in range(len(self._items)):
                self._look(rule, settings, place)

    def _into(self, settings: Settings, place: int) -> list[Finding]:
        """Where findings about a label go."""
        return (self._shadow if settings.conduct.shadow else self._found).setdefault(place, [])

    def _act(self, rule: Rule, settings: Settings, place: int, found: Sequence[Finding]) -> None:
        """Keep what is to be done about findings, unless the rule only flags or is on trial."""
        if settings.conduct.action is not Action.FLAG and not settings.conduct.shadow:
            asked = acting.operations(rule, settings, self._items[place], found)
            self._asked.setdefault(place, []).extend(asked)

    def _look(self, rule: Rule, settings: Settings, place: int) -> None:
        """Ask a rule about one label."""
        label, subject = self._items[place]
        into = self._into(settings, place)
        before = len(into)
        try:
            room = max(MAX_FINDINGS + 1 - before, 0)
            into.extend(islice(_findings(rule, settings, label, subject), room))
        except Exception as error:  # noqa: BLE001 - one rule's mistake must not silence the others
            # The error's own words may quote the asset. Nothing is done about what it found until then.
            _log.error("rule_failed", rule=rule.id, label=label.uid, fault=where(error))
            into.append(Finding(rule.id, Severity.ERROR, _FAILED))
        else:
            self._act(rule, settings, place, into[before:])

    def _look_at_shapes(self, rule: Rule, settings: Settings) -> None:
        """Ask a rule about the shapes of all labels, and where that fails label by label."""
        try:
            found = list(_shape_findings(rule, settings, self._shapes))
        except Exception:  # noqa: BLE001 - the one label that breaks it shows below
            for place in range(len(self._items)):
                self._look(rule, settings, place)
            return
        for place, finding in found:
            self._into(settings, place).append(finding)
        if settings.conduct.action is not Action.FLAG:
            for place, group in groupby(found, key=lambda hit: hit[0]):
                self._act(rule, settings, place, [finding for _, finding in group][:MAX_FINDINGS])

    def _ask(self, rule: Rule, settings: Settings) -> None:
        """Ask a rule about all labels together; it may have operations of its own."""
        assert rule.batch_check is not None  # noqa: S101 - a rule has one of the three
        terms = Terms(rule.id, settings.severity, settings.parameters)
        try:
            judged = rule.batch_check(self._items, terms)
            pairs = list(zip(range(len(self._items)), judged, strict=True))
        except Exception as error:  # noqa: BLE001 - one rule's mistake must not silence the others
            _log.error("rule_failed", rule=rule.id, fault=where(error))
            for place in range(len(self._items)):
                self._into(settings, place).append(Finding(rule.id, Severity.ERROR, _FAILED))
            return
        for place, judgement in pairs:
            if judgement.findings:
                self._into(settings, place).extend(judgement.findings[: MAX_FINDINGS + 1])
            if not judgement.failed:
                self._act(rule, settings, place, judgement.findings)
            self._let(rule, settings, place, judgement.operations)

    def _let(
        self, rule: Rule, settings: Settings, place: int, asked: Sequence[tuple[str, Operation]]
    ) -> None:
        """Keep the operations of a rule's own that its action covers, and say where it asked for more."""
        covered = allowed(settings.conduct.action, asked)
        if len(covered) < len(asked):
            left_out = (
                f"The rule asked for more than its action {settings.conduct.action} covers; that is left out."
            )
            self._into(settings, place).append(Finding(rule.id, Severity.WARNING, left_out))
        if covered and not settings.conduct.shadow:
            self._asked.setdefault(place, []).extend(covered)


def _findings(rule: Rule, settings: Settings, label: Label, subject: Subject) -> Iterable[Finding]:
    if rule.check is not None:
        return rule.check(label, Context(rule.id, settings.severity, settings.parameters, subject))
    shapes = Shapes([(label, subject.asset)])
    return (finding for _, finding in _shape_findings(rule, settings, shapes))


def _shape_findings(rule: Rule, settings: Settings, shapes: Shapes) -> Iterator[tuple[int, Finding]]:
    """Findings in the order of the shapes, each with the place of its label in the batch."""
    assert rule.shape_check is not None  # noqa: S101 - a rule has one of the three
    if not len(shapes):
        return
    terms = Terms(rule.id, settings.severity, settings.parameters)
    for place, message in sorted(rule.shape_check(shapes, terms), key=lambda hit: hit[0]):
        yield int(shapes.label[place]), terms.finding(message, shapes.annotations[place].id)


def _bounded(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    if len(findings) <= MAX_FINDINGS:
        return tuple(findings)
    last = findings[MAX_FINDINGS - 1]
    cut = Finding(last.rule, last.severity, "There is more to find than is kept for one label.")
    return (*findings[: MAX_FINDINGS - 1], cut)
