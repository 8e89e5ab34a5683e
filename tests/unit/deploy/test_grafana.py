"""The dashboard asks only for series that services have."""

import json
import re
from pathlib import Path
from typing import Any

from prometheus_client import REGISTRY, Counter, Gauge, Histogram

import chassis.metrics
import review_queue.measures.gauges

DASHBOARD = Path(__file__).parents[3] / "deploy" / "grafana" / "labelmesh.json"
SERVED = (chassis.metrics, review_queue.measures.gauges)
_NAME = re.compile(r"\blabelmesh_\w+")
_LABELS = re.compile(r"(labelmesh_\w+)\{([^}]*)\}")


def panels() -> list[dict[str, Any]]:
    return list(json.loads(DASHBOARD.read_text())["panels"])


def queries() -> list[str]:
    return [target["expr"] for panel in panels() for target in panel["targets"]]


def served() -> dict[str, tuple[str, ...]]:
    """Labels by the name of a series, for what the modules register."""
    found: dict[str, tuple[str, ...]] = {}
    for module in SERVED:
        for metric in vars(module).values():
            if isinstance(metric, Counter | Gauge | Histogram):
                # What a page of this metric is made of.
                found |= dict.fromkeys(REGISTRY._collector_to_names[metric], metric._labelnames)
    return found


def test_every_series_of_the_dashboard_is_served_with_its_labels() -> None:
    known = served()
    for query in queries():
        assert set(_NAME.findall(query)) <= set(known), query
        for name, labels in _LABELS.findall(query):
            asked = set(re.findall(r"(\w+)=~?\"", labels))
            assert asked <= set(known[name]) | {"job"}, query


def test_what_reviews_are_counted_by_is_all_shown() -> None:
    shown = set(_NAME.findall(" ".join(queries())))
    families = {re.sub(r"_(total|created|sum|count|bucket)$", "", name) for name in shown}
    for metric in vars(review_queue.measures.gauges).values():
        if isinstance(metric, Counter | Gauge | Histogram):
            assert metric._name in families, metric._name


def test_panels_lie_beside_each_other_and_say_what_they_show() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24, panel["title"]
        assert panel["title"]
        assert panel["description"]
        taken |= cells
