"""How far the answers to one asset agree in a tool of spans or shapes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qa_engine.consensus.matching import Claim, match
from qa_engine.consensus.overlap import overlaps
from qa_engine.consensus.resolution import Answer, f1

_EXACT = 1 - 1e-9


@dataclass(frozen=True, slots=True)
class ShapeAgreement:
    """Each 0 to 1: F1 where shapes must be the same, F1 where any overlap is enough, mean IoU of those that overlap.

    F1 is the mean over pairs of people; categories must be the same for both. The IoU disregards categories and is 0
    where nothing overlaps.
    """

    exact_f1: float
    overlap_f1: float
    iou: float


def shape_agreement(answers: Sequence[Answer], tool: str) -> ShapeAgreement | None:
    """None where nobody used the tool or fewer than two answered; raises VotesInvalid and AnnotationInvalid."""
    claims = [Claim(n, a) for n, answer in enumerate(answers) for a in answer.annotations if a.tool == tool]
    if not claims or len(answers) < 2:
        return None
    groups = match(claims, 0.0)
    return ShapeAgreement(
        f1(match(claims, _EXACT), claims, len(answers)),
        f1(groups, claims, len(answers)),
        _mean_iou(groups),
    )


def _mean_iou(groups: Sequence[Sequence[Claim]]) -> float:
    found: list[float] = []
    for group in groups:
        if len(group) > 1:
            iou = overlaps([claim.annotation.value for claim in group])[2]
            # Pairs of a group all overlap, so each has its number here.
            found.extend(iou.tolist())
    return float(np.mean(found)) if found else 0.0
