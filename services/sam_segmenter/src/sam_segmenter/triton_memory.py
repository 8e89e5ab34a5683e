"""Memory that this process and a Triton on the same host both see: a picture goes in, its embedding comes out."""

import mmap
import os
import secrets
from pathlib import Path

import numpy as np

from sam_segmenter.encoder import Half
from sam_segmenter.encoder_graph import EMBEDDING_SHAPE
from sam_segmenter.frame import SIDE_PX, Pixels

SQUARE_BYTES = SIDE_PX * SIDE_PX * 3
EMBEDDING_BYTES = 2 * EMBEDDING_SHAPE[0] * EMBEDDING_SHAPE[1] * EMBEDDING_SHAPE[2]
SLOT_BYTES = SQUARE_BYTES + EMBEDDING_BYTES
# Where Linux keeps POSIX shared memory, which is what Triton opens by name.
_FOLDER = Path("/dev/shm")  # noqa: S108 - made exclusively, for this user alone, under a random name


class Slot:
    """Room for one picture (the first 3 MiB) and its embedding (the 2 MiB behind it), for one request at a time."""

    def __init__(self) -> None:
        """Raises OSError when there is no memory of that kind, or none left."""
        self.name = f"labelmesh-sam-{os.getpid()}-{secrets.token_hex(8)}"
        self._path = _FOLDER / self.name
        descriptor = os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        try:
            # Takes the pages now: a full file system is an error here instead of a signal at the first write.
            os.posix_fallocate(descriptor, 0, SLOT_BYTES)
            self._memory = mmap.mmap(descriptor, SLOT_BYTES)
        except BaseException:
            self.unlink()
            raise
        finally:
            os.close(descriptor)

    def write(self, square: Pixels) -> None:
        """Put a picture in."""
        pixels = np.frombuffer(self._memory, np.uint8, SQUARE_BYTES)
        pixels[:] = square.reshape(-1)

    def read(self) -> Half:
        """A copy of the embedding."""
        values = np.frombuffer(self._memory, np.float16, EMBEDDING_BYTES // 2, SQUARE_BYTES)
        return values.reshape(EMBEDDING_SHAPE).copy()

    def unlink(self) -> None:
        """Take the name away. Whoever has opened the memory keeps it, and nothing is left behind if we are killed."""
        self._path.unlink(missing_ok=True)

    def close(self) -> None:
        """Give the memory back; what Triton still writes goes nowhere."""
        self.unlink()
        self._memory.close()
