"""Slices: parts of a project whose labels may be of different quality, as pure functions.

A slice is known before a person answers: from the model's label and the asset alone.
"""

from dataclasses import dataclass
from enum import StrEnum

from labels.asset import Asset
from labels.label import Label

SHORT_BELOW, MEDIUM_BELOW = 280, 2_000
_MOST = 200


class SliceBy(StrEnum):
    """What makes a slice."""

    NONE = "NONE"
    CATEGORY = "CATEGORY"
    SOURCE = "SOURCE"
    LENGTH = "LENGTH"


@dataclass(frozen=True, slots=True)
class Facts:
    """What slices are made of; all are kept with the evidence, so that it outlives a change of slicing."""

    category: str
    source: str
    length: str

    def slice(self, by: SliceBy) -> str:
        """The slice's name, 1 to 200 characters."""
        match by:
            case SliceBy.NONE:
                return "all"
            case SliceBy.CATEGORY:
                return self.category
            case SliceBy.SOURCE:
                return self.source
            case SliceBy.LENGTH:
                return self.length


def facts(label: Label, asset: Asset) -> Facts:
    """The slices of a model's label: one of each kind."""
    categories = {annotation.category for annotation in label.annotations}
    claimed = "several" if len(categories) > 1 else next(iter(categories), "nothing")
    return Facts(
        category=claimed[:_MOST],
        source=asset.context.get("source", "")[:_MOST] or "none",
        length=_length(asset),
    )


def _length(asset: Asset) -> str:
    if asset.image_ref is not None:
        return "picture"
    # Texts kept in the blob store are long; their bytes are known here, not their characters.
    n = len(asset.text or "") or (asset.text_ref.size_bytes if asset.text_ref else 0)
    if n < SHORT_BELOW:
        return "short"
    return "medium" if n < MEDIUM_BELOW else "long"
