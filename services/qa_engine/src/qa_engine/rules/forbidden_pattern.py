"""Spans do not quote what must not be labelled."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import re2

from labels.label import Finding, Label, Severity, Span
from qa_engine.rule import Context, TextParameter, rule

_MAX_MEMORY = 1 << 20


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> Any:
    """The pattern, of the kind that is matched in time proportional to the text; raises ValueError."""
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MAX_MEMORY
    try:
        return re2.compile(pattern, options=options)
    except re2.error:
        raise ValueError("is not a regular expression in RE2's syntax, or too large a one") from None


PATTERNS = TextParameter(
    "patterns",
    (),
    "Regular expressions in RE2's syntax, which knows no look-around and no back-references.",
    accept=compiled,
)
TOOLS = TextParameter("tools", (), "Tools whose spans are looked at; none means all.")


@rule("forbidden_pattern", severity=Severity.WARNING, parameters=(PATTERNS, TOOLS), enabled=False)
def forbidden_pattern(label: Label, context: Context) -> Iterator[Finding]:
    """No span has one of the patterns in its characters."""
    tools = context.texts(TOOLS)
    patterns = [compiled(pattern) for pattern in context.texts(PATTERNS)]
    for annotation in label.annotations:
        if isinstance(annotation.value, Span) and (not tools or annotation.tool in tools):
            for number, pattern in enumerate(patterns, 1):
                if pattern.search(annotation.value.text):
                    # The pattern may be about secrets, so it is named by its place.
                    yield context.finding(f"The span matches the forbidden pattern {number}.", annotation.id)
