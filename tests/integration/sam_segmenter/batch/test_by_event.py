"""Pictures of projects become predictions by themselves."""

from chassis.errors import BlobCorrupt
from labelmesh.annotator.v1.annotator_events_pb2 import PredictionCreated, PredictionFailed
from labelmesh.review.v1.project_service_pb2 import PreAnnotation
from labels.asset import Asset
from labels.checks import check_label
from labels.label import Box, ConfidenceMethod, LabelKind, Mask
from labels.ontology import Category, Ontology, Tool, ToolKind
from labels.proto import asset_from_pb, asset_to_pb, label_from_pb
from sam_segmenter.errors import EncoderUnavailable, PictureUnreadable

TEXTS = Ontology((Tool("topic", ToolKind.CHOICE_SINGLE, (Category("art"),)),), revision=1)


async def test_imported_pictures_of_an_automatic_project_become_predictions(world) -> None:
    await world.project()
    await world.publish(world.assets(["p1", "p2", "p3"]))
    events = await world.events(3)
    assert [type(event) for event in events] == [PredictionCreated] * 3
    (run,) = await world.runs()
    run = await world.reaches(run.name)
    assert (run.total, run.succeeded, run.failed, run.masks, run.model) == (3, 3, 0, 6, "painter")
    assert (run.config.tool, run.config.category, run.config.points_per_side) == ("outline", "roof", 16)
    assert world.painter.tenants == {"default"}


async def test_a_prediction_is_one_that_review_queue_keeps(world) -> None:
    await world.project()
    await world.publish(world.assets(["p1"]))
    (event,) = await world.events(1)
    asset, label = asset_from_pb(event.asset), label_from_pb(event.label)
    check_label(label.annotations, asset, world.ontology)
    assert (label.kind, label.author, label.asset_uid) == (LabelKind.PREDICTION, "painter", asset.uid)
    assert [round(annotation.confidence, 6) for annotation in label.annotations] == [0.81, 0.72]
    assert all(isinstance(annotation.value, Mask) for annotation in label.annotations)
    confidence = label.confidence
    assert confidence.method is ConfidenceMethod.PREDICTED_IOU
    assert abs(confidence.raw - 0.765) < 1e-9
    assert confidence.lower == confidence.upper == confidence.raw
    (run,) = await world.runs()
    assert (label.lineage.run, label.lineage.model) == (run.name, "painter")
    assert (label.lineage.ontology_revision, label.lineage.prompt_revision) == (1, 0)
    assert label.create_time_us > 0


async def test_later_imports_go_on_with_the_same_run(world) -> None:
    await world.project()
    await world.publish(world.assets(["p1"]))
    await world.events(1)
    await world.publish(world.assets(["p2", "p3"]))
    await world.events(3)
    (run,) = await world.runs()
    run = await world.reaches(run.name)
    assert (run.total, run.succeeded) == (3, 3)


async def test_the_same_events_again_make_nothing_twice(world) -> None:
    await world.project()
    await world.publish(world.assets(["p1", "p2"]), "m1")
    await world.submit("p1", [("car", Box(4, 4, 20, 20))], "L1", msg_id="s1")
    await world.events(3)
    # Under another id, as after the time that the inbox and the broker remember.
    await world.publish(world.assets(["p1", "p2"]), "m2")
    await world.submit("p1", [("car", Box(4, 4, 20, 20))], "L1", msg_id="s2")
    await world.handled()
    events = await world.events(3)
    assert len(events) == 3
    assert len({event.label.name for event in events}) == 3


async def test_projects_that_do_not_ask_for_it_or_have_no_tool_for_it_get_no_run(world) -> None:
    for mode in (PreAnnotation.PRE_ANNOTATION_ON_DEMAND, PreAnnotation.PRE_ANNOTATION_NONE):
        await world.project(mode)
        await world.publish(world.assets([f"p{mode}"]))
        await world.submit(f"p{mode}", [("car", Box(4, 4, 20, 20))], f"L{mode}")
    await world.handled()
    assert await world.runs() == []
    await world.project(ontology=TEXTS)
    await world.publish(world.assets(["p9"]))
    await world.handled()
    assert await world.runs() == []
    assert world.painter.calls == []


async def test_texts_are_left_alone(world) -> None:
    await world.project()
    text = asset_to_pb(Asset(key="t", uid="01JTEXT", text="Ann met Bob."), "street")
    imported = world.assets(["p1"])
    imported.assets.append(text)
    await world.publish(imported)
    await world.events(1)
    (run,) = await world.runs()
    assert (await world.reaches(run.name)).total == 1


async def test_boxes_of_a_label_become_masks_of_the_boxes_categories(world) -> None:
    await world.project()
    # "sky" is no category of the mask tool, and the last box is not on the picture.
    boxes = [
        ("car", Box(4, 4, 20, 20)),
        ("tree", Box(40.5, 40.5, 100, 100)),
        ("sky", Box(0, 0, 9, 9)),
        ("car", Box(70, 70, 5, 5)),
    ]
    await world.submit("p1", boxes, "L1")
    (event,) = await world.events(1)
    label = label_from_pb(event.label)
    assert sorted(annotation.category for annotation in label.annotations) == ["car", "tree"]
    check_label(label.annotations, asset_from_pb(event.asset), world.ontology)
    (run,) = await world.runs()
    assert run.config.mode == 2
    # Its import comes late, and there is nothing left to do.
    await world.publish(world.assets(["p1"]))
    await world.handled()
    assert len(await world.events(1)) == 1


async def test_other_boxes_for_the_picture_make_a_new_prediction(world) -> None:
    await world.project()
    await world.submit("p1", [("car", Box(4, 4, 20, 20))], "L1")
    await world.events(1)
    await world.submit("p1", [("tree", Box(4, 4, 20, 20)), ("car", Box(30, 30, 9, 9))], "L2")
    first, second = await world.events(2)
    assert first.label.name != second.label.name
    (run,) = await world.runs()
    run = await world.reaches(run.name)
    assert (run.total, run.succeeded, run.masks) == (1, 1, 2)


async def test_boxes_that_change_while_they_are_worked_on_are_worked_on_anew(world, eventually) -> None:
    await world.project()
    world.painter.gate.clear()
    await world.submit("p1", [("car", Box(4, 4, 20, 20))], "L1")

    async def under_way() -> bool:
        return len(world.painter.calls) == 1

    await eventually(under_way)
    await world.submit("p1", [("tree", Box(4, 4, 20, 20))], "L2")

    async def under_way_twice() -> bool:
        return len(world.painter.calls) == 2

    await eventually(under_way_twice)
    world.painter.gate.set()
    (event,) = await world.events(1)
    assert [annotation.category for annotation in event.label.annotations] == ["tree"]
    (run,) = await world.runs()
    assert (await world.reaches(run.name)).succeeded == 1


async def test_what_a_person_has_answered_for_is_not_segmented(world, eventually) -> None:
    await world.project()
    await world.review("p2")
    await world.submit("p3", [], "L3", kind=LabelKind.REVIEW)
    world.painter.gate.clear()
    await world.publish(world.assets(["p1", "p2", "p3", "p4", "p5", "p6"]))

    async def two_under_way() -> bool:
        return len(world.painter.calls) == 2

    await eventually(two_under_way)
    # One that waits, and one that is being worked on.
    await world.review("p6")
    await world.review("p1")
    await world.handled()
    world.painter.gate.set()
    events = await world.events(2)
    assert sorted(event.asset.key for event in events) == ["p4", "p5"]
    (run,) = await world.runs()
    run = await world.reaches(run.name)
    assert (run.total, run.succeeded) == (2, 2)


async def test_a_picture_that_cannot_be_segmented_goes_to_a_person_with_the_reason(world) -> None:
    await world.project()
    keys = ["bad", "good", "lost", "none", "odd"]
    uris = {key: f"blob:sha256/{key.encode().hex():0>64}" for key in keys}
    world.painter.troubles = {
        uris["bad"]: PictureUnreadable(),
        uris["lost"]: BlobCorrupt(),
        uris["odd"]: ZeroDivisionError("secret"),
    }
    world.painter.nothing = {uris["none"]}
    await world.publish(world.assets(keys))
    events = await world.events(5)
    failed = {event.asset.key: event for event in events if isinstance(event, PredictionFailed)}
    reasons = {key: event.reason for key, event in failed.items()}
    assert reasons == {
        "bad": "PICTURE_UNREADABLE",
        "lost": "BLOB_CORRUPT",
        "none": "NOTHING_FOUND",
        "odd": "INTERNAL",
    }
    (run,) = await world.runs()
    run = await world.reaches(run.name)
    assert (run.succeeded, run.failed) == (1, 4)
    assert {event.prediction_run for event in failed.values()} == {run.name}
    assert "secret" not in failed["odd"].message
    assert sorted((await world.failures(run.name)).values()) == sorted(reasons.values())


async def test_a_picture_of_another_size_than_its_asset_says_goes_to_a_person(world) -> None:
    await world.project()
    await world.publish(world.assets(["p1"], width_px=65))
    (event,) = await world.events(1)
    assert event.reason == "ANNOTATION_INVALID"


async def test_an_encoder_that_is_away_is_waited_for_and_is_no_failure(world, eventually) -> None:
    await world.project()
    world.painter.away = EncoderUnavailable()
    await world.publish(world.assets(["p1", "p2"]))

    async def tried_again() -> bool:
        return len(world.painter.calls) >= 4

    await eventually(tried_again)
    world.painter.away = None
    events = await world.events(2)
    assert [type(event) for event in events] == [PredictionCreated] * 2


async def test_a_long_run_does_not_hold_up_a_short_one(world, eventually) -> None:
    await world.project()
    world.painter.gate.clear()
    await world.publish(world.assets([f"p{n}" for n in range(40)]))
    await world.submit("q1", [("car", Box(4, 4, 20, 20))], "L1")
    await world.handled()
    world.painter.gate.set()
    await world.events(41)
    assert world.painter.calls.index(f"blob:sha256/{b'q1'.hex():0>64}") < 8


async def test_imports_are_told_to_whoever_encodes_ahead(world) -> None:
    await world.project(PreAnnotation.PRE_ANNOTATION_ON_DEMAND)
    await world.publish(world.assets(["p1", "p2"]))
    await world.handled()
    expected = [("default", f"blob:sha256/{key.hex():0>64}") for key in (b"p1", b"p2")]
    assert world.asked_ahead == expected


async def test_an_unreadable_event_goes_to_the_dead_letters_and_holds_up_nothing(world, eventually) -> None:
    await world.project()
    broken = world.assets(["p1"])
    broken.assets[0].name = "not a name"
    await world.publish(broken)
    await world.publish(world.assets(["p2"]))
    (event,) = await world.events(1)
    assert event.asset.key == "p2"
