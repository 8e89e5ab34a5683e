"""Deliveries that go well: signed, in order where asked, once for an event told twice."""

import base64
import hmac
import json

import pytest
from sqlalchemy import inspect, select

from qa_engine.tables import metadata
from qa_engine.webhooks import book, log
from qa_engine.webhooks.secret import Keys
from qa_engine.webhooks.tables import webhook_attempts, webhook_events
from qa_engine.webhooks.webhook import DeliveryState, Wanted, WebhookState

KEYS = Keys(("a key of the tests, long enough",))
DELIVERED = DeliveryState.DELIVERED


def signatures(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """What a receiver does, written from the specification."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
    return expected in headers["webhook-signature"].split(" ")


async def test_an_event_arrives_signed_with_its_place_in_the_project(desk, endpoint) -> None:
    webhook = await desk.add(endpoint.url, "label.*")
    await desk.tell("one", "two")
    await desk.tell("three", topic="prediction.created")
    async with desk.worker():
        await desk.settled(webhook, DELIVERED, 2)
    assert len(endpoint.got) == 2
    found = {}
    for headers, body in endpoint.got:
        assert signatures(KEYS.shown(webhook.uid, webhook.secret), headers, body)
        assert not signatures(KEYS.shown(webhook.uid, KEYS.new()), headers, body)
        assert headers["content-type"] == "application/json"
        event = json.loads(body)
        found[event["sequence"]] = event
    assert [found[1]["data"], found[2]["data"]] == [{"label": "one"}, {"label": "two"}]
    assert found[1]["type"] == "label.reviewed"
    assert found[1]["project"] == "projects/news"


async def test_what_is_told_twice_arrives_once(desk, endpoint) -> None:
    webhook = await desk.add(endpoint.url)
    await desk.tell("one")
    await desk.tell("one", "two")
    async with desk.worker():
        await desk.settled(webhook, DELIVERED, 2)
        await desk.tell("two", "one")
        await desk.tell("three")
        await desk.settled(webhook, DELIVERED, 3)
    assert sorted(json.loads(body)["sequence"] for _, body in endpoint.got) == [1, 2, 3]


async def test_an_ordered_webhook_gets_event_after_event(desk, endpoint) -> None:
    webhook = await desk.add(endpoint.url, ordered=True)
    await desk.tell(*(f"k{i}" for i in range(30)))
    endpoint.statuses = [200, 500]
    async with desk.worker() as worker:
        await desk.settled(webhook, DELIVERED, 1)
        desk.clock.ahead_s = 10
        worker.wake()
        await desk.settled(webhook, DELIVERED, 30)
    accepted = [json.loads(body)["sequence"] for _, body in endpoint.got]
    assert accepted == [1, 2, 2, *range(3, 31)]


async def test_both_secrets_sign_until_the_former_one_expires(desk, endpoint) -> None:
    webhook = await desk.add(endpoint.url)
    former = KEYS.shown(webhook.uid, webhook.secret)
    async with desk.db.begin() as conn:
        rotated = await book.rotate(
            conn, desk.project.uid, webhook.uid, KEYS.new(), desk.clock() + 3_600_000_000
        )
    newer = KEYS.shown(webhook.uid, rotated.secret)
    async with desk.worker():
        await desk.tell("both")
        await desk.settled(webhook, DELIVERED, 1)
        desk.clock.ahead_s = 3_601
        await desk.tell("newer only")
        await desk.settled(webhook, DELIVERED, 2)
    both, only = endpoint.got
    assert signatures(former, *both)
    assert signatures(newer, *both)
    assert signatures(newer, *only)
    assert not signatures(former, *only)


async def test_a_paused_webhook_keeps_events_and_a_disabled_one_lets_them_pass(desk, endpoint) -> None:
    webhook = await desk.add(endpoint.url)

    async def become(state: WebhookState) -> None:
        async with desk.db.begin() as conn:
            wanted = Wanted(endpoint.url, ("*",), state=state)
            await book.change(conn, desk.project.uid, webhook.uid, wanted, "", desk.clock())

    async with desk.worker():
        await become(WebhookState.PAUSED)
        await desk.tell("while paused")
        await become(WebhookState.DISABLED)
        await desk.tell("while disabled")
        await become(WebhookState.ENABLED)
        await desk.settled(webhook, DELIVERED, 1)
    assert [json.loads(body)["data"]["label"] for _, body in endpoint.got] == ["while paused"]


async def test_events_are_sent_again_from_a_sequence_under_their_ids(desk, endpoint) -> None:
    webhook = await desk.add(endpoint.url, "label.*", ordered=True)
    await desk.tell("one", "two", "three")
    await desk.tell("other", topic="finding.opened")
    async with desk.worker():
        await desk.settled(webhook, DELIVERED, 3)
        first = endpoint.ids
        async with desk.db.begin() as conn:
            replayed, more = await log.replay(conn, webhook, 2, desk.clock())
        assert (replayed, more) == (2, 0)

        async def again() -> bool:
            return len(endpoint.got) == 5

        await desk.until(again)
    assert endpoint.ids[3:] == first[1:]


@pytest.mark.parametrize("ordered", [False, True])
async def test_a_ping_goes_before_what_waits(desk, endpoint, ordered) -> None:
    webhook = await desk.add(endpoint.url, ordered=ordered)
    await desk.tell(*(f"k{i}" for i in range(20)))
    async with desk.db.begin() as conn:
        await log.ping(conn, webhook, "projects/news", desk.clock())
    async with desk.worker():
        await desk.settled(webhook, DELIVERED, 21)
    assert "webhook.ping" in [json.loads(body)["type"] for _, body in endpoint.got[:8]]


async def test_old_events_and_those_beyond_the_bound_are_forgotten_with_their_deliveries(
    desk, endpoint
) -> None:
    webhook = await desk.add(endpoint.url)
    await desk.tell(*(f"k{i}" for i in range(10)))
    async with desk.worker():
        await desk.settled(webhook, DELIVERED, 10)
    long_ago = desk.clock() - 3_600_000_000
    async with desk.db.begin() as conn:
        assert await log.prune(conn, long_ago, 100, most_events=10) == 0
        assert await log.prune(conn, long_ago, 100, most_events=4) == 6
    assert [d.seq for d in await desk.deliveries(webhook)] == [7, 8, 9, 10]
    async with desk.db.begin() as conn:
        assert await log.prune(conn, desk.clock(), 3) == 3
        assert await log.prune(conn, desk.clock(), 3) == 1
        assert (await conn.execute(select(webhook_attempts))).all() == []
        assert (await conn.execute(select(webhook_events))).all() == []
    # What was forgotten is not told under an old place again.
    await desk.tell("k0")
    assert [d.seq for d in await desk.deliveries(webhook)] == [11]


async def test_the_migration_makes_the_tables_that_the_code_knows(desk) -> None:
    async with desk.db.read() as conn:
        found = await conn.run_sync(lambda sync: _described(inspect(sync)))
    known = {
        table.name: (
            {column.name for column in table.columns},
            {(tuple(index.columns.keys()), bool(index.unique)) for index in table.indexes},
        )
        for table in metadata.tables.values()
        if table.name.startswith("webhook")
    }
    assert len(known) == 5
    assert {name: found[name] for name in known} == known


def _described(inspector) -> dict[str, object]:
    return {
        name: (
            {column["name"] for column in inspector.get_columns(name)},
            {(tuple(i["column_names"]), bool(i["unique"])) for i in inspector.get_indexes(name)},
        )
        for name in inspector.get_table_names()
    }
