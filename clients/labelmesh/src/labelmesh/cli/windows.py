"""How long a window is, as people write it: 90m, 24h, 7d, 4w."""

import re
import time

from labelmesh.cli.errors import UserError

_MINUTES = {"m": 1, "h": 60, "d": 1_440, "w": 10_080}


def start_of(window: str) -> int:
    """When a window that ends now began, microseconds since the epoch; 0 for no window. Raises UserError."""
    if not window:
        return 0
    found = re.fullmatch(r"(\d{1,5})([mhdw])", window.strip().lower())
    if found is None or not int(found[1]):
        raise UserError(f'"{window}" is no length of time; write 90m, 24h, 7d or 4w.')
    return max(1, int((time.time() - int(found[1]) * _MINUTES[found[2]] * 60) * 1e6))
