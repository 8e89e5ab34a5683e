"""Equal strings have equal categories."""

from collections.abc import Iterator

from labels.label import Finding, Label, Severity, Span
from qa_engine.history import string_key
from qa_engine.rule import Context, Need, Parameter, rule

LEAST = Parameter(
    "min_labels", 3.0, 1.0, 1e6, "In how many other labels the string must occur with the tool; 1 to 1e6."
)
SHARE = Parameter(
    "min_share", 0.8, 0.5, 1.0, "What share of those must have the same other category; 0.5 to 1."
)


@rule(
    "string_consistency",
    severity=Severity.INFO,
    parameters=(LEAST, SHARE),
    enabled=False,
    needs=frozenset({Need.HISTORY}),
)
def string_consistency(label: Label, context: Context) -> Iterator[Finding]:
    """No span has another category than nearly all other labels of the project give the same characters."""
    strings = context.subject.history.strings
    for annotation in label.annotations:
        if not isinstance(annotation.value, Span):
            continue
        others = strings.get((annotation.tool, string_key(annotation.value.text)), {})
        total = sum(others.values())
        if total < context.number(LEAST):
            continue
        usual, count = max(others.items(), key=lambda item: item[1])
        if usual != annotation.category and count >= context.number(SHARE) * total:
            yield context.finding(
                f'{count} of {total} other labels give the same characters the category "{usual}".',
                annotation.id,
            )
