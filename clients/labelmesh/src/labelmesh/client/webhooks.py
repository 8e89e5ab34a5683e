"""Webhooks of a project."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from time import monotonic

from labelmesh.client.arrival import Arrival
from labelmesh.client.calls import Link
from labelmesh.client.paging import pages
from labelmesh.client.webhook import (
    Attempt,
    Circuit,
    Delivery,
    DeliveryDetails,
    DeliveryState,
    Webhook,
    WebhookState,
)
from labelmesh.qa.v1 import webhook_service_pb2 as pb2
from labelmesh.qa.v1.webhook_service_pb2_grpc import WebhookServiceStub
from labels import names

_POLL_SECONDS = 0.1


class Webhooks:
    """`client.webhooks`."""

    def __init__(self, link: Link, arrival: Arrival) -> None:
        self._link = link
        self._arrival = arrival
        self._stub = WebhookServiceStub(link.channel)

    async def create(self, project: str, webhook: Webhook) -> tuple[Webhook, str]:
        """Make a webhook; the webhook and its secret, which is shown nowhere else."""
        request = pb2.CreateWebhookRequest(
            parent=names.project_name(project), webhook=_to_pb(project, webhook)
        )
        response = await self._arrival.of(
            project, lambda: self._link.unary(self._stub.CreateWebhook, request, repeatable=False)
        )
        return _from_pb(response.webhook), response.secret

    async def get(self, project: str, uid: str) -> Webhook:
        """A webhook."""
        request = pb2.GetWebhookRequest(name=_name(project, uid))
        response = await self._link.unary(self._stub.GetWebhook, request, repeatable=True)
        return _from_pb(response.webhook)

    async def list(self, project: str) -> tuple[tuple[Webhook, ...], int]:
        """The webhooks of a project, oldest first, and the sequence of its last event; 0 before the first."""
        request = pb2.ListWebhooksRequest(parent=names.project_name(project))
        response = await self._arrival.of(
            project, lambda: self._link.unary(self._stub.ListWebhooks, request, repeatable=True)
        )
        return tuple(map(_from_pb, response.webhooks)), response.last_sequence

    async def update(self, project: str, webhook: Webhook) -> Webhook:
        """Set what can be set; code ABORTED when it was changed since its etag was seen."""
        request = pb2.UpdateWebhookRequest(webhook=_to_pb(project, webhook))
        response = await self._link.unary(self._stub.UpdateWebhook, request, repeatable=True)
        return _from_pb(response.webhook)

    async def delete(self, project: str, uid: str) -> None:
        """Remove a webhook with its delivery log."""
        request = pb2.DeleteWebhookRequest(name=_name(project, uid))
        await self._link.unary(self._stub.DeleteWebhook, request, repeatable=False)

    async def rotate(self, project: str, uid: str, overlap_seconds: int = 86_400) -> tuple[Webhook, str]:
        """A new secret, shown nowhere else; the former one signs too for 0 to 604,800 seconds."""
        request = pb2.RotateSecretRequest(name=_name(project, uid), overlap_seconds=overlap_seconds)
        response = await self._link.unary(self._stub.RotateSecret, request, repeatable=False)
        return _from_pb(response.webhook), response.secret

    async def ping(self, project: str, uid: str) -> Delivery:
        """Send `webhook.ping`; returns at once, `tried` waits for what comes of it."""
        request = pb2.PingWebhookRequest(name=_name(project, uid))
        response = await self._link.unary(self._stub.PingWebhook, request, repeatable=False)
        return _delivery(response.delivery)

    async def delivery(self, project: str, uid: str, delivery_uid: str) -> DeliveryDetails:
        """A delivery with its attempts."""
        request = pb2.GetDeliveryRequest(name=f"{_name(project, uid)}/deliveries/{delivery_uid}")
        response = await self._link.unary(self._stub.GetDelivery, request, repeatable=True)
        return DeliveryDetails(
            _delivery(response.delivery), tuple(map(_attempt, response.attempts)), response.body
        )

    async def tried(
        self, project: str, uid: str, delivery: Delivery, patience_s: float = 30.0
    ) -> DeliveryDetails:
        """The delivery once it was tried again, or as it is after `patience_s`."""
        end = monotonic() + patience_s
        while True:
            found = await self.delivery(project, uid, delivery.uid)
            if found.delivery.attempt_count > delivery.attempt_count or monotonic() > end:
                return found
            await asyncio.sleep(_POLL_SECONDS)

    async def deliveries(
        self, project: str, uid: str, state: DeliveryState | None = None
    ) -> AsyncIterator[Delivery]:
        """Deliveries of a webhook, newest first."""
        request = pb2.ListDeliveriesRequest(
            parent=_name(project, uid),
            state=pb2.DeliveryState.Value(f"DELIVERY_STATE_{state or 'UNSPECIFIED'}"),
            page_size=1000,
        )
        call = partial(self._link.unary, self._stub.ListDeliveries, request, repeatable=True)
        async for page in pages(request, call):
            for pb in page.deliveries:
                yield _delivery(pb)

    async def redeliver(self, project: str, uid: str, delivery_uid: str) -> Delivery:
        """Send a delivery again under its id."""
        request = pb2.RedeliverRequest(name=f"{_name(project, uid)}/deliveries/{delivery_uid}")
        response = await self._link.unary(self._stub.Redeliver, request, repeatable=True)
        return _delivery(response.delivery)

    async def replay(self, project: str, uid: str, sequence: int) -> tuple[int, int]:
        """Send up to 5,000 events again from a sequence on; how many, and where to go on, 0 at the end."""
        request = pb2.ReplayFromRequest(name=_name(project, uid), sequence=sequence)
        response = await self._link.unary(self._stub.ReplayFrom, request, repeatable=True)
        return response.replayed, response.next_sequence


def _name(project: str, uid: str) -> str:
    return f"{names.project_name(project)}/webhooks/{uid}"


def _to_pb(project: str, webhook: Webhook) -> pb2.Webhook:
    return pb2.Webhook(
        name=_name(project, webhook.uid) if webhook.uid else "",
        url=webhook.url,
        topics=webhook.topics,
        description=webhook.description,
        ordered=webhook.ordered,
        state=pb2.WebhookState.Value(f"WEBHOOK_STATE_{webhook.state}"),
        etag=webhook.etag,
    )


def _from_pb(pb: pb2.Webhook) -> Webhook:
    return Webhook(
        url=pb.url,
        topics=tuple(pb.topics),
        description=pb.description,
        ordered=pb.ordered,
        state=WebhookState(pb2.WebhookState.Name(pb.state).removeprefix("WEBHOOK_STATE_")),
        uid=pb.name.rpartition("/")[2],
        state_reason=pb.state_reason,
        circuit=Circuit(pb2.CircuitState.Name(pb.circuit).removeprefix("CIRCUIT_STATE_")),
        failures=pb.failures,
        retry_time_us=pb.retry_time_us,
        pending=pb.pending,
        former_secret_expire_time_us=pb.former_secret_expire_time_us,
        create_time_us=pb.create_time_us,
        etag=pb.etag,
    )


def _delivery(pb: pb2.Delivery) -> Delivery:
    return Delivery(
        uid=pb.name.rpartition("/")[2],
        webhook_id=pb.webhook_id,
        topic=pb.topic,
        sequence=pb.sequence,
        state=DeliveryState(pb2.DeliveryState.Name(pb.state).removeprefix("DELIVERY_STATE_")),
        attempt_count=pb.attempt_count,
        due_time_us=pb.due_time_us,
        create_time_us=pb.create_time_us,
        last_attempt=_attempt(pb.last_attempt) if pb.HasField("last_attempt") else None,
    )


def _attempt(pb: pb2.Attempt) -> Attempt:
    return Attempt(pb.number, pb.start_time_us, pb.duration_ms, pb.http_status, pb.fault, pb.response_excerpt)
