"""Policies of queues: who may set them, pools, filters and deadlines."""

from typing import Any

import pytest
from grpc import StatusCode
from sqlalchemy import text

from labelmesh.qa.v1.qa_events_pb2 import LabelEvaluated
from labelmesh.review.v1 import queue_policy_service_pb2 as policy_pb
from labelmesh.review.v1.queue_policy_service_pb2_grpc import QueuePolicyServiceStub
from tests.integration.review_queue.policies import BOB, CAT, one, put, task, three_predictions


@pytest.fixture
async def news(house: Any) -> Any:
    return await three_predictions(house)


async def test_a_policy_comes_back_with_an_etag_that_proves_what_was_seen(
    house: Any, news: Any, refused: Any
) -> None:
    stub, name = QueuePolicyServiceStub(house.channel), "projects/news/queuePolicy"
    get = policy_pb.GetQueuePolicyRequest(name=name)
    first = (await stub.GetQueuePolicy(get, metadata=house.ann)).policy
    assert (first.answers, first.four_eyes, first.send_back_hours) == (1, False, 72.0)
    pools = [policy_pb.Pool(pool="seniors", members=["bob"])]
    stored = (await put(house, etag=first.etag, four_eyes=True, pools=pools, sla_hours=24)).policy
    assert (await stub.GetQueuePolicy(get, metadata=house.ann)).policy == stored
    with refused(StatusCode.ABORTED, "ETAG_MISMATCH"):
        await put(house, etag=first.etag)
    with refused(StatusCode.NOT_FOUND, "PROJECT_NOT_FOUND"):
        await stub.GetQueuePolicy(get, metadata=house.as_actor("eve"))
    assert (await put(house, etag=stored.etag, four_eyes=True, pools=pools, sla_hours=24)).policy == stored


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"answers": 26}, "QUEUE_POLICY_INVALID"),
        ({"answers": 3, "max_answers": 2}, "QUEUE_POLICY_INVALID"),
        ({"answers": -1}, "QUEUE_POLICY_INVALID"),
        ({"sla_hours": float("nan")}, "QUEUE_POLICY_INVALID"),
        ({"escalation_pool": "nobody"}, "QUEUE_POLICY_INVALID"),
        ({"pools": [policy_pb.Pool(pool="No Name")]}, "QUEUE_POLICY_INVALID"),
        ({"pools": [policy_pb.Pool(pool="a"), policy_pb.Pool(pool="a")]}, "QUEUE_POLICY_INVALID"),
        ({"pools": [policy_pb.Pool(pool="a")], "routes": [{"pool": "a", "filter": "age_hours > 3"}]}, ""),
        ({"pools": [policy_pb.Pool(pool="a")], "routes": [{"pool": "a", "filter": "severity >"}]}, "F"),
        ({"lease_seconds": 4}, "QUEUE_POLICY_INVALID"),
    ],
)
async def test_a_policy_that_makes_no_sense_is_refused(
    house: Any, news: Any, refused: Any, fields: dict[str, Any], reason: str
) -> None:
    expected = {"": "QUEUE_POLICY_INVALID", "F": "FILTER_INVALID"}.get(reason, reason)
    with refused(StatusCode.INVALID_ARGUMENT, expected):
        await put(house, **fields)


async def test_only_managers_change_a_policy_that_names_some(house: Any, news: Any, refused: Any) -> None:
    await put(house, managers=["bob"])
    with refused(StatusCode.PERMISSION_DENIED, "POLICY_FORBIDDEN"):
        await put(house)
    await put(house, "bob", four_eyes=True, managers=["bob", "ann"])
    await put(house)


async def test_routes_send_tasks_to_pools_that_only_members_take_from(
    house: Any, news: Any, refused: Any
) -> None:
    pools = [policy_pb.Pool(pool="seniors", members=[BOB]), policy_pb.Pool(pool="sport")]
    routes = [
        policy_pb.Route(pool="seniors", filter="confidence < 0.75"),
        policy_pb.Route(pool="sport", filter="category:sport"),
    ]
    assert (await put(house, pools=pools, routes=routes)).moved == 3
    assert [t.pool for t in await house.tasks()] == ["seniors", "sport", "sport"]
    assert (await one(house, "ann")).task.asset.key == "k1"
    with refused(StatusCode.PERMISSION_DENIED, "POOL_FORBIDDEN"):
        await one(house, "ann", pool="seniors")
    assert (await one(house, BOB)).task.asset.key == "k2"
    assert (await one(house, CAT, pool="sport")).task.asset.key == "k0"
    assert await one(house, CAT) is None
    # What a rule says goes before a route, and what comes in later is routed too.
    (asset,) = [a for a in await house.import_texts("one", "two", "three", "four") if a.key == "k3"]
    sure = house.prediction(asset, 0.8)
    await house.deliver(news, sure)
    assert (await task(house, "k3")).pool == "sport"
    await house.deliver(
        news,
        LabelEvaluated(label=sure.label.name, asset=asset.name, ruleset_revision=1, pool="seniors"),
    )
    assert (await task(house, "k3")).pool == "seniors"
    assert await one(house, CAT) is None
    assert (await put(house)).moved >= 1
    assert (await one(house, CAT)).task.asset.key == "k3"


async def test_leases_of_a_filter_are_the_first_that_it_holds_for(
    house: Any, news: Any, refused: Any
) -> None:
    assert (await one(house, "ann", filter="confidence > 0.75")).task.asset.key == "k1"
    assert (await one(house, "ann", filter='key = "k0" AND category:sport')).task.asset.key == "k0"
    assert await one(house, "ann", filter="severity = ERROR") is None
    with refused(StatusCode.INVALID_ARGUMENT, "FILTER_INVALID"):
        await one(house, "ann", filter="confidence >")


async def test_overdue_tasks_come_first_and_may_be_anyones_of_a_pool(house: Any, news: Any) -> None:
    pools = [policy_pb.Pool(pool="seniors", members=[BOB]), policy_pb.Pool(pool="rescue", members=[CAT])]
    routes = [policy_pb.Route(pool="seniors", filter="category:sport")]
    await put(house, pools=pools, routes=routes, sla_hours=1, sla_pool="rescue")
    async with house.db.begin() as conn:
        k0 = (await task(house, "k0")).name.rpartition("/")[2]
        old = "UPDATE tasks SET create_time_us = create_time_us - 7200000000 WHERE uid = :uid"
        await conn.execute(text(old), {"uid": k0})
    assert (await task(house, "k0")).overdue
    assert await one(house, "ann") is None
    rescued = await one(house, CAT)
    assert (rescued.task.asset.key, rescued.task.overdue) == ("k0", True)
    assert await one(house, CAT) is None
    assert (await one(house, BOB)).task.asset.key == "k2"
