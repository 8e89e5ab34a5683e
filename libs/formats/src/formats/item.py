"""What travels: an asset with its label, or what was wrong in its place."""

from dataclasses import dataclass
from enum import StrEnum

from labels.asset import Asset
from labels.label import Annotation, Confidence, ConfidenceMethod, Label, LabelKind


class Status(StrEnum):
    """Where an asset stands with its label."""

    REVIEWED = "reviewed"
    AUTO_ACCEPTED = "auto_accepted"
    UNREVIEWED = "unreviewed"
    REJECTED = "rejected"
    UNLABELLED = "unlabelled"


@dataclass(frozen=True, slots=True)
class Item:
    """An asset and its label; None where there is none.

    A picture's key is its file's name, and its size may be 0 x 0 in a file that does not say it. Annotations that
    were read name the tool the file names, "" where it names none; `place` says where they stood.
    """

    asset: Asset
    label: Label | None
    status: Status = Status.UNREVIEWED
    place: str = ""

    @property
    def annotations(self) -> tuple[Annotation, ...]:
        """The label's claims; none without a label."""
        return self.label.annotations if self.label else ()


@dataclass(frozen=True, slots=True)
class Problem:
    """A record that was not read: where it stands, such as `line 7` or `annotation 12`, and one sentence."""

    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" if self.place else self.message


def is_picture(asset: Asset) -> bool:
    """Whether the asset is a picture; one that was read has no reference yet."""
    return asset.text is None and asset.text_ref is None


def read_label(
    annotations: tuple[Annotation, ...],
    author: str = "",
    kind: LabelKind = LabelKind.DEFAULT,
    score: float = 0.0,
) -> Label:
    """The label of a record; `score` is how sure a model was of it, above 0 to 1, 0 where none is stated."""
    sure = Confidence(ConfidenceMethod.STATED, score, score, score) if score else None
    return Label(kind, author, annotations, confidence=sure)
