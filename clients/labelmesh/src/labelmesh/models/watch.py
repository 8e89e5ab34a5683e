"""Who follows a download: how far it is, what is worth saying, and whether to go on."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field


def _nobody(_: object) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Watch:
    """`on_bytes` gets the bytes that are there so far, of the model's size; it never goes backwards by much
    but may when a damaged part is dropped. `on_notice` gets one sentence. Setting `stop` ends the download
    soon, with what is finished kept. Both are called from worker threads, one at a time.
    """

    on_bytes: Callable[[int], None] = _nobody
    on_notice: Callable[[str], None] = _nobody
    stop: threading.Event = field(default_factory=threading.Event)
