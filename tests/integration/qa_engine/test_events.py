"""Events in, LabelEvaluated out: once, in whatever order and however often they come."""

import asyncio

from sqlalchemy import func, select

from labelmesh.review.v1 import queue_service_pb2
from labelmesh.review.v1.review_events_pb2 import LabelReviewed, LabelSubmitted
from labels.asset import ContentRef
from labels.label import Choice, Polygon, Span
from labels.ontology import Ontology
from qa_engine.engine import discover
from qa_engine.tables import evaluations, findings

SPORT = ("topic", "sport", Choice())


async def count(world, table) -> int:
    async with world.db.read() as conn:
        return int(await conn.scalar(select(func.count()).select_from(table)))


async def test_every_label_is_evaluated_and_reported_once(world, predict) -> None:
    good = predict(*SPORT)
    wrong = predict("topic", "weather", Choice())
    misplaced = predict("entity", "person", Span(8, 11, "Ann"))
    small = predict("outline", "roof", Polygon(((0.0, 0.0, 4.999, 0.0, 4.999, 1.0, 0.0, 1.0),)))
    async with world.consumer():
        await world.publish(world.project())
        for event in (good, wrong, misplaced, small):
            await world.publish(event)
        reported = {event.label: event for event in await world.evaluated(4)}
    assert len(reported) == 4
    rules = {name: [finding.rule for finding in event.findings] for name, event in reported.items()}
    assert rules == {
        good.label.name: [],
        wrong.label.name: ["category_in_ontology"],
        misplaced.label.name: ["span_in_text"],
        small.label.name: ["polygon_min_area"],
    }
    # Those that found nothing looked too; those that a project has to switch on did not.
    looked = {tuple(event.rules) for event in reported.values()}
    assert looked == {tuple(rule.id for rule in discover() if rule.enabled)}
    assert reported[wrong.label.name].asset == wrong.asset.name
    assert reported[wrong.label.name].findings[0].annotation_id == "a0"
    assert await count(world, evaluations) == 4
    assert await count(world, findings) == 3


async def test_redelivery_changes_nothing(world, predict) -> None:
    events = [predict(*SPORT) for _ in range(20)] + [predict("topic", "weather", Choice()) for _ in range(20)]
    await world.publish(world.project())
    async with world.consumer():
        for event in events:
            await world.publish(event, msg_id=f"prediction:{event.label.name}")
        assert len(await world.evaluated(40)) == 40
    # A consumer that lost its place gets everything again under the same ids.
    for stream in ("LABELMESH_REVIEW", "LABELMESH_ANNOTATOR"):
        await world.bus.js.delete_consumer(stream, "qa_engine")
    async with world.consumer():
        # The same facts under other ids, as from a producer that was restored from an older state.
        for event in events:
            await world.publish(event)
        last = predict(*SPORT)
        await world.publish(last)
        reported = await world.evaluated(41)
    assert len(reported) == 41
    assert {event.label for event in reported} == {event.label.name for event in [*events, last]}
    assert await count(world, evaluations) == 41
    assert await count(world, findings) == 20


async def test_labels_wait_for_their_project(world, predict) -> None:
    async with world.consumer():
        events = [predict(*SPORT) for _ in range(3)]
        for event in events:
            await world.publish(event)
        await asyncio.sleep(0.3)
        assert await count(world, evaluations) == 0
        await world.publish(world.project())
        assert len(await world.evaluated(3)) == 3


async def test_labels_wait_for_the_ontology_that_they_were_made_with(world, predict) -> None:
    event = predict(*SPORT)
    event.label.lineage.ontology_revision = 2
    async with world.consumer():
        await world.publish(world.project())
        await world.publish(event)
        await asyncio.sleep(0.3)
        assert await count(world, evaluations) == 0
        await world.publish(world.project(ontology=Ontology(world_tools(world), revision=2)))
        (reported,) = await world.evaluated(1)
    assert [finding.rule for finding in reported.findings] == []


def world_tools(world):
    from labels.proto import ontology_from_pb

    return ontology_from_pb(world.project().project.ontology).tools


async def test_an_older_ontology_does_not_come_back(world, predict) -> None:
    newer = Ontology(world_tools(world)[1:], revision=2)
    async with world.consumer():
        await world.publish(world.project(ontology=newer))
        await world.publish(world.project())
        await world.publish(predict(*SPORT))
        (reported,) = await world.evaluated(1)
    assert [finding.rule for finding in reported.findings] == ["category_in_ontology"]


async def test_submitted_and_reviewed_labels_are_evaluated_and_rejections_are_not(world, predict) -> None:
    submitted, accepted, rejected = (predict("topic", "weather", Choice()) for _ in range(3))
    async with world.consumer():
        await world.publish(world.project())
        await world.publish(LabelReviewed(asset=rejected.asset, decision=queue_service_pb2.DECISION_REJECT))
        await world.publish(LabelSubmitted(asset=submitted.asset, label=submitted.label))
        await world.publish(
            LabelReviewed(
                asset=accepted.asset,
                label=accepted.label,
                base=accepted.label,
                decision=queue_service_pb2.DECISION_ACCEPT,
            )
        )
        reported = await world.evaluated(2)
    assert {event.label for event in reported} == {submitted.label.name, accepted.label.name}
    await world.dead(0)


async def test_long_texts_are_read_from_the_blob_store(world, predict) -> None:
    text = "word " * 10_000 + "Ann"
    blob = await world.blobs.of("tenant-a").put(text.encode())
    ref = ContentRef(blob.uri, blob.sha256, blob.bytes)
    lost = ContentRef("blob:sha256/" + "0" * 64, "0" * 64, 1)
    right = predict("entity", "person", Span(50_000, 50_003, "Ann"), text_ref=ref)
    wrong = predict("entity", "person", Span(50_001, 50_004, "Ann"), text_ref=ref)
    unread = predict("entity", "person", Span(0, 3, "Ann"), text_ref=lost)
    async with world.consumer():
        await world.publish(world.project())
        for event in (right, wrong, unread):
            await world.publish(event)
        reported = {event.label: event for event in await world.evaluated(3)}
    assert len(reported[right.label.name].findings) == 0
    assert "is not in the text" in reported[wrong.label.name].findings[0].message
    assert "could not be read" in reported[unread.label.name].findings[0].message


async def test_a_bad_event_goes_to_the_dead_letters_and_holds_up_no_other(world, predict) -> None:
    nameless, kindless, good = predict(*SPORT), predict(*SPORT), predict(*SPORT)
    nameless.label.name = ""
    kindless.label.kind = 0
    async with world.consumer():
        await world.publish(world.project())
        for event in (nameless, kindless, good):
            await world.publish(event)
        (reported,) = await world.evaluated(1)
        await world.dead(2)
    assert reported.label == good.label.name


async def test_a_broker_that_crashes_loses_nothing(world, predict, broker) -> None:
    events = [predict(*SPORT) for _ in range(60)]
    async with world.consumer():
        await world.publish(world.project())
        for event in events[:30]:
            await world.publish(event)
        await asyncio.to_thread(broker.restart)
        for event in events[30:]:
            await world.publish(event)
        reported = await world.evaluated(60)
    assert sorted(event.label for event in reported) == sorted(event.label.name for event in events)


async def test_traces_go_on(world, predict) -> None:
    trace = "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01"
    event = predict(*SPORT)
    await world.publish(world.project())
    headers = {"Nats-Msg-Id": "traced", "traceparent": trace}
    subject = f"labelmesh.annotator.v1.PredictionCreated.{world.project_uid}"
    await world.bus.js.publish(subject, event.SerializeToString(), headers=headers)
    async with world.consumer():
        await world.evaluated(1)
    message = await world.bus.js.get_msg("LABELMESH_QA", 1)
    assert (message.headers or {})["traceparent"] == trace
