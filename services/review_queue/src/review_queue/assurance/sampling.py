"""Which items are audited: drawn at random, and yet anybody with the secret can draw them again."""

import hashlib
import hmac

SECRET_BYTES = 32


def position(secret: bytes, asset_uid: str) -> float:
    """Where an asset stands in 0 to 1 (open above): uniform, independent of all else, not to be guessed."""
    digest = hmac.digest(secret, asset_uid.encode(), hashlib.sha256)
    return int.from_bytes(digest[:8], "big") / 2.0**64 if digest[:7] != b"\xff" * 7 else 1.0 - 2.0**-53


def drawn(secret: bytes, asset_uid: str, rate: float) -> bool:
    """Whether the asset belongs to the random share `rate`; a higher rate only adds assets."""
    return position(secret, asset_uid) < rate
