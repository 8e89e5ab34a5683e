"""Corrections: what a reviewer changed, as operations that can be counted and replayed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count

from labels.errors import CorrectionInvalid
from labels.label import Annotation, Choice, Span, Value


@dataclass(frozen=True, slots=True)
class Add:
    """Adds an annotation with a new id."""

    annotation: Annotation


@dataclass(frozen=True, slots=True)
class Delete:
    """Removes an annotation."""

    annotation_id: str


@dataclass(frozen=True, slots=True)
class Relabel:
    """Gives an annotation another category of the same tool."""

    annotation_id: str
    category: str


@dataclass(frozen=True, slots=True)
class Resize:
    """Gives an annotation another place or shape of the same kind."""

    annotation_id: str
    value: Value


CorrectionOp = Add | Delete | Relabel | Resize


def apply(base: Sequence[Annotation], ops: Sequence[CorrectionOp]) -> tuple[Annotation, ...]:
    """The annotations after the operations, in order; touched ones lose the model's confidence.

    Raises CorrectionInvalid when an operation names an annotation that is not there, adds an id twice or
    changes the kind of a value.
    """
    by_id = {annotation.id: annotation for annotation in base}
    for op in ops:
        match op:
            case Add(annotation):
                if annotation.id in by_id:
                    raise CorrectionInvalid(f'The label already has an annotation "{annotation.id}".')
                by_id[annotation.id] = annotation
            case Delete(annotation_id):
                _find(by_id, annotation_id)
                del by_id[annotation_id]
            case Relabel(annotation_id, category):
                found = _find(by_id, annotation_id)
                by_id[annotation_id] = replace(found, category=category, confidence=0.0)
            case Resize(annotation_id, value):
                found = _find(by_id, annotation_id)
                if type(found.value) is not type(value):
                    raise CorrectionInvalid(f'The annotation "{annotation_id}" is of another kind.')
                by_id[annotation_id] = replace(found, value=value, confidence=0.0)
    return tuple(by_id.values())


def _find(by_id: dict[str, Annotation], annotation_id: str) -> Annotation:
    try:
        return by_id[annotation_id]
    except KeyError:
        raise CorrectionInvalid(f'The label has no annotation "{annotation_id}".') from None


def diff(base: Sequence[Annotation], final: Sequence[Annotation]) -> tuple[CorrectionOp, ...]:
    """The fewest operations found that turn `base` into `final`; ids that only `final` has are new.

    Claims at the same place with another category become a relabel, claims of the same tool and category with
    another place a resize; what is left over is deleted or added. Where kept, ids are those of `base`.
    """
    left = list(base)
    right = list(final)
    ops: list[CorrectionOp] = []
    _pair(left, right, lambda b, f: (b.tool, b.category, b.value) == (f.tool, f.category, f.value))
    for before, after in _pair(left, right, lambda b, f: (b.tool, b.value) == (f.tool, f.value)):
        ops.append(Relabel(before.id, after.category))
    for before, after in _pair(left, right, _overlap):
        ops.append(Resize(before.id, after.value))
    ops.extend(Delete(annotation.id) for annotation in left)
    taken = {annotation.id for annotation in base}
    for annotation in right:
        fresh = _fresh_id(annotation.id, taken)
        taken.add(fresh)
        ops.append(Add(replace(annotation, id=fresh, confidence=0.0)))
    return tuple(ops)


def _pair(
    left: list[Annotation], right: list[Annotation], match: Callable[[Annotation, Annotation], bool]
) -> list[tuple[Annotation, Annotation]]:
    """Take matching annotations out of both lists, first come first served."""
    pairs = []
    for after in tuple(right):
        before = next((annotation for annotation in left if match(annotation, after)), None)
        if before is not None:
            left.remove(before)
            right.remove(after)
            pairs.append((before, after))
    return pairs


def _overlap(before: Annotation, after: Annotation) -> bool:
    """Whether one may be the other in another place: spans must share characters, shapes need not."""
    if (before.tool, before.category) != (after.tool, after.category):
        return False
    if isinstance(before.value, Span) and isinstance(after.value, Span):
        return before.value.start < after.value.end and after.value.start < before.value.end
    return type(before.value) is type(after.value) and not isinstance(before.value, Choice)


def _fresh_id(wanted: str, taken: set[str]) -> str:
    if wanted and wanted not in taken:
        return wanted
    return next(name for i in count() if (name := f"n{i}") not in taken)
