"""Webhooks, what is sent to them, and how a receiver checks it. Times are microseconds since the Unix epoch, UTC."""

import base64
import binascii
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

_PREFIX = "whsec_"
TOLERANCE_SECONDS = 300


class WebhookState(StrEnum):
    """Whether events are sent, wait, or pass by."""

    ENABLED = "ENABLED"
    PAUSED = "PAUSED"
    DISABLED = "DISABLED"


class DeliveryState(StrEnum):
    """Where a delivery stands."""

    PENDING = "PENDING"
    DELIVERED = "DELIVERED"
    DEAD = "DEAD"


class Circuit(StrEnum):
    """Whether the endpoint is thought to work."""

    CLOSED = "CLOSED"
    OPEN = "OPEN"
    HALF_OPEN = "HALF_OPEN"


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address that is told what happens in a project; what stands below `state` is the server's."""

    url: str
    topics: tuple[str, ...] = ("*",)
    description: str = ""
    ordered: bool = False
    state: WebhookState = WebhookState.ENABLED
    uid: str = ""
    state_reason: str = ""
    circuit: Circuit = Circuit.CLOSED
    failures: int = 0
    retry_time_us: int = 0
    pending: int = 0
    former_secret_expire_time_us: int = 0
    create_time_us: int = 0
    etag: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try: `http_status` is 0 without an answer, `fault` is empty where it succeeded."""

    number: int
    start_time_us: int
    duration_ms: int
    http_status: int
    fault: str
    response_excerpt: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event on its way to a webhook; `sequence` is 0 for a ping."""

    uid: str
    webhook_id: str
    topic: str
    sequence: int
    state: DeliveryState
    attempt_count: int
    due_time_us: int
    create_time_us: int
    last_attempt: Attempt | None


@dataclass(frozen=True, slots=True)
class DeliveryDetails:
    """A delivery with its attempts, oldest first, and the JSON that is posted."""

    delivery: Delivery
    attempts: tuple[Attempt, ...]
    body: str


class SignatureInvalid(Exception):
    """The request was not signed with this secret, or too long ago."""


def verify(secret: str, headers: Mapping[str, str], body: bytes, *, now_s: float | None = None) -> None:
    """Check a request as a receiver does; raises SignatureInvalid.

    `secret` begins with whsec_, `headers` are the request's by name in any case, `body` its bytes as they came. A
    timestamp more than five minutes from `now_s` (seconds since the epoch) is refused.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    webhook_id, timestamp = lower.get("webhook-id", ""), lower.get("webhook-timestamp", "")
    if not webhook_id or not timestamp.isascii() or not timestamp.isdigit() or len(timestamp) > 15:
        raise SignatureInvalid("The headers webhook-id and webhook-timestamp are missing or no such.")
    if abs((time.time() if now_s is None else now_s) - int(timestamp)) > TOLERANCE_SECONDS:
        raise SignatureInvalid("The request was signed more than five minutes ago, or in the future.")
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise SignatureInvalid("The secret is not whsec_ and base64.") from None
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    expected = "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
    given = lower.get("webhook-signature", "").split(" ")
    if not any(hmac.compare_digest(expected.encode(), one.encode()) for one in given):
        raise SignatureInvalid("The request was not signed with this secret.")
