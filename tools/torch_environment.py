"""A Python with torch and segment-anything, made once for the tests of the export tool; prints where it is.

Torch is large. Which build pip takes is a matter of its configuration on this machine; one for CPUs is enough.
"""

from pathlib import Path

import fetched
from packages import LOCKS


def python() -> Path:
    """The interpreter of that environment."""
    return fetched.environment("torch", LOCKS / "export.in") / "bin" / "python"


if __name__ == "__main__":
    print(python())
