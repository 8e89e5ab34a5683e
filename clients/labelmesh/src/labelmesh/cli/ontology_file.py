"""Ontologies as a user writes them: a JSON file, or lists of categories on the command line."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from labelmesh.cli.errors import UserError
from labels.ontology import Category, Ontology, Tool, ToolKind, check_ontology

MAX_FILE_BYTES = 4 << 20
EXAMPLE = """{"tools": [{"name": "topic", "kind": "CHOICE_SINGLE",
             "categories": ["bug", {"name": "praise", "description": "Thanks and compliments."}]}]}"""


class _Category(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    description: str = ""


class _Tool(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    kind: ToolKind
    categories: list[str | _Category]


class _File(BaseModel):
    tools: list[_Tool]


def read_ontology(path: Path) -> Ontology:
    """The ontology in a JSON file; raises UserError or OntologyError."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise UserError(f"{path} is larger than {MAX_FILE_BYTES >> 20} MiB.")
        document = _File.model_validate_json(path.read_bytes())
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error
    except ValidationError as error:
        raise UserError(f"{path} is not an ontology: {_first(error)}.") from error
    ontology = Ontology(tuple(_tool(tool) for tool in document.tools))
    check_ontology(ontology)
    return ontology


@dataclass(frozen=True, slots=True)
class Quick:
    """Categories given on the command line, separated by commas, by the kind of tool that they are for."""

    choices: str = ""
    multi: str = ""
    spans: str = ""
    polygons: str = ""
    masks: str = ""

    @property
    def given(self) -> bool:
        """Whether there is any."""
        return any((self.choices, self.multi, self.spans, self.polygons, self.masks))


def quick_ontology(quick: Quick) -> Ontology:
    """Tools `choice`, `choices`, `spans`, `polygons` and `masks` of those given; raises OntologyError."""
    wanted = (
        ("choice", ToolKind.CHOICE_SINGLE, quick.choices),
        ("choices", ToolKind.CHOICE_MULTI, quick.multi),
        ("spans", ToolKind.SPAN, quick.spans),
        ("polygons", ToolKind.POLYGON, quick.polygons),
        ("masks", ToolKind.MASK, quick.masks),
    )
    tools = tuple(Tool(name, kind, _names(names)) for name, kind, names in wanted if names)
    ontology = Ontology(tools)
    check_ontology(ontology)
    return ontology


def _names(listed: str) -> tuple[Category, ...]:
    return tuple(Category(name.strip()) for name in listed.split(",") if name.strip())


def _tool(tool: _Tool) -> Tool:
    categories = tuple(
        Category(category) if isinstance(category, str) else Category(category.name, category.description)
        for category in tool.categories
    )
    return Tool(tool.name, tool.kind, categories)


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    message = first["msg"][:1].lower() + first["msg"][1:]
    return f"{place}: {message}" if place else message
