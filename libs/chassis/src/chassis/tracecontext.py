"""The W3C traceparent of the work in hand, with or without an exporter.

https://www.w3.org/TR/trace-context/#traceparent-header: version, trace id, parent id and flags in hex.
"""

import os
import re
from contextvars import ContextVar, Token

from opentelemetry import trace

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_current: ContextVar[str] = ContextVar("labelmesh_traceparent", default="")


def valid(traceparent: object) -> str:
    """The traceparent if it is one, else empty."""
    if isinstance(traceparent, str) and _TRACEPARENT.fullmatch(traceparent):
        return traceparent
    return ""


def fresh(sampled: bool = False) -> str:
    """A traceparent that begins a trace."""
    return f"00-{os.urandom(16).hex()}-{os.urandom(8).hex()}-{'01' if sampled else '00'}"


def current() -> str:
    """The traceparent to hand on: of the recorded span if there is one, else what came in."""
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
    return _current.get()


def current_trace_id() -> str:
    """The trace id in hex, or empty."""
    return current()[3:35]


def enter(traceparent: str) -> Token[str]:
    """Make this the traceparent of the current task; give the token to leave()."""
    return _current.set(traceparent)


def leave(token: Token[str]) -> None:
    """Undo enter()."""
    _current.reset(token)
