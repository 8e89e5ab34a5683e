"""A bounded store of bytes that all replicas share, in NATS's object store. What it holds may be gone at any moment."""

import asyncio
import base64
import binascii
import hmac
import json
from collections import deque
from hashlib import sha256
from time import monotonic
from types import TracebackType
from typing import Self

from nats.errors import Error as NatsError
from nats.js.api import DiscardPolicy, ObjectMeta, ObjectMetaOptions, StorageType, StreamConfig
from nats.js.errors import APIError, NotFoundError
from nats.js.errors import Error as JetStreamError
from nats.js.object_store import ObjectStore as NatsObjects
from prometheus_client import Counter

from chassis.connection import Bus
from chassis.errors import BrokerUnavailable
from chassis.log import get_logger

#: Largest object, bytes; a quarter of the store at most, so that one never evicts all others.
MAX_OBJECT_BYTES = 64 << 20
#: What may wait to be stored, bytes; more is dropped.
MAX_WAITING_BYTES = 64 << 20
_GET_SECONDS = 1.0
_PUT_SECONDS = 10.0
# After a call that took too long the broker is left alone for so long.
_REST_SECONDS = 5.0
# Few enough round trips for an object, and below the broker's largest message.
_CHUNK_BYTES = 512 << 10
_SMALLEST_STORE = 16 << 20
_STREAM_EXISTS_DIFFERENTLY = 10058
_NO_ROOM_TO_RESERVE = 10047
_DIGEST = "SHA-256="
_AWAY = (NatsError, JetStreamError, BrokerUnavailable, TimeoutError, OSError)
# What an object's description or its bytes may be when somebody else wrote them.
_UNREADABLE = (ValueError, TypeError, KeyError, binascii.Error)

STORED = Counter(
    "labelmesh_objects_stored",
    "Objects that were to be shared, by what became of them.",
    ["bucket", "outcome"],
)
_log = get_logger(__name__)


class ObjectStore:
    """Best effort throughout: what fails is a miss, or is not kept. An async context manager, one a bucket.

    The oldest objects go first when the store is full, and each after `ttl_seconds`.
    """

    def __init__(self, bus: Bus, bucket: str, max_bytes: int, ttl_seconds: float) -> None:
        """`bucket` of letters, digits, _ and -; it is made or adjusted to these limits when it is first used."""
        self._bus = bus
        self._bucket = bucket
        self._stream = f"OBJ_{bucket}"
        self._max_bytes = max_bytes
        self._ttl_seconds = ttl_seconds
        self._ready_for = -1
        self._rest_until = 0.0
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._waiting_bytes = 0
        self._arrived = asyncio.Event()
        self._stopped = False
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._store(), name=f"objects of {self._bucket}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """What still waits is not stored."""
        # The client library swallows a cancellation where it flushes, so the loop looks for itself as well.
        self._stopped = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def get(self, name: str) -> bytes | None:
        """The bytes stored under that name; None when there are none, or within a second when the broker is away."""
        if monotonic() < self._rest_until:
            return None
        try:
            async with asyncio.timeout(_GET_SECONDS):
                try:
                    return await self._read(name)
                except NotFoundError:
                    # Or it was replaced while it was read, which takes the chunks of the old one away.
                    return await self._read(name)
        except NotFoundError:
            return None
        except TimeoutError:
            self._rest_until = monotonic() + _REST_SECONDS
            return None
        except (*_AWAY, *_UNREADABLE):
            return None

    def put_soon(self, name: str, data: bytes) -> None:
        """Store the bytes in the background; too many or too large ones are dropped."""
        if not data or len(data) > min(MAX_OBJECT_BYTES, self._max_bytes // 4):
            STORED.labels(self._bucket, "too_large").inc()
        elif self._waiting_bytes + len(data) > MAX_WAITING_BYTES:
            STORED.labels(self._bucket, "dropped").inc()
        else:
            self._waiting.append((name, data))
            self._waiting_bytes += len(data)
            self._arrived.set()

    async def _store(self) -> None:
        while not self._stopped:
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting and not self._stopped:
                name, data = self._waiting.popleft()
                try:
                    outcome = await self._put(name, data)
                finally:
                    self._waiting_bytes -= len(data)
                STORED.labels(self._bucket, outcome).inc()

    async def _put(self, name: str, data: bytes) -> str:
        """How it went. One that comes while the broker is away is lost: the next replica makes it anew."""
        try:
            async with asyncio.timeout(_PUT_SECONDS):
                await self._make()
                objects = NatsObjects(self._bucket, self._stream, self._bus.js)
                options = ObjectMetaOptions(max_chunk_size=_CHUNK_BYTES)
                await objects.put(name, data, ObjectMeta(name=name, options=options))
        except (*_AWAY, *_UNREADABLE) as error:
            self._ready_for = -1  # It may have been deleted.
            _log.debug("object not stored", bucket=self._bucket, error=type(error).__name__)
            return "failed"
        return "stored"

    async def _read(self, name: str) -> bytes | None:
        """Chunk by chunk with direct gets, which leave nothing behind on the broker when they are given up."""
        js = self._bus.js
        key = base64.urlsafe_b64encode(name.encode()).decode()
        described = await js.get_msg(self._stream, subject=f"$O.{self._bucket}.M.{key}", direct=True)
        info = json.loads(described.data or b"")
        size, chunks = int(info["size"]), f"$O.{self._bucket}.C.{info['nuid']}"
        if info.get("deleted") or not 0 < size <= MAX_OBJECT_BYTES:
            return None
        data = bytearray()
        seq = 1
        while len(data) < size:
            # The last chunks can be there when the first are not any more; the digest finds it.
            chunk = await js.get_msg(self._stream, seq=seq, subject=chunks, direct=True, next=True)
            data += chunk.data or b""
            seq = int(chunk.seq or 0) + 1
        digest = base64.urlsafe_b64decode(info["digest"].removeprefix(_DIGEST))
        return bytes(data) if hmac.compare_digest(sha256(data).digest(), digest) else None

    async def _make(self) -> None:
        """Make sure that the bucket exists with these limits, once a connection."""
        generation = self._bus.generation
        if generation == self._ready_for:
            return
        config = StreamConfig(
            name=self._stream,
            subjects=[f"$O.{self._bucket}.C.>", f"$O.{self._bucket}.M.>"],
            storage=StorageType.FILE,
            # The client library's own way of making a bucket refuses new objects when it is full.
            discard=DiscardPolicy.OLD,
            max_age=self._ttl_seconds,
            max_bytes=self._max_bytes,
            allow_rollup_hdrs=True,
            allow_direct=True,
        )
        await self._add(config)
        self._ready_for = generation

    async def _add(self, config: StreamConfig) -> None:
        js = self._bus.js
        while True:
            try:
                await js.add_stream(config)
                return
            except APIError as error:
                if error.err_code == _STREAM_EXISTS_DIFFERENTLY:
                    break
                if error.err_code != _NO_ROOM_TO_RESERVE or (config.max_bytes or 0) < 2 * _SMALLEST_STORE:
                    raise
                config.max_bytes = (config.max_bytes or 0) // 2
        try:
            await js.update_stream(config)
        except APIError as error:
            # For instance kept in memory, or less room on the broker than wished: usable as it is.
            _log.warning("bucket keeps its settings", bucket=self._bucket, code=error.err_code)
