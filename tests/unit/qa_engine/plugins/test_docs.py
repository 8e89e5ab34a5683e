"""The code in docs/plugins.md is code that the sandbox takes."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from qa_engine.plugins.plugin import Language, Plugin
from qa_engine.plugins.sandbox import Sandbox

PAGE = Path(__file__).parents[4] / "docs" / "plugins.md"
EXAMPLES = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    sandbox = Sandbox()
    yield sandbox
    sandbox.close()


@pytest.mark.parametrize("code", EXAMPLES)
def test_an_example_can_be_read(code: str, sandbox: Sandbox) -> None:
    assert sandbox.hooks(Plugin("example", Language.PYTHON, code))


def test_there_are_examples_of_every_kind() -> None:
    assert len(EXAMPLES) >= 4
    assert any("def on_schedule(" in code for code in EXAMPLES)
