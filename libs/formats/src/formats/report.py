"""What came through and what did not."""

from dataclasses import asdict, dataclass, field
from typing import Any

MAX_EXAMPLES = 20
_WHOLE = 1.0 - 1e-9


@dataclass(slots=True)
class Tally:
    """How often something happened, and where the first 20 times."""

    count: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, place: str, n: int = 1) -> None:
        """Count it `n` times at that place."""
        self.count += n
        if len(self.examples) < MAX_EXAMPLES and place:
            self.examples.append(place)


@dataclass(slots=True)
class Overlap:
    """IoU in 0 to 1 of converted shapes with what they were converted from."""

    count: int = 0
    minimum: float = 1.0
    total: float = 0.0

    @property
    def mean(self) -> float:
        """The mean, 1 where nothing was converted."""
        return self.total / self.count if self.count else 1.0

    def add(self, iou: float) -> None:
        """Take one more shape in."""
        self.count += 1
        self.minimum = min(self.minimum, iou)
        self.total += iou


@dataclass(slots=True)
class LossReport:
    """The account of one import or export: `offered` annotations are those `written` and those `dropped`.

    `assets` and `labels` came through; `left_out` counts assets without a label to write, by status. `changed` holds
    what came through in another form, `problems` records that could not be read. Sizes are bounded: reasons are
    those of the code, and of each at most 20 examples are kept.
    """

    form: str
    direction: str
    assets: int = 0
    labels: int = 0
    offered: int = 0
    written: int = 0
    dropped: dict[str, Tally] = field(default_factory=dict)
    changed: dict[str, Tally] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)
    holes_lost: int = 0
    parts_split: int = 0
    spans_moved: int = 0
    overlap: Overlap = field(default_factory=Overlap)
    problems: Tally = field(default_factory=Tally)
    warnings: list[str] = field(default_factory=list)

    @property
    def dropped_count(self) -> int:
        """Annotations that did not come through."""
        return sum(tally.count for tally in self.dropped.values())

    @property
    def lossless(self) -> bool:
        """Whether everything that was offered came through with the same meaning."""
        lost = (self.dropped_count, self.problems.count, self.holes_lost, self.parts_split, self.spans_moved)
        return not any(lost) and self.overlap.minimum >= _WHOLE

    def drop(self, reason: str, place: str, n: int = 1) -> None:
        """Count annotations that did not come through."""
        self.dropped.setdefault(reason, Tally()).add(place, n)

    def change(self, what: str, place: str, iou: float | None = None) -> None:
        """Count an annotation that came through in another form, with its IoU where it is a shape."""
        self.changed.setdefault(what, Tally()).add(place)
        if iou is not None:
            self.overlap.add(iou)

    def warn(self, sentence: str) -> None:
        """Say something once."""
        if sentence not in self.warnings and len(self.warnings) < MAX_EXAMPLES:
            self.warnings.append(sentence)

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON knows it."""
        row = asdict(self)
        row["format"] = row.pop("form")
        overlap = row.pop("overlap")
        row["iou"] = {
            "count": overlap["count"],
            "minimum": round(overlap["minimum"], 6),
            "mean": round(self.overlap.mean, 6),
        }
        row["lossless"] = self.lossless
        return row
