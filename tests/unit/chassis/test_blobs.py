"""The blob store: contents by checksum, and what it refuses."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chassis.blobs import Blobs
from chassis.errors import (
    BlobCorrupt,
    BlobMissing,
    BlobTooLarge,
    BlobUriRefused,
    SettingsRefused,
    StorageUnavailable,
)


@pytest.fixture(params=["file", "memory"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    return Blobs(f"file:{tmp_path}/store" if request.param == "file" else "memory:")


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


@pytest.mark.parametrize("data", [b"", b"hello", b"x" * 1_000_000])
async def test_what_is_put_can_be_got(blobs: Blobs, data: bytes) -> None:
    blob = await blobs.put(data)
    digest = hashlib.sha256(data).hexdigest()
    assert (blob.uri, blob.sha256, blob.bytes) == (f"blob:sha256/{digest}", digest, len(data))
    assert await blobs.get(blob.uri, blob.sha256, max(1, len(data))) == data
    assert await blobs.put(data) == blob
    assert await blobs.put_stream(chunks(data[:7], data[7:]), 2_000_000) == blob


async def test_a_stream_that_is_too_long_leaves_nothing(tmp_path: Path) -> None:
    blobs = Blobs(f"file:{tmp_path}")
    with pytest.raises(BlobTooLarge):
        await blobs.put_stream(chunks(*[b"x" * 1000] * 50), 20_000)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


async def test_a_stream_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * 1000
        raise StorageUnavailable

    with pytest.raises(StorageUnavailable):
        await Blobs(f"file:{tmp_path}").put_stream(broken(), 20_000)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


async def test_missing_and_large_contents(blobs: Blobs) -> None:
    blob = await blobs.put(b"12345")
    with pytest.raises(BlobTooLarge):
        await blobs.get(blob.uri, blob.sha256, 4)
    with pytest.raises(BlobMissing):
        await blobs.get("blob:sha256/" + "0" * 64, "0" * 64)


async def test_changed_content_is_noticed(tmp_path: Path) -> None:
    blobs = Blobs(f"file:{tmp_path}")
    blob = await blobs.put(b"true")
    (path,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    path.write_bytes(b"fake")
    with pytest.raises(BlobCorrupt):
        await blobs.get(blob.uri, blob.sha256)


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "file:///etc/passwd",
        "https://example.org/x",
        "blob:sha256/../../etc/passwd",
        "blob:sha256/" + "A" * 64,
        "blob:sha256/" + "a" * 63,
        "blob:sha256/" + "a" * 64 + "/../x",
        "blob:sha256/" + "a" * 64 + "\n",
        "blob:md5/" + "a" * 64,
    ],
)
async def test_foreign_addresses_are_refused(blobs: Blobs, uri: str) -> None:
    with pytest.raises(BlobUriRefused):
        await blobs.get(uri)


async def test_a_checksum_of_something_else_is_refused(blobs: Blobs) -> None:
    blob = await blobs.put(b"one")
    other = await blobs.put(b"two")
    with pytest.raises(BlobUriRefused):
        await blobs.get(blob.uri, other.sha256)


@pytest.mark.parametrize("url", ["", "ftp://x", "s3://", "/plain/path", "file://elsewhere/path"])
def test_other_stores_are_refused(url: str) -> None:
    with pytest.raises(SettingsRefused):
        Blobs(url)
