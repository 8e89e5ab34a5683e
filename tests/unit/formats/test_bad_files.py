"""Files that are broken or hostile: each record costs itself only, and every sentence says where."""

import json
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from formats import CODECS, Options, reading
from formats.errors import FileUnusable, FormatError, FormatUnknown, OptionInvalid
from labels.label import Box, Mask, Polygon
from tests.unit.formats.made import PICTURES, TEXTS, export, load, picture, shape

BOX = Box(1.0, 2.0, 3.0, 4.0)


def coco(**changes: Any) -> dict[str, Any]:
    content: dict[str, Any] = {
        "categories": [{"id": 1, "name": "car"}],
        "images": [{"id": n, "file_name": f"{n}.jpg", "width": 37, "height": 29} for n in (1, 2, 3)],
        "annotations": [
            {"id": n, "image_id": n, "category_id": 1, "bbox": [1, 2, 3, 4], "iscrowd": 0} for n in (1, 2, 3)
        ],
    }
    return content | changes


def sentences(path: Path, form: str, ontology: Any = PICTURES) -> tuple[list[str], list[str]]:
    """Keys of the assets that came through, and what was said of the rest."""
    items, problems, _ = load(path, form, ontology)
    return [item.asset.key for item in items], [str(problem) for problem in problems]


def dump(tmp_path: Path, content: Any, name: str = "in.json") -> Path:
    path = tmp_path / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"category_id": 7}, "annotation 2: Its category is not in the file."),
        ({"image_id": 9}, "annotation 2: Its picture is not in the file."),
        ({"bbox": [1, 2, 3]}, "annotation 2: The box does not have four numbers."),
        ({"bbox": [1, 2, "x", 4]}, "annotation 2: A side of the box is not a number."),
        (
            {"segmentation": [[1, 2, 3, 4]]},
            "annotation 2: A polygon has fewer than three points, or half a point.",
        ),
        (
            {"segmentation": {"size": [1, 1], "counts": [1]}},
            "annotation 2: The mask is not of the picture's size.",
        ),
        (
            {"segmentation": {"size": [29, 37], "counts": [5, 5]}},
            "annotation 2: The mask's run lengths do not fill its picture.",
        ),
        (
            {"segmentation": {"size": [29, 37], "counts": "~~~~"}},
            "annotation 2: The mask's run lengths are not in COCO's compressed form.",
        ),
        (
            {"segmentation": {"size": [29, 37], "counts": [-1, 1074]}},
            "annotation 2: The mask's run lengths do not fill its picture.",
        ),
    ],
)
def test_a_broken_annotation_of_coco_costs_itself_only(
    tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    content = coco()
    content["annotations"][1] |= change
    items, problems, report = load(dump(tmp_path, content), "coco")
    assert [str(problem) for problem in problems] == [said]
    assert [len(item.annotations) for item in items] == [1, 0, 1]
    assert report.problems.count == 1


def test_pictures_there_twice_or_without_a_size_are_named(tmp_path: Path) -> None:
    content = coco()
    content["images"] += [
        {"id": 1, "file_name": "x.jpg", "width": 1, "height": 1},
        {"id": 4, "file_name": "1.jpg"},
    ]
    content["images"] += [{"id": 5, "file_name": "1.jpg", "width": 5, "height": 5}]
    keys, said = sentences(dump(tmp_path, content), "coco")
    assert keys == ["1.jpg", "2.jpg", "3.jpg"]
    assert said == [
        "picture 4: Another picture has the same id.",
        'picture 5: The record has no "width".',
        'picture 6: The asset "1.jpg" is there twice.',
    ]


def test_a_truncated_json_gives_all_records_before_the_cut(tmp_path: Path) -> None:
    whole = json.dumps(coco())
    keys, said = sentences(dump(tmp_path, whole[:-60]), "coco")
    assert keys == ["1.jpg", "2.jpg", "3.jpg"]
    (sentence,) = said
    assert sentence == (
        "The JSON breaks off after 2 of annotations, 1 of categories, 3 of images; nothing after it was read."
    )


@pytest.mark.parametrize(
    "content", ["", "{", "[1, 2", "not json", "[[[[", '{"images": [NaN]}', "\x00\x01\x02"]
)
@pytest.mark.parametrize("form", ["coco", "labelstudio", "kili", "spacy", "jsonl"])
def test_what_is_no_json_is_a_sentence_and_never_a_traceback(tmp_path: Path, form: str, content: str) -> None:
    keys, said = sentences(dump(tmp_path, content), form, TEXTS)
    assert not keys
    assert all(sentence.endswith(".") for sentence in said)


@pytest.mark.parametrize(
    "value", [None, 5, "x", [], {}, [[]], {"data": 1}, {"data": {}}, {"text": 5}, {"key": 1}]
)
@pytest.mark.parametrize("form", ["labelstudio", "kili", "spacy"])
def test_a_record_of_another_shape_leaves_the_next_alone(tmp_path: Path, form: str, value: Any) -> None:
    good = {
        "labelstudio": {"id": 1, "data": {"text": "hi"}},
        "kili": {"externalId": "1", "content": "hi"},
        "spacy": ["hi", {"entities": []}],
    }[form]
    keys, said = sentences(dump(tmp_path, [value, good]), form, TEXTS)
    assert len(keys) == len(said) == 1


XML = '<annotations><image id="0" name="a.jpg" width="37" height="29">{}</image></annotations>'


@pytest.mark.parametrize(
    ("inside", "said"),
    [
        ('<box label="car" xtl="1" ytl="2" xbr="x" ybr="4"/>', "line 1: The edge xbr is not a number."),
        (
            '<polygon label="roof" points="1,2;3,4"/>',
            "line 1: A polygon has fewer than three points, or half a point.",
        ),
        ('<polyline label="roof" points="1,2;3,4"/>', "line 1: A polyline has no place in an ontology."),
        (
            '<mask label="sky" rle="1, 2" left="0" top="0" width="5" height="5"/>',
            "line 1: The mask's run lengths do not fill its box.",
        ),
        (
            '<mask label="sky" rle="25" left="36" top="0" width="5" height="5"/>',
            "line 1: The mask's box does not lie in its picture.",
        ),
        ("<tag/>", "line 1: The class is not text."),
    ],
)
def test_a_broken_shape_of_cvat_is_named_by_its_line(tmp_path: Path, inside: str, said: str) -> None:
    path = dump(tmp_path, XML.format(inside + '<box label="car" xtl="1" ytl="2" xbr="3" ybr="4"/>'))
    items, problems, _ = load(path, "cvat")
    assert [str(problem) for problem in problems] == [said]
    assert len(items[0].annotations) == 1


def test_a_truncated_xml_gives_all_pictures_before_the_cut(tmp_path: Path) -> None:
    one = '<image name="{}.jpg" width="37" height="29"><tag label="night"/></image>\n'
    content = "<annotations>\n" + "".join(one.format(n) for n in range(2_000))
    keys, said = sentences(dump(tmp_path, content), "cvat")
    assert len(keys) == 2_000
    assert said == ["The XML breaks off or is malformed at line 2002; nothing after it was read."]


@pytest.mark.parametrize(
    "head",
    [
        '<!DOCTYPE a [<!ENTITY x "y">]>',
        '<!DOCTYPE a SYSTEM "file:///etc/passwd">',
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
    ],
)
@pytest.mark.parametrize("form", ["cvat", "voc"])
def test_entities_are_refused_before_anything_is_expanded(tmp_path: Path, form: str, head: str) -> None:
    path = dump(tmp_path, head + XML.format('<tag label="&x;"/>'), "in.xml")
    found = reading(path, form, Options())
    if form == "cvat":
        with pytest.raises(FileUnusable, match="document type or entities"):
            list(found)
    else:
        assert "document type or entities" in str(next(iter(found)))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("9 0.5 0.5 0.1 0.1", "The class 9 has no name; there are 6."),
        ("0.5 0.5 0.5 0.1 0.1", "The class is not a whole number."),
        ("0 0.5 0.5", "A line needs a class and four numbers, or a class and three points or more."),
        ("0 a b c d", "A coordinate is not a number."),
        ("0 nan 0.5 0.1 0.1", "A coordinate is not a number."),
    ],
)
def test_a_broken_line_of_yolo_is_named(tmp_path: Path, line: str, said: str) -> None:
    export(tmp_path / "in", "yolo", [picture(shape(BOX))])
    path = tmp_path / "in" / "labels" / "train" / "a" / "b.txt"
    path.write_text(f"{line}\n0 0.5 0.5 0.1 0.1\n")
    items, problems, _ = load(tmp_path / "in", "yolo")
    assert [str(problem) for problem in problems] == [f"labels/train/a/b.txt line 1: {said}"]
    assert len(items[0].annotations) == 1


def test_yolo_without_pictures_or_names_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").write_text("0 0.5 0.5 0.1 0.1\n")
    with pytest.raises(FileUnusable, match=r"neither data.yaml nor classes.txt"):
        list(reading(tmp_path, "yolo", Options()))
    (tmp_path / "data.yaml").write_text("names: [car]\n")
    _, said = sentences(tmp_path, "yolo")
    assert said == [
        "labels/a.txt: Its picture was not found, so its size is unknown; name the folder of the pictures."
    ]


def test_classes_that_the_ontology_lacks_are_dropped_and_counted(tmp_path: Path) -> None:
    content = coco(categories=[{"id": 1, "name": "submarine"}])
    items, _, report = load(dump(tmp_path, content), "coco")
    assert [item.annotations for item in items] == [(), (), ()]
    assert report.dropped["class that the ontology does not have"].count == 3
    assert not report.lossless


def test_shapes_that_are_none_are_dropped_with_a_reason(tmp_path: Path) -> None:
    wrong = [
        shape(Polygon(((1.0, 1.0, 2.0, 2.0),)), name="a0"),
        shape(Mask(29, 37, b"~~"), name="a1"),
        shape(Polygon(((3.0, 3.0, 3.0, 3.0, 3.0, 3.0),)), name="a2"),
        shape(BOX, name="a3"),
    ]
    for form in ("coco", "yolo", "voc", "cvat", "labelstudio", "kili", "maskpng"):
        report = export(tmp_path / form, form, [picture(*wrong)])
        assert report.written in (1, 2), form
        assert report.dropped_count == len(wrong) - report.written


@pytest.mark.parametrize(
    ("form", "content"),
    [
        ("conll", "Ann\n"),
        ("conll", "Ann\tQ-PERSON\n"),
        ("conll", "# text = Bob\nAnn\tB-PERSON\n"),
        ("conll", '# text = "half\nAnn\tB-PERSON\n'),
    ],
)
def test_a_broken_sentence_leaves_the_next_alone(tmp_path: Path, form: str, content: str) -> None:
    keys, said = sentences(dump(tmp_path, content + "\nEve\tB-PERSON\n"), form, TEXTS)
    assert len(keys) == len(said) == 1


def test_unknown_formats_and_tools_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatUnknown, match="There is no format"):
        reading(tmp_path, "paint", Options())
    with pytest.raises(OptionInvalid, match='no tool "x"'):
        export(tmp_path / "out", "coco", [], options=Options(tool="x"))
    with pytest.raises(OptionInvalid, match="CoNLL holds spans"):
        export(tmp_path / "out", "conll", [])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("form", sorted(CODECS))
def test_random_bytes_never_raise_anything_but_a_sentence(tmp_path: Path, form: str) -> None:
    for seed in range(20):
        path = tmp_path / str(seed)
        path.write_bytes(zlib.compress(bytes(range(seed, seed + 200))) * seed)
        with suppress(FormatError):
            list(reading(path, form, Options()))
