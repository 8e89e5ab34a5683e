"""The text that an asset is about, wherever it is kept."""

from chassis.blobs import Shelf
from labels.asset import MAX_TEXT_BYTES, Asset
from qa_engine.errors import TextUnreadable


async def read(asset: Asset, shelf: Shelf) -> str | None:
    """The text in the asset or on its tenant's shelf of the blob store, None for a picture.

    Raises TextUnreadable, or the blob store's errors; a text over 1 MiB is not read.
    """
    if asset.text_ref is None:
        return asset.text
    data = await shelf.get(asset.text_ref.uri, asset.text_ref.sha256, MAX_TEXT_BYTES)
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise TextUnreadable from None
