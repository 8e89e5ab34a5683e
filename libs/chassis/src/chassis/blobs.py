"""Large contents by their checksum: `blob:sha256/<hex>` in a folder or an object store, on one shelf a tenant."""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import LocalStore, MemoryStore, from_url

from chassis.errors import (
    BlobCorrupt,
    BlobMissing,
    BlobTooLarge,
    BlobUriRefused,
    SettingsRefused,
    StorageFull,
    StorageUnavailable,
)
from chassis.ids import new_uid

#: Largest content that get() hands over unless told otherwise, bytes.
MAX_BYTES = 64 << 20
_URI = re.compile(r"blob:sha256/([0-9a-f]{64})")
_FULL = re.compile(r"No space left|os error 28|quota", re.IGNORECASE)
# Hashing more than this many bytes leaves the event loop.
_HASHED_INLINE = 256 << 10


@dataclass(frozen=True, slots=True)
class Blob:
    """A stored content: its address, SHA-256 in hex and size in bytes."""

    uri: str
    sha256: str
    bytes: int


class Blobs:
    """A store of contents. Each tenant has a shelf of its own: a content is there for nobody but who put it."""

    def __init__(self, url: str) -> None:
        """A store at `file:path`, `memory:`, `s3://bucket/prefix`, `gs://...` or `az://...`.

        Credentials of the clouds come from the environment they define. Raises SettingsRefused.
        """
        self._store: Any = _open(url)
        #: Bodies of events that are too large for the broker; no tenant reads here.
        self.events = Shelf(self._store, "events")

    def of(self, tenant: str) -> "Shelf":
        """The tenant's shelf. Any text names one and no two names share one."""
        name = tenant.encode("utf-8", "surrogatepass")
        # A hash, so that no name can be a path, whatever a store makes of dots, slashes or the case of letters.
        return Shelf(self._store, f"tenants/{hashlib.sha256(name).hexdigest()}")


class Shelf:
    """Contents of one owner, by checksum: what is written once never changes, equal contents are one blob.

    What lies on another shelf is missing here, and nothing done here tells whether it lies there.
    """

    def __init__(self, store: Any, prefix: str) -> None:
        """Made by `Blobs`."""
        self._store = store
        self._prefix = prefix

    async def put(self, data: bytes) -> Blob:
        """Store a content; raises StorageFull and StorageUnavailable."""
        blob = _blob(await _sha256(data), len(data))
        try:
            await obstore.put_async(self._store, self._key(blob.sha256), data)
        except (BaseError, OSError) as error:
            raise _fault(error) from error
        return blob

    async def put_stream(self, chunks: AsyncIterator[bytes], max_bytes: int = MAX_BYTES) -> Blob:
        """Store a content of unknown size chunk by chunk; raises BlobTooLarge beyond max_bytes.

        The content appears under its address only when it is complete.
        """
        digest, size, incoming = hashlib.sha256(), 0, f"{self._prefix}/incoming/{new_uid()}"

        async def measured() -> AsyncIterator[bytes]:
            nonlocal size
            async for chunk in chunks:
                size += len(chunk)
                if size > max_bytes:
                    raise BlobTooLarge(f"The content is larger than {max_bytes} bytes.")
                digest.update(chunk)
                yield chunk

        try:
            await obstore.put_async(self._store, incoming, measured())
            blob = _blob(digest.hexdigest(), size)
            await obstore.rename_async(self._store, incoming, self._key(blob.sha256))
        except BlobTooLarge:
            await self._forget(incoming)
            raise
        except (BaseError, OSError) as error:
            await self._forget(incoming)
            raise _fault(error) from error
        return blob

    async def get(self, uri: str, sha256: str = "", max_bytes: int = MAX_BYTES) -> bytes:
        """The content at the address, checked against its SHA-256.

        Raises BlobUriRefused (not an address of this store, or not of that checksum), BlobMissing,
        BlobTooLarge, BlobCorrupt, StorageUnavailable.
        """
        match = _URI.fullmatch(uri)
        if match is None or (sha256 and sha256.lower() != match[1]):
            raise BlobUriRefused
        try:
            found = await obstore.get_async(self._store, self._key(match[1]))
            if found.meta["size"] > max_bytes:
                raise BlobTooLarge(f"The content is larger than {max_bytes} bytes.")
            data = bytes(await found.bytes_async())
        except (FileNotFoundError, NotFoundError):
            raise BlobMissing from None
        except (BaseError, OSError) as error:
            raise _fault(error) from error
        if await _sha256(data) != match[1]:
            raise BlobCorrupt
        return data

    def _key(self, sha256: str) -> str:
        # 256 folders keep each one small on file systems that mind.
        return f"{self._prefix}/sha256/{sha256[:2]}/{sha256}"

    async def _forget(self, key: str) -> None:
        # An upload that broke off may have left nothing to delete.
        with suppress(BaseError, OSError):
            await obstore.delete_async(self._store, key)


def _open(url: str) -> Any:
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.netloc in ("", "localhost") and parts.path:
        try:
            return LocalStore(Path(parts.path).absolute(), mkdir=True)
        except (BaseError, OSError) as error:
            raise StorageUnavailable(f"The blob folder {parts.path} cannot be used.") from error
    if parts.scheme == "memory":
        return MemoryStore()
    if parts.scheme in ("s3", "gs", "az") and parts.netloc:
        return from_url(url)
    raise SettingsRefused("The blob url must begin with file:, memory:, s3:, gs: or az:.")


def _blob(sha256: str, size: int) -> Blob:
    return Blob(f"blob:sha256/{sha256}", sha256, size)


async def _sha256(data: bytes) -> str:
    if len(data) <= _HASHED_INLINE:
        return hashlib.sha256(data).hexdigest()
    return await asyncio.to_thread(lambda: hashlib.sha256(data).hexdigest())


def _fault(error: Exception) -> StorageFull | StorageUnavailable:
    return StorageFull() if _FULL.search(str(error)) else StorageUnavailable()
