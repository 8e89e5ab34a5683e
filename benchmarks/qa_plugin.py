"""The area plugin in the sandbox against the same function called directly in this Python, labels a second.

    python benchmarks/qa_plugin.py --labels 20000

Once with the area handed over, once with the plugin working it out from the 20 points of each outline. Ours is all
that the engine does for a plugin: measuring, handing over, running, reading the answers. The floor is the bare function
on plain Python objects that are there already, so it counts nothing of that.
"""

import argparse
import json
import math
import random
import time
from dataclasses import dataclass

from labels.asset import Asset, ContentRef
from labels.label import Annotation, Label, LabelKind, Polygon, Severity
from labels.ontology import Category, Ontology, Tool, ToolKind
from qa_engine.engine import BATCH_LABELS
from qa_engine.plugins import custom
from qa_engine.plugins.plugin import Hook, Language, Plugin
from qa_engine.plugins.sandbox import Sandbox
from qa_engine.rule import Item, Subject, Terms

POINTS = 20
AIM = 2_000
ROUNDS = 5
ONTOLOGY = Ontology((Tool("outline", ToolKind.POLYGON, (Category("roof"),)),), revision=1)
ASSET = Asset(
    "k", image_ref=ContentRef("blob:sha256/" + "0" * 64, "0" * 64, 1), width_px=1000, height_px=1000
)
HANDED = """def on_prediction(label, asset, facts):
    return [flag("Small.", s) for s in label.shapes if s.area_px < 500]
"""
COMPUTED = """def area(ring):
    total = 0.0
    for i in range(0, len(ring), 2):
        j = (i + 2) % len(ring)
        total += ring[i] * ring[j + 1] - ring[j] * ring[i + 1]
    return abs(total) / 2

def on_prediction(label, asset, facts):
    return [flag("Small.", s) for s in label.shapes if area(s.rings[0]) < 500]
"""


@dataclass
class Shape:
    """What the plugin sees of an annotation, as a plain object."""

    id: str
    area_px: float
    rings: tuple[tuple[float, ...], ...]


@dataclass
class Plain:
    """What the plugin sees of a label."""

    shapes: list[Shape]


def outline(rng: random.Random) -> Polygon:
    """A star-shaped ring of POINTS points."""
    x, y, reach = rng.uniform(100, 900), rng.uniform(100, 900), rng.uniform(5, 60)
    ring: list[float] = []
    for n in range(POINTS):
        turn, far = 2 * math.pi * n / POINTS, reach * rng.uniform(0.6, 1.0)
        ring += (round(x + far * math.cos(turn), 2), round(y + far * math.sin(turn), 2))
    return Polygon((tuple(ring),))


def item(seed: int) -> Item:
    """A label of one outline."""
    claim = Annotation("a0", "outline", "roof", outline(random.Random(seed)), 0.9)
    return Label(LabelKind.PREDICTION, "model", (claim,), uid=f"l{seed}"), Subject(ONTOLOGY, ASSET)


def direct(code: str, plain: list[Plain]) -> tuple[float, list[list[str]]]:
    """Labels a second of the bare function, and the ids that it flags."""
    names: dict[str, object] = {"flag": lambda message, annotation: annotation.id}
    exec(code, names)  # noqa: S102 - the text above
    hook = names["on_prediction"]
    begin = time.perf_counter()
    found = [hook(label, None, None) for label in plain]  # type: ignore[operator]
    return len(plain) / (time.perf_counter() - begin), found


def sandboxed(code: str, items: list[Item], sandbox: Sandbox) -> tuple[float, list[list[str]]]:
    """The same of the plugin in the sandbox, in batches as the engine makes them."""
    plugin = Plugin("area", Language.PYTHON, code, hooks=frozenset({Hook.ON_PREDICTION}))
    terms = Terms(plugin.rule_id, Severity.WARNING, {})
    custom.judge(plugin, sandbox, items[:64], terms)
    found: list[list[str]] = []
    begin = time.perf_counter()
    for start in range(0, len(items), BATCH_LABELS):
        verdicts = custom.judge(plugin, sandbox, items[start : start + BATCH_LABELS], terms)
        found += [[finding.annotation_id for finding in verdict.judgement.findings] for verdict in verdicts]
    return len(items) / (time.perf_counter() - begin), found


def main() -> None:
    """Measure both variants and say the slower one's ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--labels", type=int, default=10_000)
    items = [item(seed) for seed in range(parser.parse_args().labels)]
    plain = []
    for label, _ in items:
        ring = label.annotations[0].value.rings[0]  # type: ignore[union-attr]
        names: dict[str, object] = {}
        exec(COMPUTED, names)  # noqa: S102 - the text above
        plain.append(Plain([Shape("a0", names["area"](ring), (ring,))]))  # type: ignore[operator]
    sandbox, rates = Sandbox(), {}
    for name, code in (("handed over", HANDED), ("worked out", COMPUTED)):
        ours = floor = 0.0
        # The best of some rounds that take turns: what else the machine does slows down single ones.
        for _ in range(ROUNDS):
            (rate, mine), (bare, theirs) = sandboxed(code, items, sandbox), direct(code, plain)
            assert mine == theirs, "both find the same"
            ours, floor = max(ours, rate), max(floor, bare)
        hits = sum(map(len, mine))
        print(
            f"area {name}: sandbox {ours:,.0f}, direct {floor:,.0f} labels/s, {hits:,} findings", flush=True
        )
        rates[name] = (ours, floor)
        assert ours >= AIM, f"{ours:,.0f} labels/s is less than {AIM:,}"
    sandbox.close()
    ours, floor = rates["worked out"]
    handed, handed_floor = rates["handed over"]
    print(
        json.dumps(
            {
                "name": "qa_plugin",
                "ours": round(ours),
                "floor": round(floor),
                "ratio": round(ours / floor, 4),
                "unit": "labels/s",
                "handed_over": {
                    "ours": round(handed),
                    "floor": round(handed_floor),
                    "ratio": round(handed / handed_floor, 4),
                },
            }
        )
    )


if __name__ == "__main__":
    main()
