"""Labels: one author's whole answer for one asset, made of annotations."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

_TIME_CHARACTERS = 10
MAX_ANNOTATIONS = 10_000
MAX_RINGS = 1_000
MAX_RING_VALUES = 200_000


@dataclass(frozen=True, slots=True)
class Choice:
    """The whole asset."""


@dataclass(frozen=True, slots=True)
class Span:
    """Half-open range of Unicode code points, with the characters in it."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Box:
    """Axis-aligned box in original pixels, from its top left corner."""

    x_px: float
    y_px: float
    width_px: float
    height_px: float


@dataclass(frozen=True, slots=True)
class Polygon:
    """Rings of x0, y0, x1, y1 ... in original pixels; even-odd, so a ring inside another is a hole."""

    rings: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class Mask:
    """COCO run lengths of a boolean mask H x W, column-major, compressed as pycocotools writes them."""

    height_px: int
    width_px: int
    counts: bytes


Value = Choice | Span | Box | Polygon | Mask


@dataclass(frozen=True, slots=True)
class Annotation:
    """One claim on an asset; `confidence` is a probability, 0 where the author is a person."""

    id: str
    tool: str
    category: str
    value: Value
    confidence: float = 0.0


class LabelKind(StrEnum):
    """Whose answer a label is."""

    DEFAULT = "DEFAULT"
    PREDICTION = "PREDICTION"
    REVIEW = "REVIEW"


class ConfidenceMethod(StrEnum):
    """How a confidence was computed."""

    TOP5_PRODUCT = "TOP5_PRODUCT"
    LABEL_MASS = "LABEL_MASS"
    PREDICTED_IOU = "PREDICTED_IOU"
    STATED = "STATED"


@dataclass(frozen=True, slots=True)
class Confidence:
    """A score in 0 to 1 with the bounds that unreported probability leaves: lower <= raw <= upper."""

    method: ConfidenceMethod
    raw: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class SamplingParameters:
    """How a language model was asked to choose its words: at temperature 0 the most probable token each time.

    `max_tokens` is the most that the reply could have, `top_logprobs` how many alternatives of each were reported.
    """

    temperature: float
    seed: int
    max_tokens: int
    top_logprobs: int


@dataclass(frozen=True, slots=True)
class Lineage:
    """What a prediction was made from; `run`, `examples` and `source_label` are resource names.

    `source_label` is the label whose boxes were the prompts, `response_sha256` the hash of the model's reply, and
    `provider_fingerprint` what the endpoint says of the version that answered; all are empty where there is none. So is
    `calibrator`, what calibrated the confidence, and its revision is then 0.
    """

    model: str
    run: str
    prompt_revision: int
    rendered_prompt_sha256: str
    examples: tuple[str, ...]
    ontology_revision: int
    source_label: str = ""
    response_sha256: str = ""
    provider_fingerprint: str = ""
    sampling: SamplingParameters | None = None
    calibrator: str = ""
    calibrator_revision: int = 0


@dataclass(frozen=True, slots=True)
class UnplacedMention:
    """An entity that a model named but that does not occur in the text."""

    tool: str
    category: str
    text: str


@dataclass(frozen=True, slots=True)
class Label:
    """One author's whole answer for one asset.

    `uid` and `asset_uid` are the last segments of resource names; review_queue gives `revision` and `etag`.
    """

    kind: LabelKind
    author: str
    annotations: tuple[Annotation, ...]
    uid: str = ""
    asset_uid: str = ""
    revision: int = 0
    etag: str = ""
    confidence: Confidence | None = None
    lineage: Lineage | None = None
    unplaced_mentions: tuple[UnplacedMention, ...] = ()
    create_time_us: int = 0


class Severity(StrEnum):
    """How bad a finding is."""

    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"


SEVERITY_WEIGHT = {Severity.INFO: 0.1, Severity.WARNING: 0.5, Severity.ERROR: 1.0}
"""What the worst finding adds to a task's priority, before the project's weight."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule says about a label; the message holds no asset content."""

    rule: str
    severity: Severity
    message: str
    annotation_id: str = ""


def derive_uid(run_uid: str, asset_uid: str) -> str:
    """A prediction's 26-character id: the same for the same run and asset, so that work done twice has one name.

    It begins with the asset's ten characters of time and goes on with a hash, so that labels made in the order of
    import lie side by side in an index; ids in random order made storing slower the more there were.
    """
    digest = hashlib.sha256(f"{run_uid}\x00{asset_uid}".encode()).digest()
    return (asset_uid[:_TIME_CHARACTERS] + base64.b32encode(digest).decode())[:26]


def annotation_id(index: int) -> str:
    """Id of the annotation at that place in a freshly made label."""
    return f"a{index}"


def same_claims(one: Sequence[Annotation], other: Sequence[Annotation]) -> bool:
    """Whether two labels claim the same, whatever the ids, order and confidences."""
    return _claims(one) == _claims(other)


def _claims(annotations: Sequence[Annotation]) -> list[tuple[str, str, str]]:
    return sorted((a.tool, a.category, repr(a.value)) for a in annotations)
