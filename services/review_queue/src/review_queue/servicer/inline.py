"""Long texts, put back into the messages that a person or an export needs them in."""

from chassis.blobs import Shelf
from chassis.errors import BlobCorrupt, BlobMissing
from labelmesh.label.v1 import asset_pb2
from labels.proto import content_ref_from_pb
from review_queue import content


async def inline(shelf: Shelf, asset: asset_pb2.Asset) -> asset_pb2.Asset:
    """The asset with its text in place of the reference to it, where the blob store has it."""
    if asset.HasField("text_ref"):
        try:
            asset.text = await content.text_at(shelf, content_ref_from_pb(asset.text_ref))
        except (BlobMissing, BlobCorrupt):
            # Better a reference than no answer: the reviewer can still see the label, and reject the asset.
            return asset
    return asset
