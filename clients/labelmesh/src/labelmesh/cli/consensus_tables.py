"""How consensus looks on a terminal."""

from collections import Counter
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from labelmesh.cli.console import bar, captioned, number, plural, table
from labelmesh.client import AgreementMeasure, ConsensusPolicy, ConsensusResult, QualityByVotes, ToolAgreement

_SHOWN_CLAIMS = 4
_SHOWN_CONFUSIONS = 2
_GOOD, _FAIR = 0.8, 0.667
"""Krippendorff's marks: from the first on one may rely on the data, below the second one should not."""
_MEASURES = (
    ("alpha", "Krippendorff's alpha", "agreement beyond chance, any number of people"),
    ("fleiss_kappa", "Fleiss' kappa", "the same, by another notion of chance"),
    ("exact_f1", "F1, exact", "shapes must be the same"),
    ("overlap_f1", "F1, overlap", "any overlap is enough"),
    ("iou", "mean IoU", "of shapes that overlap"),
)


def results(found: Sequence[ConsensusResult]) -> RenderableType:
    """What each asset's answers come to, and what is disputed."""
    right = ("answers", "agree", "sure")
    made = table("asset", "answers", "agree", "", "sure", "label", "disputed", right=right)
    for result in found:
        sure = f"{result.confidence:.0%}" if result.confidence else "-"
        style = "green" if result.label is not None else "yellow"
        made.add_row(
            result.asset_uid,
            f"{result.answers}",
            f"{result.agreement:.0%}",
            Text(bar(result.agreement, 6), style=style),
            sure,
            _label(result),
            _disputes(result),
        )
    agreed = sum(result.label is not None for result in found)
    return captioned(made, f"{plural(len(found), 'asset')}, {agreed:,} agreed, {len(found) - agreed:,} not")


def _label(result: ConsensusResult) -> Text:
    if result.label is None:
        return Text("no agreement", style="yellow")
    counted = Counter(a.category for a in result.label.annotations)
    names = [name if n == 1 else f"{name} ×{n}" for name, n in counted.most_common(_SHOWN_CLAIMS)]
    more = len(counted) - len(names)
    return Text(", ".join(names) + (f", {more} more" if more else "") or "nothing to label")


def _disputes(result: ConsensusResult) -> Text:
    said = [f"{d.category or 'none'} {d.support}/{d.answers}" for d in result.disputes[:_SHOWN_CLAIMS]]
    more = len(result.disputes) - len(said)
    return Text(", ".join(said) + (f", {more} more" if more else ""), style="dim")


def agreement(tool: str, found: ToolAgreement) -> RenderableType:
    """The measures that the tool's kind has, then pairs of people."""
    right = ("value", "assets")
    made = table(
        "measure", "value", "95 % interval", "assets", "what it is", title=f"Agreement in {tool}", right=right
    )
    for name, title, means in _MEASURES:
        measure: AgreementMeasure = getattr(found, name)
        if measure.n:
            value = Text(number(measure.value), style=_style(measure.value))
            made.add_row(title, value, _interval(measure), f"{measure.n:,}", Text(means, style="dim"))
    parts: list[RenderableType] = [captioned(made, f"over {plural(found.answers, 'answer')}")]
    if found.pairs:
        pairs = table(
            "annotator", "and", "Cohen's kappa", "95 % interval", "assets", right=("Cohen's kappa", "assets")
        )
        for pair in found.pairs:
            value = Text(number(pair.kappa.value), style=_style(pair.kappa.value))
            pairs.add_row(pair.annotator, pair.other, value, _interval(pair.kappa), f"{pair.kappa.n:,}")
        parts += [Text(), pairs]
    return Group(*parts)


def _style(value: float | None) -> str:
    if value is None:
        return "dim"
    return "green" if value >= _GOOD else "yellow" if value >= _FAIR else "red"


def _interval(measure: AgreementMeasure) -> str:
    return (
        "-"
        if measure.lower is None or measure.upper is None
        else f"[{measure.lower:.3f}, {measure.upper:.3f}]"
    )


def annotators(found: Sequence[QualityByVotes]) -> RenderableType:
    """Who is how often right, and what they mix up."""
    made = table("annotator", "votes", "right", "", "95 % interval", "takes for", right=("votes", "right"))
    for one in found:
        mixed = [
            f"{truth or 'none'} → {said or 'none'} ({n:.0f})"
            for truth, said, n in one.confusion
            if truth != said
        ]
        made.add_row(
            one.annotator,
            f"{one.votes:,}",
            f"{one.accuracy:.1%}",
            bar(one.accuracy, 10),
            f"[{one.lower:.1%}, {one.upper:.1%}]",
            Text(", ".join(mixed[:_SHOWN_CONFUSIONS]), style="dim"),
        )
    return captioned(
        made,
        "against the consensus of all votes, by how sure it is; where gold is known, it says more",
    )


def policy(found: ConsensusPolicy) -> RenderableType:
    """The policy, setting by setting."""
    made = table("setting", "value", "what it is", right=("value",))
    rows = (
        ("method", found.method.value, "how a single choice is found from votes"),
        (
            "quorum",
            f"{found.quorum:g}",
            "least share of answers that a shape must be in; always more than half",
        ),
        ("iou", f"{found.iou:g}", "overlap from which on two shapes are one"),
        ("min-agreement", f"{found.min_agreement:g}", "least agreement of a label"),
        ("min-confidence", f"{found.min_confidence:g}", "least probability of a single choice"),
        ("staple", "yes" if found.staple else "no", "masks weighed by how good their annotators are"),
    )
    for name, value, means in rows:
        made.add_row(name, value, Text(means, style="dim"))
    return captioned(made, f"revision {found.revision}")
