"""Ctrl-C and SIGTERM: the first asks to stop, the second insists."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def stop_signals(insist: Callable[[], object]) -> Iterator[Callable[[], bool]]:
    """Cancel the current task at the first SIGINT or SIGTERM, call `insist` at every later one.

    The value is a function that says whether the first has come: the task was cancelled by the user and by nobody
    else. What handled the signals before is restored at the end.
    """
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    seen = 0

    def handle() -> None:
        nonlocal seen
        seen += 1
        if seen > 1:
            insist()
        elif task is not None:
            task.cancel()

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in numbers}
    for number in numbers:
        loop.add_signal_handler(number, handle)
    try:
        yield lambda: seen > 0
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
            signal.signal(number, before[number])
