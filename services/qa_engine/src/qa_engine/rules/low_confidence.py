"""Models are sure of what they claim."""

from collections.abc import Iterator

from labels.label import Finding, Label, LabelKind, Severity
from qa_engine.rule import Context, Parameter, rule

LEAST = Parameter(
    "min_confidence", 0.5, 0.0, 1.0, "Smallest confidence of a prediction's annotation; 0 to 1."
)


@rule("low_confidence", severity=Severity.INFO, parameters=(LEAST,), enabled=False)
def low_confidence(label: Label, context: Context) -> Iterator[Finding]:
    """A model gives each annotation of its prediction a confidence of at least min_confidence."""
    if label.kind is not LabelKind.PREDICTION:
        return
    least = context.number(LEAST)
    for annotation in label.annotations:
        if annotation.confidence < least:
            yield context.finding(
                f"The model's confidence is {annotation.confidence:.3g}, less than {least:.3g}.",
                annotation.id,
            )
