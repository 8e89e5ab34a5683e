"""Answers of several people on their way to one label: events, results and measures, on both databases."""

import grpc
import pytest
from sqlalchemy import func, select

from chassis.ids import new_uid
from labelmesh.label.v1 import label_pb2
from labelmesh.qa.v1 import consensus_service_pb2 as pb2
from labels.asset import Asset
from labels.label import Label, LabelKind
from labels.proto import asset_to_pb, label_from_pb, label_to_pb
from qa_engine import projects
from qa_engine.consensus import answers, counts, events, results
from qa_engine.consensus.tables import consensus_answers, consensus_counts

from .conftest import TEXT, entity, topic


def claims(label):
    return sorted((a.tool, a.category) for a in label_from_pb(label).annotations)


async def test_the_last_answer_wanted_makes_the_consensus(room):
    asset = await room.answered(
        [topic("sport"), entity(0, 7)], [topic("sport"), entity(0, 7)], [topic("politics")]
    )
    (found,) = await room.resolved(1)
    assert found.asset.name.endswith(asset.uid)
    assert claims(found.label) == [("entity", "person"), ("topic", "sport")]
    assert found.label.author == "consensus:POOLED"
    assert len(found.answers) == 3
    # Pairs agree fully once in each tool, and not at all twice.
    assert found.agreement == pytest.approx(1 / 3)
    listed = (await room.call("ListConsensusResults")).results
    assert [r.asset for r in listed] == [found.asset.name]
    assert {(d.tool, d.category, d.support) for d in listed[0].disputes} == {("topic", "politics", 1)}


async def test_without_agreement_the_event_has_no_label(room):
    await room.answered([topic("sport")], [topic("politics")])
    (found,) = await room.resolved(1)
    assert not found.HasField("label")
    assert found.agreement == 0
    assert len((await room.call("ListConsensusResults", disputed=True)).results) == 1


async def test_one_more_answer_settles_a_tie(room):
    asset = await room.answered([topic("sport")], [topic("politics")])
    await room.resolved(1)
    await room.call("UpdateConsensusPolicy", policy=policy(min_agreement=0.0))
    await room.publish(room.review(asset, "p2", [topic("sport")], 3, 3))
    found = await room.resolved(2)
    assert claims(found[1].label) == [("topic", "sport")]
    assert len((await room.call("ListConsensusResults")).results) == 1
    # What the asset added to the counts before is taken away: each of three votes counts once.
    async with room.world.db.read() as conn:
        total = await conn.scalar(select(func.sum(consensus_counts.c.amount)))
    assert total == pytest.approx(3)


async def test_answers_that_come_in_the_wrong_order_and_twice_resolve_once(room):
    asset = Asset(key=new_uid(), uid=new_uid(), text=TEXT)
    one = room.review(asset, "p0", [topic("sport")], 1, 2)
    two = room.review(asset, "p1", [topic("sport")], 2, 2)
    for event in (two, one, two, one):
        await room.publish(event)
    await room.answered([topic("politics")], [topic("politics")])
    found = await room.resolved(2)
    assert len(found) == 2
    assert {r.asset.name for r in found} > {f"projects/news/assets/{asset.uid}"}


async def test_a_task_that_begins_anew_forgets_the_answers_before(room):
    asset = await room.answered([topic("sport")], [topic("politics")])
    await room.resolved(1)
    await room.publish(room.review(asset, "p5", [topic("politics")], 1, 2))
    await room.publish(room.review(asset, "p6", [topic("politics")], 2, 2))
    found = await room.resolved(2)
    assert claims(found[1].label) == [("topic", "politics")]
    assert found[1].agreement == 1
    async with room.world.db.read() as conn:
        stored = (await conn.execute(select(consensus_answers.c.annotator))).scalars()
    assert sorted(stored) == ["p5", "p6"]


async def test_an_old_answer_that_comes_late_does_not_replace_a_newer_one(room):
    asset = Asset(key=new_uid(), uid=new_uid(), text=TEXT)
    await room.publish(room.review(asset, "p0", [topic("sport")], 1, 2), time_us=2_000_000)
    await room.publish(room.review(asset, "p0", [topic("politics")], 1, 2), time_us=1_000_000)
    await room.publish(room.review(asset, "p1", [topic("sport")], 2, 2), time_us=3_000_000)
    (found,) = await room.resolved(1)
    assert claims(found.label) == [("topic", "sport")]


async def test_a_rejecting_majority_is_no_label(room):
    await room.answered(None, None, [topic("sport")])
    (found,) = await room.resolved(1)
    assert not found.HasField("label")
    assert len(found.answers) == 1


async def test_people_who_proved_wrong_count_less_than_those_who_proved_right(room):
    # p2 is always alone; then p0 and p2 differ, and only history says who is right.
    for n in range(20):
        right, wrong = ("sport", "politics") if n % 2 else ("politics", "sport")
        await room.answered([topic(right)], [topic(right)], [topic(wrong)])
    await room.resolved(20)
    await room.call("UpdateConsensusPolicy", policy=policy(min_agreement=0.0, min_confidence=0.8))
    asset = Asset(key=new_uid(), uid=new_uid(), text=TEXT)
    await room.publish(room.review(asset, "p0", [topic("sport")], 1, 2))
    await room.publish(room.review(asset, "p2", [topic("politics")], 2, 2))
    last = (await room.resolved(21))[-1]
    assert claims(last.label) == [("topic", "sport")]
    assert last.confidence > 0.9
    quality = (await room.call("GetAnnotatorQuality", tool="topic")).annotators
    assert quality[0].annotator == "p2"
    assert quality[0].upper < quality[-1].lower
    assert sum(cell.amount for cell in quality[0].confusion) == pytest.approx(21, abs=0.5)


async def test_what_a_rule_resolves_goes_before_the_vote(room):
    asset = await room.answered([topic("sport")], wanted=2)
    event = room.review(asset, "p1", [topic("sport")], 2, 2)

    class Cause:
        message, traceparent = event, ""

    async def stored():
        async with room.world.db.read() as conn:
            return await conn.scalar(select(func.count()).select_from(consensus_answers))

    while await stored() < 1:
        pass
    async with room.world.db.begin() as conn:
        project = await projects.by_id(conn, "tenant-a", "news")
        await events.by_rule(conn, project, Cause, "ours", (entity(0, 7),))
    (found,) = await room.resolved(1)
    assert (found.method, found.agreement) == ("rule:ours", 1)
    assert claims(found.label) == [("entity", "person")]


async def test_what_others_answered_is_at_hand_in_the_order_it_came(room):
    asset = await room.answered([topic("sport")], None, [topic("politics")])
    other = await room.answered([topic("sport")], [topic("sport")])
    await room.resolved(2)
    mine = [Label(LabelKind.REVIEW, "p0", (), asset_uid=uid) for uid in (asset.uid, other.uid, "none")]
    async with room.world.db.read() as conn:
        found = await answers.of_others(conn, room.world.project_uid, mine)
        (everyone,) = await answers.of_others(
            conn, room.world.project_uid, [Label(LabelKind.PREDICTION, "model", (), asset_uid=asset.uid)]
        )
    said = [[(a.author, bool(a.uid), [c.category for c in a.annotations]) for a in some] for some in found]
    assert said == [[("p1", False, []), ("p2", True, ["politics"])], [("p1", True, ["sport"])], []]
    assert [a.author for a in everyone] == ["p0", "p1", "p2"]


async def test_agreement_of_stored_answers(room):
    for n in range(6):
        same = "sport" if n % 2 else "politics"
        await room.answered([topic(same), entity(0, 7)], [topic(same), entity(0, 3)])
    await room.resolved(6)
    found = await room.call("GetAgreement", tool="topic")
    assert found.alpha.value == pytest.approx(1)
    assert found.alpha.n == 6
    assert (found.pairs[0].annotator, found.pairs[0].other, found.pairs[0].kappa.value) == ("p0", "p1", 1)
    spans = await room.call("GetAgreement", tool="entity")
    assert (spans.exact_f1.value, spans.overlap_f1.value) == (0, 1)
    assert spans.iou.value == pytest.approx(3 / 7)
    assert not spans.alpha.HasField("value")
    later = await room.call("GetAgreement", tool="topic", start_time_us=1 << 60)
    assert later.answers == 0
    assert not later.alpha.HasField("value")


def policy(**changes):
    wanted = {"quorum": 0.5, "iou": 0.5, "min_agreement": 0.5, "min_confidence": 0.8}
    return pb2.ConsensusPolicy(**{**wanted, **changes})


def given(*people):
    asset = Asset(key=new_uid(), uid=new_uid(), text=TEXT)
    labels = [
        label_to_pb(Label(LabelKind.REVIEW, who, (topic_named,), asset_uid=asset.uid), "news")
        for who, topic_named in people
    ]
    return pb2.AssetAnswers(asset=asset_to_pb(asset, "news"), labels=labels)


async def test_given_answers_are_compared_and_nothing_is_stored(room):
    pairs = [given(("ann", entity(0, 7)), ("bob", entity(0, 7)), ("cem", entity(4, 7))) for _ in range(2)]
    found = await room.call("ComputeConsensus", answers=pairs, policy=policy(iou=0.4))
    assert [claims(r.label) for r in found.results] == [[("entity", "person")]] * 2
    assert [r.answers for r in found.results] == [3, 3]
    assert not (await room.call("ListConsensusResults")).results


async def test_stored_answers_are_compared_by_every_method(room):
    for n in range(4):
        same = "sport" if n % 2 else "politics"
        await room.answered([topic(same)], [topic(same)], [topic("sport")])
    await room.resolved(4)
    for method in pb2.ConsensusMethod.values()[1:]:
        found = await room.call(
            "ComputeConsensus", policy=policy(method=method, min_agreement=0.0, min_confidence=0.5)
        )
        said = sorted(claims(r.label)[0][1] for r in found.results)
        assert said == ["politics", "politics", "sport", "sport"]


async def test_a_policy_is_kept_and_counts_its_changes(room):
    before = (await room.call("GetConsensusPolicy")).policy
    assert (before.method, before.revision) == (pb2.CONSENSUS_METHOD_POOLED, 0)
    wanted = policy(method=pb2.CONSENSUS_METHOD_MACE, staple=True)
    for _ in range(2):
        now = (await room.call("UpdateConsensusPolicy", policy=wanted)).policy
        assert (now.method, now.staple, now.revision) == (pb2.CONSENSUS_METHOD_MACE, True, 1)


async def test_wrong_requests_are_refused_by_name(room, reason):
    ann = given(("ann", topic("sport")))
    twice = pb2.AssetAnswers(asset=ann.asset, labels=[ann.labels[0], ann.labels[0]])
    damaged = pb2.AssetAnswers(asset=ann.asset, labels=[label_pb2.Label(author="ann")])
    for method, fields, why in (
        ("UpdateConsensusPolicy", {"policy": policy(quorum=0.1)}, "POLICY_INVALID"),
        ("UpdateConsensusPolicy", {"policy": policy(iou=float("nan"))}, "POLICY_INVALID"),
        ("ComputeConsensus", {"answers": [twice]}, "VOTES_INVALID"),
        ("ComputeConsensus", {"answers": [damaged]}, "VOTES_INVALID"),
        ("ComputeConsensus", {"answers": [ann, ann]}, "VOTES_INVALID"),
        ("ComputeConsensus", {"max_assets": 1001}, "VOTES_INVALID"),
        ("GetAgreement", {"tool": "none"}, "UNKNOWN_TOOL"),
        ("GetAnnotatorQuality", {"tool": "entity"}, "VOTES_INVALID"),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await room.call(method, **fields)
        assert reason(refused.value) == why, (method, fields)


async def test_tenants_never_meet(room):
    await room.answered([topic("sport")], [topic("sport")])
    await room.resolved(1)
    for method, fields in (
        ("GetConsensusPolicy", {}),
        ("UpdateConsensusPolicy", {"policy": policy()}),
        ("ComputeConsensus", {}),
        ("GetAgreement", {"tool": "topic"}),
        ("GetAnnotatorQuality", {"tool": "topic"}),
        ("ListConsensusResults", {}),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await room.call(method, who="b", **fields)
        assert refused.value.code() is grpc.StatusCode.NOT_FOUND, method


async def test_results_come_in_pages(room):
    for _ in range(3):
        await room.answered([topic("sport")], [topic("sport")])
    await room.resolved(3)
    first = await room.call("ListConsensusResults", page_size=2)
    rest = await room.call("ListConsensusResults", page_size=2, page_token=first.next_page_token)
    assert len({r.asset for r in (*first.results, *rest.results)}) == 3
    assert not rest.next_page_token


async def test_the_tables_are_those_of_the_migration(world):
    async with world.db.begin() as conn:
        assert await results.of_asset(conn, world.project_uid, "none") is None
        assert await counts.known(conn, world.project_uid, ["topic"], ["ann"])
