"""Labels that are likely wrong, by confident learning.

The rule of C. G. Northcutt, L. Jiang and I. L. Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels",
Journal of Artificial Intelligence Research 70 (2021): a label is likely wrong when the model finds another category
likelier, and at least as likely as it does on average where that category was given. A prediction carries the
probability of its first category only; for the average the most that it can have left for another one counts, so a
label is never flagged here that the full probabilities would not flag.
"""

from collections.abc import Iterator

from labels.label import Finding, Label, LabelKind, Severity
from qa_engine.history import choices
from qa_engine.rule import Context, Need, Parameter, rule

LEAST = Parameter(
    "min_labels",
    20.0,
    5.0,
    1e6,
    "For how many assets people must have chosen the model's category, so that its average is known; 5 to 1e6.",
)


@rule(
    "likely_label_error",
    severity=Severity.WARNING,
    parameters=(LEAST,),
    enabled=False,
    needs=frozenset({Need.HISTORY}),
)
def likely_label_error(label: Label, context: Context) -> Iterator[Finding]:
    """No person's choice contradicts a model that is as sure as it is on average where people agree with it."""
    if label.kind is LabelKind.PREDICTION:
        return
    history = context.subject.history
    mine = choices(label, context.ontology)
    by_tool = {annotation.tool: annotation.id for annotation in label.annotations}
    for tool, model in history.choices.items():
        trust = history.trust.get((tool, model.category))
        if tool not in mine or mine[tool].category == model.category or trust is None:
            continue
        average = trust.confidence_sum / trust.count
        if trust.count >= context.number(LEAST) and model.confidence >= max(average, 0.5):
            yield context.finding(
                f'The label is likely wrong: the model chose "{model.category}" with a confidence of '
                f"{model.confidence:.3g}, on average {average:.3g} where people did.",
                by_tool[tool],
            )
