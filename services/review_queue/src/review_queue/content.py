"""What assets are made of, in and out of the blob store."""

from collections.abc import AsyncIterator
from dataclasses import replace

from chassis.blobs import Shelf
from labels.asset import (
    MAX_INLINE_TEXT_BYTES,
    MAX_TEXT_BYTES,
    Asset,
    ContentRef,
    check_asset,
    check_text,
    content_sha256,
)
from labels.errors import ContentRefInvalid, TextTooLong
from review_queue.errors import ContentEmpty, TextNotUtf8

MAX_UPLOAD_BYTES = 64 << 20


def check(asset: Asset) -> Asset:
    """The asset with its hash; raises AssetError. What a reference holds is not looked at."""
    check_asset(asset)
    return replace(asset, content_sha256=content_sha256(asset))


def is_far(asset: Asset) -> bool:
    """Whether the asset's content lies in the blob store, or belongs there."""
    return asset.text is None or not fits_inline(asset.text)


async def settle(shelf: Shelf, asset: Asset, *, store: bool) -> Asset:
    """The asset with its content in the blob store: a long text is moved there (if `store`), a reference is checked.

    Raises TextEmpty, TextTooLong, TextNotUtf8, ContentRefInvalid, or what the blob store says about a reference.
    """
    if asset.text is not None:
        return replace(asset, text=None, text_ref=await put(shelf, asset.text)) if store else asset
    if asset.text_ref is not None:
        check_text(await text_at(shelf, asset.text_ref))
    elif asset.image_ref is not None:
        await _check_picture(shelf, asset.image_ref)
    return asset


def fits_inline(text: str) -> bool:
    """Whether an asset with this text may travel in an event as it is."""
    # A code point takes at most four bytes, so short texts need no encoding to be known short.
    return len(text) * 4 <= MAX_INLINE_TEXT_BYTES or len(text.encode()) <= MAX_INLINE_TEXT_BYTES


async def _check_picture(shelf: Shelf, ref: ContentRef) -> None:
    # Reading it is what proves that the bytes are there and hash to their name; nobody decodes them here.
    data = await shelf.get(ref.uri, ref.sha256, MAX_UPLOAD_BYTES)
    if len(data) != ref.size_bytes:
        raise ContentRefInvalid("The picture in the blob store has another size than its reference says.")


async def put(shelf: Shelf, text: str) -> ContentRef:
    """Keep a text in the blob store."""
    blob = await shelf.put(text.encode())
    return ContentRef(blob.uri, blob.sha256, blob.bytes)


async def upload(shelf: Shelf, chunks: AsyncIterator[bytes]) -> ContentRef:
    """Keep a stream of bytes in the blob store; raises ContentEmpty, or BlobTooLarge above 64 MiB."""
    blob = await shelf.put_stream(chunks, MAX_UPLOAD_BYTES)
    if not blob.bytes:
        raise ContentEmpty
    return ContentRef(blob.uri, blob.sha256, blob.bytes)


async def text_of(shelf: Shelf, asset: Asset) -> str | None:
    """The asset's text wherever it is kept, None for a picture."""
    return await text_at(shelf, asset.text_ref) if asset.text_ref else asset.text


async def text_at(shelf: Shelf, ref: ContentRef) -> str:
    """The text of a reference; raises TextTooLong, TextNotUtf8, or what the blob store says."""
    if ref.size_bytes > MAX_TEXT_BYTES:
        raise TextTooLong
    data = await shelf.get(ref.uri, ref.sha256, MAX_TEXT_BYTES)
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise TextNotUtf8 from None
