"""Large content by hash, in a folder or a bucket."""

import hashlib
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlparse

import obstore
from obstore.store import LocalStore, MemoryStore, ObjectStore, from_url

from chassis.errors import BlobCorrupt, BlobMissing, BlobTooLarge, BlobUriRefused, SettingsRefused, StorageUnavailable

_URI = re.compile(r"blob:sha256/([0-9a-f]{64})\Z")


class Blob(NamedTuple):
    """Where content lies, its SHA-256 and its size in bytes."""

    uri: str
    sha256: str
    size_bytes: int


class Blobs:
    """Content addressed by its SHA-256; the same bytes are kept once."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    @classmethod
    def open(cls, url: str) -> "Blobs":
        """Open `file:///folder` (made when missing), `memory:///` or a bucket's URL; raises SettingsRefused."""
        if url.startswith("file:"):
            folder = Path(urlparse(url).path)
            folder.mkdir(parents=True, exist_ok=True)
            return cls(LocalStore(folder))
        if url.startswith("memory:"):
            return cls(MemoryStore())
        try:
            return cls(from_url(url))
        except Exception:
            raise SettingsRefused("blob_url is not an address of a folder or a bucket.") from None

    async def put(self, data: bytes) -> Blob:
        """Keep content; returns where."""
        digest = hashlib.sha256(data).hexdigest()
        try:
            await obstore.put_async(self._store, _path(digest), data)
        except OSError as error:
            raise StorageUnavailable("The blob store does not take content.") from error
        return Blob(f"blob:sha256/{digest}", digest, len(data))

    async def put_stream(self, chunks: AsyncIterator[bytes], max_bytes: int) -> Blob:
        """Keep content that comes in pieces; raises BlobTooLarge before more than max_bytes are held."""
        data = bytearray()
        async for chunk in chunks:
            data += chunk
            if len(data) > max_bytes:
                raise BlobTooLarge(f"The content is larger than {max_bytes} bytes.")
        return await self.put(bytes(data))

    async def get(self, uri: str, sha256: str, max_bytes: int) -> bytes:
        """Content by its address; raises BlobUriRefused, BlobMissing, BlobTooLarge or BlobCorrupt."""
        match = _URI.match(uri)
        if match is None or match[1] != sha256:
            raise BlobUriRefused
        try:
            result = await obstore.get_async(self._store, _path(sha256))
        except FileNotFoundError:
            raise BlobMissing from None
        if result.meta["size"] > max_bytes:
            raise BlobTooLarge(f"The content is larger than {max_bytes} bytes.")
        data = bytes(await result.bytes_async())
        if hashlib.sha256(data).hexdigest() != sha256:
            raise BlobCorrupt
        return data


def _path(digest: str) -> str:
    return f"sha256/{digest[:2]}/{digest}"
