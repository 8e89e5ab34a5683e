"""What an answer says about a prediction, whether its author saw that or not."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from labels.label import Annotation, Label, LabelKind, Mask, Polygon
from review_queue.measures.holdout import Arm, HoldOut, arm_of
from review_queue.measures.overlap import as_if_edited, moved
from review_queue.measures.totals import CellTotals
from review_queue.outcome import Cell, Outcome, outcome


@dataclass(frozen=True, slots=True)
class Learned:
    """An answer's arm and experiment, and what it says about the prediction; `moved` by pair of categories."""

    arm: Arm = Arm.NONE
    experiment: int = 0
    outcome: Outcome | None = None
    moved: dict[Cell, CellTotals] = field(default_factory=dict)


def learn(
    policy: HoldOut,
    asset_uid: str,
    shown: Label | None,
    hidden: Label | None,
    answer: Sequence[Annotation] | None,
) -> Learned:
    """Compare an answer (None when the asset was rejected) with what was shown, or hidden in its place."""
    base = hidden if hidden is not None else shown
    predicted = shown is not None and shown.kind is LabelKind.PREDICTION
    arm, experiment = arm_of(policy, asset_uid, shown=predicted, hidden=hidden is not None)
    if answer is not None and hidden is not None:
        answer = as_if_edited(hidden.annotations, answer)
    found = outcome(base, answer)
    if found is None or base is None or answer is None:
        return Learned(arm, experiment)
    return Learned(arm, experiment, found, {} if found.unchanged else moved(base.annotations, answer))


def is_slow(*sides: Sequence[Annotation] | None) -> bool:
    """Whether comparing these may take long enough to be done in a thread."""
    return any(isinstance(a.value, Mask | Polygon) for side in sides for a in side or ())
