"""WebhookService by its stub, and events of the broker on their way to an endpoint."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from sqlalchemy import text

from chassis.consumer import Consumer
from chassis.ids import new_uid
from chassis.testing import serving
from labelmesh.annotator.v1.annotator_events_pb2 import PredictionFailed
from labelmesh.qa.v1 import webhook_service_pb2 as pb2
from labelmesh.qa.v1.webhook_service_pb2_grpc import WebhookServiceStub, add_WebhookServiceServicer_to_server
from labelmesh.review.v1.queue_service_pb2 import DECISION_ACCEPT, DECISION_REJECT
from labelmesh.review.v1.review_events_pb2 import (
    AssetsImported,
    CertificateIssued,
    LabelReviewed,
    LabelSubmitted,
)
from labels.label import Choice
from qa_engine.consumer import Events
from qa_engine.engine import Engine, discover
from qa_engine.servicer import STATUS
from qa_engine.settings import Settings
from qa_engine.webhooks.announce import also_telling
from qa_engine.webhooks.secret import Keys
from qa_engine.webhooks.sender import sender
from qa_engine.webhooks.servicer import WebhookServicer
from qa_engine.webhooks.target import Gate, gate
from qa_engine.webhooks.telling import FROM_OTHERS
from qa_engine.webhooks.worker import Worker

ANN, BOB = (("authorization", "Bearer token-a"),), (("authorization", "Bearer token-b"),)
PARENT = "projects/news"
KEYS = Keys(("a key of the tests that is long enough",))
LOOPBACK = gate("127.0.0.0/8", "443")
SERVICE = pb2.DESCRIPTOR.services_by_name["WebhookService"]


@dataclass
class Hooks:
    """The stub as tenant-a's caller uses it."""

    stub: WebhookServiceStub
    metadata: tuple[tuple[str, str], ...] = ANN

    async def __call__(self, method: str, **fields: Any) -> Any:
        request = getattr(pb2, f"{method}Request")(**fields)
        return await getattr(self.stub, method)(request, metadata=self.metadata)

    async def create(self, url: str, *topics: str, **fields: Any) -> Any:
        webhook = pb2.Webhook(url=url, topics=topics or ["*"], **fields)
        return await self("CreateWebhook", parent=PARENT, webhook=webhook)


@asynccontextmanager
async def served(
    project: Any, tmp_path: Any, allowed: Gate = LOOPBACK, keys: Keys = KEYS
) -> AsyncIterator[Hooks]:
    settings = Settings(listen="127.0.0.1:0", tokens_file=tmp_path / "tokens.json")
    service = (add_WebhookServiceServicer_to_server, WebhookServicer(project.db, keys, allowed), SERVICE)
    async with serving([service], STATUS, settings) as channel:
        yield Hooks(WebhookServiceStub(channel))


@pytest.fixture
async def hooks(project, tmp_path) -> AsyncIterator[Hooks]:
    async with served(project, tmp_path) as hooks:
        yield hooks


async def failed(call: Any, reason: Any) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return reason(caught.value)


async def test_a_secret_is_shown_when_it_is_made_and_nowhere_else(hooks, project) -> None:
    made = await hooks.create("http://127.0.0.1:9/hook", "label.*", description="ours", ordered=True)
    name = made.webhook.name
    assert made.secret.startswith("whsec_")
    rotated = await hooks("RotateSecret", name=name)
    assert rotated.secret not in ("", made.secret)
    assert rotated.webhook.former_secret_expire_time_us > 0
    shown = [
        await hooks("GetWebhook", name=name),
        await hooks("ListWebhooks", parent=PARENT),
        await hooks("UpdateWebhook", webhook=made.webhook),
        await hooks("PingWebhook", name=name),
        await hooks("ListDeliveries", parent=name),
    ]
    for secret in (made.secret, rotated.secret):
        assert secret not in str(shown)
    async with project.db.read() as conn:
        stored = str((await conn.execute(text("SELECT * FROM webhooks"))).all())
    assert made.secret[6:] not in stored
    assert rotated.secret[6:] not in stored


async def test_a_change_needs_what_was_seen(hooks, reason) -> None:
    webhook = (await hooks.create("http://127.0.0.1:9/hook")).webhook
    changed = pb2.Webhook()
    changed.CopyFrom(webhook)
    changed.url, changed.state = "http://127.0.0.1:10/hook", pb2.WEBHOOK_STATE_PAUSED
    after = (await hooks("UpdateWebhook", webhook=changed)).webhook
    assert (after.url, after.state) == ("http://127.0.0.1:10/hook", pb2.WEBHOOK_STATE_PAUSED)
    assert after.etag != webhook.etag
    assert await failed(hooks("UpdateWebhook", webhook=changed), reason) == "WEBHOOK_CHANGED"


async def test_tenants_do_not_see_each_other_s_webhooks(hooks, reason) -> None:
    name = (await hooks.create("http://127.0.0.1:9/hook")).webhook.name
    delivery = (await hooks("PingWebhook", name=name)).delivery.name
    bob = Hooks(hooks.stub, BOB)
    for call in (
        bob.create("http://127.0.0.1:9/hook"),
        bob("GetWebhook", name=name),
        bob("ListWebhooks", parent=PARENT),
        bob("UpdateWebhook", webhook=pb2.Webhook(name=name, url="http://127.0.0.1:9/", topics=["*"])),
        bob("DeleteWebhook", name=name),
        bob("RotateSecret", name=name),
        bob("PingWebhook", name=name),
        bob("ListDeliveries", parent=name),
        bob("GetDelivery", name=delivery),
        bob("Redeliver", name=delivery),
        bob("ReplayFrom", name=name, sequence=1),
    ):
        assert await failed(call, reason) == "PROJECT_UNKNOWN"


async def test_a_delivery_is_reached_through_its_own_webhook_only(hooks, reason) -> None:
    one, two = [(await hooks.create("http://127.0.0.1:9/hook")).webhook.name for _ in range(2)]
    delivery = (await hooks("PingWebhook", name=one)).delivery.name
    other = delivery.replace(one, two)
    assert await failed(hooks("GetDelivery", name=other), reason) == "DELIVERY_UNKNOWN"
    assert await failed(hooks("Redeliver", name=other), reason) == "DELIVERY_UNKNOWN"
    await hooks("DeleteWebhook", name=one)
    assert await failed(hooks("GetDelivery", name=delivery), reason) == "WEBHOOK_UNKNOWN"
    assert [w.name for w in (await hooks("ListWebhooks", parent=PARENT)).webhooks] == [two]


async def test_what_cannot_be_a_webhook_is_refused_by_name(hooks, reason, project, tmp_path) -> None:
    assert await failed(hooks.create("http://10.0.0.1/"), reason) == "WEBHOOK_URL_REFUSED"
    assert await failed(hooks.create("http://127.0.0.1:9/", "Not a topic"), reason) == "WEBHOOK_INVALID"
    assert (
        await failed(hooks.create("http://127.0.0.1:9/", description="x" * 501), reason) == "WEBHOOK_INVALID"
    )
    assert await failed(hooks.create("http://127.0.0.1:9/", state=9), reason) == "WEBHOOK_INVALID"
    name = (await hooks.create("http://127.0.0.1:9/")).webhook.name
    assert await failed(hooks("RotateSecret", name=name, overlap_seconds=-1), reason) == "WEBHOOK_INVALID"
    for _ in range(49):
        await hooks.create("http://127.0.0.1:9/")
    assert await failed(hooks.create("http://127.0.0.1:9/"), reason) == "WEBHOOKS_TOO_MANY"
    async with served(project, tmp_path, Gate(), Keys(())) as strict:
        assert await failed(strict.create("http://127.0.0.1:9/"), reason) == "WEBHOOK_URL_REFUSED"
        assert await failed(strict.create("https://example.com/"), reason) == "WEBHOOK_KEY_MISSING"


async def test_deliveries_come_in_pages_newest_first(hooks) -> None:
    name = (await hooks.create("http://127.0.0.1:9/hook")).webhook.name
    made = [(await hooks("PingWebhook", name=name)).delivery.name for _ in range(5)]
    found, token = [], ""
    while True:
        page = await hooks("ListDeliveries", parent=name, page_size=2, page_token=token)
        found += [delivery.name for delivery in page.deliveries]
        token = page.next_page_token
        if not token:
            break
    assert found == made[::-1]
    none = await hooks("ListDeliveries", parent=name, state=pb2.DELIVERY_STATE_DEAD)
    assert not none.deliveries


async def test_events_of_every_service_reach_the_endpoint_once(world, predict, endpoint, tmp_path) -> None:
    handlers = also_telling(Events(Engine(discover()), world.blobs).handlers, FROM_OTHERS)
    good, bad = predict("topic", "sport", Choice()), predict("topic", "weather", Choice())
    asset, label = good.asset, good.label
    events = [
        AssetsImported(project=PARENT, assets=[asset], project_asset_count=1),
        good,
        bad,
        PredictionFailed(asset=asset, reason="MODEL_SAID_NOTHING", message="It said nothing."),
        LabelReviewed(asset=asset, label=label, base=label, decision=DECISION_ACCEPT, reviewer="ann"),
        LabelReviewed(asset=asset, decision=DECISION_REJECT, reviewer="ann"),
        LabelSubmitted(asset=bad.asset, label=bad.label),
        CertificateIssued(certificate=f"{PARENT}/certificates/C1", error_upper_bound=0.01, confidence=0.95),
    ]
    ids = [new_uid() for _ in events]
    async with (
        Consumer(world.bus, world.db, service="qa_engine", handlers=handlers),
        sender(LOOPBACK) as post,
        Worker(world.db, post, KEYS),
        served(world, tmp_path) as hooks,
    ):
        await world.publish(world.project())

        async def made() -> bool:
            try:
                await hooks.create(endpoint.url)
            except grpc.aio.AioRpcError:
                return False
            return True

        await endpoint.until(made)
        for event, msg_id in zip(events, ids, strict=True):
            await world.publish(event, msg_id=msg_id)
        # 8 events, of which two labels are evaluated and one has a finding.
        await endpoint.until(lambda: endpoint.has(11))
        for stream in ("LABELMESH_REVIEW", "LABELMESH_ANNOTATOR"):
            await world.bus.js.delete_consumer(stream, "qa_engine")
    got = [json.loads(body) for _, body in endpoint.got]
    assert sorted(event["sequence"] for event in got) == list(range(1, 12))
    assert sorted(event["type"] for event in got) == [
        "assets.imported",
        "certificate.issued",
        "finding.opened",
        "label.evaluated",
        "label.evaluated",
        "label.reviewed",
        "label.reviewed",
        "label.submitted",
        "prediction.created",
        "prediction.created",
        "prediction.failed",
    ]
    (finding,) = [event["data"] for event in got if event["type"] == "finding.opened"]
    assert finding["label"] == bad.label.name
    assert [f["rule"] for f in finding["findings"]] == ["category_in_ontology"]
    # Of the asset's content nothing goes out.
    assert "Ann met Bob" not in str(endpoint.got)
