"""Rules written by a language model behind a real HTTP endpoint: nothing is taken that does not pass its own tests."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from labels.ontology import Category, Ontology, Tool, ToolKind
from qa_engine.plugins import model
from qa_engine.plugins.drafting import Drafter
from qa_engine.plugins.errors import DraftInvalid, DraftUnavailable
from qa_engine.plugins.sandbox import Sandbox
from tests.integration.qa_engine.endpoint import Endpoint

ONTOLOGY = Ontology(
    (
        Tool("outline", ToolKind.POLYGON, (Category("roof"),)),
        Tool("box", ToolKind.BOX, (Category("roof"),)),
    ),
    revision=1,
)
CODE = "def on_submit(label, asset, facts):\n    return [flag('Small.', s) for s in label.shapes if s.area_px < 5]\n"
ASKED = "Outlines smaller than 5 square pixels."


def check(side: float, expected: int, **more: Any) -> dict[str, Any]:
    claim = {"tool": "box", "category": "roof", "confidence": 0.9, "box": [0, 0, side, side]}
    return {"name": f"side {side}", "kind": "DEFAULT", "annotations": [claim], "expected": expected} | more


def draft(code: str = CODE, *tests: Any) -> str:
    return json.dumps({"code": code, "tests": list(tests) or [check(2, 1), check(9, 0)]})


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    sandbox = Sandbox()
    yield sandbox
    sandbox.close()


@pytest.fixture
async def drafter(endpoint: Endpoint, sandbox: Sandbox) -> AsyncIterator[Drafter]:
    async with model.connect(
        base_url=endpoint.url, api_key="k", model="author", timeout_seconds=10
    ) as author:
        yield Drafter(author, sandbox)


async def test_a_sentence_becomes_a_plugin_with_tests_that_it_passes(
    endpoint: Endpoint, drafter: Drafter
) -> None:
    endpoint.replies = [f"Here it is:\n```json\n{draft()}\n```"]
    made = await drafter.draft("small", ASKED, ONTOLOGY)
    assert (made.plugin.code, made.plugin.description, made.attempts, made.model) == (
        CODE,
        ASKED,
        1,
        "author",
    )
    assert [(result.case.name, result.came_to, result.passed) for result in made.results] == [
        ("side 2", 1, True),
        ("side 9", 0, True),
    ]
    (asked,) = endpoint.asked
    assert ASKED in asked["messages"][1]["content"]
    assert '"outline"' in asked["messages"][1]["content"]


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ("I cannot do that.", "no JSON object"),
        ("{" * 5_000, "no JSON object"),
        ("[1]", "no JSON object"),
        (json.dumps({"code": CODE, "tests": []}), "no tests"),
        (draft(""), "1 to 16,000 characters"),
        (draft("def on_submit(:"), "cannot be read at line 1"),
        (draft("x = 1"), "defines none of"),
        (draft(CODE.replace("5", "1")), "returns 0 things where the test expects 1"),
        (draft(CODE.replace("area_px", "size")), "raised an error at line 2: AttributeError"),
        (draft("import os\n" + CODE.replace("return", "return os.listdir('/') or")), "raised an error"),
        (draft("def on_submit(label, asset, facts):\n    while True: pass\n"), "took too long"),
        (draft(CODE, check(9, 0)), "No test expects"),
        (draft(CODE, check(2, 1, kind="PREDICTION")), "a label for on_prediction"),
        (draft(CODE, check(2, 1, kind="SOMETHING")), "does not have the form"),
        (
            draft(CODE, check(2, 1, annotations=[{"tool": "laser", "category": "x"}])),
            "no label of this project",
        ),
        (
            draft(CODE, check(2, 1, annotations=[{"tool": "box", "category": "roof"}])),
            "does not have the form",
        ),
        (draft(CODE, check(float("nan"), 1)), "no label of this project"),
        (draft(CODE, check(2, -1)), "does not have the form"),
        (draft(CODE, 7), "does not have the form"),
    ],
)
async def test_what_is_no_good_is_told_to_the_model_and_then_to_the_caller(
    endpoint: Endpoint, drafter: Drafter, wrong: str, why: str
) -> None:
    endpoint.replies = [wrong, draft()]
    made = await drafter.draft("small", ASKED, ONTOLOGY)
    assert made.attempts == 2
    assert why in endpoint.asked[1]["messages"][-1]["content"]

    endpoint.replies = [wrong] * 3
    with pytest.raises(DraftInvalid, match="in 3 attempts") as error:
        await drafter.draft("small", ASKED, ONTOLOGY)
    assert why in str(error.value)


@pytest.mark.parametrize("reply", [500, 401, b"nonsense", b"{}", b"x" * (2 << 20)])
async def test_an_endpoint_that_fails_is_unavailable(
    endpoint: Endpoint, drafter: Drafter, reply: int | bytes
) -> None:
    endpoint.replies = [reply]
    with pytest.raises(DraftUnavailable):
        await drafter.draft("small", ASKED, ONTOLOGY)


async def test_an_endpoint_that_refuses_schemas_is_asked_without(
    endpoint: Endpoint, drafter: Drafter
) -> None:
    endpoint.replies = [400, draft()]
    assert (await drafter.draft("small", ASKED, ONTOLOGY)).attempts == 1
    assert ["response_format" in asked for asked in endpoint.asked] == [True, False]
