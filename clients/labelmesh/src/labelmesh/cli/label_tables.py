"""How labels look in a terminal."""

from collections import Counter
from collections.abc import Sequence

from rich.console import RenderableType
from rich.text import Text

from labelmesh.cli.console import STATE_STYLES, captioned, number, plural, table, when
from labelmesh.client import FoundLabel
from labels.label import SEVERITY_WEIGHT, Label, Severity

_CATEGORIES = 3
_EXCERPT = 22
_DECISIONS = {"ACCEPT": "green", "CORRECT": "yellow", "REJECT": "red", "AUTO_ACCEPT": "cyan"}


def found(labels: Sequence[FoundLabel]) -> RenderableType:
    """The labels with who made them, and how far they are from the prediction."""
    numbers = ("agree", "overlap", "conf.")
    made = table(
        "key", "label", "by", "answer", "agree", "overlap", "conf.", "findings", "made", right=numbers
    )
    for label in labels:
        made.add_row(
            short(label.key, _EXCERPT),
            claims(label.label),
            short(label.label.author, _EXCERPT),
            Text(label.decision or "-", style=_DECISIONS.get(label.decision, "dim")),
            _share(label.agreement),
            _share(label.overlap),
            number(label.confidence, 2),
            _findings(label),
            when(label.label.create_time_us),
        )
    return captioned(made, plural(len(labels), "label"))


def _share(share: float | None) -> Text:
    if share is None:
        return Text("-", style="dim")
    return Text(f"{share:.2f}", style="green" if share == 1.0 else "red" if share < 0.5 else "yellow")


def claims(label: Label) -> Text:
    """The label's categories, the most frequent first."""
    counted = Counter(annotation.category for annotation in label.annotations).most_common()
    parts = [name if n == 1 else f"{name} ×{n}" for name, n in counted[:_CATEGORIES]]
    more = len(counted) - len(parts)
    return Text(", ".join(parts) + (f" +{more}" if more > 0 else "") if parts else "nothing", style="bold")


def _findings(label: FoundLabel) -> Text:
    severities = [finding.severity for finding in label.findings]
    return severity(max(severities, key=lambda s: SEVERITY_WEIGHT[s], default=None), len(severities))


def severity(worst: Severity | None, findings: int) -> Text:
    """The worst severity in its colour, and how many findings there are; None for none."""
    if worst is None:
        return Text("-", style="dim")
    more = f" ×{findings}" if findings > 1 else ""
    return Text(worst.value + more, style=STATE_STYLES.get(worst.value, ""))


def short(text: str, most: int) -> str:
    """The text, cut to so many characters."""
    return text if len(text) <= most else text[: most - 1] + "…"
