"""What is added up over reviews. All of it is sums, so totals of any reviews add up to the totals of them all."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from operator import add, attrgetter
from typing import Any


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over reviews; counts but for those named otherwise.

    `answers` are accepted, corrected and rejected tasks; `judged` those that learned something about a prediction,
    `unchanged` those of them that left it as it was. `timed` answers brought active seconds: `seconds` (at most
    facts.CUT_OFF_SECONDS each) and `logs`, their natural logarithms, with the sums of squares of both. `misled` counts
    answers wrong by gold of those whose prediction was wrong by gold, `gold_wrong`. `moved` are annotations that kept
    their category and changed their place; `overlap` is the sum of their intersections over unions.
    """

    answers: int = 0
    accepted: int = 0
    corrected: int = 0
    rejected: int = 0
    sent_back: int = 0
    reworked: int = 0
    judged: int = 0
    unchanged: int = 0
    timed: int = 0
    active_seconds: float = 0.0
    seconds: float = 0.0
    seconds_squared: float = 0.0
    logs: float = 0.0
    logs_squared: float = 0.0
    gold: int = 0
    gold_right: int = 0
    gold_wrong: int = 0
    misled: int = 0
    true_positives: int = 0
    false_positives: int = 0
    false_negatives: int = 0
    moved: int = 0
    overlap: float = 0.0
    overlap_squares: float = 0.0

    def __add__(self, other: "Totals") -> "Totals":
        return Totals(*map(add, _values(self), _values(other)))


_values = attrgetter(*(f.name for f in fields(Totals)))
CELL_FIELDS = ("true_positives", "false_positives", "false_negatives", "moved", "overlap", "overlap_squares")
REVIEW_FIELDS = tuple(f.name for f in fields(Totals) if f.name not in CELL_FIELDS)
REAL_FIELDS = frozenset(f.name for f in fields(Totals) if f.type is float) | {"mass"}


@dataclass(frozen=True, slots=True)
class CellTotals:
    """Sums over one pair of predicted and reviewed category of a tool; empty stands for no annotation."""

    n: int = 0
    moved: int = 0
    overlap: float = 0.0
    overlap_squares: float = 0.0

    def __add__(self, other: "CellTotals") -> "CellTotals":
        return CellTotals(*map(add, _cell_values(self), _cell_values(other)))


_cell_values = attrgetter(*(f.name for f in fields(CellTotals)))


def from_sums(sums: Mapping[str, Any]) -> Totals:
    """Totals from a database's sums, which may come as Decimal or None."""
    return Totals(**{f.name: _number(f.name, sums.get(f.name)) for f in fields(Totals)})


def _number(name: str, value: Any) -> Any:
    return float(value or 0) if name in REAL_FIELDS else int(value or 0)


def by_category(
    cells: Iterable[tuple[tuple[str, str, str], CellTotals]],
) -> dict[tuple[str, str], Totals]:
    """What the pairs of (tool, predicted, reviewed) say about each (tool, category)."""
    found: dict[tuple[str, str], Totals] = defaultdict(Totals)
    for (tool, predicted, reviewed), cell in cells:
        if predicted == reviewed:
            found[tool, predicted] += Totals(true_positives=cell.n)
            continue
        if predicted:
            found[tool, predicted] += Totals(
                false_positives=cell.n,
                moved=cell.moved,
                overlap=cell.overlap,
                overlap_squares=cell.overlap_squares,
            )
        if reviewed:
            found[tool, reviewed] += Totals(false_negatives=cell.n)
    return dict(found)
