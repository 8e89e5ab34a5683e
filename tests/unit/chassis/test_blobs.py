"""The blob store: contents by checksum, and what it refuses."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chassis.blobs import Blobs, Shelf
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


@pytest.fixture
def shelf(blobs: Blobs) -> Shelf:
    return blobs.of("ann")


def folder(path: Path) -> Shelf:
    return Blobs(f"file:{path}").of("ann")


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


@pytest.mark.parametrize("data", [b"", b"hello", b"x" * 1_000_000])
async def test_what_is_put_can_be_got(shelf: Shelf, data: bytes) -> None:
    blob = await shelf.put(data)
    digest = hashlib.sha256(data).hexdigest()
    assert (blob.uri, blob.sha256, blob.bytes) == (f"blob:sha256/{digest}", digest, len(data))
    assert await shelf.get(blob.uri, blob.sha256, max(1, len(data))) == data
    assert await shelf.put(data) == blob
    assert await shelf.put_stream(chunks(data[:7], data[7:]), 2_000_000) == blob


async def test_a_stream_that_is_too_long_leaves_nothing(tmp_path: Path) -> None:
    shelf = folder(tmp_path)
    with pytest.raises(BlobTooLarge):
        await shelf.put_stream(chunks(*[b"x" * 1000] * 50), 20_000)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


async def test_a_stream_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * 1000
        raise StorageUnavailable

    with pytest.raises(StorageUnavailable):
        await folder(tmp_path).put_stream(broken(), 20_000)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


async def test_missing_and_large_contents(shelf: Shelf) -> None:
    blob = await shelf.put(b"12345")
    with pytest.raises(BlobTooLarge):
        await shelf.get(blob.uri, blob.sha256, 4)
    with pytest.raises(BlobMissing):
        await shelf.get("blob:sha256/" + "0" * 64, "0" * 64)


async def test_changed_content_is_noticed(tmp_path: Path) -> None:
    shelf = folder(tmp_path)
    blob = await shelf.put(b"true")
    (path,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    path.write_bytes(b"fake")
    with pytest.raises(BlobCorrupt):
        await shelf.get(blob.uri, blob.sha256)


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
async def test_foreign_addresses_are_refused(shelf: Shelf, uri: str) -> None:
    with pytest.raises(BlobUriRefused):
        await shelf.get(uri)


async def test_a_checksum_of_something_else_is_refused(shelf: Shelf) -> None:
    blob = await shelf.put(b"one")
    other = await shelf.put(b"two")
    with pytest.raises(BlobUriRefused):
        await shelf.get(blob.uri, other.sha256)


NAMES = [
    "ann",
    "Ann",
    "bob",
    "",
    ".",
    "..",
    "../tenants",
    "/",
    "a/b",
    "a\\b",
    "a\0b",
    "x" * 5_000,
    "\ud800",
    "ümlaut",
]


@pytest.mark.parametrize("owner", NAMES)
async def test_no_tenant_can_get_what_another_put(blobs: Blobs, owner: str) -> None:
    blob = await blobs.of(owner).put(b"secret")
    streamed = await blobs.of(owner).put_stream(chunks(b"also ", b"secret"))
    for stranger in [blobs.events, *(blobs.of(name) for name in NAMES if name != owner)]:
        for found in (blob, streamed):
            with pytest.raises(BlobMissing):
                await stranger.get(found.uri, found.sha256)
    assert await blobs.of(owner).get(blob.uri) == b"secret"
    assert await blobs.of(owner).get(streamed.uri) == b"also secret"


async def test_bodies_of_events_are_on_no_tenants_shelf(blobs: Blobs) -> None:
    blob = await blobs.events.put(b"an event")
    assert await blobs.events.get(blob.uri, blob.sha256) == b"an event"
    for name in [*NAMES, "events", "../events"]:
        with pytest.raises(BlobMissing):
            await blobs.of(name).get(blob.uri, blob.sha256)


async def test_a_foreign_content_is_missing_in_the_same_words_as_one_that_nobody_has(blobs: Blobs) -> None:
    theirs = await blobs.of("ann").put(b"secret")
    refusals = []
    for uri in (theirs.uri, "blob:sha256/" + "0" * 64):
        with pytest.raises(BlobMissing) as refusal:
            await blobs.of("bob").get(uri, max_bytes=1)
        refusals.append((str(refusal.value), refusal.value.__cause__))
    assert refusals[0] == refusals[1]


async def test_the_same_content_of_two_tenants_is_two_blobs(tmp_path: Path) -> None:
    blobs = Blobs(f"file:{tmp_path}")
    mine, theirs = await blobs.of("ann").put(b"same"), await blobs.of("bob").put(b"same")
    assert mine == theirs
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 2
    for path in files:
        path.write_bytes(b"diff")
    await blobs.of("bob").put(b"same")
    assert await blobs.of("bob").get(theirs.uri) == b"same"
    with pytest.raises(BlobCorrupt):
        await blobs.of("ann").get(mine.uri)


async def test_everything_stays_below_the_stores_folder(tmp_path: Path) -> None:
    blobs = Blobs(f"file:{tmp_path}/store")
    for name in NAMES:
        await blobs.of(name).put(b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["store"]
    assert [path.name for path in (tmp_path / "store").iterdir()] == ["tenants"]
    assert len([*(tmp_path / "store" / "tenants").iterdir()]) == len(NAMES)


@pytest.mark.parametrize("url", ["", "ftp://x", "s3://", "/plain/path", "file://elsewhere/path"])
def test_other_stores_are_refused(url: str) -> None:
    with pytest.raises(SettingsRefused):
        Blobs(url)
