"""What users of other tools complain about, each as a test; and our files as other readers see them."""

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import yaml
from PIL import Image
from pycocotools import mask as coco_masks
from pycocotools.coco import COCO

from formats import Item, Options, guess_ontology, reading, rings, runs
from labels import geometry, rle, shapes
from labels.label import Annotation, Box, Mask, Polygon
from labels.ontology import ToolKind
from tests.unit.formats.made import (
    HEIGHT,
    HOLED,
    PARTS,
    WIDTH,
    export,
    load,
    mask,
    picture,
    shape,
)

FILE = Path(__file__).parents[4] / "shared" / "data" / "coco15" / "instances.json"

# pycocotools hands its arrays over in a way that numpy is about to drop.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")


@pytest.fixture
def instances() -> Path:
    assert FILE.exists(), f"The labels of COCO are not in {FILE}."
    return FILE


def real(path: Path) -> list[Item]:
    return [found for found in reading(path, "coco", Options()) if isinstance(found, Item)]


def test_real_files_come_back_from_coco_as_pycocotools_reads_them(instances: Path, tmp_path: Path) -> None:
    items = real(instances)
    ontology = guess_ontology(items, [])
    target = tmp_path / "out.json"
    loaded, _, _ = load(instances, "coco", ontology)
    report = export(target, "coco", loaded, ontology)
    assert report.lossless
    theirs, ours = COCO(str(instances)), COCO(str(target))
    named = {image["file_name"]: image["id"] for image in ours.dataset["images"]}
    compared = 0
    for image in theirs.dataset["images"]:
        one = theirs.loadAnns(theirs.getAnnIds(imgIds=image["id"]))
        other = ours.loadAnns(ours.getAnnIds(imgIds=named[image["file_name"]]))
        for a, b in zip(one, other, strict=True):
            assert np.array_equal(theirs.annToMask(a), ours.annToMask(b))
            assert theirs.cats[a["category_id"]]["name"] == ours.cats[b["category_id"]]["name"]
            assert b["area"] == pytest.approx(float(theirs.annToMask(a).sum()), rel=0.05, abs=20)
            compared += 1
    assert compared == 151


def test_holes_written_to_coco_are_holes_to_pycocotools(tmp_path: Path) -> None:
    """roboflow/supervision#574: holes were lost."""
    export(tmp_path / "out.json", "coco", [picture(shape(HOLED))])
    theirs = COCO(str(tmp_path / "out.json"))
    (annotation,) = theirs.dataset["annotations"]
    assert np.array_equal(theirs.annToMask(annotation), shapes.rasterise(HOLED, HEIGHT, WIDTH))
    assert annotation["area"] == 400 - 36


@pytest.mark.parametrize("plain", [False, True])
def test_both_forms_of_run_lengths_are_what_pycocotools_decodes(tmp_path: Path, plain: bool) -> None:
    made = mask((0, 0), (0, 1), (5, 5), (WIDTH - 1, HEIGHT - 1))
    export(tmp_path / "out.json", "coco", [picture(shape(made))], options=Options(plain_runs=plain))
    theirs = COCO(str(tmp_path / "out.json"))
    (annotation,) = theirs.dataset["annotations"]
    assert isinstance(annotation["segmentation"]["counts"], list) == plain
    assert np.array_equal(theirs.annToMask(annotation), rle.to_bitmap(made))
    assert load(tmp_path / "out.json", "coco")[0][0].annotations[0].value == made


def test_overlapping_rings_are_united_as_coco_means_them(tmp_path: Path) -> None:
    square = [2, 2, 12, 2, 12, 12, 2, 12]
    shifted = [8, 8, 18, 8, 18, 18, 8, 18]
    content = {
        "categories": [{"id": 1, "name": "roof"}],
        "images": [{"id": 1, "file_name": "a.jpg", "width": WIDTH, "height": HEIGHT}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [square, shifted], "iscrowd": 0}
        ],
    }
    path = tmp_path / "in.json"
    path.write_text(json.dumps(content))
    value = load(path, "coco")[0][0].annotations[0].value
    assert isinstance(value, Polygon)
    theirs = coco_masks.decode(coco_masks.merge(coco_masks.frPyObjects([square, shifted], HEIGHT, WIDTH)))
    assert geometry.area(value) == 200 - 16 == theirs.sum()


def test_cvats_run_lengths_go_along_the_rows_of_a_box_and_cocos_down_the_columns(tmp_path: Path) -> None:
    """cvat#8124: one was taken for the other. Three pixels in an L, worked out by hand."""
    made = mask((3, 2), (3, 3), (4, 3))
    assert runs.to_rows_of_box(made) == ([0, 1, 1, 2], 3, 2, 2, 2)
    assert rle.decode(made).tolist() == [3 * HEIGHT + 2, 2, HEIGHT - 1, 1, WIDTH * HEIGHT - 4 * HEIGHT - 4]
    assert runs.from_rows_of_box([0, 1, 1, 2], (3, 2, 2, 2), HEIGHT, WIDTH) == made
    export(tmp_path / "out.xml", "cvat", [picture(shape(made))])
    (element,) = ElementTree.parse(tmp_path / "out.xml").getroot().iter("mask")  # noqa: S314 - our own file
    assert (element.get("rle"), element.get("left"), element.get("top")) == ("0, 1, 1, 2", "3", "2")


def test_masks_come_in_as_masks_and_one_separated_pixel_loses_nothing(tmp_path: Path) -> None:
    """cvat#7618, #7520: masks became polygons, and polygons were lost over one pixel."""
    made = mask(*((x, y) for x in range(5, 15) for y in range(5, 15)), (20, 20))
    export(tmp_path / "out.xml", "cvat", [picture(shape(made))])
    assert load(tmp_path / "out.xml", "cvat")[0][0].annotations[0].value == made
    report = export(tmp_path / "yolo", "yolo", [picture(shape(made))])
    assert (report.written, report.overlap.minimum) == (1, 1.0)
    assert load(tmp_path / "yolo", "yolo")[0][0].annotations[0].value == made


def test_a_brush_stroke_of_label_studio_becomes_a_mask_of_coco(tmp_path: Path) -> None:
    """label-studio#5899. Two words of the packed form are written out by hand: a literal run, as the browser packs."""
    bits = f"{2 * 1 * 4:032b}" + f"{7:05b}" + "".join(f"{n:04b}" for n in (2, 3, 7, 15))
    bits += "0" + "00" + f"{3:03b}" + "".join(f"{n:08b}" for n in (9, 9, 9, 0))
    bits += "1" + "00" + f"{3:03b}" + f"{255:08b}"
    bits += "0" * (-len(bits) % 8)
    packed = [int(bits[at : at + 8], 2) for at in range(0, len(bits), 8)]
    assert rle.to_bitmap(runs.unpack(packed, 1, 2)).tolist() == [[False, True]]
    brush = {"format": "rle", "rle": packed, "brushlabels": ["sky"]}
    sides = {"original_width": 2, "original_height": 1}
    result = {"id": "r", "type": "brushlabels", "from_name": "b", "to_name": "i", "value": brush, **sides}
    path = tmp_path / "in.json"
    path.write_text(json.dumps([{"data": {"image": "a.png"}, "annotations": [{"result": [result]}]}]))
    items, problems, _ = load(path, "labelstudio")
    assert not problems
    export(tmp_path / "out.json", "coco", items)
    theirs = COCO(str(tmp_path / "out.json"))
    assert theirs.annToMask(theirs.dataset["annotations"][0]).tolist() == [[0, 1]]


def test_polygons_without_points_are_named_and_the_others_reach_yolo(tmp_path: Path) -> None:
    """label-studio-sdk#365: KeyError 'points' ended the export."""
    sides = {"original_width": WIDTH, "original_height": HEIGHT, "from_name": "p", "to_name": "i"}
    good = {"points": [[0, 0], [50, 0], [50, 50]], "polygonlabels": ["roof"]}
    results = [
        {"type": "polygonlabels", "value": value, **sides} for value in ({"polygonlabels": ["roof"]}, good)
    ]
    path = tmp_path / "in.json"
    path.write_text(json.dumps([{"data": {"image": "a.png"}, "annotations": [{"result": results}]}]))
    items, problems, _ = load(path, "labelstudio")
    assert [str(problem) for problem in problems] == ['task 1 result 1: The record has no "points".']
    assert export(tmp_path / "yolo", "yolo", items).written == 1


def test_predictions_by_number_are_named_and_a_turned_rectangle_keeps_its_place(tmp_path: Path) -> None:
    """label-studio#5654: an export kept only the ids of predictions."""
    value = {"x": 50, "y": 0, "width": 10, "height": 20, "rotation": 90, "rectanglelabels": ["roof"]}
    result = {"type": "rectanglelabels", "value": value, "original_width": 100, "original_height": 100}
    tasks = [
        {"data": {"image": "a.png"}, "predictions": [17]},
        {"data": {"image": "b.png"}, "annotations": [{"result": [result]}]},
    ]
    path = tmp_path / "in.json"
    path.write_text(json.dumps(tasks))
    items, problems, _ = load(path, "labelstudio")
    assert [str(p) for p in problems] == [
        'task 1: "predictions" holds numbers instead of answers: export the task with its answers.'
    ]
    turned = items[1].annotations[0].value
    assert isinstance(turned, Polygon)
    assert rings.bounds(turned) == Box(*(pytest.approx(v) for v in (30.0, 0.0, 20.0, 10.0)))


def test_yolo_files_are_what_a_plain_reading_finds(instances: Path, tmp_path: Path) -> None:
    ontology = guess_ontology(real(instances), [])
    items, _, _ = load(instances, "coco", ontology)
    export(tmp_path / "yolo", "yolo", items, ontology)
    names = yaml.safe_load((tmp_path / "yolo" / "data.yaml").read_text())["names"]
    for item in items:
        lines = (
            (tmp_path / "yolo" / "labels" / "train" / f"{item.asset.key[:-4]}.txt").read_text().splitlines()
        )
        sides = np.array([item.asset.width_px, item.asset.height_px])
        for line, annotation in zip(lines, item.annotations, strict=True):
            number, *values = line.split()
            assert names[int(number)] == annotation.category
            points = np.array(values, dtype=float).reshape(-1, 2) * sides
            # The shoelace of a ring with cuts is the sum over its rings, each by its direction.
            value = annotation.value
            outline = value if isinstance(value, Polygon) else shapes.mask_to_polygon(value)  # type: ignore[arg-type]
            x, y = points.T
            twice = np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))
            wanted = sum(_signed(ring) for ring in outline.rings)
            assert twice / 2 == pytest.approx(wanted, abs=1e-6)


def _signed(ring: tuple[float, ...]) -> float:
    x, y = np.array(ring).reshape(-1, 2).T
    return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2


def test_voc_counts_whole_pixels_from_one(tmp_path: Path) -> None:
    report = export(
        tmp_path / "voc", "voc", [picture(shape(Box(0, 0, 10, 5)), shape(Box(1.4, 2.6, 3, 3), name="a1"))]
    )
    root = ElementTree.parse(tmp_path / "voc" / "Annotations" / "a" / "b.xml").getroot()  # noqa: S314 - our own file
    edges = [[int(edge.text or "") for edge in box] for box in root.iter("bndbox")]
    assert edges == [[1, 1, 10, 5], [2, 4, 4, 6]]
    assert report.changed["box rounded to whole pixels"].count == 1
    assert 0.6 < report.overlap.minimum < 0.8


def test_polygons_in_voc_are_boxes_and_the_report_says_how_much_they_fill(tmp_path: Path) -> None:
    report = export(tmp_path / "voc", "voc", [picture(shape(HOLED))])
    assert report.changed["polygon written as the box around it"].count == 1
    assert report.overlap.minimum == pytest.approx(364 / 400)
    assert report.holes_lost == 1
    assert not report.lossless


def test_overlapping_masks_in_a_png_are_counted_and_the_smaller_stays_whole(tmp_path: Path) -> None:
    large = mask(*((x, y) for x in range(10) for y in range(10)))
    small = mask(*((x, y) for x in range(5) for y in range(2)))
    items = [picture(shape(small), shape(large, name="a1"))]
    report = export(tmp_path / "out", "maskpng", items)
    assert report.overlap.minimum == pytest.approx(0.9)
    values = np.asarray(Image.open(tmp_path / "out" / "masks" / "a" / "b.png"))
    assert (int((values == 1).sum()), int((values == 2).sum())) == (10, 90)


@pytest.mark.parametrize("count", [255, 256, 300])
def test_more_objects_than_a_byte_counts_keep_their_values(tmp_path: Path, count: int) -> None:
    made = [shape(mask((n % WIDTH, n // WIDTH)), name=f"a{n}") for n in range(count)]
    export(tmp_path / "out.zip", "maskpng", [picture(*made)])
    items, _, _ = load(tmp_path / "out.zip", "maskpng")
    assert [a.value for a in items[0].annotations] == [a.value for a in made]


def test_a_semantic_png_has_a_value_a_class_and_says_that_objects_merged(tmp_path: Path) -> None:
    made = [shape(mask((1, 1)), name="a0"), shape(mask((5, 5)), name="a1")]
    report = export(tmp_path / "out", "maskpng", [picture(*made)], options=Options(semantic=True))
    assert not report.lossless
    (found,) = load(tmp_path / "out", "maskpng", options=Options(semantic=True))[0][0].annotations
    assert isinstance(found.value, Mask)
    assert rle.area(found.value) == 2


def test_parts_of_one_object_are_one_instance_to_a_plain_reader(tmp_path: Path) -> None:
    export(tmp_path / "yolo", "yolo", [picture(shape(PARTS))])
    assert len((tmp_path / "yolo" / "labels" / "train" / "a" / "b.txt").read_text().splitlines()) == 1


def test_an_ontology_is_guessed_with_its_kinds_and_in_the_order_of_the_file(instances: Path) -> None:
    source = reading(instances, "coco", Options())
    ontology = guess_ontology(source, source.declared)
    assert {tool.name: tool.kind for tool in ontology.tools} == {
        "polygons": ToolKind.POLYGON,
        "masks": ToolKind.MASK,
    }
    order = [category["name"] for category in json.loads(instances.read_text())["categories"]]
    names = ontology.tool("polygons").category_names
    assert list(names) == [name for name in order if name in names]


def test_what_an_ontology_has_no_tool_for_is_brought_into_the_form_it_has(tmp_path: Path) -> None:
    """A polygon where there are only masks, a mask where there are only boxes: converted, with its IoU."""
    items = [picture(Annotation("a0", "", "sky", HOLED), Annotation("a1", "", "car", mask((1, 1), (3, 3))))]
    export(tmp_path / "in.jsonl", "jsonl", items)
    found, _, report = load(tmp_path / "in.jsonl", "jsonl")
    made = {a.category: a.value for a in found[0].annotations}
    assert made["sky"] == rle.encode(shapes.rasterise(HOLED, HEIGHT, WIDTH))
    assert made["car"] == Box(1.0, 1.0, 3.0, 3.0)
    assert report.overlap.count == 2
    assert report.overlap.minimum == pytest.approx(2 / 9)


def test_what_is_written_is_the_same_bytes_each_time(tmp_path: Path) -> None:
    for form in ("coco", "yolo", "cvat", "maskpng"):
        for name in ("a.zip", "b.zip"):
            (tmp_path / form).mkdir(exist_ok=True)
            export(tmp_path / form / name, form, [picture(shape(HOLED), shape(PARTS, name="a1"))])
        assert (tmp_path / form / "a.zip").read_bytes() == (tmp_path / form / "b.zip").read_bytes()
