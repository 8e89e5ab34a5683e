"""Ontologies on the wire."""

from labelmesh.label.v1 import ontology_pb2
from labels.errors import OntologyError
from labels.ontology import MAX_CATEGORIES, MAX_TOOLS, Category, Ontology, Tool, ToolKind

_TO_PB = {kind: ontology_pb2.ToolKind.Value(f"TOOL_KIND_{kind}") for kind in ToolKind}
_FROM_PB = {int(number): kind for kind, number in _TO_PB.items()}


def tool_kind_from_pb(number: int) -> ToolKind:
    """Raises OntologyError for a number without a meaning."""
    try:
        return _FROM_PB[number]
    except KeyError:
        raise OntologyError("A tool of the ontology has no kind.") from None


def tool_kind_to_pb(kind: ToolKind) -> ontology_pb2.ToolKind.ValueType:
    """The kind on the wire."""
    return _TO_PB[kind]


def ontology_from_pb(pb: ontology_pb2.Ontology) -> Ontology:
    """Sizes are checked here, names by `labels.ontology.check_ontology`; raises OntologyError."""
    if len(pb.tools) > MAX_TOOLS or any(len(tool.categories) > MAX_CATEGORIES for tool in pb.tools):
        raise OntologyError(f"An ontology may have {MAX_TOOLS} tools with {MAX_CATEGORIES} categories each.")
    tools = tuple(
        Tool(t.name, tool_kind_from_pb(t.kind), tuple(Category(c.name, c.description) for c in t.categories))
        for t in pb.tools
    )
    return Ontology(tools, pb.revision)


def ontology_to_pb(ontology: Ontology) -> ontology_pb2.Ontology:
    """The ontology on the wire."""
    pb = ontology_pb2.Ontology(revision=ontology.revision)
    for tool in ontology.tools:
        tool_pb = pb.tools.add(name=tool.name, kind=_TO_PB[tool.kind])
        for category in tool.categories:
            tool_pb.categories.add(name=category.name, description=category.description)
    return pb
