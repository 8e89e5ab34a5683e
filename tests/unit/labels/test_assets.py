"""What an import refuses."""

import pytest

from labels.asset import MAX_TEXT_BYTES, Asset, ContentRef, check_asset, content_sha256
from labels.errors import (
    AssetError,
    ContentMissing,
    ContextTooLarge,
    KeyInvalid,
    NulRefused,
    PictureSizeInvalid,
    TextEmpty,
    TextTooLong,
)

REF = ContentRef("blob:sha256/" + "0" * 64, "0" * 64, 1)
SOUND = {
    "text": Asset("k", text="words"),
    "the longest text": Asset("k", text="x" * MAX_TEXT_BYTES),
    "picture": Asset("k", image_ref=REF, width_px=100_000, height_px=1),
    "context": Asset("k" * 256, text="words", context={"title": "x" * 8_000}),
}


@pytest.mark.parametrize("asset", SOUND.values(), ids=SOUND.keys())
def test_sound_assets_pass(asset: Asset) -> None:
    check_asset(asset)


BAD = {
    "no key": (KeyInvalid, Asset("", text="words")),
    "a long key": (KeyInvalid, Asset("é" * 129, text="words")),
    "a key of two lines": (KeyInvalid, Asset("a\nb", text="words")),
    "nothing": (ContentMissing, Asset("k")),
    "two contents": (ContentMissing, Asset("k", text="words", image_ref=REF)),
    "no characters": (TextEmpty, Asset("k", text="")),
    "white space only": (TextEmpty, Asset("k", text=" \n\u2003")),
    "too long by one byte": (TextTooLong, Asset("k", text="x" * (MAX_TEXT_BYTES + 1))),
    "too long in bytes": (TextTooLong, Asset("k", text="é" * (MAX_TEXT_BYTES // 2 + 1))),
    "a NUL": (NulRefused, Asset("k", text="a\0b")),
    "a NUL in the context": (NulRefused, Asset("k", text="a", context={"title": "\0"})),
    "much context": (ContextTooLarge, Asset("k", text="a", context={"title": "x" * 8_192})),
    "many entries": (ContextTooLarge, Asset("k", text="a", context={str(i): "" for i in range(33)})),
    "a picture without size": (PictureSizeInvalid, Asset("k", image_ref=REF)),
}


@pytest.mark.parametrize(("error", "asset"), BAD.values(), ids=BAD.keys())
def test_bad_assets_are_refused(error: type[AssetError], asset: Asset) -> None:
    with pytest.raises(error):
        check_asset(asset)


def test_the_hash_is_of_the_content() -> None:
    assert content_sha256(Asset("k", text="")).startswith("e3b0c442")
    assert content_sha256(Asset("k", image_ref=REF)) == REF.sha256
    with pytest.raises(ContentMissing):
        content_sha256(Asset("k"))
