"""Webhooks between messages and dataclasses."""

from labelmesh.qa.v1 import webhook_service_pb2 as pb2
from qa_engine.webhooks.errors import WebhookInvalid
from qa_engine.webhooks.target import Gate
from qa_engine.webhooks.webhook import Attempt, Delivery, DeliveryState, Wanted, Webhook, WebhookState

WEBHOOK = "projects/{}/webhooks/{}"
DELIVERY = "projects/{}/webhooks/{}/deliveries/{}"
_OVERLAP_S = 86_400
_MAX_OVERLAP_S = 604_800


def wanted_from_pb(pb: pb2.Webhook, gate: Gate) -> Wanted:
    """What a person sets of a webhook; raises WebhookInvalid or WebhookUrlRefused."""
    gate.target(pb.url)
    state = WebhookState.ENABLED
    if pb.state:
        state = WebhookState(_known(pb2.WebhookState, pb.state, "WEBHOOK_STATE_"))
    return Wanted(pb.url, tuple(dict.fromkeys(pb.topics)), pb.description, pb.ordered, state)


def webhook_to_pb(webhook: Webhook, project_id: str, now_us: int) -> pb2.Webhook:
    """A webhook, with nothing of its secrets."""
    wanted, health = webhook.wanted, webhook.health
    former = webhook.former_expire_time_us
    return pb2.Webhook(
        name=WEBHOOK.format(project_id, webhook.uid),
        url=wanted.url,
        topics=wanted.topics,
        description=wanted.description,
        ordered=wanted.ordered,
        state=pb2.WebhookState.Value(f"WEBHOOK_STATE_{wanted.state}"),
        state_reason=webhook.state_reason,
        circuit=pb2.CircuitState.Value(f"CIRCUIT_STATE_{health.circuit(now_us)}"),
        failures=health.failures,
        retry_time_us=health.retry_time_us,
        pending=webhook.pending,
        former_secret_expire_time_us=former if former > now_us else 0,
        create_time_us=webhook.create_time_us,
        etag=wanted.etag,
    )


def delivery_to_pb(delivery: Delivery, project_id: str, webhook_uid: str) -> pb2.Delivery:
    """A delivery with its last attempt."""
    pending = delivery.state is DeliveryState.PENDING
    return pb2.Delivery(
        name=DELIVERY.format(project_id, webhook_uid, delivery.uid),
        webhook_id=delivery.event_uid,
        topic=delivery.topic,
        sequence=delivery.seq,
        state=pb2.DeliveryState.Value(f"DELIVERY_STATE_{delivery.state}"),
        attempt_count=delivery.attempts,
        due_time_us=delivery.due_time_us if pending else 0,
        create_time_us=delivery.create_time_us,
        last_attempt=attempt_to_pb(delivery.last) if delivery.last else None,
    )


def attempt_to_pb(attempt: Attempt) -> pb2.Attempt:
    """One attempt."""
    return pb2.Attempt(
        number=attempt.number,
        start_time_us=attempt.start_time_us,
        duration_ms=attempt.duration_ms,
        http_status=attempt.http_status,
        fault=attempt.fault,
        response_excerpt=attempt.excerpt,
    )


def state_from_pb(value: int) -> DeliveryState | None:
    """The state to filter by; None for all. Raises WebhookInvalid."""
    return DeliveryState(_known(pb2.DeliveryState, value, "DELIVERY_STATE_")) if value else None


def overlap_us(request: pb2.RotateSecretRequest) -> int:
    """How long two secrets sign, microseconds; raises WebhookInvalid."""
    seconds = request.overlap_seconds if request.HasField("overlap_seconds") else _OVERLAP_S
    if not 0 <= seconds <= _MAX_OVERLAP_S:
        raise WebhookInvalid("Two secrets sign together for 0 to 604,800 seconds.")
    return seconds * 1_000_000


def _known(enum: type, value: int, prefix: str) -> str:
    try:
        return str(enum.Name(value)).removeprefix(prefix)  # type: ignore[attr-defined]
    except ValueError:
        raise WebhookInvalid("The state is none that is known.") from None
