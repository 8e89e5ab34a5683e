"""Categories as formats name and number them: most know no tools."""

from collections import Counter
from collections.abc import Collection

from formats.errors import OptionInvalid
from labels.label import Annotation
from labels.ontology import Ontology, Tool, ToolKind

SHAPES = frozenset({ToolKind.BOX, ToolKind.POLYGON, ToolKind.MASK})
CHOICES = frozenset({ToolKind.CHOICE_SINGLE, ToolKind.CHOICE_MULTI})


class Categories:
    """The categories of an ontology's tools of some kinds, in order, as classes: a name each, and a number from 0.

    Tools of different kinds that have the same category share its class, as the shape tells them apart where the
    format has both. Where two tools of one kind have it, the classes are called `tool/category`.
    """

    def __init__(self, ontology: Ontology, kinds: Collection[ToolKind], only: str = "") -> None:
        self.tools: tuple[Tool, ...] = tuple(
            tool for tool in ontology.tools if tool.kind in kinds and only in ("", tool.name)
        )
        count = Counter((tool.kind, name) for tool in self.tools for name in tool.category_names)
        shared = {name for (_, name), n in count.items() if n > 1}
        self._names = {
            (tool.name, name): f"{tool.name}/{name}" if name in shared else name
            for tool in self.tools
            for name in tool.category_names
        }
        self._numbers = {name: number for number, name in enumerate(dict.fromkeys(self._names.values()))}

    @property
    def names(self) -> list[str]:
        """The classes' names, in the order of their numbers."""
        return list(self._numbers)

    def tool(self, name: str) -> str:
        """The tool that a class belongs to; "" where several share it."""
        tools = [tool for (tool, _), one in self._names.items() if one == name]
        return tools[0] if len(tools) == 1 else ""

    def name(self, annotation: Annotation) -> str | None:
        """The annotation's class; None where it is not among these."""
        return self._names.get((annotation.tool, annotation.category))

    def number(self, annotation: Annotation) -> int | None:
        """Its class's number from 0; None where it is not among these."""
        name = self.name(annotation)
        return None if name is None else self._numbers[name]


def check_tool(ontology: Ontology, name: str) -> None:
    """Raise OptionInvalid unless the name is empty or a tool's."""
    if name and name not in {tool.name for tool in ontology.tools}:
        raise OptionInvalid(f'The ontology has no tool "{name[:64]}".')


def only_tool(ontology: Ontology, kinds: Collection[ToolKind], wanted: str, what: str) -> str:
    """The one tool that a file is about; raises OptionInvalid when that is not clear."""
    tools = [tool.name for tool in ontology.tools if tool.kind in kinds]
    if not tools:
        raise OptionInvalid(f"{what}, and this project has no such tool; export it as JSONL.")
    if wanted in tools:
        return wanted
    if wanted or len(tools) > 1:
        raise OptionInvalid(f"Choose one with --tool: {', '.join(tools)}.")
    return tools[0]
