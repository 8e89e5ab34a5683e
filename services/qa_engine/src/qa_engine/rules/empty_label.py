"""Labels claim something."""

from collections.abc import Iterator

from labels.label import Finding, Label, Severity
from qa_engine.rule import Context, rule


@rule("empty_label", severity=Severity.INFO, enabled=False)
def empty_label(label: Label, context: Context) -> Iterator[Finding]:
    """A label has at least one annotation."""
    if not label.annotations:
        yield context.finding("The label has no annotation.")
