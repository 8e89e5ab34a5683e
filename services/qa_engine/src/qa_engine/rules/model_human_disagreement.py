"""People and models agree."""

from collections.abc import Iterator

from labels.label import Finding, Label, LabelKind, Severity
from qa_engine.history import choices
from qa_engine.rule import Context, Need, Parameter, rule

LEAST = Parameter("min_confidence", 0.8, 0.0, 1.0, "How sure the model must have been; 0 to 1.")


@rule(
    "model_human_disagreement",
    severity=Severity.INFO,
    parameters=(LEAST,),
    enabled=False,
    needs=frozenset({Need.HISTORY}),
)
def model_human_disagreement(label: Label, context: Context) -> Iterator[Finding]:
    """With a tool of a single choice a person chooses what the model chose for the asset, if that was sure."""
    if label.kind is LabelKind.PREDICTION:
        return
    mine = choices(label, context.ontology)
    by_tool = {annotation.tool: annotation.id for annotation in label.annotations}
    for tool, model in context.subject.history.choices.items():
        if (
            tool in mine
            and mine[tool].category != model.category
            and model.confidence >= context.number(LEAST)
        ):
            yield context.finding(
                f'The model chose "{model.category}" with a confidence of {model.confidence:.3g}.',
                by_tool[tool],
            )
