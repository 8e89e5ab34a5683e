"""What a filter or an order of a label search may name. `docs/search.md` says what each means."""

from labels.label import LabelKind
from review_queue.filter import YES_NO, Field, Kind
from review_queue.filter.fields import SEVERITIES
from review_queue.review import MOVES, Decision
from review_queue.search.origin import Source

FIELDS = {
    field.name: field
    for field in (
        Field("agreement", Kind.NUMBER),
        Field("asset", Kind.TEXT),
        Field("author", Kind.TEXT),
        Field("category", Kind.SET),
        Field("changed", Kind.NAME, YES_NO),
        Field("confidence", Kind.NUMBER),
        Field("create_time", Kind.TIME),
        Field("decision", Kind.NAME, tuple(decision for decision in Decision if decision not in MOVES)),
        Field("findings", Kind.NUMBER),
        Field("key", Kind.TEXT),
        Field("kind", Kind.NAME, tuple(LabelKind)),
        Field("model", Kind.TEXT),
        Field("overlap", Kind.NUMBER),
        Field("prompt_revision", Kind.NUMBER),
        Field("review_time", Kind.TIME),
        Field("reviewer", Kind.TEXT),
        Field("revision", Kind.NUMBER),
        Field("rule", Kind.SET),
        Field("run", Kind.TEXT),
        Field("severity", Kind.LEVEL, tuple(SEVERITIES)),
        Field("source", Kind.NAME, tuple(Source)),
        Field("uid", Kind.TEXT),
    )
}
"""By name."""
