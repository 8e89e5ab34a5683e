"""Categories are claimed as often as they used to be."""

from collections.abc import Iterator
from math import erfc, sqrt

from labels.label import Finding, Label, Severity
from qa_engine.history import Share
from qa_engine.rule import Context, Need, Parameter, rule

LEAST = Parameter(
    "min_annotations",
    200.0,
    30.0,
    1e6,
    "Fewest annotations of the tool on either side, recent and earlier, to compare; 30 to 1e6.",
)
ALPHA = Parameter(
    "alpha", 0.001, 1e-9, 0.1, "How likely a false alarm about a tool's categories may be; 1e-9 to 0.1."
)
RATIO = Parameter(
    "min_ratio", 1.5, 1.0, 1e6, "How many times as often as before a category must be claimed; 1 to 1e6."
)


def more_often(earlier: int, earlier_all: int, recent: int, recent_all: int) -> float:
    """One-sided p-value of the two-proportion z-test with pooled variance: that the recent share is no larger."""
    pooled = (earlier + recent) / (earlier_all + recent_all)
    spread = sqrt(pooled * (1 - pooled) * (1 / earlier_all + 1 / recent_all))
    if spread == 0:
        return 1.0
    return erfc((recent / recent_all - earlier / earlier_all) / spread / sqrt(2)) / 2


@rule(
    "category_drift",
    severity=Severity.INFO,
    parameters=(LEAST, ALPHA, RATIO),
    enabled=False,
    needs=frozenset({Need.HISTORY}),
)
def category_drift(label: Label, context: Context) -> Iterator[Finding]:
    """No category is claimed far more often in the last 500 to 1,000 annotations of its tool than before.

    Two-proportion z-test, one-sided, with Bonferroni's correction for the tool's categories; among labels by models,
    or among those by people.
    """
    seen = set()
    for annotation in label.annotations:
        claim = (annotation.tool, annotation.category)
        if claim not in seen:
            seen.add(claim)
            yield from _drift(claim, annotation.id, context)


def _drift(claim: tuple[str, str], annotation_id: str, context: Context) -> Iterator[Finding]:
    shares = context.subject.history.shares
    of_tool = [share for (tool, _), share in shares.items() if tool == claim[0]]
    mine = shares.get(claim, Share(0, 0))
    earlier_all, recent_all = sum(s.earlier for s in of_tool), sum(s.recent for s in of_tool)
    if min(earlier_all, recent_all) < context.number(LEAST):
        return
    before, now = mine.earlier / earlier_all, mine.recent / recent_all
    likely = more_often(mine.earlier, earlier_all, mine.recent, recent_all)
    if likely * len(of_tool) <= context.number(ALPHA) and now >= context.number(RATIO) * before:
        yield context.finding(
            f'"{claim[1]}" is {now:.1%} of the last {recent_all} annotations of its tool, {before:.1%} before.',
            annotation_id,
        )
