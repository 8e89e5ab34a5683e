"""The picture that an asset is about, from the blob store."""

import asyncio

from chassis.blobs import Shelf
from labels.asset import Asset
from qa_engine import picture
from qa_engine.picture import MAX_FILE_BYTES, Picture

AT_ONCE = 1
"""Pictures in memory at once; one of 64 million pixels takes 192 MB, and 256 MB more while it is decoded."""


async def read(asset: Asset, shelf: Shelf) -> Picture | None:
    """The picture on the tenant's shelf of the blob store, None for a text.

    Raises PictureUnreadable, or the blob store's errors.
    """
    if asset.image_ref is None:
        return None
    data = await shelf.get(asset.image_ref.uri, asset.image_ref.sha256, MAX_FILE_BYTES)
    return await asyncio.to_thread(picture.read, data)
