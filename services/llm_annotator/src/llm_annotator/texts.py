"""The text of an asset's message, wherever it is kept."""

from collections.abc import Mapping

from chassis.blobs import Blobs
from chassis.errors import BlobCorrupt, BlobMissing, BlobTooLarge, BlobUriRefused
from labelmesh.label.v1.asset_pb2 import Asset
from labels.asset import MAX_TEXT_BYTES
from llm_annotator.errors import TextUnreadable


async def read(body: bytes, blobs: Blobs) -> tuple[str, Mapping[str, str]]:
    """Text and context; raises TextUnreadable, or StorageUnavailable while the blob store is away."""
    asset = Asset.FromString(body)
    return await text_of(asset, blobs), dict(asset.context)


async def text_of(asset: Asset, blobs: Blobs) -> str:
    """The text, fetched where it travels by reference; raises as `read`."""
    if asset.WhichOneof("content") == "text":
        return asset.text
    try:
        data = await blobs.get(asset.text_ref.uri, asset.text_ref.sha256, MAX_TEXT_BYTES)
        return data.decode()
    except (BlobMissing, BlobCorrupt, BlobTooLarge, BlobUriRefused, UnicodeDecodeError):
        raise TextUnreadable from None
