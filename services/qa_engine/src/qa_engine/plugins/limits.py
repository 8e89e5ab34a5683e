"""How much of the machine a plugin may take."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one plugin's work; the defaults are those of a running service.

    `seconds` is processor time for one label, and for as many as are asked together. `deaths` is how many labels of
    a batch may end the plugin before the others are left out. `reply_bytes` is what one label's answer may take.
    """

    seconds: float = 1.0
    memory_bytes: int = 128 << 20
    depth: int = 200
    deaths: int = 3
    labels: int = 256
    input_bytes: int = 4 << 20
    largest_input_bytes: int = 16 << 20
    reply_bytes: int = 256 << 10
    batch_seconds: float = 20.0
    workers: int = 2
    wait_seconds: float = 60.0
