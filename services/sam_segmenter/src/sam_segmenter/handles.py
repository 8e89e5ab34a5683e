"""Logits of earlier answers behind expiring handles, so that a refining click need not send them back.

A handle is random and carries a signature over itself and its tenant. So one that was ours and is no longer held, for
instance because another replica answered, is told from one that never was the caller's.
"""

import base64
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from sam_segmenter.errors import LogitsNotFound
from sam_segmenter.frame import Floats, Region

LIFE_SECONDS = 600.0
_RANDOM_BYTES = 15
_MAC_BYTES = 15


@dataclass(frozen=True, slots=True)
class Logits:
    """A decoder's answer 256 x 256 in half precision, and the picture's region that it is for."""

    values: NDArray[np.float16]
    image_sha256: str
    region: Region

    @property
    def bytes(self) -> int:
        """Size in memory."""
        return self.values.nbytes


class LogitsStore:
    """At most `capacity_bytes` of logits, the oldest out first, each for at most ten minutes."""

    def __init__(self, capacity_bytes: int, secret: bytes, clock: Callable[[], float] = monotonic) -> None:
        """Replicas that share `secret` recognise each other's handles."""
        self._capacity = capacity_bytes
        self._secret = secret
        self._clock = clock
        self._held: OrderedDict[str, tuple[float, Logits]] = OrderedDict()
        self.bytes = 0

    def put(self, tenant: str, values: Floats, image_sha256: str, region: Region) -> str:
        """Keep logits; the handle for them."""
        # Beyond this a sigmoid is 0 or 1 in half precision anyway, and nothing becomes infinite.
        logits = Logits(np.clip(values, -100, 100).astype(np.float16), image_sha256, region)
        random = secrets.token_bytes(_RANDOM_BYTES)
        handle = _text(random + self._mac(tenant, random))
        self._held[handle] = (self._clock() + LIFE_SECONDS, logits)
        self.bytes += logits.bytes
        self._shrink()
        return handle

    def get(self, tenant: str, handle: str) -> Logits | None:
        """The logits; None when they were the tenant's but are no longer held. Raises LogitsNotFound."""
        try:
            raw = base64.urlsafe_b64decode(handle.encode("ascii"))
        except ValueError:
            raise LogitsNotFound from None
        random, mac = raw[:_RANDOM_BYTES], raw[_RANDOM_BYTES:]
        if not hmac.compare_digest(mac, self._mac(tenant, random)):
            raise LogitsNotFound
        self._shrink()
        found = self._held.get(handle)
        return found[1] if found else None

    def _mac(self, tenant: str, random: bytes) -> bytes:
        return hmac.digest(self._secret, tenant.encode() + b"\x00" + random, "sha256")[:_MAC_BYTES]

    def _shrink(self) -> None:
        """Drop what is too old or too much; all live equally long, so the oldest expire first."""
        now = self._clock()
        while self._held:
            expire, logits = next(iter(self._held.values()))
            if expire > now and self.bytes <= self._capacity:
                return
            self._held.popitem(last=False)
            self.bytes -= logits.bytes


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode("ascii")
