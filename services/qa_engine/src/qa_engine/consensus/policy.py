"""What a project asks of its consensus."""

from dataclasses import dataclass
from math import ceil

from qa_engine.consensus.methods import DEFAULT, Method
from qa_engine.errors import PolicyInvalid

LEAST_IOU = 0.1


@dataclass(frozen=True, slots=True)
class Policy:
    """How answers are compared.

    `method` finds single choices. A shape or one of several choices stands when more than half of the answers have
    it, and at least the share `quorum`, 0.5 to 1. Shapes are one thing from an IoU of `iou` on, LEAST_IOU to 1. A
    label is agreed when the answers agree by at least `min_agreement`, 0 to 1, and each single choice is likely by at
    least `min_confidence`, 0 to 1, where the method has a model. Two against one agree by a third, which the default
    lets pass; people who all drew something else agree by 0, and their label would be empty. `staple` weighs masks by
    how good their annotators are. `revision` counts changes, from 0.
    """

    method: Method = DEFAULT
    quorum: float = 0.5
    iou: float = 0.5
    min_agreement: float = 0.3
    min_confidence: float = 0.8
    staple: bool = False
    revision: int = 0

    def needed(self, answers: int) -> int:
        """How many of so many answers must have a shape or choice for it to stand."""
        return max(answers // 2 + 1, ceil(self.quorum * answers - 1e-9))


def check(policy: Policy) -> Policy:
    """The policy; raises PolicyInvalid when a number is out of its range."""
    ranges = (
        ("quorum", policy.quorum, 0.5),
        ("iou", policy.iou, LEAST_IOU),
        ("min_agreement", policy.min_agreement, 0.0),
        ("min_confidence", policy.min_confidence, 0.0),
    )
    for name, value, least in ranges:
        # NaN is in no range.
        if not least <= value <= 1:
            raise PolicyInvalid(f"{name} must be {least:g} to 1.")
    return policy
