"""What a review says about the prediction it began with, annotation by annotation."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from labels.label import Annotation, Label, LabelKind, same_claims

Cell = tuple[str, str, str]
"""(tool, predicted category, reviewed category); an empty category stands for no annotation."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A reviewed prediction; `cells` counts how each annotation fared."""

    run: str
    confidence: float | None
    unchanged: bool
    cells: Counter[Cell]

    @property
    def true_positives(self) -> int:
        """Annotations predicted and confirmed."""
        return sum(n for (_, predicted, reviewed), n in self.cells.items() if predicted == reviewed)

    @property
    def false_positives(self) -> int:
        """Annotations predicted and not confirmed."""
        return sum(n for (_, predicted, reviewed), n in self.cells.items() if predicted not in ("", reviewed))

    @property
    def false_negatives(self) -> int:
        """Annotations that the reviewer knew and the model did not."""
        return sum(n for (_, predicted, reviewed), n in self.cells.items() if reviewed not in ("", predicted))


def outcome(base: Label | None, final: Sequence[Annotation] | None) -> Outcome | None:
    """None when there is nothing to learn: the base was no prediction, or the asset was rejected."""
    if base is None or base.kind is not LabelKind.PREDICTION or final is None:
        return None
    return Outcome(
        run=base.lineage.run if base.lineage else "",
        confidence=base.confidence.raw if base.confidence else None,
        unchanged=same_claims(base.annotations, final),
        cells=cells(base.annotations, final),
    )


def cells(base: Sequence[Annotation], final: Sequence[Annotation]) -> Counter[Cell]:
    """Count the pairs of predicted and reviewed category.

    An annotation in its old place counts as a pair, with its new category if it was relabelled. One that was moved or
    resized was wrong where it stood and missing where it is: a false positive and a false negative. Deleted and
    added ones that stand in the same place are a relabelling by another road.
    """
    found: Counter[Cell] = Counter()
    after = {annotation.id: annotation for annotation in final}
    gone: dict[tuple[str, object], list[str]] = defaultdict(list)
    for before in base:
        now = after.get(before.id)
        if now is not None and (now.tool, now.value) == (before.tool, before.value):
            found[before.tool, before.category, now.category] += 1
            del after[before.id]
        else:
            gone[before.tool, before.value].append(before.category)
    # What kept its category first: where several stand in one place, as choices do, a relabelling must not take it.
    kept = [now for now in after.values() if _take(gone.get((now.tool, now.value)), now.category)]
    for now in kept:
        found[now.tool, now.category, now.category] += 1
        del after[now.id]
    for now in after.values():
        place = gone.get((now.tool, now.value))
        found[now.tool, place.pop(0) if place else "", now.category] += 1
    for (tool, _), categories in gone.items():
        for category in categories:
            found[tool, category, ""] += 1
    return found


def _take(categories: list[str] | None, category: str) -> bool:
    """Take the category from the list if it is there."""
    if not categories or category not in categories:
        return False
    categories.remove(category)
    return True
