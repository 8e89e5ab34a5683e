"""How a project's own rules and what came of them look on a screen."""

import io

from rich.console import Console

from labelmesh.cli.plugin_tables import code, outcomes_table, plugins_table
from labelmesh.client import Plugin, PluginError, PluginLanguage, PluginOutcome
from labels.label import Finding, Severity

PYTHON = Plugin(
    "small_roofs",
    PluginLanguage.PYTHON,
    "def on_submit(label, asset, facts):\n    return None\n",
    "Roofs have a size.",
    hooks=("on_prediction", "on_submit"),
    rule="plugin_small_roofs",
    revision=3,
)
EXPRESSION = Plugin("tiny", PluginLanguage.CEL, "annotation.area_px < 5.0", rule="cel_tiny", revision=1)


def rendered(shown: object) -> str:
    console = Console(file=io.StringIO(), width=100, highlight=False)
    console.print(shown)
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def test_plugins_are_listed_with_when_they_are_asked() -> None:
    text = rendered(plugins_table([PYTHON, EXPRESSION]))
    assert "plugin_small_roofs" in text
    assert "on_prediction" in text
    assert "every label" in text


def test_code_has_the_numbers_of_lines_that_errors_name() -> None:
    assert "2     return None" in rendered(code(PYTHON))


def test_outcomes_tell_findings_operations_prints_and_errors() -> None:
    found = Finding("plugin_small_roofs", Severity.WARNING, "Too [small].", "a0")
    error = PluginError("PLUGIN_RAISED", 'The plugin "x" raised an error at line 2: KeyError.', 2, "KeyError")
    text = rendered(
        outcomes_table(
            [
                PluginOutcome("roof.jpg", True, (found,), ("delete a0",), ("area 4.0",)),
                PluginOutcome("wall.jpg", True),
                PluginOutcome("gate.jpg", False, error=error),
            ]
        )
    )
    assert "WARNING at a0 Too [small]." in text
    assert "→ delete a0" in text
    assert "printed: area 4.0" in text
    assert "nothing" in text
    assert "at line 2: KeyError" in text
    assert "2 of 3 labels as expected" in text
