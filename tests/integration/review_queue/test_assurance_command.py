"""`labelmesh audit` and `labelmesh gold` as processes, against the running service."""

import json
from pathlib import Path
from typing import Any

import pytest

from labels.label import Annotation, Choice
from tests.integration.review_queue.command import Run
from tests.integration.review_queue.command import address as address
from tests.integration.review_queue.command import labelmesh as labelmesh


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """What the command line shows does not depend on the database."""
    return f"sqlite:///{tmp_path}/review.db"


def predicted(house: Any, assets: list[Any], first: int) -> list[Any]:
    """Predictions of sport and politics in turn, all right."""
    return [
        house.prediction(
            asset,
            0.9 if i % 2 else 0.97,
            annotations=(Annotation("a0", "topic", "sport" if i % 2 else "politics", Choice(), 0.9),),
        )
        for i, asset in enumerate(assets, first)
    ]


async def test_from_a_policy_to_a_certificate(house: Any, labelmesh: Run, tmp_path: Path) -> None:
    project = await house.project()
    assets = await house.import_texts(*(f"text {i}" for i in range(200)))
    await house.deliver(project, *predicted(house, assets[:120], 0))

    code, shown, _ = await labelmesh("audit", "status", "news")
    assert (code, "No policy yet" in shown, "200" in shown) == (0, True, True)
    code, _, error = await labelmesh("audit", "fit", "news")
    assert code == 1
    assert error.startswith("Error: ")
    options = ("--target-error", "0.1", "--n-min", "20", "--slice-by", "category", "--mixed-audit-rate", "1")
    code, shown, _ = await labelmesh("audit", "policy", "news", *options, "--export")
    assert (code, "At most 10.00%" in shown) == (0, True)
    code, shown, _ = await labelmesh("audit", "apply", "news", "--json")
    assert json.loads(shown) == {"looked_at": 120, "drawn": 120, "accepted": 0}
    while leases := await house.lease(100):
        for lease in leases:
            await house.submit(lease, "ACCEPT")
    code, shown, _ = await labelmesh("audit", "fit", "news")
    assert code == 0
    assert {"politics", "sport"} <= set(shown.split())
    assert "≥ 0.96" in shown or "≥ 0.97" in shown
    code, shown, _ = await labelmesh("audit", "policy", "news", "--mixed-audit-rate", "0.3", "--json")
    assert json.loads(shown)["slice_by"] == "CATEGORY"
    code, shown, _ = await labelmesh("audit", "promote", "news")
    assert (code, "MIXED" in shown) == (0, True)
    code, _, error = await labelmesh("audit", "promote", "news")
    assert (code, "certificate" in error) == (1, True)

    await house.deliver(project, *predicted(house, assets[120:], 120))
    code, shown, _ = await labelmesh("audit", "certificate", "news", "--issue")
    assert (code, "thresholds" in shown, "95" in shown or "90%" in shown) == (0, True, True)
    code, shown, _ = await labelmesh("audit", "certificate", "news", "--all")
    assert (code, "within" in shown) == (0, True)
    target = tmp_path / "news.jsonl"
    code, _, said = await labelmesh("export", "news", "-o", str(target))
    assert (code, "accepted unseen: at most 10.00% wrong with 90% confidence" in said) == (0, True)
    written = [json.loads(line)["status"] for line in target.read_text().splitlines()]
    code, shown, _ = await labelmesh("audit", "status", "news", "--json")
    status = json.loads(shown)
    assert status["stage"] == "MIXED"
    numbers = dict(status["counts"])
    accepted = numbers["auto_accepted"]
    assert accepted > 20
    assert written.count("auto_accepted") == accepted
    assert written.count("reviewed") == 120
    assert numbers.pop("total") == sum(numbers.values()) == 200
    code, shown, _ = await labelmesh("audit", "status", "news")
    assert "accepted unseen" in shown
    code, shown, _ = await labelmesh("audit", "demote", "news", "--reason", "A new printer")
    assert (code, "ASSISTED" in shown) == (0, True)
    code, shown, _ = await labelmesh("audit", "reopen", "news", "--json")
    assert json.loads(shown)["reopened"] in (0, accepted)


async def test_gold_from_the_draw_to_the_annotators(house: Any, labelmesh: Run, tmp_path: Path) -> None:
    project = await house.project()
    assets = await house.import_texts(*(f"text {i}" for i in range(10)))
    await house.deliver(project, *map(house.prediction, assets))
    code, shown, _ = await labelmesh("gold", "list", "news")
    assert (code, "No gold set yet" in shown) == (0, True)
    code, shown, _ = await labelmesh("gold", "draw", "news", "exam", "4", "--json")
    assert json.loads(shown)["drawn"] == 4
    for lease in await house.lease(10):
        await house.submit(lease, "ACCEPT")
    keys = tmp_path / "keys.txt"
    keys.write_text("k0\nk1\n\nk1\n")
    code, shown, error = await labelmesh("gold", "add", "news", "chosen", "k2", "--file", str(keys))
    if code:
        # Those that were drawn are in the other set already.
        assert "another gold set" in error
    code, _, error = await labelmesh("gold", "add", "news", "chosen", "nobody")
    assert (code, "no asset with the key nobody" in error) == (1, True)
    code, _, error = await labelmesh("gold", "add", "news", "chosen")
    assert (code, "Name the keys" in error) == (1, True)
    code, shown, _ = await labelmesh("gold", "list", "news")
    assert (code, "exam" in shown) == (0, True)
    code, shown, _ = await labelmesh("gold", "annotators", "news")
    assert (code, "Nobody has been tested" in shown) == (0, True)
    await labelmesh("audit", "policy", "news", "--check-share", "0.5")
    tested = 0
    while not tested:
        for lease in await house.lease(4, actor="bob"):
            await house.submit(lease, "ACCEPT", actor="bob")
            tested += 1
    code, shown, _ = await labelmesh("gold", "annotators", "news")
    assert (code, "bob" in shown, "100.0%" in shown) == (0, True, True)


@pytest.mark.parametrize("command", [("audit",), ("gold",), ("audit", "policy"), ("gold", "draw")])
async def test_help_teaches(labelmesh: Run, command: tuple[str, ...]) -> None:
    code, shown, _ = await labelmesh(*command, "--help")
    assert code == 0
    assert "Usage" in shown
