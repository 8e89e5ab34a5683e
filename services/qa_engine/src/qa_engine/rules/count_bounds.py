"""There are as many annotations as there can be."""

from collections import Counter
from collections.abc import Iterator

from labels.label import Finding, Label, Severity
from qa_engine.rule import Context, TextParameter, rule


def bounds(text: str) -> tuple[str, int, int]:
    """The category, the fewest and the most of `CATEGORY: 1 4`; raises ValueError."""
    category, colon, rest = text.rpartition(":")
    numbers = rest.split()
    if not (
        colon and category.strip() and len(numbers) == 2 and all(n.isascii() and n.isdigit() for n in numbers)
    ):
        raise ValueError("must be a category, a colon, the fewest and the most")
    fewest, most = map(int, numbers)
    if fewest > most:
        raise ValueError("has a fewest above its most")
    return category.strip(), fewest, most


BOUNDS = TextParameter(
    "bounds",
    (),
    "`CATEGORY: fewest most`, how many annotations of a category a label has; * stands for all together.",
    accept=bounds,
)


@rule("count_bounds", severity=Severity.WARNING, parameters=(BOUNDS,), enabled=False)
def count_bounds(label: Label, context: Context) -> Iterator[Finding]:
    """A label has from the fewest to the most annotations of each category."""
    counts = Counter(annotation.category for annotation in label.annotations)
    for category, fewest, most in map(bounds, context.texts(BOUNDS)):
        count = len(label.annotations) if category == "*" else counts[category]
        if not fewest <= count <= most:
            of = "" if category == "*" else f' of the category "{category[:128]}"'
            yield context.finding(f"The label has {count} annotations{of}, not {fewest} to {most}.")
