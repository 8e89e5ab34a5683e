"""Which items are audited: drawn at random, and yet anybody with the secret can draw them again."""

import hmac

SECRET_BYTES = 32


def position(secret: bytes, asset_uid: str) -> float:
    """Where an asset stands in 0 to 1 (open above): uniform, independent of all else, not to be guessed."""
    digest = hmac.digest(secret, asset_uid.encode(), "sha256")
    return float((int.from_bytes(digest[:8]) >> 11) / (1 << 53))


def drawn(secret: bytes, asset_uid: str, rate: float) -> bool:
    """Whether the asset belongs to the random share `rate`; a higher rate only adds assets."""
    return position(secret, asset_uid) < rate
