"""What operations of its own a rule may ask for, by the action that the project gives it."""

from collections.abc import Sequence

from labels.correction import Delete
from qa_engine.conduct import Action
from qa_engine.operation import Block, Change, Emit, Operation, Resolve, Route

Asked = tuple[str, Operation]


def allowed(action: Action, operations: Sequence[Asked]) -> tuple[Asked, ...]:
    """Those that the action covers: telling webhooks always, and beside that DELETE covers deleting, FIX every
    change and what several answers come to, ROUTE sending to people, BLOCK that and blocking."""
    return tuple(asked for asked in operations if _covers(action, asked[1]))


def _covers(action: Action, operation: Operation) -> bool:
    match operation:
        case Emit():
            return True
        case Change(op):
            return action is Action.FIX or (action is Action.DELETE and isinstance(op, Delete))
        case Resolve():
            return action is Action.FIX
        case Route():
            return action in (Action.ROUTE, Action.BLOCK)
        case Block():
            return action is Action.BLOCK
