"""Tasks that need more than one person: four eyes, several answers, sent back, escalated, passed over."""

from typing import Any

import pytest
from grpc import StatusCode
from sqlalchemy import text

from labelmesh.qa.v1.qa_events_pb2 import ConsensusResolved
from labelmesh.review.v1 import label_service_pb2, queue_service_pb2, review_events_pb2
from labelmesh.review.v1 import queue_policy_service_pb2 as policy_pb
from labels.label import Severity
from tests.integration.review_queue.policies import (
    BOB,
    CAT,
    DAN,
    POLITICS,
    one,
    put,
    task,
    three_predictions,
)


@pytest.fixture
async def news(house: Any) -> Any:
    return await three_predictions(house)


async def test_with_four_eyes_nobody_ends_their_own_label(house: Any, news: Any) -> None:
    await put(house, four_eyes=True)
    mine = await one(house, "ann", filter='key = "k2"')
    await house.submit(mine, "ACCEPT")
    first = await task(house, "k2")
    assert (first.check, queue_service_pb2.TaskState.Name(first.state)) == (True, "TASK_STATE_OPEN")
    assert await one(house, "ann", filter='key = "k2"') is None
    other = await one(house, BOB, filter='key = "k2"')
    assert (other.task.label.author, other.task.check) == ("ann", True)
    await house.submit(other, "CORRECT", actor=BOB, ops=POLITICS)
    assert await one(house, BOB, filter='key = "k2"') is None
    # Bob's label is another one, so somebody else, Ann as well, has to accept it.
    again = await one(house, "ann", filter='key = "k2"')
    label = await house.submit(again, "ACCEPT")
    assert label.annotations[0].category == "politics"
    assert (await house.counts())[3] == 1


async def test_with_four_eyes_a_rejection_needs_two(house: Any, news: Any) -> None:
    await put(house, four_eyes=True)
    await house.submit(await one(house, "ann"), "REJECT", reason="blurred")
    assert (await task(house, "k2")).check
    assert (await one(house, "ann")).task.asset.key == "k1"
    await house.submit(await one(house, BOB), "REJECT", actor=BOB, reason="yes, blurred")
    assert (await house.counts())[3] == 1


async def test_what_waits_for_a_second_person_is_not_exported_as_reviewed(house: Any, news: Any) -> None:
    await put(house, four_eyes=True)
    await house.submit(await one(house, "ann"), "ACCEPT")
    request = label_service_pb2.ExportLabelsRequest(parent="projects/news", include_unreviewed=True)

    async def reviewed() -> list[str]:
        found = [item async for item in house.labels.ExportLabels(request, metadata=house.ann)]
        return [item.asset.key for item in found if item.reviewed]

    assert await reviewed() == []
    await house.submit(await one(house, BOB), "ACCEPT", actor=BOB)
    assert await reviewed() == ["k2"]


def resolved(asset: Any, agreement: float, label: Any = None) -> ConsensusResolved:
    return ConsensusResolved(asset=asset, label=label, method="majority", agreement=agreement)


async def test_several_answer_without_seeing_each_other_and_what_they_agree_on_ends_the_task(
    house: Any, news: Any, refused: Any
) -> None:
    await put(house, answers=2, max_answers=3)
    ask = {"filter": 'key = "k2"'}
    await house.submit(await one(house, "ann", **ask), "CORRECT", ops=POLITICS)
    assert await one(house, "ann", **ask) is None
    second = await one(house, BOB, **ask)
    assert (second.task.label.author, second.task.answers, second.task.answers_wanted) == ("model", 1, 2)
    mine = await house.submit(second, "CORRECT", actor=BOB, ops=POLITICS)
    with refused(StatusCode.FAILED_PRECONDITION, "LEASE_LOST"):
        await house.submit(second, "ACCEPT", actor=BOB)
    told = await house.emitted(review_events_pb2.LabelReviewed)
    assert [(t.reviewer, t.answers, t.answers_wanted) for t in told] == [("ann", 1, 2), (BOB, 2, 2)]
    assert await one(house, CAT, **ask) is None, "nobody is asked while the answers are compared"
    asset = second.task.asset
    await house.deliver(news, resolved(asset, 1.0, mine))
    (ended,) = await house.tasks(filter='key = "k2"')
    assert (ended.label.author, ended.label.annotations[0].category) == ("consensus", "politics")
    assert (await house.counts())[3] == 1
    await house.deliver(news, resolved(asset, 0.0))
    assert (await house.counts())[3] == 1
    last = (await house.emitted(review_events_pb2.LabelReviewed))[-1]
    assert (last.reviewer, last.answers_wanted, last.label.revision) == ("consensus", 0, 4)


async def test_without_agreement_one_more_is_asked_and_then_the_escalation_pool(
    house: Any, news: Any
) -> None:
    pools = [policy_pb.Pool(pool="seniors", members=[DAN])]
    await put(house, answers=2, max_answers=3, pools=pools, escalation_pool="seniors")
    ask = {"filter": 'key = "k2"'}
    await house.submit(await one(house, "ann", **ask), "ACCEPT")
    last = await one(house, BOB, **ask)
    await house.submit(last, "CORRECT", actor=BOB, ops=POLITICS)
    await house.deliver(news, resolved(last.task.asset, 0.25))
    doubtful = await task(house, "k2")
    assert (doubtful.terms.disagreement, doubtful.answers_wanted) == (0.75, 3)
    assert await one(house, BOB, **ask) is None
    await house.submit(await one(house, CAT, **ask), "REJECT", actor=CAT, reason="neither")
    await house.deliver(news, resolved(last.task.asset, 0.0))
    sent = await task(house, "k2")
    assert (sent.pool, sent.sent.by, sent.sent.reason) == ("seniors", "consensus", "3 people do not agree.")
    assert await one(house, "reviewer-03", **ask) is None
    await house.submit(await one(house, DAN, **ask), "CORRECT", actor=DAN, ops=POLITICS)
    assert (await house.counts())[3] == 1
    assert (await task(house, "k2")).label.author == DAN


async def test_when_nobody_compares_the_answers_one_more_person_is_asked(house: Any, news: Any) -> None:
    await put(house, answers=2)
    ask = {"filter": 'key = "k2"'}
    await house.submit(await one(house, "ann", **ask), "ACCEPT")
    await house.submit(await one(house, BOB, **ask), "ACCEPT", actor=BOB)
    async with house.db.begin() as conn:
        await conn.execute(text("UPDATE tasks SET lease_expire_us = 1 WHERE lease_expire_us > 0"))
    assert await one(house, BOB, **ask) is None
    assert (await one(house, CAT, **ask)).task.answers == 2


async def test_a_label_goes_back_to_who_made_it_with_the_reason(house: Any, news: Any, refused: Any) -> None:
    await put(house, four_eyes=True)
    ask = {"filter": 'key = "k2"'}
    await house.submit(await one(house, "ann", **ask), "ACCEPT")
    checking = await one(house, BOB, **ask)
    with refused(StatusCode.INVALID_ARGUMENT, "REASON_MISSING"):
        await house.submit(checking, "SEND_BACK", actor=BOB)
    await house.submit(checking, "SEND_BACK", actor=BOB, reason="It is politics.")
    with refused(StatusCode.FAILED_PRECONDITION, "LEASE_LOST"):
        await house.submit(checking, "ACCEPT", actor=BOB)
    assert await one(house, CAT, **ask) is None
    mine = await one(house, "ann", **ask)
    assert (mine.task.sent.by, mine.task.sent.to, mine.task.sent.reason) == (BOB, "ann", "It is politics.")
    await house.submit(mine, "CORRECT", ops=POLITICS)
    assert not (await task(house, "k2")).HasField("sent")
    await house.submit(await one(house, BOB, **ask), "ACCEPT", actor=BOB)
    assert (await house.counts())[3] == 1


async def test_what_nobody_comes_back_for_is_for_others_after_a_while(house: Any, news: Any) -> None:
    await put(house, four_eyes=True)
    ask = {"filter": 'key = "k2"'}
    await house.submit(await one(house, "ann", **ask), "ACCEPT")
    await house.submit(await one(house, BOB, **ask), "SEND_BACK", actor=BOB, reason="Look again.")
    async with house.db.begin() as conn:
        await conn.execute(text("UPDATE tasks SET sent_until_us = 1 WHERE sent_until_us > 0"))
    assert (await one(house, CAT, **ask)).task.sent.reason == "Look again."


async def test_a_models_label_has_nobody_to_go_back_to_but_a_pool(
    house: Any, news: Any, refused: Any
) -> None:
    await put(house, pools=[policy_pb.Pool(pool="juniors", members=[CAT])])
    lease = await one(house, "ann")
    with refused(StatusCode.INVALID_ARGUMENT, "SEND_BACK_TO_NOBODY"):
        await house.submit(lease, "SEND_BACK", reason="Do it by hand.")
    with refused(StatusCode.INVALID_ARGUMENT, "POOL_UNKNOWN"):
        await house.submit(lease, "SEND_BACK", reason="Do it by hand.", pool="seniors")
    with refused(StatusCode.INVALID_ARGUMENT, "POOL_UNKNOWN"):
        await house.submit(lease, "ESCALATE", reason="Too hard.")
    await house.submit(lease, "SEND_BACK", reason="Do it by hand.", pool="juniors")
    assert (await one(house, CAT)).task.name == lease.task.name


async def test_an_escalation_goes_to_its_pool_once_whatever_is_replayed(
    house: Any, news: Any, refused: Any
) -> None:
    pools = [policy_pb.Pool(pool="seniors", members=[BOB])]
    await put(house, pools=pools, escalation_pool="seniors")
    lease = await one(house, "ann")
    for _ in range(2):
        await house.submit(lease, "ESCALATE", reason="Too hard.", request_id="once")
    with refused(StatusCode.INVALID_ARGUMENT, "REQUEST_ID_REUSED"):
        await house.submit(lease, "ESCALATE", reason="Other.", request_id="once")
    assert (await one(house, "ann")).task.asset.key == "k1"
    mine = await one(house, BOB)
    assert (mine.task.name, mine.task.pool, mine.task.sent.reason) == (
        lease.task.name,
        "seniors",
        "Too hard.",
    )
    # What rules say afterwards does not take it away from the pool.
    await house.deliver(news, house.evaluation(lease.task.label, Severity.ERROR))
    assert (await task(house, "k2")).pool == "seniors"
    async with house.db.read() as conn:
        assert (await conn.execute(text("SELECT count(*) FROM moves"))).scalar_one() == 1


async def test_what_is_skipped_is_for_others(house: Any, news: Any, refused: Any) -> None:
    lease = await one(house, "ann")
    await house.submit(lease, "SKIP")
    assert (await one(house, "ann")).task.asset.key == "k1"
    assert (await one(house, BOB)).task.name == lease.task.name
    stale = await one(house, CAT)
    with refused(StatusCode.ABORTED, "ETAG_MISMATCH"):
        await house.submit(stale, "SKIP", actor=CAT, base_etag="1-other")
    with refused(StatusCode.FAILED_PRECONDITION, "LEASE_LOST"):
        await house.submit(stale, "SKIP", actor=BOB)
