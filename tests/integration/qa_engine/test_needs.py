"""Rules that need more than the label: pixels, and what the project's other labels claim."""

import io

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import select

from chassis.ids import new_uid
from labelmesh.label.v1 import label_pb2
from labelmesh.qa.v1 import rule_service_pb2 as pb2
from labelmesh.review.v1.review_events_pb2 import LabelSubmitted
from labels.asset import ContentRef
from labels.label import Choice, Polygon, Span
from qa_engine import facts
from qa_engine.history import History, Share, Trust
from qa_engine.tables import category_facts, label_facts, string_facts

PARENT = "projects/news"
ANN = {"metadata": (("authorization", "Bearer token-a"),)}
SQUARE = Polygon(((2.0, 2.0, 8.0, 2.0, 8.0, 8.0, 2.0, 8.0),))


async def enable(world, rule: str, *parameters: pb2.RuleParameter) -> pb2.Rule:
    wanted = pb2.Rule(id=rule, enabled=True, severity=label_pb2.SEVERITY_WARNING, parameters=parameters)
    request = pb2.UpdateRuleRequest(parent=PARENT, rule=wanted)
    return (await world.stub.UpdateRule(request, **ANN)).rule


async def picture(world, colour: tuple[int, int, int]) -> dict[str, object]:
    out = io.BytesIO()
    Image.fromarray(np.full((10, 10, 3), colour, dtype=np.uint8)).save(out, "PNG")
    blob = await world.blobs.of("tenant-a").put(out.getvalue())
    return of_size(ContentRef(blob.uri, blob.sha256, blob.bytes))


def of_size(ref: ContentRef) -> dict[str, object]:
    return {"image_ref": ref, "width_px": 10, "height_px": 10}


def submitted(event, category: str) -> LabelSubmitted:
    """A person's label of the prediction's asset."""
    made = LabelSubmitted(asset=event.asset, label=event.label)
    made.label.name = f"{PARENT}/labels/{new_uid()}"
    made.label.kind = label_pb2.LABEL_KIND_DEFAULT
    made.label.annotations[0].category = category
    made.label.annotations[0].confidence = 0
    return made


async def test_texts_steer_rules_and_are_kept(project) -> None:
    patterns = pb2.RuleParameter(name="patterns", texts=[r"^A", r"\d+"])
    changed = await enable(project, "forbidden_pattern", patterns)
    listed = await project.stub.ListRules(pb2.ListRulesRequest(parent=PARENT), **ANN)
    (kept,) = (rule for rule in listed.rules if rule.id == "forbidden_pattern")
    assert kept == changed
    assert kept.parameters[0].kind == pb2.RULE_PARAMETER_KIND_TEXTS
    assert list(kept.parameters[0].texts) == [r"^A", r"\d+"]
    cleared = await enable(project, "forbidden_pattern", pb2.RuleParameter(name="patterns"))
    assert list(cleared.parameters[0].texts) == []


async def test_a_pattern_holds_labels(project, predict) -> None:
    await enable(project, "forbidden_pattern", pb2.RuleParameter(name="patterns", texts=["^A"]))
    await project.publish(predict("entity", "person", Span(0, 3, "Ann")))
    (reported,) = await project.evaluated(1)
    assert [finding.rule for finding in reported.findings] == ["forbidden_pattern"]


async def test_pixels_are_read_for_the_rules_that_need_them(project, predict, reason) -> None:
    lost = of_size(ContentRef("blob:sha256/" + "0" * 64, "0" * 64, 1))
    blob = await project.blobs.of("tenant-a").put(b"no picture")
    damaged = of_size(ContentRef(blob.uri, blob.sha256, blob.bytes))
    unread = predict("outline", "roof", SQUARE, **lost)
    await project.publish(unread)
    assert [list(event.findings) for event in await project.evaluated(1)] == [[]]
    await enable(project, "mask_color", pb2.RuleParameter(name="prototypes", texts=["roof: 200 0 0"]))
    events = {
        "red": predict("outline", "roof", SQUARE, **await picture(project, (210, 5, 0))),
        "blue": predict("outline", "roof", SQUARE, **await picture(project, (0, 0, 200))),
        "lost": unread,
        "damaged": predict("outline", "roof", SQUARE, **damaged),
    }
    for event in events.values():
        await project.publish(event)
    reported = {event.label: event for event in (await project.evaluated(5))[1:]}
    said = {name: [f.message for f in reported[event.label.name].findings] for name, event in events.items()}
    unreadable = "The picture could not be read to look at the shape's colour."
    assert said["red"] == []
    assert said["lost"] == said["damaged"] == [unreadable]
    (blue,) = said["blue"]
    assert "from its category's" in blue
    for name, event in events.items():
        request = pb2.EvaluateLabelRequest(parent=PARENT, asset=event.asset, label=event.label)
        answer = await project.stub.EvaluateLabel(request, **ANN)
        assert [finding.message for finding in answer.findings] == said[name]


async def test_people_are_compared_with_the_model_whatever_comes_in_one_batch(project, predict) -> None:
    await enable(project, "model_human_disagreement")
    events = [predict("topic", "sport", Choice()) for _ in range(10)]
    people = [submitted(event, "politics" if n % 2 else "sport") for n, event in enumerate(events)]
    for event, answer in zip(events, people, strict=True):
        await project.publish(event)
        await project.evaluated(1)
        await project.publish(answer)
    reported = {event.label: event for event in await project.evaluated(20)}
    rules = [[f.rule for f in reported[answer.label.name].findings] for answer in people]
    assert rules == [[], ["model_human_disagreement"]] * 5
    request = pb2.EvaluateLabelRequest(parent=PARENT, asset=people[1].asset, label=people[1].label)
    answer = await project.stub.EvaluateLabel(request, **ANN)
    assert [finding.rule for finding in answer.findings] == ["model_human_disagreement"]


async def test_nothing_is_remembered_where_no_rule_asks_for_it(project, predict) -> None:
    await project.publish(predict("topic", "sport", Choice()))
    await project.evaluated(1)
    async with project.db.read() as conn:
        for table in (label_facts, string_facts, category_facts):
            assert (await conn.execute(select(table))).all() == []


async def test_what_comes_again_is_remembered_once(project, predict) -> None:
    await enable(project, "string_consistency")
    event = predict("entity", "person", Span(0, 3, "Ann"))
    await project.publish(event)
    await project.evaluated(1)
    # The same label under other rules is another evaluation, and the same fact.
    await enable(project, "category_drift")
    await project.publish(event)
    await project.evaluated(2)
    async with project.db.read() as conn:
        (string,) = (await conn.execute(select(string_facts))).all()
        (category,) = (await conn.execute(select(category_facts))).all()
    assert (string.labels, category.recent) == (1, 1)
    assert "ann" not in f"{string}".lower().replace("person", "")


async def test_equal_strings_are_counted_by_asset(project, predict) -> None:
    await enable(project, "string_consistency", pb2.RuleParameter(name="min_labels", value=3))
    for _ in range(3):
        await project.publish(predict("entity", "person", Span(0, 3, "Ann")))
    await project.evaluated(3)
    other = predict("entity", "place", Span(0, 3, "Ann"))
    await project.publish(other)
    reported = (await project.evaluated(4))[-1]
    assert "string_consistency" in [finding.rule for finding in reported.findings]
    # Another label of the same asset takes the place of the first.
    for n in range(3):
        await project.publish(submitted(other, "person" if n % 2 else "place"))
        await project.evaluated(5 + n)
    async with project.db.read() as conn:
        rows = {row.category: row.labels for row in await conn.execute(select(string_facts))}
    assert rows == {"person": 3, "place": 2}


@pytest.fixture
def said(predict):
    """Labels of one category, as dataclasses."""
    from labels.proto import label_from_pb

    def said(category: str, count: int, confidence: float = 0.9):
        events = [predict("topic", category, Choice()) for _ in range(count)]
        for event in events:
            event.label.annotations[0].confidence = confidence
        return [label_from_pb(event.label) for event in events]

    return said


async def test_shares_move_from_recent_to_earlier(world, said) -> None:
    from dataclasses import replace

    from labels.label import LabelKind
    from labels.ontology import Ontology
    from labels.proto import ontology_from_pb

    ontology: Ontology = ontology_from_pb(world.project().project.ontology)
    uid = world.project_uid
    async with world.db.begin() as conn:
        for _ in range(3):
            await facts.remember(conn, uid, said("sport", 400) + said("politics", 100), ontology)
        await facts.remember(conn, uid, said("politics", 50), ontology)
        (history,) = await facts.read(conn, uid, said("sport", 1))
    sport, politics = history.shares["topic", "sport"], history.shares["topic", "politics"]
    assert (sport, politics) == (Share(800, 400), Share(200, 150))

    predictions = said("sport", 4, 0.8)
    people = [replace(p, uid=new_uid(), kind=LabelKind.DEFAULT) for p in predictions]
    contrary = replace(people[3].annotations[0], category="politics")
    people[3] = replace(people[3], annotations=(contrary,))
    async with world.db.begin() as conn:
        await facts.remember(conn, uid, predictions, ontology)
        await facts.remember(conn, uid, people, ontology)
        changed = [replace(p, uid=new_uid()) for p in people]
        await facts.remember(conn, uid, changed, ontology)
        read: list[History] = await facts.read(conn, uid, changed)
    assert read[0].choices["topic"].confidence == 0.8
    trust = read[0].trust
    assert trust["topic", "sport"].count == 3
    assert trust["topic", "sport"].confidence_sum == pytest.approx(2.4)
    assert trust["topic", "politics"] == Trust(pytest.approx(0.2), 1)
