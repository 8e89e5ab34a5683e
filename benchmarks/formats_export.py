"""Generated labels written to COCO and JSONL, against bare json.dumps of the same rows; memory at a tenth and at all.

    python benchmarks/formats_export.py --labels 1000000

Each run has a process of its own. A label is a picture's, with a polygon of 8 to 20 points or a box. The floor makes
the same labels and writes the rows as they stand in the file, already taken apart; the making of the labels is in
neither figure.
"""

import argparse
import json
import multiprocessing
import random
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from math import cos, sin, tau
from pathlib import Path
from typing import Any

from formats import Item, Options, writing
from formats.item import Status
from formats.jsonl import row_of
from labels.asset import Asset
from labels.label import Annotation, Box, Label, LabelKind, Polygon
from labels.ontology import Category, Ontology, Tool, ToolKind

WIDTH, HEIGHT = 1920, 1080
BATCH = 1_000
ONTOLOGY = Ontology(
    (
        Tool("outline", ToolKind.POLYGON, (Category("car"), Category("person"))),
        Tool("frame", ToolKind.BOX, (Category("sign"), Category("light"))),
    )
)


def items(count: int) -> Iterator[Item]:
    """Labels, the same each time."""
    rng = random.Random(7)
    for number in range(count):
        asset = Asset(f"{number:07}.jpg", width_px=WIDTH, height_px=HEIGHT)
        x, y, size = rng.uniform(100, 1800), rng.uniform(100, 900), rng.uniform(10, 90)
        if rng.random() < 0.5:
            made = Annotation(
                "a0", "frame", rng.choice(("sign", "light")), Box(round(x, 2), round(y, 2), 20.5, 31.25)
            )
        else:
            turns = [tau * turn / 14 for turn in range(rng.randint(8, 14))]
            ring = tuple(round(v, 2) for t in turns for v in (x + size * cos(t), y + size * sin(t)))
            made = Annotation("a0", "outline", rng.choice(("car", "person")), Polygon((ring,)))
        yield Item(asset, Label(LabelKind.REVIEW, "ann", (made,), uid=f"L{number}"), Status.REVIEWED)


def coco_rows(item: Item) -> list[dict[str, Any]]:
    """A picture and its annotation as COCO has them, without looking anything up or measuring."""
    (annotation,) = item.annotations
    image = {"id": 1, "file_name": item.asset.key, "width": WIDTH, "height": HEIGHT}
    row = {
        "id": 1,
        "image_id": 1,
        "category_id": 1,
        "area": 640.625,
        "bbox": [100.25, 200.5, 20.5, 31.25],
        "iscrowd": 0,
    }
    if isinstance(annotation.value, Polygon):
        row["segmentation"] = [list(annotation.value.rings[0])]
    return [image, row]


def ours(form: str, count: int, folder: Path) -> float:
    """Seconds to write the labels, without those to make them."""
    spent = 0.0
    source = items(count)
    begun = time.perf_counter()
    with writing(folder / "out", form, ONTOLOGY, Options()) as sink:
        spent += time.perf_counter() - begun
        while batch := list(islice(source, BATCH)):
            begun = time.perf_counter()
            for item in batch:
                sink.add(item)
            spent += time.perf_counter() - begun
        begun = time.perf_counter()
    spent += time.perf_counter() - begun
    assert sink.report.written == count
    return spent


def floor(form: str, count: int, folder: Path) -> float:
    """Seconds of json.dumps over the same rows, written to a file."""
    rows_of: Callable[[Item], list[dict[str, Any]]] = (
        coco_rows if form == "coco" else lambda item: [row_of(item)]
    )
    spent = 0.0
    source = items(count)
    with (folder / "floor").open("w") as file:
        while batch := list(islice(source, BATCH)):
            rows = [row for item in batch for row in rows_of(item)]
            begun = time.perf_counter()
            for row in rows:
                file.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")
            spent += time.perf_counter() - begun
    return spent


def measured(work: Callable[[str, int, Path], float], form: str, count: int) -> tuple[float, int]:
    """Seconds, and the most memory resident in bytes, of a process that does nothing else."""
    context = multiprocessing.get_context("spawn")
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=_run, args=(sending, work, form, count))
    process.start()
    seconds, peak = receiving.recv()
    process.join()
    return seconds, peak


def _run(sending: Any, work: Callable[[str, int, Path], float], form: str, count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        seconds = work(form, count, Path(folder))
    sending.send((seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024))


def main() -> None:
    """Print a line for each format and the summary as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--labels", type=int, default=1_000_000)
    count = parser.parse_args().labels
    worst: dict[str, Any] = {}
    for form in ("jsonl", "coco"):
        _, small = measured(ours, form, count // 10)
        seconds, peak = measured(ours, form, count)
        bare, _ = measured(floor, form, count)
        growth = peak / small
        print(
            f"{form}: {count / seconds:,.0f} labels/s, json.dumps {count / bare:,.0f}/s; "
            f"memory {small >> 20} MiB at {count // 10:,}, {peak >> 20} MiB at {count:,} ({growth - 1:+.1%})",
            flush=True,
        )
        row = {
            "ours": round(count / seconds),
            "floor": round(count / bare),
            "memory_growth": round(growth, 3),
        }
        if not worst or row["ours"] / row["floor"] < worst["ours"] / worst["floor"]:
            worst = {"name": f"formats_export_{form}", **row}
    worst["ratio"] = round(worst["ours"] / worst["floor"], 3)
    print(json.dumps(worst | {"unit": "labels/s"}))


if __name__ == "__main__":
    main()
