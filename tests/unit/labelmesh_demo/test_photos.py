"""The demo's pictures are there, and what is said of them fits them."""

from labelmesh.demo import photos
from labels import shapes
from labels.geometry import area
from labels.label import Polygon
from labels.ontology import ToolKind


def test_the_installed_package_holds_the_pictures() -> None:
    assert [photo.key for photo in photos.load()] == ["tote", "canteen"]


def test_every_object_has_a_tool_and_category_of_the_ontology() -> None:
    ontology = photos.ontology()
    assert {tool.kind for tool in ontology.tools} == {ToolKind.MASK, ToolKind.POLYGON}
    for photo in photos.load():
        for thing in photo.things:
            ontology.check_category(photo.tool, thing.category)


def test_every_click_and_box_lies_on_its_object() -> None:
    for photo in photos.load():
        for thing in photo.things:
            gold = photo.gold(thing)
            assert gold[int(thing.click.y_px), int(thing.click.x_px)], (photo.key, thing.box)
            left, top = int(thing.box.x_px), int(thing.box.y_px)
            inside = gold[top : top + int(thing.box.height_px), left : left + int(thing.box.width_px)]
            assert inside.sum() > 0.95 * gold.sum()


def test_one_picture_carries_an_artifact_of_three_pixels_that_the_rule_must_find() -> None:
    first, second = photos.load()
    assert first.artifact is None
    assert second.artifact is not None
    assert isinstance(second.artifact.value, Polygon)
    assert area(second.artifact.value) == 3.0
    assert shapes.measure(second.artifact.value).bounds is not None


def test_the_share_of_union_counts_pixels() -> None:
    first, _ = photos.load()
    mask = first.gold(first.things[0])
    assert photos.share_of_union(mask, mask) == 1.0
    assert photos.share_of_union(mask, ~mask) == 0.0
    assert photos.share_of_union(mask & False, mask & False) == 0.0
