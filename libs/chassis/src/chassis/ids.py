"""Identifiers that sort by the time they were made."""

import os
import threading
import time

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]
_RANDOM_BITS = 80
_lock = threading.Lock()
_last_ms = 0
_last_random = 0


def new_uid() -> str:
    """A ULID: 26 characters of Crockford base 32, 48 bits of milliseconds and 80 of chance.

    Ids made by one process grow strictly: inside one millisecond the random part counts up, as
    https://github.com/ulid/spec describes under monotonicity.
    """
    global _last_ms, _last_random
    with _lock:
        ms = time.time_ns() // 1_000_000
        if ms > _last_ms:
            _last_ms, _last_random = ms, int.from_bytes(os.urandom(10)) >> 1
        else:
            _last_random += 1
        value = (_last_ms << _RANDOM_BITS) + _last_random
    return "".join([_PAIRS[(value >> shift) & 1023] for shift in range(120, -1, -10)])


new_id = new_uid
