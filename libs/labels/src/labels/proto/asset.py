"""Assets on the wire."""

import re

from labelmesh.label.v1 import asset_pb2
from labels.asset import (
    MAX_CONTEXT_BYTES,
    MAX_CONTEXT_ENTRIES,
    MAX_KEY_BYTES,
    MAX_SIDE_PX,
    MAX_TEXT_BYTES,
    Asset,
    ContentRef,
)
from labels.errors import (
    ContentMissing,
    ContentRefInvalid,
    ContextTooLarge,
    KeyInvalid,
    PictureSizeInvalid,
    TextTooLong,
)
from labels.names import ASSET, asset_name, parse

_MAX_URI = 512
_SHA256 = re.compile(r"[0-9a-f]{64}")


def content_ref_from_pb(pb: asset_pb2.ContentRef) -> ContentRef:
    """Raises ContentRefInvalid; whether the address is one of the blob store's is for the store to say."""
    if not 0 < len(pb.uri) <= _MAX_URI or not _SHA256.fullmatch(pb.sha256) or pb.size_bytes <= 0:
        raise ContentRefInvalid
    return ContentRef(pb.uri, pb.sha256, pb.size_bytes)


def content_ref_to_pb(ref: ContentRef) -> asset_pb2.ContentRef:
    """The reference on the wire."""
    return asset_pb2.ContentRef(uri=ref.uri, sha256=ref.sha256, size_bytes=ref.size_bytes)


def asset_from_pb(pb: asset_pb2.Asset) -> Asset:
    """Sizes are checked here; what an import asks beyond them is for `labels.asset.check_asset`.

    Raises AssetError, or NameInvalid when the asset has a name and it is malformed.
    """
    content = pb.WhichOneof("content")
    if content is None:
        raise ContentMissing
    asset = Asset(
        key=pb.key,
        text=pb.text if content == "text" else None,
        text_ref=content_ref_from_pb(pb.text_ref) if content == "text_ref" else None,
        image_ref=content_ref_from_pb(pb.image_ref) if content == "image_ref" else None,
        width_px=pb.width_px,
        height_px=pb.height_px,
        context=dict(pb.context),
        uid=parse(pb.name, ASSET)[1] if pb.name else "",
        content_sha256=pb.content_sha256,
        create_time_us=pb.create_time_us,
    )
    _check_sizes(asset)
    return asset


def _check_sizes(asset: Asset) -> None:
    if asset.text is not None and _bytes_exceed(asset.text, MAX_TEXT_BYTES):
        raise TextTooLong
    if _bytes_exceed(asset.key, MAX_KEY_BYTES):
        raise KeyInvalid
    if not (0 <= asset.width_px <= MAX_SIDE_PX and 0 <= asset.height_px <= MAX_SIDE_PX):
        raise PictureSizeInvalid
    if len(asset.content_sha256) > 64:
        raise ContentRefInvalid("The asset's content_sha256 is not a SHA-256.")
    if asset.context and (
        len(asset.context) > MAX_CONTEXT_ENTRIES
        or _bytes_exceed("".join(k + v for k, v in asset.context.items()), MAX_CONTEXT_BYTES)
    ):
        raise ContextTooLarge


def _bytes_exceed(text: str, limit: int) -> bool:
    # A code point takes at most four bytes, so short texts need no encoding to be known short.
    return len(text) * 4 > limit and len(text.encode()) > limit


def asset_to_pb(asset: Asset, project_id: str) -> asset_pb2.Asset:
    """The asset on the wire; without a uid it has no name."""
    pb = asset_pb2.Asset(
        name=asset_name(project_id, asset.uid) if asset.uid else "",
        key=asset.key,
        width_px=asset.width_px,
        height_px=asset.height_px,
        content_sha256=asset.content_sha256,
        context=asset.context,
        create_time_us=asset.create_time_us,
    )
    if asset.text is not None:
        pb.text = asset.text
    elif asset.text_ref is not None:
        pb.text_ref.CopyFrom(content_ref_to_pb(asset.text_ref))
    elif asset.image_ref is not None:
        pb.image_ref.CopyFrom(content_ref_to_pb(asset.image_ref))
    return pb
