"""What a customer's own rule is: one text of Python with hooks, or one expression."""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

from labels.label import LabelKind, Severity
from qa_engine.plugins.errors import PluginInvalid, PluginNameInvalid

MAX_CODE_BYTES = 64 << 10
MAX_DESCRIPTION = 500
_NAME = re.compile(r"[a-z][a-z0-9_]{0,47}\Z")
_HOOK = re.compile(r"^def[ \t]+(on_prediction|on_submit|on_review|on_schedule)[ \t]*\(", re.MULTILINE)


class Language(StrEnum):
    """What a plugin is written in."""

    PYTHON = "PYTHON"
    CEL = "CEL"


class Hook(StrEnum):
    """When a plugin is asked; the name is that of the function in its code."""

    ON_PREDICTION = "on_prediction"
    ON_SUBMIT = "on_submit"
    ON_REVIEW = "on_review"
    ON_SCHEDULE = "on_schedule"


HOOK_OF = {
    LabelKind.PREDICTION: Hook.ON_PREDICTION,
    LabelKind.DEFAULT: Hook.ON_SUBMIT,
    LabelKind.REVIEW: Hook.ON_REVIEW,
}
"""Which hook is asked about a label of that kind."""
_PREFIX = {Language.PYTHON: "plugin_", Language.CEL: "cel_"}


@dataclass(frozen=True, slots=True)
class Plugin:
    """A customer's rule; `code` is at most MAX_CODE_BYTES of UTF-8.

    `message` is what an expression finds, and empty for Python. `revision` counts from 1, 0 before it is stored.
    """

    name: str
    language: Language
    code: str
    description: str = ""
    message: str = ""
    severity: Severity = Severity.WARNING
    revision: int = 0
    hooks: frozenset[Hook] = field(default=frozenset())

    @property
    def rule_id(self) -> str:
        """Id of the rule that it makes, at most 55 characters."""
        return _PREFIX[self.language] + self.name

    def names(self, word: str) -> bool:
        """Whether the code has that word anywhere, so that what is dear is only handed over where it is used."""
        return _has(self.code, word)


@lru_cache(maxsize=4_096)
def _has(code: str, word: str) -> bool:
    return re.search(rf"\b{re.escape(word)}\b", code) is not None


def check_name(name: str) -> None:
    """Raise PluginNameInvalid."""
    if not _NAME.match(name):
        raise PluginNameInvalid


def check_code(plugin: Plugin) -> None:
    """Raise PluginInvalid for code that is too long or has characters that no source has."""
    code = plugin.code
    if not code.strip():
        raise PluginInvalid(plugin.name, 1, "it is empty")
    # A code point takes at most four bytes; surrogates none at all.
    if len(code) > MAX_CODE_BYTES or len(code.encode("utf-8", "replace")) > MAX_CODE_BYTES:
        raise PluginInvalid(plugin.name, 1, f"it is longer than {MAX_CODE_BYTES:,} bytes")
    if any(0xD800 <= ord(character) < 0xE000 or character == "\0" for character in code):
        raise PluginInvalid(plugin.name, 1, "it has characters that are no text")


def hook_lines(code: str) -> dict[Hook, int]:
    """The hooks that the code seems to define, with the line of each, counted from 1; the last one counts."""
    return {Hook(found[1]): code.count("\n", 0, found.start()) + 1 for found in _HOOK.finditer(code)}
