"""The text of an asset's message, wherever it is kept."""

from collections.abc import Mapping

from chassis.blobs import Shelf
from chassis.errors import BlobCorrupt, BlobMissing, BlobTooLarge, BlobUriRefused
from labelmesh.label.v1.asset_pb2 import Asset
from labels.asset import MAX_TEXT_BYTES
from llm_annotator.errors import TextUnreadable


async def read(body: bytes, shelf: Shelf) -> tuple[str, Mapping[str, str]]:
    """Text and context; raises TextUnreadable, or StorageUnavailable while the blob store is away."""
    asset = Asset.FromString(body)
    return await text_of(asset, shelf), dict(asset.context)


async def text_of(asset: Asset, shelf: Shelf) -> str:
    """The text, fetched from its tenant's shelf where it travels by reference; raises as `read`."""
    if asset.WhichOneof("content") == "text":
        return asset.text
    try:
        data = await shelf.get(asset.text_ref.uri, asset.text_ref.sha256, MAX_TEXT_BYTES)
        return data.decode()
    except (BlobMissing, BlobCorrupt, BlobTooLarge, BlobUriRefused, UnicodeDecodeError):
        raise TextUnreadable from None
