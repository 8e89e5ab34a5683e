"""Consensus in a terminal: it fits, and hides no dispute."""

from io import StringIO

from rich.console import Console, RenderableType

from labelmesh.cli import consensus_tables
from labelmesh.client import (
    AgreementMeasure,
    ConsensusPolicy,
    ConsensusResult,
    PairAgreement,
    QualityByVotes,
    ToolAgreement,
)
from labelmesh.client.agreed import Dispute
from labels.label import Annotation, Choice, Label, LabelKind

NONE = AgreementMeasure(None, None, None, 0)
LABEL = Label(
    LabelKind.REVIEW,
    "consensus:POOLED",
    tuple(Annotation(f"a{n}", "topic", name, Choice()) for n, name in enumerate(("bug", "bug", "praise"))),
)
AGREED = ConsensusResult("01JD8Q2ZB4E6M4K0P9V8T7S6R5", LABEL, "POOLED", 1.0, 0.973, {"topic": 1.0}, (), 3, 0)
SPLIT = (Dispute("topic", "bug", 1, 2), Dispute("topic", "", 1, 2))
DISPUTED = ConsensusResult("01JD8Q2ZB4E6M4K0P9V8T7S6R6", None, "POOLED", 0.0, 0.0, {}, SPLIT, 2, 0)


def printed(part: RenderableType, width: int = 100) -> str:
    screen = StringIO()
    Console(file=screen, width=width).print(part)
    return screen.getvalue()


def test_results_show_what_is_agreed_and_what_is_not() -> None:
    shown = printed(consensus_tables.results([AGREED, DISPUTED]))
    assert max(map(len, shown.splitlines())) <= 100
    for wanted in ("bug ×2, praise", "97%", "no agreement", "bug 1/2, none 1/2", "2 assets, 1 agreed, 1 not"):
        assert wanted in shown, wanted


def test_agreement_shows_the_measures_that_there_are() -> None:
    alpha = AgreementMeasure(0.7431, 0.61, 0.85, 12)
    kappa = AgreementMeasure(None, None, None, 4)
    found = ToolAgreement(alpha, NONE, (PairAgreement("ann", "bob", kappa),), NONE, NONE, NONE, 41)
    shown = printed(consensus_tables.agreement("topic", found))
    for wanted in ("alpha", "0.743", "[0.610, 0.850]", "12", "41 answers", "ann", "bob", "Cohen"):
        assert wanted in shown, wanted
    assert "F1" not in shown


def test_annotators_show_their_interval_and_what_they_mix_up() -> None:
    one = QualityByVotes(
        "ann", 40, 0.85, 0.71, 0.93, (("bug", "bug", 34.0), ("bug", "", 4.2), ("", "bug", 1.8))
    )
    shown = printed(consensus_tables.annotators([one]))
    for wanted in ("ann", "85.0%", "[71.0%, 93.0%]", "bug → none (4)", "none → bug (2)"):
        assert wanted in shown, wanted


def test_a_policy_is_shown_setting_by_setting() -> None:
    shown = printed(consensus_tables.policy(ConsensusPolicy(revision=3)))
    for wanted in ("POOLED", "min-confidence", "0.8", "revision 3"):
        assert wanted in shown, wanted
