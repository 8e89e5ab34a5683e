"""Numbers about a project."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rate:
    """k of n with the 95 % Wilson interval; all fields are 0 when n is 0."""

    k: int
    n: int
    value: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Reviews whose confidence fell in one tenth of 0 to 1: lower edge included, upper excluded but for 1."""

    lower: float
    upper: float
    mean_confidence: float
    correct: Rate


@dataclass(frozen=True, slots=True)
class Reliability:
    """How well confidence tells right from wrong.

    `ece` (expected calibration error over ten equal bins) and `brier` (mean squared difference) are 0 to 1,
    lower is better; `auroc` is the chance that a right prediction scores above a wrong one, None when all
    are right or wrong.
    """

    bins: tuple[ReliabilityBin, ...]
    ece: float
    brier: float
    auroc: float | None


@dataclass(frozen=True, slots=True)
class ConfusionCell:
    """Annotations predicted as one category and reviewed as another; empty where added or deleted."""

    tool: str
    predicted: str
    reviewed: str
    count: int


@dataclass(frozen=True, slots=True)
class CategoryScore:
    """Annotations of one category, predicted against reviewed."""

    tool: str
    category: str
    true_positives: int
    false_positives: int
    false_negatives: int

    @property
    def precision(self) -> float | None:
        """Share of the predicted that were confirmed; None when nothing was predicted."""
        return _share(self.true_positives, self.false_positives)

    @property
    def recall(self) -> float | None:
        """Share of the true that were predicted; None when there were none."""
        return _share(self.true_positives, self.false_negatives)

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall; None when there is neither prediction nor truth."""
        return _share(2 * self.true_positives, self.false_positives + self.false_negatives)


@dataclass(frozen=True, slots=True)
class RunMetrics:
    """Reviews of one prediction run's labels.

    `f1` is micro-averaged over annotations, None when there are none.
    """

    run_uid: str
    accuracy: Rate
    f1: float | None


@dataclass(frozen=True, slots=True)
class Metrics:
    """What reviews say about a project.

    `accuracy` counts predictions whose whole label the reviewer left unchanged.
    """

    assets: int
    predictions: int
    failed_predictions: int
    accepted: int
    corrected: int
    rejected: int
    accuracy: Rate
    reliability: Reliability
    confusion: tuple[ConfusionCell, ...]
    categories: tuple[CategoryScore, ...]
    runs: tuple[RunMetrics, ...]
    labels_with_findings: int
    findings: int
    active_seconds: float


def _share(hits: int, misses: int) -> float | None:
    return None if hits + misses == 0 else hits / (hits + misses)
