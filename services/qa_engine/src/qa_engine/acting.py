"""From what rules find to what is done about it, as pure functions."""

from collections.abc import Iterable, Iterator, Sequence

from chassis.log import get_logger, where
from labels.correction import Add, CorrectionOp, Delete
from labels.errors import AnnotationInvalid
from labels.label import Annotation, Finding
from qa_engine.conduct import MAX_BOOST, Action
from qa_engine.operation import Block, Change, Judgement, Operation, Route
from qa_engine.rule import Context, Item, Rule, Settings, Unchecked

MAX_OPS = 10_000
_log = get_logger()


def operations(
    rule: Rule, settings: Settings, item: Item, findings: Sequence[Finding]
) -> Iterator[tuple[str, Operation]]:
    """What the rule's action makes of its findings about one label."""
    conduct = settings.conduct
    findings = [finding for finding in findings if not isinstance(finding.message, Unchecked)]
    if not findings or conduct.action is Action.FLAG:
        return
    if conduct.action is Action.ROUTE:
        yield rule.id, Route(conduct.route_boost, conduct.route_pool)
    elif conduct.action is Action.BLOCK:
        yield rule.id, Block()
    else:
        for op in _changes(rule, settings, item, findings):
            yield rule.id, Change(op)


def _changes(
    rule: Rule, settings: Settings, item: Item, findings: Sequence[Finding]
) -> Iterator[CorrectionOp]:
    """One change for each annotation that something was found about, in the order of the findings."""
    label, subject = item
    by_id = {annotation.id: annotation for annotation in label.annotations}
    context = Context(rule.id, settings.severity, settings.parameters, subject)
    for annotation_id in dict.fromkeys(finding.annotation_id for finding in findings):
        annotation = by_id.get(annotation_id)
        if annotation is None:
            continue
        op = (
            Delete(annotation_id)
            if settings.conduct.action is Action.DELETE
            else _fix(rule, annotation, context)
        )
        if op is not None:
            yield op


def _fix(rule: Rule, annotation: Annotation, context: Context) -> CorrectionOp | None:
    """The rule's fix; an annotation that it fails on is left to a person, who sees the finding."""
    if rule.fix is None:
        return None
    try:
        return rule.fix(annotation, context)
    except AnnotationInvalid:
        return None
    except Exception as error:  # noqa: BLE001 - one rule's mistake must not silence the others
        _log.error("fix_failed", rule=rule.id, fault=where(error))
        return None


def changes(judgement: Judgement) -> list[tuple[str, CorrectionOp]]:
    """The changes that can be made together, each with its rule: at most MAX_OPS.

    An annotation is changed once: deleting goes before all else, and otherwise the first rule has it. What is left
    over comes up again when rules look at the changed label.
    """
    asked = [(rule, op.op) for rule, op in judgement.operations if isinstance(op, Change)]
    deleted = {op.annotation_id for _, op in asked if isinstance(op, Delete)}
    made: dict[str, tuple[str, CorrectionOp]] = {}
    for rule, op in asked:
        place = target(op)
        if place not in made and (isinstance(op, Delete) or place not in deleted):
            made[place] = (rule, op)
    return list(made.values())[:MAX_OPS]


def target(op: CorrectionOp) -> str:
    """The id of the annotation that an operation is about."""
    return op.annotation.id if isinstance(op, Add) else op.annotation_id


def boost(asked: Iterable[tuple[str, Operation]]) -> tuple[float, str]:
    """What routing comes to: the boosts together, 0 to 1,000, and the first pool that is named."""
    routes = [op for _, op in asked if isinstance(op, Route)]
    pool = next((route.pool for route in routes if route.pool), "")
    return min(sum(route.boost for route in routes), MAX_BOOST), pool


def blocked(asked: Iterable[tuple[str, Operation]]) -> bool:
    """Whether a rule says that a person's label must not stand."""
    return any(isinstance(op, Block) for _, op in asked)
