"""One story of a team that guards its labels: a model, rules of its own, reviewers, a search over all, and charts.

Everything is done from outside, beside the running stack, as the team would do it: what they do, on the command line,
and what they ask, with the SDK.
"""

import asyncio
import json
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from labelmesh.client import Client, FoundLabel, RulePrecision, RuleRun, RuleRunKind
from labelmesh.local import state

pytestmark = pytest.mark.timeout(600)
PROJECT = "defence"
SIGHTINGS = {
    "n1": "A truck waits on the roof of the depot [[vehicle]]",
    "n2": "The roof of the second depot was repaired [[vehicle]]",
    "n3": "Two lorries on the road to the bridge [[vehicle]]",
    "n4": "A depot of brick beside the river [[building]]",
    "n5": "A ferry, half a mile from the quay [[vehicle]]",
    "n6": "The old barracks, without windows [[building]]",
}
CODE = """
def on_submit(label, asset, facts):
    wrong = [c for c in label.choices if c.category == "vehicle" and "roof" in asset.text]
    return [flag("A roof is a building.", c) for c in wrong]

def on_review(label, asset, facts):
    return on_submit(label, asset, facts)

def on_schedule(label, asset, facts):
    late = facts.time_us > label.create_time_us
    return on_submit(label, asset, facts) if late and label.kind == "PREDICTION" else None
"""
RULE = "plugin_roofs"


@pytest.fixture
def sightings(tmp_path: Path) -> Path:
    path = tmp_path / "sightings.jsonl"
    path.write_text("".join(json.dumps({"key": k, "text": text}) + "\n" for k, text in SIGHTINGS.items()))
    return path


def until(reached: Callable[[], Any]) -> Any:
    """What is there once it is: events are on their way."""
    for _ in range(600):
        if found := reached():
            return found
        time.sleep(0.1)
    raise AssertionError("it did not happen")


def ask(shell: Any, question: Callable[[Client], Coroutine[Any, Any, Any]]) -> Any:
    """What the SDK says: a process for each question would take seconds."""

    async def asked() -> Any:
        async with Client(state.read_live(shell.state_dir).endpoints) as client:
            return await question(client)

    return asyncio.run(asked())


def search(shell: Any, query: str = "", order_by: str = "") -> list[FoundLabel]:
    """Labels that a search finds."""

    async def found(client: Client) -> list[FoundLabel]:
        return [label async for label in client.labels.search(PROJECT, query, order_by=order_by)]

    labels: list[FoundLabel] = ask(shell, found)
    return labels


def keys(labels: list[FoundLabel]) -> list[str]:
    return sorted(label.key for label in labels)


def scheduled(shell: Any) -> list[RuleRun]:
    """Runs on a schedule that are through."""

    async def found(client: Client) -> list[RuleRun]:
        runs = [run async for run in client.rule_runs.list(PROJECT, RULE)]
        return [run for run in runs if run.kind is RuleRunKind.SCHEDULE and run.at_rest]

    runs: list[RuleRun] = ask(shell, found)
    return runs


def test_a_team_guards_its_labels(shell: Any, sightings: Path, tmp_path: Path) -> None:
    a_model_labels_what_came_in(shell, sightings)
    a_rule_of_the_teams_own_is_tried_and_enforced(shell, tmp_path)
    what_it_found_goes_before_people_first(shell)
    uids = people_review(shell)
    their_word_is_searched(shell, uids)
    the_rule_is_judged_by_it(shell)
    charts_show_it(shell, tmp_path)
    nothing_was_altered(shell)


def a_model_labels_what_came_in(shell: Any, sightings: Path) -> None:
    shell.ok("project", "create", PROJECT, "--choices", "vehicle,building")
    shell.ok("import", PROJECT, str(sightings))
    run = json.loads(shell.ok("annotate", PROJECT, "--json"))
    assert (run["state"], run["succeeded"]) == ("DONE", 6)
    assert keys(search(shell, "source = MODEL")) == sorted(SIGHTINGS)
    sure = [label.confidence or 0.0 for label in search(shell, "confidence > 0", "confidence desc")]
    assert sure == sorted(sure, reverse=True)
    middle = sure[2]
    assert len(search(shell, f"confidence < {middle}")) == sum(value < middle for value in sure)


def a_rule_of_the_teams_own_is_tried_and_enforced(shell: Any, tmp_path: Path) -> None:
    code = tmp_path / "roofs.py"
    code.write_text(CODE)
    assert "it is off" in shell.ok(
        "rules", "new", PROJECT, "roofs", "--file", str(code), "--severity", "error"
    )
    assert "finished backtest" in shell.fails("rules", "enable", PROJECT, RULE, "--enforce")
    assert search(shell, "findings > 0") == []
    tried = until(lambda: backtest_of_all(shell))
    assert (tried["run"]["hits"], tried["run"]["unchecked_labels"]) == (2, 0)
    assert {hit["finding"]["message"] for hit in tried["hits"]} == {"A roof is a building."}
    shell.ok("rules", "enable", PROJECT, RULE, "--enforce", "--backtest", tried["run"]["uid"])
    # What was there already is looked at on the schedule, which begins at once.
    (run,) = until(lambda: scheduled(shell))
    assert (run.looked, run.hits, run.rule.schedule_minutes) == (6, 2, 60)


def backtest_of_all(shell: Any) -> dict[str, Any] | None:
    """A backtest, once every label has come to the rules."""
    tried: dict[str, Any] = json.loads(
        shell.ok("rules", "backtest", PROJECT, RULE, "--every", "60", "--json")
    )
    return tried if tried["run"]["looked"] == len(SIGHTINGS) else None


def what_it_found_goes_before_people_first(shell: Any) -> None:
    assert keys(until(lambda: search(shell, f"rule:{RULE}"))) == ["n1", "n2"]
    assert keys(until(lambda: search(shell, "severity >= ERROR"))) == ["n1", "n2"]
    queue = until(lambda: json.loads(shell.ok("queue", "list", PROJECT, "--json")))
    assert {task["asset"]["key"] for task in queue[:2]} == {"n1", "n2"}
    assert "A roof is a building." in shell.ok("findings", "list", PROJECT, "--rule", RULE)


def people_review(shell: Any) -> dict[str, str]:
    """Ann puts one roof right, and lets the other stand; Bea accepts two. Uids of the labels by key."""
    shell.ok("review", PROJECT, "--reviewer", "ann", text="c building\na\nq\n")
    shell.ok("review", PROJECT, "--reviewer", "bea", text="a\na\nq\n")
    return {label.key: label.label.uid for label in search(shell)}


def their_word_is_searched(shell: Any, uids: dict[str, str]) -> None:
    ann, bea = search(shell, "reviewer = ann"), search(shell, "reviewer = bea")
    assert (keys(ann), len(bea)) == (["n1", "n2"], 2)
    (changed,) = search(shell, "reviewer = ann AND agreement < 0.5")
    assert changed.key in ("n1", "n2")
    assert [label.key for label in search(shell, "changed = true")] == [changed.key]
    assert len(search(shell, "agreement = 1 AND source = PERSON")) == 3
    # The roof that a person left to be a vehicle is found again, by the same rule on the reviewed label.
    (left,) = until(lambda: search(shell, f"rule:{RULE} AND reviewer = ann"))
    assert left.key != changed.key
    assert uids[left.key] == left.label.uid
    assert "no field `colour`" in shell.fails("labels", "search", PROJECT, "colour = red")
    told = json.loads(shell.ok("labels", "search", PROJECT, "category:building reviewer = ann", "--json"))
    assert [(label["key"], label["decision"]) for label in told] == [(changed.key, "CORRECT")]


def the_rule_is_judged_by_it(shell: Any) -> None:
    async def judged(client: Client) -> RulePrecision | None:
        said = (await client.rule_runs.metrics(PROJECT, RULE)).precision
        return said if said.right + said.wrong >= 2 else None

    precision = until(lambda: ask(shell, judged))
    assert (precision.right, precision.wrong) == (1, 1)


def charts_show_it(shell: Any, tmp_path: Path) -> None:
    picture = tmp_path / "defence.png"
    shell.ok("metrics", "show", PROJECT, "--plot", str(picture))
    assert picture.read_bytes().startswith(b"\x89PNG")
    numbers = json.loads(shell.ok("metrics", "show", PROJECT, "--json"))["metrics"]
    assert (numbers["accepted"], numbers["corrected"]) == (3, 1)


def nothing_was_altered(shell: Any) -> None:
    shell.ok("lineage", "seal", PROJECT)
    shell.ok("lineage", "verify", PROJECT)
