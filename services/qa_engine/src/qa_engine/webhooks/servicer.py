"""WebhookService on the wire."""

from typing import Any

import grpc

from chassis.auth import caller
from chassis.clock import now_us
from chassis.db import Database
from chassis.pages import page
from labelmesh.qa.v1 import webhook_service_pb2 as pb2
from labelmesh.qa.v1.webhook_service_pb2_grpc import WebhookServiceServicer
from labels.names import parse, parse_project, project_name
from qa_engine import projects
from qa_engine.projects import Project
from qa_engine.webhooks import book, log, wire
from qa_engine.webhooks.secret import Keys
from qa_engine.webhooks.target import Gate

Context = grpc.aio.ServicerContext[Any, Any]


class WebhookServicer(WebhookServiceServicer):
    """Translates between the wire and the book of webhooks; every call sees only the caller's tenant."""

    def __init__(self, db: Database, keys: Keys, gate: Gate) -> None:
        self._db = db
        self._keys = keys
        self._gate = gate

    async def CreateWebhook(
        self, request: pb2.CreateWebhookRequest, context: Context
    ) -> pb2.CreateWebhookResponse:
        """Make a webhook and show its secret."""
        wanted, secret = wire.wanted_from_pb(request.webhook, self._gate), self._keys.new()
        async with self._db.begin() as conn:
            project = await projects.by_id(conn, caller().tenant, parse_project(request.parent))
            made = await book.add(conn, project, wanted, secret, now_us())
        return pb2.CreateWebhookResponse(
            webhook=wire.webhook_to_pb(made, project.id, now_us()),
            secret=self._keys.shown(made.uid, made.secret),
        )

    async def GetWebhook(self, request: pb2.GetWebhookRequest, context: Context) -> pb2.GetWebhookResponse:
        """A webhook."""
        async with self._db.read() as conn:
            project, uid = await self._of(conn, request.name)
            found = await book.get(conn, project.uid, uid)
        return pb2.GetWebhookResponse(webhook=wire.webhook_to_pb(found, project.id, now_us()))

    async def ListWebhooks(
        self, request: pb2.ListWebhooksRequest, context: Context
    ) -> pb2.ListWebhooksResponse:
        """The webhooks of a project."""
        async with self._db.read() as conn:
            project = await projects.by_id(conn, caller().tenant, parse_project(request.parent))
            found = await book.all_of(conn, project.uid)
            last = await book.last_sequence(conn, project.uid)
        return pb2.ListWebhooksResponse(
            webhooks=[wire.webhook_to_pb(one, project.id, now_us()) for one in found], last_sequence=last
        )

    async def UpdateWebhook(
        self, request: pb2.UpdateWebhookRequest, context: Context
    ) -> pb2.UpdateWebhookResponse:
        """Set what can be set of a webhook."""
        wanted, now = wire.wanted_from_pb(request.webhook, self._gate), now_us()
        async with self._db.begin() as conn:
            project, uid = await self._of(conn, request.webhook.name)
            changed = await book.change(conn, project.uid, uid, wanted, request.webhook.etag, now)
        return pb2.UpdateWebhookResponse(webhook=wire.webhook_to_pb(changed, project.id, now))

    async def DeleteWebhook(
        self, request: pb2.DeleteWebhookRequest, context: Context
    ) -> pb2.DeleteWebhookResponse:
        """Forget a webhook."""
        async with self._db.begin() as conn:
            project, uid = await self._of(conn, request.name)
            await book.remove(conn, project.uid, uid)
        return pb2.DeleteWebhookResponse()

    async def RotateSecret(
        self, request: pb2.RotateSecretRequest, context: Context
    ) -> pb2.RotateSecretResponse:
        """Give a webhook a new secret and show it."""
        overlap_us, secret, now = wire.overlap_us(request), self._keys.new(), now_us()
        async with self._db.begin() as conn:
            project, uid = await self._of(conn, request.name)
            changed = await book.rotate(conn, project.uid, uid, secret, now + overlap_us)
        return pb2.RotateSecretResponse(
            webhook=wire.webhook_to_pb(changed, project.id, now),
            secret=self._keys.shown(changed.uid, changed.secret),
        )

    async def PingWebhook(self, request: pb2.PingWebhookRequest, context: Context) -> pb2.PingWebhookResponse:
        """Send a ping."""
        async with self._db.begin() as conn:
            project, uid = await self._of(conn, request.name)
            webhook = await book.get(conn, project.uid, uid)
            made = await log.ping(conn, webhook, project_name(project.id), now_us())
        return pb2.PingWebhookResponse(delivery=wire.delivery_to_pb(made, project.id, uid))

    async def GetDelivery(self, request: pb2.GetDeliveryRequest, context: Context) -> pb2.GetDeliveryResponse:
        """A delivery with its attempts."""
        async with self._db.read() as conn:
            project, uid, delivery_uid = await self._delivery_of(conn, request.name)
            found, attempts, body = await log.get(conn, uid, delivery_uid)
        return pb2.GetDeliveryResponse(
            delivery=wire.delivery_to_pb(found, project.id, uid),
            attempts=map(wire.attempt_to_pb, attempts),
            body=body,
        )

    async def ListDeliveries(
        self, request: pb2.ListDeliveriesRequest, context: Context
    ) -> pb2.ListDeliveriesResponse:
        """A page of a webhook's deliveries, newest first."""
        state = wire.state_from_pb(request.state)
        query = ("deliveries", request.parent, state or "")
        asked = page(query, request.page_size, request.page_token, (str,))
        before = str(asked.after[0]) if asked.after else None
        async with self._db.read() as conn:
            project, uid = await self._of(conn, request.parent)
            await book.get(conn, project.uid, uid)
            found = await log.page(conn, uid, state, before, asked.size + 1)
        made = [wire.delivery_to_pb(one, project.id, uid) for one in found]
        shown, more = asked.cut(made, lambda pb: pb.ByteSize(), lambda pb: (pb.name.rpartition("/")[2],))
        return pb2.ListDeliveriesResponse(deliveries=shown, next_page_token=more)

    async def Redeliver(self, request: pb2.RedeliverRequest, context: Context) -> pb2.RedeliverResponse:
        """Send a delivery again."""
        async with self._db.begin() as conn:
            project, uid, delivery_uid = await self._delivery_of(conn, request.name)
            again = await log.again(conn, uid, delivery_uid, now_us())
        return pb2.RedeliverResponse(delivery=wire.delivery_to_pb(again, project.id, uid))

    async def ReplayFrom(self, request: pb2.ReplayFromRequest, context: Context) -> pb2.ReplayFromResponse:
        """Send events again."""
        async with self._db.begin() as conn:
            project, uid = await self._of(conn, request.name)
            webhook = await book.get(conn, project.uid, uid)
            count, more = await log.replay(conn, webhook, request.sequence, now_us())
        return pb2.ReplayFromResponse(replayed=count, next_sequence=more)

    async def _of(self, conn: Any, name: str) -> tuple[Project, str]:
        """The project and uid of a webhook's name."""
        project_id, uid = parse(name, wire.WEBHOOK)
        return await projects.by_id(conn, caller().tenant, project_id), uid

    async def _delivery_of(self, conn: Any, name: str) -> tuple[Project, str, str]:
        """The project, webhook uid and uid of a delivery's name; the webhook is one of the project's."""
        project_id, uid, delivery_uid = parse(name, wire.DELIVERY)
        project = await projects.by_id(conn, caller().tenant, project_id)
        return project, (await book.get(conn, project.uid, uid)).uid, delivery_uid
