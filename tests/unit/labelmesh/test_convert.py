"""`labelmesh convert` and `labelmesh formats`: no service is asked."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from formats import CODECS
from formats.errors import FileUnusable, LossRefused, TargetTaken
from labelmesh.cli.app import app
from labelmesh.cli.format_options import Form

COCO = Path(__file__).parents[4] / "shared" / "data" / "coco15" / "instances.json"
Convert = Callable[..., Result]


@pytest.fixture
def convert() -> Convert:
    """Converts a file; an error of the command is raised."""
    assert COCO.exists(), f"The labels of COCO are not in {COCO}."

    def run(source: Path, origin: str, form: str, target: Path, *more: str) -> Result:
        arguments = ["convert", str(source), "--from", origin, "--to", form, "-o", str(target), *more]
        return CliRunner().invoke(app, arguments, catch_exceptions=False)

    return run


def test_a_strict_conversion_without_loss_writes_an_archive(convert: Convert, tmp_path: Path) -> None:
    target = tmp_path / "yolo.zip"
    assert convert(COCO, "coco", "yolo", target, "--strict").exit_code == 0
    assert len([name for name in zipfile.ZipFile(target).namelist() if name.startswith("labels/")]) == 15


def test_a_strict_conversion_with_a_loss_says_which_and_writes_nothing(
    convert: Convert, tmp_path: Path
) -> None:
    with pytest.raises(LossRefused, match=r"Pascal VOC cannot hold all of it .1 lost: holes; IoU down to"):
        convert(COCO, "coco", "voc", tmp_path / "voc", "--strict")
    assert not list(tmp_path.iterdir())


def test_the_report_is_a_table_and_a_file(convert: Convert, tmp_path: Path) -> None:
    saved = tmp_path / "loss.json"
    done = convert(COCO, "coco", "maskpng", tmp_path / "masks", "--report", str(saved))
    assert done.exit_code == 0
    assert "pixels given to a smaller object" in done.stderr
    came, went = json.loads(saved.read_text())
    assert (came["written"], came["lossless"]) == (151, True)
    assert went["offered"] == went["written"] + sum(one["count"] for one in went["dropped"].values())


def test_classes_keep_their_order_on_the_way_there_and_back(convert: Convert, tmp_path: Path) -> None:
    convert(COCO, "coco", "yolo", tmp_path / "a")
    convert(tmp_path / "a", "yolo", "coco", tmp_path / "b.json")
    convert(tmp_path / "b.json", "coco", "yolo", tmp_path / "c")
    assert (tmp_path / "a" / "data.yaml").read_text() == (tmp_path / "c" / "data.yaml").read_text()


def test_nothing_that_is_there_is_overwritten_but_files(convert: Convert, tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "precious.txt").write_text("mine")
    with pytest.raises(TargetTaken):
        convert(COCO, "coco", "yolo", tmp_path / "taken")
    assert (tmp_path / "taken" / "precious.txt").read_text() == "mine"


def test_a_file_that_is_not_there_is_one_sentence(convert: Convert, tmp_path: Path) -> None:
    with pytest.raises(FileUnusable, match="There is no file or folder"):
        convert(tmp_path / "none.json", "coco", "yolo", tmp_path / "a")


def test_the_options_name_every_format_and_the_table_shows_each() -> None:
    assert [form.value for form in Form] == list(CODECS)
    shown = CliRunner().invoke(app, ["formats"]).stdout
    assert all(name in shown for name in CODECS)
    assert set(json.loads(CliRunner().invoke(app, ["formats", "--json"]).stdout)) == set(CODECS)


def test_a_class_of_polygons_and_crowds_is_one_class_of_the_same_name(
    convert: Convert, tmp_path: Path
) -> None:
    convert(COCO, "coco", "yolo", tmp_path / "out")
    assert "0: person\n" in (tmp_path / "out" / "data.yaml").read_text()
