"""What a supervisor that was killed left running."""

from labelmesh.local.identity import end
from labelmesh.local.programs import BROKER, MODEL_SERVER
from labelmesh.local.state import State

_GRACE_S = 10.0


def end_all(found: State) -> int:
    """End the processes of a state file, if they are still the same; how many. Services go first, as in `stop`."""
    below = [process.identity for process in found.processes if process.name in (BROKER, MODEL_SERVER)]
    services = [process.identity for process in found.processes if process.name not in (BROKER, MODEL_SERVER)]
    return len(end(services, _GRACE_S)) + len(end(below, _GRACE_S))
