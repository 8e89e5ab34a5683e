"""Ontologies: the tools of a project and the categories each may claim."""

import re
from dataclasses import dataclass
from enum import StrEnum

from labels.errors import OntologyError, UnknownCategory, UnknownTool

MAX_TOOLS = 32
MAX_CATEGORIES = 500
MAX_DESCRIPTION = 2_000
_TOOL_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}\Z")


class ToolKind(StrEnum):
    """The form of a tool's annotations."""

    CHOICE_SINGLE = "CHOICE_SINGLE"
    CHOICE_MULTI = "CHOICE_MULTI"
    SPAN = "SPAN"
    BOX = "BOX"
    POLYGON = "POLYGON"
    MASK = "MASK"


TEXT_KINDS = frozenset({ToolKind.CHOICE_SINGLE, ToolKind.CHOICE_MULTI, ToolKind.SPAN})


@dataclass(frozen=True, slots=True)
class Category:
    """A class that annotations may claim."""

    name: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Tool:
    """One way to annotate an asset."""

    name: str
    kind: ToolKind
    categories: tuple[Category, ...]

    @property
    def category_names(self) -> tuple[str, ...]:
        """Names of the categories in the ontology's order."""
        return tuple(category.name for category in self.categories)


@dataclass(frozen=True, slots=True)
class Ontology:
    """The tools of a project; `revision` counts up from 1, 0 before it is stored."""

    tools: tuple[Tool, ...]
    revision: int = 0

    def tool(self, name: str) -> Tool:
        """The tool of that name; raises UnknownTool."""
        for tool in self.tools:
            if tool.name == name:
                return tool
        raise UnknownTool(f'The ontology has no tool "{name}".')

    def check_category(self, tool_name: str, category: str) -> Tool:
        """The tool, if it has that category; raises UnknownTool or UnknownCategory."""
        tool = self.tool(tool_name)
        if category not in tool.category_names:
            raise UnknownCategory(f'The tool "{tool_name}" has no category "{category}".')
        return tool


def check_ontology(ontology: Ontology) -> None:
    """Raise OntologyError with the first thing that is wrong."""
    if not 0 < len(ontology.tools) <= MAX_TOOLS:
        raise OntologyError(f"An ontology needs 1 to {MAX_TOOLS} tools.")
    names = [tool.name for tool in ontology.tools]
    if len(set(names)) != len(names):
        raise OntologyError("Two tools of the ontology have the same name.")
    for tool in ontology.tools:
        _check_tool(tool)


def _check_tool(tool: Tool) -> None:
    if not _TOOL_NAME.match(tool.name):
        raise OntologyError(
            f'The tool name "{tool.name[:64]}" must be 1 to 64 of a-z, 0-9, _ and -, starting with a letter.'
        )
    if not 0 < len(tool.categories) <= MAX_CATEGORIES:
        raise OntologyError(f'The tool "{tool.name}" needs 1 to {MAX_CATEGORIES} categories.')
    if len(set(tool.category_names)) != len(tool.categories):
        raise OntologyError(f'Two categories of the tool "{tool.name}" have the same name.')
    for category in tool.categories:
        name = category.name
        if not 0 < len(name) <= 128 or name != name.strip() or any(ord(c) < 32 for c in name):
            raise OntologyError(
                f'A category of the tool "{tool.name}" must have 1 to 128 characters on one line, '
                "without spaces around them."
            )
        if len(category.description) > MAX_DESCRIPTION:
            raise OntologyError(f'The description of "{name}" is longer than {MAX_DESCRIPTION} characters.')
