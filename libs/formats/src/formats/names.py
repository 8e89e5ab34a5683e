"""Categories as formats name and number them: most know no tools."""

from collections import Counter
from collections.abc import Collection

from formats.errors import OptionInvalid
from labels.label import Annotation
from labels.ontology import Ontology, Tool, ToolKind

SHAPES = frozenset({ToolKind.BOX, ToolKind.POLYGON, ToolKind.MASK})
CHOICES = frozenset({ToolKind.CHOICE_SINGLE, ToolKind.CHOICE_MULTI})


class Categories:
    """The categories of an ontology's tools of some kinds, in order, each with a name of its own.

    A category that two tools have is called `tool/category`.
    """

    def __init__(self, ontology: Ontology, kinds: Collection[ToolKind], only: str = "") -> None:
        self.tools: tuple[Tool, ...] = tuple(
            tool for tool in ontology.tools if tool.kind in kinds and only in ("", tool.name)
        )
        pairs = [(tool.name, name) for tool in self.tools for name in tool.category_names]
        count = Counter(name for _, name in pairs)
        self._names = {pair: pair[1] if count[pair[1]] == 1 else "/".join(pair) for pair in pairs}
        self._numbers = {pair: number for number, pair in enumerate(pairs)}

    @property
    def names(self) -> list[str]:
        """All names, in the order of their numbers."""
        return list(self._names.values())

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Tool and category of each number."""
        return list(self._names)

    def name(self, annotation: Annotation) -> str | None:
        """What the format calls the annotation's category; None where it is not among these."""
        return self._names.get((annotation.tool, annotation.category))

    def number(self, annotation: Annotation) -> int | None:
        """Its number from 0; None where it is not among these."""
        return self._numbers.get((annotation.tool, annotation.category))


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
