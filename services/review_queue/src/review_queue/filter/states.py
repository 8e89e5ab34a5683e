"""Which states a filter lets through, so that a list walks no more of the queue than it must."""

from review_queue.filter.expression import And, Compare, Expression, Not, Or, Pattern
from review_queue.review import TaskState

_ALL = frozenset({TaskState.WAITING, TaskState.OPEN, TaskState.DONE})


def stored_states(expression: Expression) -> frozenset[TaskState]:
    """The states, as they are stored (LEASED is OPEN), that tasks of the filter can be in; rather too many."""
    match expression:
        case Compare() if expression.field.name == "state":
            state = TaskState[_text(expression)]
            return frozenset({TaskState.OPEN if state is TaskState.LEASED else state})
        case Not(Compare() as other) if other.field.name == "state":
            # Not being LEASED says nothing: the task may still be OPEN, which is the same row.
            return _ALL - {TaskState[_text(other)]} if _text(other) in ("WAITING", "DONE") else _ALL
        case And():
            return _ALL.intersection(*map(stored_states, expression.parts))
        case Or():
            return frozenset().union(*map(stored_states, expression.parts))
        case _:
            return _ALL


def _text(comparison: Compare) -> str:
    assert isinstance(comparison.value, Pattern)  # noqa: S101 - a NAME's value is one
    return comparison.value.text
