"""Spans do not share characters."""

from collections.abc import Iterator

from labels.label import Finding, Label, Severity, Span
from qa_engine.rule import Context, Parameter, rule

NESTED = Parameter("allow_nested", 1.0, 0.0, 1.0, "1 where a span may lie in another, 0 where it may not.")


@rule("span_overlap", severity=Severity.WARNING, parameters=(NESTED,), enabled=False)
def span_overlap(label: Label, context: Context) -> Iterator[Finding]:
    """No two spans of a tool share characters, other than one that lies in the other where that is allowed."""
    nested = context.number(NESTED) >= 0.5
    spans: dict[str, list[tuple[int, int, str]]] = {}
    for annotation in label.annotations:
        if isinstance(annotation.value, Span):
            place = (annotation.value.start, -annotation.value.end, annotation.id)
            spans.setdefault(annotation.tool, []).append(place)
    for found in spans.values():
        yield from _overlaps(sorted(found), nested, context)


def _overlaps(spans: list[tuple[int, int, str]], nested: bool, context: Context) -> Iterator[Finding]:
    """`spans` are (start, -end, id), so that of those with the same start the longest comes first."""
    around: list[tuple[int, int, str]] = []
    for start, negative_end, name in spans:
        end = -negative_end
        around = [other for other in around if other[1] > start]
        for other_start, other_end, other in around:
            same = (other_start, other_end) == (start, end)
            if same or end > other_end or not nested:
                yield context.finding(f"The span shares characters with the annotation {other}.", name)
                # One is enough to look at.
                break
        around.append((start, end, name))
