"""Tries a plugin on labels without holding anything against them."""

from collections.abc import Sequence
from dataclasses import dataclass

from labels.label import Label
from qa_engine.plugins import custom
from qa_engine.plugins.custom import Verdict
from qa_engine.plugins.errors import PluginInvalid
from qa_engine.plugins.plugin import HOOK_OF, Hook, Plugin, hook_lines
from qa_engine.plugins.sandbox import Sandbox
from qa_engine.rule import Subject, Terms

MAX_TESTS = 50
MAX_TESTS_BYTES = 256 << 10
MAX_ANSWERS = 100


@dataclass(frozen=True, slots=True)
class Case:
    """A label that a plugin is tried on; `expected` counts findings and operations, None is any number."""

    name: str
    label: Label
    subject: Subject
    expected: int | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a case."""

    case: Case
    verdict: Verdict

    @property
    def came_to(self) -> int:
        """Findings and operations together."""
        judgement = self.verdict.judgement
        return len(judgement.findings) + len(judgement.operations)

    @property
    def passed(self) -> bool:
        """Whether the plugin did not fail and came to as much as was expected."""
        return self.verdict.failure is None and self.case.expected in (None, self.came_to)


def run(plugin: Plugin, sandbox: Sandbox, cases: Sequence[Case], time_us: int = 0) -> list[Result]:
    """One result for each case, in order; labels that the plugin has no hook for come to nothing.

    `time_us` is what on_schedule is told, microseconds since the Unix epoch, UTC.
    """
    terms = Terms(plugin.rule_id, plugin.severity, {})
    found = []
    for case in cases:
        # One at a time: cases may be about the same label, and none may hang on another.
        items = [(case.label, case.subject)]
        (verdict,) = custom.judge(plugin, sandbox, items, terms, keep_said=True)
        if Hook.ON_SCHEDULE in plugin.hooks:
            (once,) = custom.judge_on_schedule(plugin, sandbox, items, terms, time_us, keep_said=True)
            verdict = verdict.plus(once)
        found.append(Result(case, verdict))
    return found


def check_hooks(plugin: Plugin, cases: Sequence[Case]) -> None:
    """Raise PluginInvalid when a case is about a kind of label that the plugin has no hook for."""
    for case in cases:
        hook = HOOK_OF[case.label.kind]
        if not plugin.hooks & {hook, Hook.ON_SCHEDULE}:
            line = min(hook_lines(plugin.code).values(), default=1)
            raise PluginInvalid(
                plugin.name, line, f"a test is about a label for {hook.value}, which it does not define"
            )
