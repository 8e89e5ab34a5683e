"""Ontologies as a user writes them: a JSON file, or lists of categories on the command line."""

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


def quick_ontology(choices: str, multi: str, spans: str) -> Ontology:
    """Tools `choice`, `choices` and `spans` from comma-separated categories; raises OntologyError."""
    wanted = (
        ("choice", ToolKind.CHOICE_SINGLE, choices),
        ("choices", ToolKind.CHOICE_MULTI, multi),
        ("spans", ToolKind.SPAN, spans),
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
