"""How often a rule is right, as pure functions."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import sqrt

from labels.label import Annotation, Finding

_Z = 1.959963984540054
"""The normal distribution's 97.5 % point: an interval of 95 %."""


@dataclass(frozen=True, slots=True)
class Precision:
    """Counts of findings that were right and wrong by people's word, at least 0."""

    right: int = 0
    wrong: int = 0

    @property
    def estimate(self) -> float:
        """right / (right + wrong), 0 without any."""
        total = self.right + self.wrong
        return self.right / total if total else 0.0

    @property
    def lower(self) -> float:
        """Lower end of the 95 % interval, 0 without any."""
        return self._interval()[0]

    @property
    def upper(self) -> float:
        """Upper end of the 95 % interval, 1 without any."""
        return self._interval()[1]

    def plus(self, right: int, wrong: int) -> "Precision":
        """With that many more."""
        return Precision(self.right + right, self.wrong + wrong)

    def _interval(self) -> tuple[float, float]:
        """Wilson's score interval (E. B. Wilson, "Probable inference", JASA 22, 1927), without correction."""
        n = self.right + self.wrong
        if not n:
            return 0.0, 1.0
        share, z2 = self.right / n, _Z * _Z
        middle = (share + z2 / (2 * n)) / (1 + z2 / n)
        half = _Z / (1 + z2 / n) * sqrt(share * (1 - share) / n + z2 / (4 * n * n))
        # At the ends the formula gives exactly 0 and 1, which rounding misses.
        return middle - half if self.right else 0.0, middle + half if self.wrong else 1.0


def changed(base: Sequence[Annotation], final: Sequence[Annotation]) -> list[str]:
    """Ids of the annotations of a label that a reviewer did not leave as they were, in order."""
    left = {(a.tool, a.category, a.value) for a in final}
    return [a.id for a in base if (a.tool, a.category, a.value) not in left]


def right(finding: Finding, touched: Collection[str], *, kept: bool) -> bool:
    """Whether a reviewer bore a finding out, who changed these annotations and `kept` the label if nothing at all."""
    return finding.annotation_id in touched if finding.annotation_id else not kept
