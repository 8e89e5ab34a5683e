"""Asks a plugin about many labels at once, so that one label's failure is that label's alone.

Labels go in and answers come out as JSON, an answer a line as soon as it is there: when a plugin dies, the lines say
how far it came, and what follows is asked in a new session, one label alone first. Only a label that the plugin dies
of when it is alone is to blame.
"""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic_monty import CollectString, MontyCrashedError, MontyRuntimeError, MontySession

from qa_engine.plugins.errors import (
    PluginCrashed,
    PluginFailed,
    PluginInputTooLarge,
    PluginInvalid,
    PluginRaised,
    PluginReplyInvalid,
    PluginReplyTooLarge,
    PluginStopped,
    PluginTimedOut,
)
from qa_engine.plugins.plugin import Hook, Plugin, check_code, hook_lines
from qa_engine.plugins.sandbox import DEATHS, Sandbox, line_of, load, nobody

Handed = tuple[dict[str, Any], dict[str, Any], dict[str, Any]]
"""Label, asset and facts as JSON has them."""
_LINES_FOUND_AGAIN = 8
_encode = json.JSONEncoder(separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Reply:
    """What a plugin answered about one label, as JSON has it, and what it printed: at most 4,100 characters."""

    raw: object
    said: tuple[str, ...] = ()


Outcome = Reply | PluginFailed


def ask(
    sandbox: Sandbox, plugin: Plugin, hook: Hook, items: Sequence[Handed], *, keep_said: bool = False
) -> list[Outcome]:
    """An outcome for each label, in order; never raises for what a plugin does."""
    try:
        check_code(plugin)
    except PluginInvalid as error:
        return [error] * len(items)
    handed = [_encode(item) for item in items]
    return list(_Batch(sandbox, plugin, hook, handed, keep_said).outcomes())


@dataclass(slots=True)
class _Batch:
    """One plugin's way through the labels of a batch."""

    sandbox: Sandbox
    plugin: Plugin
    hook: Hook
    items: Sequence[str]
    keep_said: bool
    _lines_of: dict[tuple[str, str], int] = field(default_factory=dict)
    """Lines that were found by asking again, by how it ended and the class of error."""
    _found_again: int = 0

    @property
    def _hook_line(self) -> int:
        return hook_lines(self.plugin.code).get(self.hook, 0)

    def outcomes(self) -> Iterator[Outcome]:
        """One for each label, in order."""
        limits = self.sandbox.limits
        at, together, deaths = 0, limits.labels, 0
        end = time.monotonic() + limits.batch_seconds
        while at < len(self.items):
            if deaths >= limits.deaths or time.monotonic() > end:
                yield PluginStopped(self.plugin.name, self._hook_line)
                at += 1
                continue
            if len(self.items[at]) > limits.largest_input_bytes:
                yield PluginInputTooLarge(self.plugin.name, self._hook_line)
                at += 1
                continue
            some = self._portion(at, together)
            found, death = self._run(some)
            yield from found
            at += len(found)
            if death is None:
                together = min(together * 4, limits.labels)
            elif len(some) > 1:
                together = 1
            else:
                yield death
                at, deaths = at + 1, deaths + 1
                if isinstance(death, PluginInvalid):
                    deaths = limits.deaths

    def _portion(self, at: int, most: int) -> Sequence[str]:
        """At least one label, and as many more as may go in together."""
        size = 0
        for place in range(at, min(at + most, len(self.items))):
            size += len(self.items[place])
            if size > self.sandbox.limits.input_bytes and place > at:
                return self.items[at:place]
        return self.items[at : at + most]

    def _run(self, items: Sequence[str]) -> tuple[list[Outcome], PluginFailed | None]:
        """What the plugin answered until it was through or died."""
        # Four bytes a code point at most, but what is collected is counted in UTF-8.
        told = CollectString(max_bytes=self.sandbox.limits.reply_bytes * min(len(items), 16) + (64 << 10))
        death: PluginFailed | None = None
        found: list[Outcome] = []
        try:
            with self.sandbox.session() as session:
                load(session, self.plugin)
                handed = {"_items": f"[{','.join(items)}]"}
                call = f"_ask_all({self.hook.value}, json.loads(_items), _tell, json.dumps, {self.keep_said})"
                try:
                    session.feed_run(call, inputs=handed, print_callback=told)
                except MontyRuntimeError as error:
                    death = self._death(error, told)
                found = self._read(told.output, len(items), session if death is None else None)
        except MontyCrashedError as error:
            kind = PluginTimedOut if error.timed_out else PluginCrashed
            death, found = kind(self.plugin.name, self._hook_line), self._read(told.output, len(items), None)
        except TimeoutError:
            death = PluginStopped(self.plugin.name, self._hook_line, "no worker was free")
        except PluginFailed as error:
            death = error
        if death is None and len(found) < len(items):
            death = PluginReplyInvalid(self.plugin.name, self._hook_line, "its answers got lost")
        return found, death

    def _death(self, error: MontyRuntimeError, told: CollectString) -> PluginFailed:
        line, kind = line_of(error) or self._hook_line, type(error.exception()).__name__
        if kind == "MemoryError" and len(told.output) >= self.sandbox.limits.reply_bytes:
            return PluginReplyTooLarge(self.plugin.name, line)
        return DEATHS.get(kind, PluginRaised)(self.plugin.name, line, kind, kind)

    def _read(self, output: str, most: int, session: MontySession | None) -> list[Outcome]:
        """The outcomes that lines of output say, up to the first that is none."""
        found: list[Outcome] = []
        for place, line in enumerate(output.split("\n")[:-1]):
            if place >= most:
                # A plugin that writes lines of its own has spoiled the answers.
                return []
            outcome = self._outcome(line, place, session)
            if outcome is None:
                break
            found.append(outcome)
        return found

    def _outcome(self, line: str, place: int, session: MontySession | None) -> Outcome | None:
        if len(line) > self.sandbox.limits.reply_bytes:
            return PluginReplyTooLarge(self.plugin.name, self._hook_line)
        try:
            stage, value, said = json.loads(line)
            said = tuple(str(words) for words in said)
        except (ValueError, TypeError, RecursionError):
            return None
        if stage == "reply":
            return Reply(value, said)
        kind = value if isinstance(value, str) and value.isidentifier() and len(value) <= 64 else "Exception"
        if stage == "raised":
            where = self._line_again(place, kind, session)
            return DEATHS.get(kind, PluginRaised)(self.plugin.name, where, kind, kind)
        return PluginReplyInvalid(self.plugin.name, self._hook_line, f"{kind} while it was read", kind)

    def _line_again(self, place: int, kind: str, session: MontySession | None) -> int:
        """The line of an error that the sandbox's own Python does not tell: the label is asked once more, alone."""
        key = ("raised", kind)
        known = self._lines_of.get(key)
        if session is None or self._found_again >= _LINES_FOUND_AGAIN:
            return known or self._hook_line
        self._found_again += 1
        try:
            session.feed_run(f"_ask({self.hook.value}, json.loads(_items)[{place}])", print_callback=nobody)
        except MontyRuntimeError as error:
            self._lines_of[key] = line_of(error) or self._hook_line
            return self._lines_of[key]
        return known or self._hook_line
