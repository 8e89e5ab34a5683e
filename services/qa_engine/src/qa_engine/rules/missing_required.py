"""Every question is answered."""

from collections.abc import Iterator

from labels.label import Finding, Label, Severity
from labels.ontology import ToolKind
from qa_engine.rule import Context, TextParameter, rule

TOOLS = TextParameter(
    "tools", (), "Tools that every label must use; none means each tool of a single choice.", most=32
)


@rule("missing_required", severity=Severity.WARNING, parameters=(TOOLS,), enabled=False)
def missing_required(label: Label, context: Context) -> Iterator[Finding]:
    """A label has an annotation of every required tool."""
    used = {annotation.tool for annotation in label.annotations}
    single = (tool.name for tool in context.ontology.tools if tool.kind is ToolKind.CHOICE_SINGLE)
    for tool in context.texts(TOOLS) or tuple(single):
        if tool not in used:
            yield context.finding(f'The label has no annotation of the tool "{tool[:128]}".')
