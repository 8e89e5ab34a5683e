"""Archives and folders that are hostile, and exports that must leave nothing behind."""

import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from formats import CODECS, Item, Options
from formats.errors import NothingWritten
from formats.item import Status
from labels.label import Box
from tests.unit.formats.made import PICTURES, TEXTS, choice, export, load, picture, shape

BOX = Box(1.0, 2.0, 3.0, 4.0)


def sentences(path: Path, form: str, ontology: Any = PICTURES) -> tuple[list[str], list[str]]:
    """Keys of the assets that came through, and what was said of the rest."""
    items, problems, _ = load(path, form, ontology)
    return [item.asset.key for item in items], [str(problem) for problem in problems]


def test_members_that_lead_out_of_an_archive_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "in.zip"
    export(path, "yolo", [picture(shape(BOX))])
    with zipfile.ZipFile(path, "a") as archive:
        for name in ("../labels/a.txt", "/labels/b.txt", "C:/labels/c.txt", "labels\\..\\d.txt"):
            archive.writestr(zipfile.ZipInfo(name), "0 0.5 0.5 0.1 0.1")
        link = zipfile.ZipInfo("labels/train/link.txt")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    keys, said = sentences(path, "yolo")
    assert keys == ["a/b.jpg"]
    assert len(said) == 5
    assert all("it was not read" in sentence for sentence in said)


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "in.zip"
    export(path, "voc", [picture(shape(BOX))])
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("Annotations/bomb.xml", b"\0" * (300 << 20))
    keys, said = sentences(path, "voc")
    assert keys == ["a/b.jpg"]
    assert said == ["Annotations/bomb.xml: The member unpacks to more than 256 MiB; it was not read."]


def test_an_archive_that_lies_about_its_sizes_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "in.zip"
    export(path, "voc", [picture(shape(BOX))])
    data = path.read_bytes()
    path.write_bytes(
        data.replace(
            struct.pack("<I", zlib.crc32(zipfile.ZipFile(path).read("Annotations/a/b.xml"))), b"1234"
        )
    )
    _, said = sentences(path, "voc")
    assert said == [
        "Annotations/a/b.xml: The member of the archive is damaged, encrypted or packed in a way unknown."
    ]


def test_a_link_out_of_a_folder_is_not_followed(tmp_path: Path) -> None:
    export(tmp_path / "in", "voc", [picture(shape(BOX))])
    (tmp_path / "secret.xml").write_text("<annotation/>")
    (tmp_path / "in" / "Annotations" / "z.xml").symlink_to(tmp_path / "secret.xml")
    keys, said = sentences(tmp_path / "in", "voc")
    assert keys == ["a/b.jpg"]
    assert said == ["Annotations/z.xml: The link leads out of the folder."]


@pytest.mark.parametrize("form", [name for name, codec in CODECS.items() if codec.tree])
def test_keys_that_would_lead_out_of_a_folder_stay_in_it(tmp_path: Path, form: str) -> None:
    keys = [
        "../../x.jpg",
        "/etc/passwd",
        "a\\..\\b.jpg",
        "C:x.jpg",
        "..",
        ".hidden/x.jpg",
        "a/./b.jpg",
        "ok.jpg",
        "ok.png",
    ]
    items = [picture(shape(BOX), key=key) for key in keys]
    export(tmp_path / "in" / "out", form, items)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]
    assert [path.name for path in (tmp_path / "in").iterdir()] == ["out"]
    found, problems, _ = load(tmp_path / "in" / "out", form)
    assert not problems
    assert sorted(item.asset.key for item in found) == sorted(keys)


@pytest.mark.parametrize("form", sorted(CODECS))
@pytest.mark.parametrize("status", [Status.REJECTED, Status.UNLABELLED])
def test_an_empty_export_is_an_error_and_leaves_nothing(tmp_path: Path, form: str, status: Status) -> None:
    """cvat#10691, #7737: exports were silently empty after days of work."""
    ontology = TEXTS if form in ("conll", "spacy") else PICTURES
    items = [] if form == "jsonl" else [Item(picture().asset, None, status)]
    with pytest.raises(NothingWritten, match="Nothing would be in"):
        export(tmp_path / "out", form, items, ontology)
    assert not list(tmp_path.iterdir())


def test_an_export_of_what_the_format_cannot_hold_is_no_empty_file(tmp_path: Path) -> None:
    with pytest.raises(NothingWritten, match="1 dropped: not a shape"):
        export(tmp_path / "out", "yolo", [picture(choice("scene", "night"))])
    report = export(
        tmp_path / "out", "yolo", [picture(choice("scene", "night"))], options=Options(allow_empty=True)
    )
    assert report.dropped_count == 1


def test_a_failure_in_the_middle_leaves_the_old_file_as_it_was(tmp_path: Path) -> None:
    target = tmp_path / "out.json"
    target.write_text("old")

    def items() -> Iterator[Item]:
        yield picture(shape(BOX))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        export(target, "coco", items())
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out.json"]
