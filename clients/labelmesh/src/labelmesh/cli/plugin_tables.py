"""How a project's own rules look on a screen."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from labelmesh.cli.console import STATE_STYLES, captioned, plural, table
from labelmesh.client import Plugin, PluginLanguage, PluginOutcome

_LEXERS = {PluginLanguage.PYTHON: "python", PluginLanguage.CEL: "javascript"}


def plugins_table(plugins: Sequence[Plugin]) -> Table:
    """The project's plugins, one a line."""
    shown = table("name", "rule", "language", "asked", "revision", "what it checks", right=("revision",))
    for plugin in plugins:
        asked = "\n".join(plugin.hooks) if plugin.language is PluginLanguage.PYTHON else "every label"
        shown.add_row(
            plugin.name, plugin.rule, plugin.language, asked, str(plugin.revision), plugin.description
        )
    return shown


def code(plugin: Plugin) -> RenderableType:
    """The plugin's code with numbered lines, as errors count them."""
    made = Syntax(
        plugin.code.rstrip(),
        _LEXERS[plugin.language],
        line_numbers=True,
        word_wrap=True,
        background_color="default",
    )
    return Padding(made, (0, 0, 1, 0))


def outcomes_table(outcomes: Sequence[PluginOutcome]) -> RenderableType:
    """What became of each label, with a line that sums up."""
    shown = table("", "label", "what came of it")
    for outcome in outcomes:
        mark = Text("✓", "green") if outcome.passed else Text("✗", "bold red")
        shown.add_row(mark, outcome.name, _came(outcome))
    passed = sum(outcome.passed for outcome in outcomes)
    said = f"{passed:,} of {plural(len(outcomes), 'label')} as expected"
    return captioned(shown, said)


def _came(outcome: PluginOutcome) -> RenderableType:
    lines: list[Text] = []
    if outcome.error is not None:
        lines.append(Text(outcome.error.message, "red"))
    for finding in outcome.findings:
        place = f" at {finding.annotation_id}" if finding.annotation_id else ""
        line = Text(f"{finding.severity}{place} ", STATE_STYLES.get(finding.severity, ""))
        lines.append(line.append(finding.message, "default"))
    lines += [Text(f"→ {operation}", "cyan") for operation in outcome.operations]
    lines += [Text(f"printed: {line}", "dim") for line in outcome.printed]
    return Group(*lines) if lines else Text("nothing", "dim")
