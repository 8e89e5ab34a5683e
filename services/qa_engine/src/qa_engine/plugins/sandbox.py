"""Worker processes that run plugins without files, network or more than their share of the machine."""

from datetime import UTC, datetime
from functools import cache
from threading import Lock

from pydantic_monty import (
    Monty,
    MontyCrashedError,
    MontyRuntimeError,
    MontySession,
    MontySyntaxError,
    OSPolicy,
    ResourceLimits,
)

from qa_engine.plugins.errors import (
    PluginCrashed,
    PluginFailed,
    PluginInvalid,
    PluginOutOfMemory,
    PluginStopped,
    PluginTimedOut,
    PluginTooDeep,
)
from qa_engine.plugins.limits import Limits
from qa_engine.plugins.plugin import Hook, Plugin, check_code, hook_lines
from qa_engine.plugins.prelude import PRELUDE

_CODE_FILE = "<python-input-1>"
"""The prelude is the session's first text, the plugin its second."""
_SUSPENSIONS = 5_000
# What a plugin says must not hang on when and where it is asked: a backtest finds what the live rule found.
_SAME_EVERYWHERE: OSPolicy = {
    "datetime": datetime(1970, 1, 1, tzinfo=UTC),
    "timezone": "utc",
    "sleep": "zero",
    "random_start": {"seed": 0},
}
DEATHS: dict[str, type[PluginFailed]] = {
    "TimeoutError": PluginTimedOut,
    "MemoryError": PluginOutOfMemory,
    "RecursionError": PluginTooDeep,
}
"""Errors of the sandbox's Python that say which limit was reached."""


class Sandbox:
    """A pool of workers, started when the first plugin is asked; safe to use from several threads."""

    def __init__(self, limits: Limits = Limits()) -> None:  # noqa: B008 - frozen
        self.limits = limits
        self._pool: Monty | None = None
        self._starting = Lock()

    def close(self) -> None:
        """End the workers; the next plugin starts new ones."""
        with self._starting:
            if self._pool is not None:
                self._pool.__exit__(None, None, None)
                self._pool = None

    def hooks(self, plugin: Plugin) -> frozenset[Hook]:
        """The hooks that a plugin defines.

        Raises PluginInvalid, PluginTimedOut, PluginOutOfMemory, PluginTooDeep or PluginCrashed with the line.
        """
        check_code(plugin)
        lines = hook_lines(plugin.code)
        try:
            with self.session() as session:
                load(session, plugin)
                if not lines:
                    raise PluginInvalid(plugin.name, 1, f"it defines none of {', '.join(Hook)}")
                for hook, line in lines.items():
                    _check_hook(session, plugin, hook, line)
        except MontyCrashedError as error:
            kind = PluginTimedOut if error.timed_out else PluginCrashed
            raise kind(plugin.name, 1) from None
        except TimeoutError:
            raise PluginStopped(plugin.name, 0, "no worker was free") from None
        return frozenset(lines)

    def session(self) -> MontySession:
        """A session of one plugin in a worker of its own, which later sessions of others may use again.

        TimeoutError when none becomes free.
        """
        with self._starting:
            if self._pool is None:
                self._pool = Monty(
                    min_processes=1,
                    max_processes=self.limits.workers,
                    checkout_timeout=self.limits.wait_seconds,
                    request_timeout=self.limits.seconds + 5.0,
                    max_checkouts_per_worker=1_000,
                )
                self._pool.__enter__()
            limits: ResourceLimits = {
                "max_feed_duration_secs": self.limits.seconds,
                "max_memory": self.limits.memory_bytes,
                "max_recursion_depth": self.limits.depth,
                "max_suspensions": _SUSPENSIONS,
            }
            return self._pool.checkout(
                limits=limits, os_policy=_SAME_EVERYWHERE, assert_message_annotations=False
            )


@cache
def shared() -> Sandbox:
    """The process's own sandbox; workers are a thing of the process, as its threads are."""
    return Sandbox()


def nobody(_stream: object, _text: str) -> None:
    """Hears nothing of what is printed."""


def _check_hook(session: MontySession, plugin: Plugin, hook: Hook, line: int) -> None:
    try:
        found = session.feed_run(f"type({hook.value}).__name__", print_callback=nobody)
    except MontyRuntimeError:
        found = None
    if found != "function":
        raise PluginInvalid(plugin.name, line, f"{hook.value} is no function")


def load(session: MontySession, plugin: Plugin) -> None:
    """Put the prelude and the plugin into a session; raises PluginFailed."""
    session.feed_run(PRELUDE, print_callback=nobody)
    try:
        session.feed_run(plugin.code, print_callback=nobody)
    except MontySyntaxError as error:
        # The parser speaks of the code, which is the customer's own and no asset's.
        raise PluginInvalid(plugin.name, line_of(error) or 1, _plain(str(error)), "SyntaxError") from None
    except MontyRuntimeError as error:
        kind = type(error.exception()).__name__
        said = _plain(str(error).partition(":")[2]) if kind == "NotImplementedError" else kind
        failure = DEATHS.get(kind, PluginInvalid)
        raise failure(plugin.name, line_of(error) or 1, said, kind) from None


def line_of(error: MontySyntaxError | MontyRuntimeError) -> int:
    """The innermost line of the plugin's own text, counted from 1; 0 where none is known."""
    for frame in reversed(error.traceback()):
        if frame.filename == _CODE_FILE:
            return frame.line
    return 0


def _plain(text: str) -> str:
    """One line of at most 200 characters."""
    return " ".join(text.split())[:200].removesuffix(".")
