"""`labelmesh labels search` as a process, and `client.labels.search`, against the running service."""

import json
from typing import Any

import pytest

from labelmesh.client import Client, Endpoints, LabelmeshError, LabelSource
from labels.correction import Relabel
from labels.label import Severity
from labels.proto import correction_op_to_pb
from tests.integration.review_queue.command import Run
from tests.integration.review_queue.command import address as address
from tests.integration.review_queue.command import labelmesh as labelmesh


@pytest.fixture(autouse=True)
async def _filled(house: Any) -> None:
    """A project of 25 predictions: k0 was corrected, k1 accepted, k2 has findings."""
    project = await house.project()
    assets = await house.import_texts(*(f"text {i}" for i in range(25)))
    predictions = [house.prediction(asset, 0.01 + i / 30) for i, asset in enumerate(assets)]
    await house.deliver(project, *predictions)
    first, second = await house.lease(2)
    await house.submit(first, "CORRECT", ops=[correction_op_to_pb(Relabel("a0", "politics"))])
    await house.submit(second, "ACCEPT")
    await house.deliver(project, house.evaluation(predictions[2].label, Severity.ERROR, Severity.INFO))


async def test_labels_are_searched_in_a_terminal(labelmesh: Run) -> None:
    search = ("labels", "search", "news")
    code, shown, notes = await labelmesh(*search, "--limit", "5")
    assert code == 0, notes
    assert "5 labels" in shown
    assert "Shown are the first 5" in notes
    assert max(map(len, shown.splitlines())) <= 100
    code, shown, notes = await labelmesh(*search, "changed = true OR severity = ERROR", "--order-by", "key")
    assert [word in shown for word in ("k0", "politics", "ann", "CORRECT", "0.00", "0.01")] == [True] * 6
    assert [word in shown for word in ("k2", "sport", "model", "ERROR ×2", "2 labels")] == [True] * 5
    assert "Shown are" not in notes

    code, shown, _ = await labelmesh(*search, "reviewer = ann", "--order-by", "agreement", "--json")
    assert [(label["key"], label["changed"], label["agreement"]) for label in json.loads(shown)] == [
        ("k0", True, 0.0),
        ("k1", False, 1.0),
    ]
    code, shown, _ = await labelmesh(*search, "author = nobody")
    assert (code, shown) == (0, "The filter holds for no label.\n")
    code, _, notes = await labelmesh(*search, "agreement < often")
    assert (code, "at character 13: `agreement` is a number" in notes) == (1, True)


async def test_the_client_finds_them_page_by_page(address: str) -> None:
    endpoints = Endpoints(review_queue=address, llm_annotator=address, qa_engine=address)
    async with Client(endpoints, token="token-of-ann") as client:
        found = [label async for label in client.labels.search("news", order_by="confidence", page_size=4)]
        assert [label.key for label in found] == [f"k{i}" for i in range(25)]
        corrected, accepted, predicted = found[:3]
        assert (corrected.changed, accepted.changed, predicted.changed) == (True, False, None)
        assert (corrected.decision, corrected.source, corrected.run) == (
            "CORRECT",
            LabelSource.PERSON,
            "01RUN",
        )
        assert (predicted.source, predicted.prediction) == (LabelSource.MODEL, predicted.label.uid)
        assert (await client.labels.get("news", corrected.prediction)).annotations[0].category == "sport"
        with pytest.raises(LabelmeshError, match="at character 1: there is no field `state`") as refusal:
            _ = [label async for label in client.labels.search("news", "state = OPEN")]
        assert refusal.value.reason == "FILTER_INVALID"
