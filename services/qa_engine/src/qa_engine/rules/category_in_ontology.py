"""Labels claim only what the ontology offers."""

from collections.abc import Iterator

from labels.label import Finding, Label, Severity
from qa_engine.rule import Context, rule


@rule("category_in_ontology", severity=Severity.ERROR)
def category_in_ontology(label: Label, context: Context) -> Iterator[Finding]:
    """Every annotation names a tool and a category of the ontology."""
    used = {annotation.tool for annotation in label.annotations}
    offered = {tool.name: set(tool.category_names) for tool in context.ontology.tools if tool.name in used}
    for annotation in label.annotations:
        categories = offered.get(annotation.tool)
        if categories is None:
            yield context.finding("The ontology does not have the annotation's tool.", annotation.id)
        elif annotation.category not in categories:
            yield context.finding(
                f'The tool "{annotation.tool}" does not have the annotation\'s category.', annotation.id
            )
