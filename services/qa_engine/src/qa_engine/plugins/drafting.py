"""Has a language model write a plugin, and takes nothing from it that does not pass its own tests."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from labels.ontology import Ontology
from qa_engine.plugins import custom, measures, trial
from qa_engine.plugins.draft import MAX_SENTENCE, again, messages, read, schema
from qa_engine.plugins.errors import DraftInvalid, PluginFailed
from qa_engine.plugins.plugin import Plugin
from qa_engine.plugins.sandbox import Sandbox
from qa_engine.plugins.trial import Case, Result

ATTEMPTS = 3
_AT_ONCE = 2


class Model(Protocol):
    """A language model."""

    @property
    def name(self) -> str:
        """What its endpoint calls it."""

    async def complete(self, messages: Sequence[dict[str, str]], schema: dict[str, Any], attempt: int) -> str:
        """Its reply to a conversation, at most 64 KiB, held to a JSON schema where it can be.

        `attempt` counts from 1; later ones are to differ from the first. Raises DraftUnavailable.
        """


@dataclass(frozen=True, slots=True)
class Draft:
    """A plugin that passes its own tests, and how often the model was asked for it."""

    plugin: Plugin
    results: Sequence[Result]
    model: str
    attempts: int


class Drafter:
    """Asks a model up to ATTEMPTS times, each time with what was wrong before."""

    def __init__(self, model: Model, sandbox: Sandbox) -> None:
        self._model = model
        self._sandbox = sandbox
        self._turn = asyncio.Semaphore(_AT_ONCE)

    async def draft(self, name: str, description: str, ontology: Ontology) -> Draft:
        """A plugin for a sentence; raises DraftInvalid or DraftUnavailable."""
        if not description.strip() or len(description) > MAX_SENTENCE:
            raise DraftInvalid(f"The description must have 1 to {MAX_SENTENCE:,} characters.")
        conversation, form = messages(description, ontology), schema(ontology)
        async with self._turn:
            for attempt in range(1, ATTEMPTS + 1):
                reply = await self._model.complete(conversation, form, attempt)
                try:
                    plugin, results = await asyncio.to_thread(self._check, reply, name, description, ontology)
                except (DraftInvalid, PluginFailed) as error:
                    why = str(error)
                    conversation = [*conversation[:2], *again(reply, why)]
                else:
                    return Draft(plugin, results, self._model.name, attempt)
        raise DraftInvalid(f"The model wrote no rule that passes its own tests in {ATTEMPTS} attempts: {why}")

    def _check(
        self, reply: str, name: str, description: str, ontology: Ontology
    ) -> tuple[Plugin, list[Result]]:
        """The plugin in a reply, if it can be read and passes its tests; raises DraftInvalid or PluginFailed."""
        plugin, cases = read(reply, name, description, ontology)
        plugin = replace(plugin, hooks=custom.hooks(plugin, self._sandbox))
        trial.check_hooks(plugin, cases)
        results = trial.run(plugin, self._sandbox, cases)
        for result in results:
            if result.verdict.failure is not None:
                raise result.verdict.failure
            if not result.passed:
                raise DraftInvalid(_missed(plugin, result))
        _check_tells(cases)
        return plugin, results


def _missed(plugin: Plugin, result: Result) -> str:
    """What a test expected and did not get, with the figures of its shapes, which models reckon wrongly."""
    case = result.case
    said = f'In the test "{case.name}" the rule returns {result.came_to} things where the test expects {case.expected}.'
    (label,) = measures.labels([(case.label, case.subject)], plugin)
    figures = [
        f"{shape['id']} has the area_px {shape['area_px']:g}, width_px {shape['width_px']:g}, "
        f"height_px {shape['height_px']:g}"
        for shape in label["annotations"][:4]
        if None not in (shape["area_px"], shape["width_px"], shape["height_px"])
    ]
    return f"{said} In it {'; '.join(figures)}." if figures else said


def _check_tells(cases: Sequence[Case]) -> None:
    """Raise DraftInvalid when the tests would pass with a rule that does nothing."""
    if not any(case.expected for case in cases):
        raise DraftInvalid("No test expects the rule to find anything.")
