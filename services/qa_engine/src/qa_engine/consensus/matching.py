"""Which shapes of several people are one thing."""

from collections.abc import Sequence
from dataclasses import dataclass

from labels.label import Annotation
from qa_engine.consensus.overlap import overlaps


@dataclass(frozen=True, slots=True)
class Claim:
    """An annotation, and the place of the answer that it comes from."""

    answer: int
    annotation: Annotation


def match(claims: Sequence[Claim], iou: float) -> list[list[Claim]]:
    """Groups of claims of one tool that are one thing; every claim is in exactly one group.

    Any two of a group come from different answers and overlap by at least `iou`, 0 to 1. Pairs are joined greedily:
    those of one category first, then by falling IoU, then in order of the claims, so the result depends on nothing
    else. Groups and their members are in order of the claims.
    """
    values = [claim.annotation.value for claim in claims]
    near = {
        (int(a), int(b)): float(size)
        for a, b, size in zip(*overlaps(values), strict=True)
        if size >= iou and claims[a].answer != claims[b].answer
    }
    group_of = list(range(len(claims)))
    members = {n: [n] for n in group_of}

    def order(pair: tuple[int, int]) -> tuple[bool, float, tuple[int, int]]:
        one, other = (claims[n].annotation.category for n in pair)
        return one != other, -near[pair], pair

    for one, other in sorted(near, key=order):
        a, b = group_of[one], group_of[other]
        # That two answers' claims overlap enough implies that they are of different answers.
        if a != b and all((min(m, n), max(m, n)) in near for m in members[a] for n in members[b]):
            members[a] += members.pop(b)
            for n in members[a]:
                group_of[n] = a
    return [[claims[n] for n in sorted(some)] for some in sorted(members.values(), key=min)]
