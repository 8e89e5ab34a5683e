"""The commands of the root. Each is imported when it is asked for, since few need what all of them need together."""

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command, get_group

PLACES = {
    "up": "up.up",
    "down": "up.down",
    "status": "up.status",
    "demo": "demo.demo",
    "project": "project.app",
    "import": "imports.import_",
    "annotate": "annotate.annotate",
    "segment": "segment.segment",
    "review": "review.review",
    "metrics": "metrics.app",
    "export": "export.export",
    "convert": "convert.convert",
    "formats": "convert.formats",
    "queue": "queue.app",
    "labels": "labels.app",
    "audit": "audit.app",
    "gold": "gold.app",
    "consensus": "consensus.app",
    "lineage": "lineage.app",
    "runs": "runs.app",
    "rules": "rules.app",
    "findings": "findings.app",
    "webhooks": "webhooks.app",
    "models": "models.app",
}
"""Name -> module of labelmesh.cli and what in it: a function, or a Typer with commands of its own."""


class Commands(TyperGroup):
    """Knows the names of all commands, and makes the one that is named."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands: dict[str, Any] = dict.fromkeys(PLACES)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name, None for an unknown one."""
        if cmd_name in self.commands and self.commands[cmd_name] is None:
            self.commands[cmd_name] = _made(cmd_name)
        return self.commands.get(cmd_name)


def _made(name: str) -> Any:
    module, _, place = PLACES[name].partition(".")
    found = getattr(import_module(f"labelmesh.cli.{module}"), place)
    if isinstance(found, typer.Typer):
        command: Any = get_group(found)
    else:
        alone = typer.Typer(add_completion=False, rich_markup_mode="rich")
        alone.command(name)(found)
        command = get_command(alone)
    command.name = name
    return command
