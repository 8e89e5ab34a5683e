"""A bounded cache of what the decoder needs of a picture: least recently used out first, by bytes, one maker a key."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from prometheus_client import Counter, Gauge

from sam_segmenter.decoder import Features
from sam_segmenter.frame import Region
from sam_segmenter.sharpness import BYTES as SHARPNESS_BYTES
from sam_segmenter.sharpness import CELLS, Sharpness

_SHAPE = (256, 64, 64)
# Embeddings that are made at once: each holds a picture or a dozen megabytes meanwhile, beside what the cache may hold.
_MAKERS = 4
_BYTES = 2 * 256 * 64 * 64

LOOKUPS = Counter("labelmesh_sam_segmenter_embeddings", "Embeddings asked for, by where they were.", ["tier"])
HELD = Gauge("labelmesh_sam_segmenter_embedding_bytes", "Bytes of embeddings in this process.")


class Tier(StrEnum):
    """Where an embedding was found."""

    MEMORY = "MEMORY"
    SHARED = "SHARED"
    ENCODED = "ENCODED"


_Made = tuple[Features, Tier]


@dataclass(frozen=True, slots=True)
class Encoded:
    """What encoding makes of a region of a picture: the embedding, half precision 256 x 64 x 64, and its sharpness."""

    embedding: NDArray[np.float16]
    sharpness: Sharpness

    def to_bytes(self) -> bytes:
        """As it travels to the shared tier."""
        return self.embedding.tobytes() + self.sharpness.cells.tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Encoded | None":
        """None when the bytes are of another size."""
        if len(data) != _BYTES + SHARPNESS_BYTES:
            return None
        halves = np.frombuffer(data, dtype=np.float16)
        edge = _BYTES // 2
        return cls(halves[:edge].reshape(_SHAPE), Sharpness(halves[edge:].reshape(CELLS, CELLS)))


@dataclass(frozen=True, slots=True)
class Key:
    """What an embedding depends on, and whose it is: nothing is ever found under another tenant's key."""

    tenant: str
    image_sha256: str
    model_sha256: str
    region: Region
    preprocessing: str

    @property
    def name(self) -> str:
        """The key as 64 hexadecimal digits; tells nothing of what it is made from."""
        r = self.region
        parts = (
            self.tenant,
            self.image_sha256,
            self.model_sha256,
            f"{r.x_px},{r.y_px},{r.width_px},{r.height_px}",
            self.preprocessing,
        )
        return sha256("\x00".join(parts).encode()).hexdigest()


class Shared(Protocol):
    """The second tier. Both calls are best effort: what fails is a miss, or is not kept."""

    async def get(self, name: str) -> bytes | None:
        """The bytes kept under that name."""
        ...

    def put_soon(self, name: str, data: bytes) -> None:
        """Keep the bytes, without waiting for it."""
        ...


class Nowhere:
    """No second tier."""

    async def get(self, name: str) -> bytes | None:
        """Always a miss."""
        return None

    def put_soon(self, name: str, data: bytes) -> None:
        """Keeps nothing."""


class Embeddings:
    """`get` makes what is missing, once however many ask; at most `capacity_bytes` are held between calls."""

    def __init__(
        self, capacity_bytes: int, shared: Shared, prepare: Callable[[Encoded], Awaitable[Features]]
    ) -> None:
        """`prepare` turns what was encoded into what the decoder wants of it."""
        self._capacity = capacity_bytes
        self._shared = shared
        self._prepare = prepare
        self._held: OrderedDict[Key, Features] = OrderedDict()
        self._under_way: dict[Key, asyncio.Task[_Made]] = {}
        self._makers = asyncio.Semaphore(_MAKERS)
        self._waiting: dict[asyncio.Task[_Made], int] = {}
        self.bytes = 0

    def peek(self, key: Key) -> bool:
        """Whether it is in this process, without touching its place in the order."""
        return key in self._held

    async def get(self, key: Key, encode: Callable[[], Awaitable[Encoded]], *, keep: bool = True) -> _Made:
        """What the decoder needs, and where it was. `encode` is called when it is nowhere; its errors are raised.

        With `keep` false nothing is held in either tier of what was made for this call.
        """
        found = self._held.get(key)
        if found is not None:
            self._held.move_to_end(key)
            LOOKUPS.labels(Tier.MEMORY).inc()
            return found, Tier.MEMORY
        task = self._under_way.get(key)
        if task is None:
            task = self._under_way[key] = asyncio.create_task(self._make(key, encode, keep))
            task.add_done_callback(lambda done: self._forget(key, done))
        features, tier = await self._wait(key, task)
        LOOKUPS.labels(tier).inc()
        return features, tier

    async def _wait(self, key: Key, task: "asyncio.Task[_Made]") -> _Made:
        """Wait for work that others may wait for too: it ends when the last of them gives up."""
        self._waiting[task] = self._waiting.get(task, 0) + 1
        try:
            return await asyncio.shield(task)
        finally:
            self._waiting[task] -= 1
            if not self._waiting[task]:
                del self._waiting[task]
                # Whoever asks from now on starts anew instead of joining what is being cancelled.
                self._forget(key, task)
                task.cancel()

    def _forget(self, key: Key, task: "asyncio.Task[_Made]") -> None:
        if self._under_way.get(key) is task:
            del self._under_way[key]

    async def _make(self, key: Key, encode: Callable[[], Awaitable[Encoded]], keep: bool) -> _Made:
        async with self._makers:
            return await self._made(key, encode, keep)

    async def _made(self, key: Key, encode: Callable[[], Awaitable[Encoded]], keep: bool) -> _Made:
        name = key.name
        data = await self._shared.get(name)
        encoded, tier = Encoded.from_bytes(data) if data else None, Tier.SHARED
        if encoded is None:
            encoded, tier = await encode(), Tier.ENCODED
            if keep:
                self._shared.put_soon(name, encoded.to_bytes())
        features = await self._prepare(encoded)
        if keep:
            self._keep(key, features)
        return features, tier

    def _keep(self, key: Key, features: Features) -> None:
        if key in self._held or features.bytes > self._capacity:
            return
        while self.bytes + features.bytes > self._capacity:
            _, oldest = self._held.popitem(last=False)
            self.bytes -= oldest.bytes
        self._held[key] = features
        self.bytes += features.bytes
        HELD.set(self.bytes)
