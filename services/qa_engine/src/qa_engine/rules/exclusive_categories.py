"""What rules each other out is not claimed together."""

from collections.abc import Iterator

from labels.label import Finding, Label, Severity
from qa_engine.rule import Context, TextParameter, rule


def parted(text: str) -> tuple[str, ...]:
    """The categories of `ONE | OTHER`; raises ValueError."""
    categories = tuple(part.strip() for part in text.split("|"))
    if len(categories) < 2 or not all(categories):
        raise ValueError("must be two or more categories with | between them")
    return categories


GROUPS = TextParameter(
    "groups", (), "`CATEGORY | CATEGORY ...`, of which a label may claim at most one.", accept=parted
)


@rule("exclusive_categories", severity=Severity.WARNING, parameters=(GROUPS,), enabled=False)
def exclusive_categories(label: Label, context: Context) -> Iterator[Finding]:
    """A label claims at most one category of each group."""
    for group in map(parted, context.texts(GROUPS)):
        first: str | None = None
        for annotation in label.annotations:
            if annotation.category not in group:
                continue
            if first is None:
                first = annotation.category
            elif annotation.category != first:
                yield context.finding(
                    f'The label claims "{annotation.category}" beside "{first}".', annotation.id
                )
