"""What a format can carry comes back identical, for any label; what it cannot is in the report."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from formats import Options
from formats.item import Item
from labels import geometry
from labels.label import Box, Polygon
from tests.unit.formats.made import (
    HOLED,
    PARTS,
    PICTURES,
    TEXTS,
    boxes,
    choice,
    claims,
    export,
    load,
    masks,
    picture,
    shape,
    shaped,
    spanned,
    text,
    triangles,
)

FAST = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
SUFFIX = {"coco": ".json", "cvat": ".xml", "labelstudio": ".json", "kili": ".json", "spacy": ".json"}
ANY = st.one_of(boxes(), triangles(), st.just(PARTS), masks())


def around(form: str, item: Item, ontology=PICTURES, options: Options | None = None, name: str = "out"):
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / f"{name}{SUFFIX.get(form, '')}"
        written = export(target, form, [item], ontology, options)
        items, problems, report = load(target, form, ontology, options)
    assert not problems, problems
    return items, written, report


@pytest.mark.parametrize("form", ["jsonl", "coco", "cvat", "labelstudio", "kili"])
@given(item=shaped(ANY))
@FAST
def test_boxes_polygons_parts_and_masks_come_back_as_they_were(form: str, item: Item) -> None:
    items, written, _ = around(form, item)
    assert near(items, [item], exact=form in ("jsonl", "coco", "cvat"))
    assert written.lossless


@given(item=shaped(st.one_of(boxes(), triangles())), plain=st.booleans())
@FAST
def test_yolo_brings_outlines_back_with_a_box_as_its_corners(item: Item, plain: bool) -> None:
    items, written, _ = around("yolo", item, name="out.zip" if plain else "out")
    assert areas(items)[item.asset.key] == pytest.approx(areas([item])[item.asset.key], rel=1e-9)
    assert written.lossless


@given(item=shaped(boxes(whole=True)))
@FAST
def test_voc_brings_whole_pixels_back(item: Item) -> None:
    items, written, _ = around("voc", item)
    assert claims(items) == claims([item])
    assert written.lossless


@given(item=shaped(masks(), most=1))
@FAST
def test_a_mask_png_brings_every_pixel_back(item: Item) -> None:
    items, written, _ = around("maskpng", item)
    assert claims(items) == claims([item])
    assert written.lossless


@pytest.mark.parametrize("form", ["jsonl", "conll", "spacy", "labelstudio", "kili"])
@given(item=spanned())
@FAST
def test_spans_come_back_to_the_character_in_any_script(form: str, item: Item) -> None:
    options = Options(allow_empty=True, comments=True)
    if form == "conll":
        item = only_tokens(item)
    items, written, _ = around(form, item, TEXTS, options)
    assert items[0].asset.text == item.asset.text
    assert list(claims(items).values()) == list(claims([item]).values())
    assert written.lossless


def only_tokens(item: Item) -> Item:
    """CoNLL has no place for a span that begins or ends with white space or signs that are no token."""
    content = item.asset.text or ""
    found = [a for a in item.annotations if a.value.text == a.value.text.strip()]  # type: ignore[union-attr]
    return text(content, *found, key=item.asset.key)


@pytest.mark.parametrize("form", ["jsonl", "cvat", "labelstudio", "kili"])
def test_choices_of_pictures_come_back(form: str) -> None:
    item = picture(choice("scene", "night"), choice("scene", "indoor", "c1"), shape(Box(1, 2, 3, 4)))
    items, _, _ = around(form, item)
    assert claims(items) == claims([item])


@pytest.mark.parametrize("form", ["jsonl", "spacy", "labelstudio", "kili"])
def test_a_choice_of_a_text_comes_back(form: str) -> None:
    items, _, _ = around(form, text("Goal!", choice("topic", "sport")), TEXTS)
    assert [(a.tool, a.category) for a in items[0].annotations] == [("topic", "sport")]


@pytest.mark.parametrize("form", ["coco", "yolo", "cvat", "labelstudio", "kili", "maskpng", "jsonl"])
def test_a_hole_stays_a_hole(form: str) -> None:
    """roboflow/supervision#574, ISAT#56: holes were filled."""
    items, written, _ = around(form, picture(shape(HOLED)))
    assert areas(items)["a/b.jpg"] == pytest.approx([364.0])
    assert written.overlap.minimum == pytest.approx(1.0)


@pytest.mark.parametrize("form", ["coco", "yolo", "cvat", "labelstudio", "kili", "jsonl"])
def test_an_object_of_several_parts_stays_one_object(form: str) -> None:
    items, written, _ = around(form, picture(shape(PARTS)))
    assert len(items[0].annotations) == 1
    assert areas(items)["a/b.jpg"] == pytest.approx([geometry.area(PARTS)])
    assert not written.parts_split


def near(found: list[Item], wanted: list[Item], *, exact: bool) -> bool:
    if exact:
        return claims(found) == claims(wanted)
    return [rounded(item) for item in found] == [rounded(item) for item in wanted]


def rounded(item: Item) -> tuple[str, list[tuple[object, ...]]]:
    claims_of = [numbers((a.tool, a.category, a.value)) for a in item.annotations]
    return item.asset.key, sorted(claims_of, key=repr)


def numbers(claim: tuple[str, str, object]) -> tuple[object, ...]:
    tool, category, value = claim
    match value:
        case Box(x, y, w, h):
            return tool, category, *(round(v, 6) + 0.0 for v in (x, y, w, h))
        case Polygon(rings):
            return tool, category, *(tuple(round(v, 6) + 0.0 for v in ring) for ring in rings)
    return claim


def areas(items: list[Item]) -> dict[str, list[float]]:
    from formats import rings
    from labels import rle
    from labels.label import Mask

    def area(value: object) -> float:
        if isinstance(value, Mask):
            return float(rle.area(value))
        return geometry.area(rings.corners(value) if isinstance(value, Box) else value)  # type: ignore[arg-type]

    return {item.asset.key: sorted(area(a.value) for a in item.annotations) for item in items}
