"""Signatures by the specification of Standard Webhooks (pure).

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import hmac
from collections.abc import Iterable

ID = "webhook-id"
TIMESTAMP = "webhook-timestamp"
SIGNATURE = "webhook-signature"


def headers(secrets: Iterable[bytes], webhook_id: str, timestamp_s: int, body: bytes) -> dict[str, str]:
    """The three headers; each secret signs, so that a receiver that knows one of them is satisfied."""
    signed = f"{webhook_id}.{timestamp_s}.".encode() + body
    return {
        ID: webhook_id,
        TIMESTAMP: str(timestamp_s),
        SIGNATURE: " ".join("v1," + _signature(secret, signed) for secret in secrets),
    }


def _signature(secret: bytes, signed: bytes) -> str:
    return base64.b64encode(hmac.digest(secret, signed, "sha256")).decode()
