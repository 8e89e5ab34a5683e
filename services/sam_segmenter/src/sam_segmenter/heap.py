"""How this process takes memory: pictures and embeddings are large, come and go, and must leave nothing behind."""

import ctypes
import ctypes.util
from contextlib import suppress

# Of glibc's malloc.h.
_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8
_MMAP_BYTES = 512 << 10
_ARENAS = 2


def settle() -> None:
    """Take large pieces from the system one by one, so that they go back to it when they are freed.

    Left alone, glibc soon takes pieces of up to 32 MiB from heaps of its own, one a thread, and what lies between two
    cached embeddings is lost: under 32 users resident memory grew to 1.5 GiB instead of 1.1. Does nothing where the C
    library is another one.
    """
    with suppress(OSError, AttributeError, TypeError):
        mallopt = ctypes.CDLL(ctypes.util.find_library("c")).mallopt
        mallopt(_M_MMAP_THRESHOLD, _MMAP_BYTES)
        mallopt(_M_ARENA_MAX, _ARENAS)
