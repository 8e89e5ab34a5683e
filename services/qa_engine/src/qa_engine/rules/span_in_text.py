"""Spans lie in the text and say what stands there."""

from collections.abc import Iterator

from labels.label import Annotation, Finding, Label, Severity, Span
from qa_engine.rule import Context, Unchecked, rule


@rule("span_in_text", severity=Severity.ERROR)
def span_in_text(label: Label, context: Context) -> Iterator[Finding]:
    """Every span quotes its place in the text, and every entity that the model named has a span."""
    for annotation in label.annotations:
        if isinstance(annotation.value, Span):
            yield from _span(annotation, annotation.value, context)
    for mention in label.unplaced_mentions:
        yield context.finding(
            f'The model named an entity of the category "{mention.category}" that is not in the text.'
        )


def _span(annotation: Annotation, span: Span, context: Context) -> Iterator[Finding]:
    text = context.subject.text
    if text is None:
        unread = context.subject.asset.text_ref is not None
        yield context.finding(
            Unchecked("The asset's text could not be read to check the span.")
            if unread
            else "The asset of the span has no text.",
            annotation.id,
        )
    elif not 0 <= span.start < span.end <= len(text):
        yield context.finding(
            f"The span from {span.start} to {span.end} is not in the text of {len(text)} characters.",
            annotation.id,
        )
    elif text[span.start : span.end] != span.text:
        yield context.finding("The span's characters are not those of the text.", annotation.id)
