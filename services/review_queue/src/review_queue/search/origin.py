"""Where a label comes from and how far it is from the prediction before it, as pure functions."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from labels.label import Label, LabelKind
from review_queue.measures.overlap import moved
from review_queue.measures.totals import CellTotals
from review_queue.outcome import Cell, Outcome, outcome
from review_queue.statistics import f1


class Source(StrEnum):
    """Who or what made a label."""

    MODEL = "MODEL"
    """llm_annotator or another service of the house."""
    IMPORT = "IMPORT"
    """It came in with a file, a person's or a model's."""
    PERSON = "PERSON"
    """A reviewer, or a caller of CreateLabel or UpdateLabel."""
    RULE = "RULE"
    """A rule changed the label before it, or that was undone."""
    CONSENSUS = "CONSENSUS"
    """What several people's answers agree on."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Facts about a label that searches ask for.

    `prediction_uid` is the prediction that it is or follows, empty for none; `model` (who made that one),
    `prompt_revision` (0 for none) and `confidence` (0 to 1, None where the model did not say) are that one's.
    `agreement` is F1 and `overlap` the mean intersection over union of the prediction's annotations and the label's,
    0 to 1 as docs/metrics.md has them; None for the prediction itself and where there is none.
    """

    source: Source
    prediction_uid: str = ""
    model: str = ""
    prompt_revision: int = 0
    confidence: float | None = None
    agreement: float | None = None
    overlap: float | None = None


def first(label: Label, source: Source | None = None) -> Origin:
    """Of a label that follows none."""
    if label.kind is not LabelKind.PREDICTION:
        return Origin(source or Source.PERSON)
    return Origin(
        source or Source.MODEL,
        label.uid,
        label.author,
        label.lineage.prompt_revision if label.lineage else 0,
        label.confidence.raw if label.confidence else None,
    )


def following(prediction: Label, final: Label, source: Source = Source.PERSON) -> Origin:
    """Of a label made in the place of a prediction. Pictures take a while to compare."""
    found = outcome(prediction, final.annotations)
    places = moved(prediction.annotations, final.annotations) if found and not found.unchanged else {}
    return compared(prediction, found, places, source)


def compared(
    prediction: Label,
    found: Outcome | None,
    places: Mapping[Cell, CellTotals],
    source: Source = Source.PERSON,
) -> Origin:
    """The same where the two have been compared already: `places` are the annotations that moved."""
    origin = first(prediction, source)
    if found is None:
        return origin
    hits, false, missed = found.true_positives, found.false_positives, found.false_negatives
    agreement = f1(hits, false, missed)
    shifted = sum(totals.moved for totals in places.values())
    kept = sum(totals.overlap for totals in places.values())
    objects = hits + false + missed - shifted
    return replace(
        origin,
        agreement=1.0 if agreement is None else agreement,
        overlap=min(1.0, (hits + kept) / objects) if objects else 1.0,
    )
