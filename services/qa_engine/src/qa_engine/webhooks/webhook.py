"""Webhooks and their deliveries (pure). Times are microseconds since the Unix epoch, UTC."""

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from qa_engine.webhooks.errors import WebhookInvalid

MAX_WEBHOOKS = 50
MAX_TOPICS = 50
MAX_DESCRIPTION = 500
PING = "webhook.ping"
_TOPIC = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)*(\.\*)?|\*")
_MAX_TOPIC = 80


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


class CircuitState(StrEnum):
    """Whether an endpoint is thought to work."""

    CLOSED = "CLOSED"
    OPEN = "OPEN"
    HALF_OPEN = "HALF_OPEN"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person sets of a webhook; raises WebhookInvalid. The address is looked at by `target`."""

    url: str
    topics: tuple[str, ...]
    description: str = ""
    ordered: bool = False
    state: WebhookState = WebhookState.ENABLED

    def __post_init__(self) -> None:
        if not 1 <= len(self.topics) <= MAX_TOPICS:
            raise WebhookInvalid("A webhook asks for 1 to 50 topics, such as label.reviewed, label.* or *.")
        for topic in self.topics:
            if len(topic) > _MAX_TOPIC or not _TOPIC.fullmatch(topic):
                raise WebhookInvalid(
                    "A topic is a name such as label.reviewed, or a beginning such as label.*, or *."
                )
        if len(self.description) > MAX_DESCRIPTION or not all(map(_shows, self.description)):
            raise WebhookInvalid("A description is at most 500 characters that can be printed.")

    @property
    def etag(self) -> str:
        """Changes whenever anything that can be set changes."""
        parts = (self.url, self.topics, self.description, self.ordered, self.state)
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Health:
    """How the endpoint does: failures since the last success, and when its circuit lets something through again."""

    failures: int = 0
    retry_time_us: int = 0

    def circuit(self, now_us: int) -> CircuitState:
        """What that means now."""
        if self.retry_time_us > now_us:
            return CircuitState.OPEN
        return CircuitState.HALF_OPEN if self.retry_time_us else CircuitState.CLOSED


@dataclass(frozen=True, slots=True)
class SecretRef:
    """Which secret is meant: the key that it is made from, and its salt; nothing of the secret itself."""

    key_id: str
    salt: str


@dataclass(frozen=True, slots=True)
class Webhook:
    """A webhook as it is stored. `former` signs until `former_expire_time_us`."""

    uid: str
    project_uid: str
    wanted: Wanted
    secret: SecretRef
    create_time_us: int
    former: SecretRef | None = None
    former_expire_time_us: int = 0
    state_reason: str = ""
    health: Health = field(default_factory=Health)
    pending: int = 0


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try: `http_status` is 0 without an answer, `fault` a word in UPPER_SNAKE or empty after a 2xx."""

    number: int
    start_time_us: int
    duration_ms: int
    http_status: int
    fault: str
    excerpt: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event on its way to a webhook; `seq` is 0 for a ping, `event_uid` is what the header webhook-id holds."""

    uid: str
    event_uid: str
    topic: str
    seq: int
    state: DeliveryState
    attempts: int
    due_time_us: int
    create_time_us: int
    last: Attempt | None = None


def wants(topics: Iterable[str], topic: str) -> bool:
    """Whether one of the patterns asks for the topic."""
    return any(p in ("*", topic) or (p.endswith(".*") and topic.startswith(p[:-1])) for p in topics)


def _shows(character: str) -> bool:
    return character.isprintable()
