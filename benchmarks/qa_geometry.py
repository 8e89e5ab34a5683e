"""Geometry rules on generated labels, a batch at a time, against a plain shapely loop that does the same checks.

    python benchmarks/qa_geometry.py --labels 200000

Both run on one core over the same labels and must find the same. Memory is compared at a tenth and at all of the
labels, each in a process of its own.
"""

import argparse
import json
import multiprocessing
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import shapely

from labels.asset import Asset, ContentRef
from labels.label import Annotation, Box, Label, LabelKind, Polygon, Severity
from labels.ontology import Category, Ontology, Tool, ToolKind
from qa_engine.engine import BATCH_LABELS, Engine, discover
from qa_engine.rule import Ruleset, Settings, Subject

RULES = (
    "aspect_ratio",
    "degenerate_ring",
    "duplicate_shape",
    "out_of_bounds",
    "polygon_min_area",
    "self_intersection",
    "shape_overlap",
    "small_hole",
    "sound_shape",
    "tiny_component",
    "vertex_count",
)
WIDTH, HEIGHT, CELL = 1920, 1080, 180
ONTOLOGY = Ontology(
    (
        Tool("outline", ToolKind.POLYGON, (Category("car"), Category("person"))),
        Tool("frame", ToolKind.BOX, (Category("car"), Category("person"))),
    ),
    revision=1,
)
ASSET = Asset(
    "k", image_ref=ContentRef("blob:sha256/" + "0" * 64, "0" * 64, 1), width_px=WIDTH, height_px=HEIGHT
)
SUBJECT = Subject(ONTOLOGY, ASSET)
Found = list[tuple[str, str]]


def blob(rng: np.random.Generator, x: float, y: float, radius: float, points: int) -> np.ndarray:
    """A ring around (x, y) whose distance from it varies; one in eight also turns back here and there."""
    turns = (np.arange(points) + rng.uniform(-0.35, 0.35, points)) * (2 * np.pi / points)
    if rng.random() < 0.125:
        turns[1:-1] += rng.normal(0, 0.8 / points, points - 2)
    reach = radius * rng.uniform(0.7, 1.0, points)
    return np.round(np.stack((x + reach * np.cos(turns), y + reach * np.sin(turns)), axis=1), 2)


def ring(xy: np.ndarray) -> tuple[float, ...]:
    """Points as a ring."""
    return tuple(xy.ravel().tolist())


def polygon(rng: np.random.Generator, x: float, y: float) -> Polygon:
    """An outline, now and then with a flaw that a rule looks for."""
    points = int(rng.integers(6, 40))
    draw = rng.random()
    if draw < 0.01:
        return Polygon((ring(blob(rng, x, y, rng.uniform(0.5, 1.5), 6)),))
    if draw < 0.02:
        return Polygon(((x, y, x + 40.0, y + 30.0, x + 40.0, y, x, y + 20.0),))
    if draw < 0.03:
        return Polygon(((x, y, x + 9.0, y + 9.0),))
    if draw < 0.04:
        return Polygon((ring(blob(rng, x, y, 40, points)), ring(blob(rng, x + 70, y, 1.5, 8))))
    outer = ring(blob(rng, x, y, rng.uniform(20, 80), points))
    if draw < 0.12:
        return Polygon((outer, ring(blob(rng, x, y, rng.uniform(1, 10), 8))))
    return Polygon((outer,))


def label(seed: int) -> Label:
    """A label of two to eight shapes on a grid, so that few overlap."""
    rng = np.random.default_rng(seed)
    cells = rng.permutation((WIDTH // CELL) * (HEIGHT // CELL))[: int(rng.integers(2, 9))]
    made = []
    for n, cell in enumerate(cells.tolist()):
        x = float(cell % (WIDTH // CELL) * CELL + CELL / 2)
        y = float(cell // (WIDTH // CELL) * CELL + CELL / 2)
        category = "car" if rng.random() < 0.5 else "person"
        if rng.random() < 0.15:
            made.append(
                Annotation(f"a{n}", "frame", category, Box(x, y, *rng.uniform(1, 80, 2).round(2).tolist()))
            )
        else:
            made.append(Annotation(f"a{n}", "outline", category, polygon(rng, x, y)))
    draw = rng.random()
    if draw < 0.02:
        made.append(Annotation("copy", made[0].tool, made[0].category, made[0].value))
    elif draw < 0.04:
        made.append(Annotation("far", "outline", "car", polygon(rng, WIDTH - 5.0, 400.0)))
    elif draw < 0.06:
        made.append(Annotation("over", "outline", "car", polygon(rng, x + 15.0, y + 5.0)))
    return Label(LabelKind.DEFAULT, "ann", tuple(made), uid=f"L{seed}")


def rulers() -> tuple[Engine, Ruleset]:
    """The engine, and a ruleset in which all geometry rules and nothing else are on."""
    rules = tuple(rule for rule in discover() if rule.id in RULES)
    assert len(rules) == len(RULES)
    return Engine(rules), Ruleset(1, {rule.id: Settings(True, Severity.WARNING, {}) for rule in rules})


def ours(engine: Engine, ruleset: Ruleset, labels: list[Label]) -> list[Found]:
    """What the engine finds, as rule and annotation."""
    found = engine.evaluate_many([(label, SUBJECT) for label in labels], ruleset)
    return [[(finding.rule, finding.annotation_id) for finding in some] for some in found]


def loop(labels: list[Label]) -> list[Found]:
    """The same by a plain shapely loop, as one would write it."""
    return [sorted(plain(label)) for label in labels]


def plain(label: Label) -> Iterator[tuple[str, str]]:
    """The checks on one label, with the rules' default parameters."""
    solids = []
    for annotation in label.annotations:
        value, name = annotation.value, annotation.id
        if isinstance(value, Box):
            solid = shapely.box(
                value.x_px, value.y_px, value.x_px + value.width_px, value.y_px + value.height_px
            )
        else:
            rings = [np.reshape(r, (-1, 2)) for r in value.rings]
            yield from plain_rings(name, rings)
            rings = [r for r in rings if len(r) >= 3]
            solid = even_odd(rings)
            if solid.area < 5:
                yield "polygon_min_area", name
            if not rings:
                continue
            yield from plain_parts(name, solid)
        solids.append((annotation, solid))
        left, top, right, bottom = solid.bounds
        if max(-left, -top, right - WIDTH, bottom - HEIGHT) > 1:
            yield "out_of_bounds", name
        if max(right - left, bottom - top) > 50 * min(right - left, bottom - top):
            yield "aspect_ratio", name
    yield from plain_pairs(solids)


def plain_rings(name: str, rings: list[np.ndarray]) -> Iterator[tuple[str, str]]:
    """Checks on the rings as they are."""
    if any(len(r) < 3 for r in rings):
        yield "degenerate_ring", name
    if not 4 <= sum(map(len, rings)) <= 2_000:
        yield "vertex_count", name
    long = [shapely.Polygon(r) for r in rings if len(r) >= 3]
    crossed = any(not p.is_valid for p in long)
    crossed = crossed or any(p.overlaps(q) for i, p in enumerate(long) for q in long[:i])
    if crossed:
        yield "self_intersection", name


def even_odd(rings: list[np.ndarray]) -> shapely.Geometry:
    """The inside by the even-odd rule."""
    inside = shapely.Polygon()
    for r in rings:
        part = shapely.Polygon(r)
        inside = (
            inside.symmetric_difference(part if part.is_valid else shapely.make_valid(part))
            if inside
            else part
        )
        if not inside.is_valid:
            inside = shapely.make_valid(inside)
    return inside


def plain_parts(name: str, solid: shapely.Geometry) -> Iterator[tuple[str, str]]:
    """Checks on parts and holes."""
    parts = [part for part in getattr(solid, "geoms", [solid]) if part.geom_type == "Polygon"]
    if len(parts) > 1 and any(part.area < 16 for part in parts):
        yield "tiny_component", name
    if any(shapely.Polygon(hole).area < 16 for part in parts for hole in part.interiors):
        yield "small_hole", name


def plain_pairs(solids: list[tuple[Annotation, shapely.Geometry]]) -> Iterator[tuple[str, str]]:
    """Checks on shapes side by side."""
    for n, (one, a) in enumerate(solids):
        for other, b in solids[:n]:
            if not a.intersects(b):
                continue
            common = a.intersection(b).area
            if common > 0.1 * min(a.area, b.area) and one.tool == other.tool:
                yield "shape_overlap", one.id
            same = (one.tool, one.category) == (other.tool, other.category)
            if same and round(common / (a.area + b.area - common), 9) >= 0.98:
                yield "duplicate_shape", one.id


def memory_mib(few: int, many: int) -> tuple[float, float]:
    """Most resident MiB after few labels and after many, made and checked a batch at a time by one process."""
    engine, ruleset = rulers()
    found, done = [], 0
    for count in (few, many):
        while done < count:
            end = min(count, done + BATCH_LABELS)
            ours(engine, ruleset, [label(seed) for seed in range(done, end)])
            done = end
        # Not ru_maxrss: a new process starts with that of the one that made it.
        status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
        found.append(int(status["VmHWM"].split()[0]) / 1024)
    return found[0], found[1]


def measured_memory(few: int, many: int) -> tuple[float, float]:
    """The same in a fresh process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(memory_mib, (few, many))


def compare(count: int) -> tuple[float, float]:
    """Labels a second of CPU of the engine and of the loop, over the same labels with the same findings."""
    engine, ruleset = rulers()
    spent, hits = {"ours": 0.0, "loop": 0.0}, 0
    ours(engine, ruleset, [label(seed) for seed in range(64)])
    for start in range(0, count, BATCH_LABELS):
        labels = [label(seed) for seed in range(start, min(count, start + BATCH_LABELS))]
        found = {}
        # Whoever comes second finds the labels in the processor's cache, so they take turns.
        for name in ("ours", "loop") if start // BATCH_LABELS % 2 else ("loop", "ours"):
            begin = time.process_time()
            found[name] = ours(engine, ruleset, labels) if name == "ours" else loop(labels)
            spent[name] += time.process_time() - begin
        mine, theirs = found["ours"], found["loop"]
        for one, a, b in zip(labels, mine, theirs, strict=True):
            assert sorted(set(a)) == sorted(set(b)), (one.uid, set(a) ^ set(b))
        hits += sum(map(len, mine))
    print(f"{count:,} labels, {hits:,} findings, the same by both", flush=True)
    return count / spent["ours"], count / spent["loop"]


def main() -> None:
    """Measure, say what was measured, and hold it to the aims."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--labels", type=int, default=200_000)
    count = parser.parse_args().labels
    mine, theirs = compare(count)
    print(f"ours {mine:,.0f}, shapely loop {theirs:,.0f} labels/s on one core", flush=True)
    few, many = measured_memory(count // 10, count)
    print(
        f"memory {few:.1f} MiB at {count // 10:,} labels, {many:.1f} MiB at {count:,}: {many / few:.3f}",
        flush=True,
    )
    print(
        json.dumps(
            {
                "name": "qa_geometry",
                "ours": round(mine),
                "floor": round(theirs),
                "ratio": round(mine / theirs, 2),
                "unit": "labels/s/core",
            }
        )
    )


if __name__ == "__main__":
    main()
