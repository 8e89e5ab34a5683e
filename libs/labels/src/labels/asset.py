"""Assets: items to label."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from labels.errors import (
    ContentMissing,
    ContextTooLarge,
    KeyInvalid,
    NulRefused,
    PictureSizeInvalid,
    TextEmpty,
    TextTooLong,
)

MAX_TEXT_BYTES = 1 << 20
MAX_INLINE_TEXT_BYTES = 16 << 10
MAX_KEY_BYTES = 256
MAX_CONTEXT_ENTRIES = 32
MAX_CONTEXT_BYTES = 8 << 10
MAX_SIDE_PX = 100_000
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class ContentRef:
    """Content in the blob store, named by its hash."""

    uri: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Asset:
    """An item to label: text inline, text by reference, or a picture by reference.

    `uid` is a ULID given by review_queue, empty before; `width_px` and `height_px` are 0 for text;
    `create_time_us` counts microseconds since the Unix epoch.
    """

    key: str
    text: str | None = None
    text_ref: ContentRef | None = None
    image_ref: ContentRef | None = None
    width_px: int = 0
    height_px: int = 0
    context: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    uid: str = ""
    content_sha256: str = ""
    create_time_us: int = 0


def sha256_hex(data: bytes) -> str:
    """SHA-256 as 64 lower-case hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def content_sha256(asset: Asset) -> str:
    """Hash of the asset's content: of the UTF-8 text, or as the reference states it."""
    if asset.text is not None:
        return sha256_hex(asset.text.encode())
    ref = asset.text_ref or asset.image_ref
    if ref is None:
        raise ContentMissing
    return ref.sha256


def check_asset(asset: Asset) -> None:
    """Raise the AssetError that names what is wrong with an asset on its way in."""
    if not 0 < len(asset.key.encode()) <= MAX_KEY_BYTES or _CONTROL.search(asset.key):
        raise KeyInvalid
    if sum(content is not None for content in (asset.text, asset.text_ref, asset.image_ref)) != 1:
        raise ContentMissing
    if asset.text is not None:
        check_text(asset.text)
    if asset.image_ref is not None:
        sides = (asset.width_px, asset.height_px)
        if not all(0 < side <= MAX_SIDE_PX for side in sides):
            raise PictureSizeInvalid
    if any("\0" in k or "\0" in v for k, v in asset.context.items()):
        raise NulRefused
    size = sum(len(k.encode()) + len(v.encode()) for k, v in asset.context.items())
    if len(asset.context) > MAX_CONTEXT_ENTRIES or size > MAX_CONTEXT_BYTES:
        raise ContextTooLarge


def check_text(text: str) -> None:
    """Raise TextEmpty, NulRefused or TextTooLong; text of white space only counts as empty."""
    if not text.strip():
        raise TextEmpty
    # PostgreSQL cannot store it, so no deployment takes it.
    if "\0" in text:
        raise NulRefused
    # A code point takes at most four bytes, so short texts need no encoding to be known short.
    if len(text) * 4 > MAX_TEXT_BYTES and len(text.encode()) > MAX_TEXT_BYTES:
        raise TextTooLong
