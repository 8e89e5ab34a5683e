"""What the answers to one asset come to, tool by tool; nothing that anyone claimed is lost without being told."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import prod

import numpy as np

from labels.errors import AnnotationInvalid
from labels.label import Annotation, Choice, annotation_id
from labels.ontology import Ontology, Tool, ToolKind
from qa_engine.consensus.matching import Claim, match
from qa_engine.consensus.merging import merge
from qa_engine.consensus.policy import Policy
from qa_engine.consensus.votes import Floats
from qa_engine.errors import VotesInvalid

MAX_ANSWERS = 100
"""To one asset."""
Group = Sequence[Claim]


@dataclass(frozen=True, slots=True)
class Answer:
    """One person's answer; `label_uid` is empty where the asset was rejected, which claims nothing."""

    annotator: str
    label_uid: str
    annotations: tuple[Annotation, ...]

    @property
    def rejects(self) -> bool:
        """Whether the asset was rejected."""
        return not self.label_uid


@dataclass(frozen=True, slots=True)
class Dispute:
    """What `support` of `answers` answers claimed and the others did not; a category is empty where they differ."""

    tool: str
    category: str
    support: int
    answers: int


@dataclass(frozen=True, slots=True)
class Resolution:
    """`annotations` are None without agreement; `agreement` and `confidence` are 0 to 1, see ConsensusResolved.

    `by_tool` is the agreement in each tool that anyone used.
    """

    annotations: tuple[Annotation, ...] | None
    agreement: float
    confidence: float
    by_tool: Mapping[str, float]
    disputes: tuple[Dispute, ...]


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What one tool comes to."""

    claims: tuple[Annotation, ...]
    disputes: tuple[Dispute, ...]
    agreement: float
    settled: bool = True
    confidence: float = 0.0


def resolve(
    answers: Sequence[Answer],
    ontology: Ontology,
    policy: Policy,
    posteriors: Mapping[str, Floats] | None = None,
    text: str | None = None,
) -> Resolution:
    """Compare the answers to one asset, each by another person, 1 to MAX_ANSWERS.

    `posteriors` are probabilities of the categories and, last, of none, by tools of single choice; where a tool has
    none, heads are counted. Without `text`, merged spans are among the given. Agreement is the mean over tools of the
    mean over pairs of answers of F1 = 2 shared / (one's claims + the other's), which is 1 where neither claims
    anything. Raises VotesInvalid and AnnotationInvalid.
    """
    if not 0 < len(answers) <= MAX_ANSWERS:
        raise VotesInvalid(f"1 to {MAX_ANSWERS} answers to an asset are compared.")
    found = {
        tool.name: _tool(tool, claims, answers, policy, (posteriors or {}).get(tool.name), text)
        for tool in ontology.tools
        if (claims := _claims(tool, answers))
    }
    agreement = float(np.mean([f.agreement for f in found.values()])) if found else 1.0
    rejected = 2 * sum(answer.rejects for answer in answers) >= len(answers)
    agreed = all(f.settled for f in found.values()) and agreement >= policy.min_agreement and not rejected
    standing = [claim for f in found.values() for claim in f.claims]
    return Resolution(
        tuple(_numbered(standing)) if agreed else None,
        agreement,
        prod(f.confidence for f in found.values()) if found else 0.0,
        {name: f.agreement for name, f in found.items()},
        tuple(dispute for f in found.values() for dispute in f.disputes),
    )


def _numbered(claims: Sequence[Annotation]) -> list[Annotation]:
    return [Annotation(annotation_id(n), c.tool, c.category, c.value) for n, c in enumerate(claims)]


def _claims(tool: Tool, answers: Sequence[Answer]) -> list[Claim]:
    return [
        Claim(n, a) for n, answer in enumerate(answers) for a in answer.annotations if a.tool == tool.name
    ]


def _tool(
    tool: Tool,
    claims: Sequence[Claim],
    answers: Sequence[Answer],
    policy: Policy,
    posterior: Floats | None,
    text: str | None,
) -> _Outcome:
    if tool.kind in (ToolKind.CHOICE_SINGLE, ToolKind.CHOICE_MULTI):
        groups = _by_category(tool, claims)
        agreement = f1(groups, [c for group in groups for c in group], len(answers))
        if tool.kind is ToolKind.CHOICE_SINGLE:
            return _single(tool, groups, len(answers), policy, posterior, agreement)
    else:
        groups = match(claims, policy.iou)
        agreement = f1(groups, claims, len(answers))
    standing: list[Annotation] = []
    disputes: list[Dispute] = []
    for group in groups:
        _stand_or_dispute(tool, group, len(answers), policy, text, standing, disputes)
    return _Outcome(tuple(standing), tuple(disputes), agreement)


def _by_category(tool: Tool, claims: Sequence[Claim]) -> list[list[Claim]]:
    """One claim of each answer for each category."""
    found: dict[str, dict[int, Claim]] = {}
    for claim in claims:
        found.setdefault(claim.annotation.category, {})[claim.answer] = claim
    order = {name: n for n, name in enumerate(tool.category_names)}
    return [list(found[name].values()) for name in sorted(found, key=lambda c: (order.get(c, len(order)), c))]


def _single(
    tool: Tool,
    groups: Sequence[Group],
    answers: int,
    policy: Policy,
    posterior: Floats | None,
    agreement: float,
) -> _Outcome:
    support = {group[0].annotation.category: len(group) for group in groups}
    support[""] = max(0, answers - sum(support.values()))
    if posterior is None:
        confidence = 0.0
        winner = next((c for c, n in support.items() if n >= policy.needed(answers)), None)
    else:
        names = (*tool.category_names, "")
        best = int(posterior.argmax())
        confidence = float(posterior[best])
        # Shares of votes are no probabilities: most of them is enough.
        least = policy.min_confidence if policy.method.modelled else policy.quorum
        sure = confidence >= least and (posterior >= confidence - 1e-12).sum() == 1
        winner = names[best] if sure else None
        confidence = confidence if policy.method.modelled else 0.0
    disputes = tuple(
        Dispute(tool.name, category, n, answers)
        for category, n in support.items()
        if n and category != winner
    )
    claims = (Annotation("", tool.name, winner, Choice()),) if winner else ()
    return _Outcome(claims, disputes, agreement, winner is not None, confidence)


def _stand_or_dispute(
    tool: Tool,
    group: Group,
    answers: int,
    policy: Policy,
    text: str | None,
    standing: list[Annotation],
    disputes: list[Dispute],
) -> None:
    """Each claim of the group ends in one of the two lists."""
    categories = Counter(claim.annotation.category for claim in group)
    best, votes = categories.most_common(1)[0]
    values = [claim.annotation.value for claim in group if claim.annotation.category == best]
    if votes >= policy.needed(answers):
        try:
            value = merge(values, text, by_staple=policy.staple)
        except (VotesInvalid, AnnotationInvalid):
            disputes.append(Dispute(tool.name, best, votes, answers))
        else:
            standing.append(Annotation("", tool.name, best, value))
        del categories[best]
    for category, count in categories.items():
        disputes.append(Dispute(tool.name, category, count, answers))


def f1(groups: Sequence[Group], claims: Sequence[Claim], answers: int) -> float:
    """Mean over pairs of answers of 2 shared / (claims of one + claims of the other), 1 for a pair without any.

    Two claims are shared when they are in one group and of one category.
    """
    if answers < 2:
        return 1.0
    sizes = Counter(claim.answer for claim in claims)
    shared: Counter[tuple[int, int]] = Counter()
    for group in groups:
        for one, other in combinations(sorted(group, key=lambda c: c.answer), 2):
            shared[one.answer, other.answer] += one.annotation.category == other.annotation.category
    pairs = [
        2 * shared[a, b] / (sizes[a] + sizes[b]) if sizes[a] + sizes[b] else 1.0
        for a, b in combinations(range(answers), 2)
    ]
    return float(np.mean(pairs))
