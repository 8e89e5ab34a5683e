"""Spans begin and end with something that is read."""

from collections.abc import Iterator

from labels.correction import CorrectionOp
from labels.label import Annotation, Finding, Label, Severity, Span
from qa_engine.fixing import trim
from qa_engine.rule import Context, TextParameter, rule

CHARACTERS = TextParameter(
    "characters",
    (),
    "Characters beside white space that a span may neither begin nor end with, such as , or (.",
)


def _fix(annotation: Annotation, context: Context) -> CorrectionOp | None:
    unwanted = set("".join(context.texts(CHARACTERS)))
    return trim(annotation, lambda character: character.isspace() or character in unwanted)


@rule("trimmed_boundary", severity=Severity.INFO, parameters=(CHARACTERS,), fix=_fix)
def trimmed_boundary(label: Label, context: Context) -> Iterator[Finding]:
    """No span begins or ends with white space, or with one of the characters given."""
    unwanted = set("".join(context.texts(CHARACTERS)))
    for annotation in label.annotations:
        if isinstance(annotation.value, Span) and annotation.value.text:
            for side, character in (
                ("begins", annotation.value.text[0]),
                ("ends", annotation.value.text[-1]),
            ):
                if character.isspace() or character in unwanted:
                    what = "white space" if character.isspace() else "a character that does not belong to it"
                    yield context.finding(f"The span {side} with {what}.", annotation.id)
