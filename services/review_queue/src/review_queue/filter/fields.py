"""Kinds of fields, and what a filter or an order may name about a task."""

from dataclasses import dataclass
from enum import Enum, auto

from labels.label import SEVERITY_WEIGHT, LabelKind
from review_queue.review import MOVES, Decision, TaskState


class Kind(Enum):
    """How a field's values are written and compared."""

    NUMBER = auto()
    """`0.5`, `-3`, `1e-3`; finite."""
    TIME = auto()
    """RFC 3339 with an offset, or a date (midnight UTC); kept as microseconds since the Unix epoch."""
    TEXT = auto()
    """Compared by code point; `=` takes `*` for any characters."""
    NAME = auto()
    """One of a few words."""
    LEVEL = auto()
    """One of a few words that have an order."""
    SET = auto()
    """Several texts, none twice."""


@dataclass(frozen=True, slots=True)
class Field:
    """A name in filters and orders; `names` are the words of a NAME, those of a LEVEL lowest first."""

    name: str
    kind: Kind
    names: tuple[str, ...] = ()

    @property
    def sortable(self) -> bool:
        """Whether an order may name it."""
        return self.kind is not Kind.SET


SEVERITIES = {"NONE": 0.0} | {severity.value: weight for severity, weight in SEVERITY_WEIGHT.items()}
"""The weight that each level of `severity` stands for, lowest first."""

YES_NO = ("YES", "NO")
"""Of a NAME that is true or not; a filter may also write `true` and `false`."""
FIELDS = {
    field.name: field
    for field in (
        Field("age_hours", Kind.NUMBER),
        Field("audit", Kind.NAME, YES_NO),
        Field("answers", Kind.NUMBER),
        Field("author", Kind.TEXT),
        Field("boost", Kind.NUMBER),
        Field("category", Kind.SET),
        Field("confidence", Kind.NUMBER),
        Field("create_time", Kind.TIME),
        Field("decision", Kind.NAME, tuple(decision for decision in Decision if decision not in MOVES)),
        Field("disagreement", Kind.NUMBER),
        Field("findings", Kind.NUMBER),
        Field("key", Kind.TEXT),
        Field("kind", Kind.NAME, tuple(LabelKind)),
        Field("novelty", Kind.NUMBER),
        Field("pool", Kind.TEXT),
        Field("prediction_error", Kind.TEXT),
        Field("priority", Kind.NUMBER),
        Field("review_time", Kind.TIME),
        Field("reviewer", Kind.TEXT),
        Field("run", Kind.TEXT),
        Field("sealed", Kind.NAME, YES_NO),
        Field("sent_to", Kind.TEXT),
        Field("severity", Kind.LEVEL, tuple(SEVERITIES)),
        Field("state", Kind.NAME, tuple(state.name for state in TaskState)),
        Field("uid", Kind.TEXT),
        Field("weight", Kind.NUMBER),
    )
}
"""By name. `docs/queue.md` says what each means."""
