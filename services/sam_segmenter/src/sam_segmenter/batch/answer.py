"""From a picture to its label (pure but for the masks, which a callable finds)."""

from collections.abc import Iterable, Sequence

from labels.asset import Asset
from labels.checks import check_label
from labels.label import (
    Annotation,
    Box,
    Confidence,
    ConfidenceMethod,
    Label,
    LabelKind,
    Lineage,
    Mask,
    Polygon,
    annotation_id,
    derive_uid,
)
from labels.names import label_name, run_name
from labels.ontology import ToolKind
from sam_segmenter.batch.run import Job, Masks, Mode, ShapeFound, Shaping, Target, target
from sam_segmenter.errors import NothingFound, NothingToSegment, PictureTooLarge

#: A label travels in one event; what is beyond its best masks of this many bytes in all is left out.
MAX_LABEL_BYTES = 3 << 20
_ANNOTATION_BYTES = 512
_VALUE_BYTES = 8

Claim = tuple[str, ShapeFound]
"""A category and the mask for it."""


async def answer(job: Job, masks: Masks, model: str) -> Label:
    """The prediction for a picture.

    Raises NothingFound, NothingToSegment, NoImageTool, AnnotationInvalid, EncoderError and what reading the picture
    raises.
    """
    goal = target(job.config, job.ontology)
    if job.asset.image_ref is None:
        raise NothingToSegment
    shaping = Shaping(goal.tool.kind is ToolKind.POLYGON, job.config.min_px)
    if job.config.mode is Mode.BOXES:
        boxes = boxes_on(job.boxes, goal, job.asset)
        if not boxes:
            raise NothingToSegment
        where = [box for _, box in boxes]
        found = await masks.in_boxes(job.tenant, job.asset.image_ref, where, shaping)
        claims = [(category, one) for (category, _), one in zip(boxes, found, strict=True) if one]
    else:
        everywhere = await masks.everywhere(job.tenant, job.asset.image_ref, job.config.points, shaping)
        claims = [(goal.category, one) for one in everywhere]
    label = compose(job, goal, claims, model)
    check_label(label.annotations, job.asset, job.ontology)
    return label


def boxes_on(annotations: Iterable[Annotation], goal: Target, asset: Asset) -> list[tuple[str, Box]]:
    """Category and box, cut to the picture, of each box that the tool has a category for and that is on the picture."""
    chosen = []
    for annotation in annotations:
        known = annotation.category in goal.tool.category_names
        category = annotation.category if known else goal.category
        if category and isinstance(annotation.value, Box):
            box = _cut(annotation.value, asset.width_px, asset.height_px)
            if box is not None:
                chosen.append((category, box))
    return chosen


def _cut(box: Box, width_px: int, height_px: int) -> Box | None:
    x0, y0 = max(0.0, box.x_px), max(0.0, box.y_px)
    x1, y1 = min(float(width_px), box.x_px + box.width_px), min(float(height_px), box.y_px + box.height_px)
    return Box(x0, y0, x1 - x0, y1 - y0) if x1 > x0 and y1 > y0 else None


def compose(job: Job, goal: Target, claims: Sequence[Claim], model: str) -> Label:
    """The label of those masks, surest first, as many as an event carries; raises NothingFound, PictureTooLarge."""
    if not claims:
        raise NothingFound
    kept = _fitting(sorted(claims, key=lambda claim: -claim[1].confidence))
    annotations = tuple(
        Annotation(annotation_id(n), goal.tool.name, category, found.shape, found.confidence)
        for n, (category, found) in enumerate(kept)
    )
    mean = sum(annotation.confidence for annotation in annotations) / len(annotations)
    return Label(
        kind=LabelKind.PREDICTION,
        author=model,
        annotations=annotations,
        uid=derive_uid(job.run_uid + job.source, job.asset.uid),
        asset_uid=job.asset.uid,
        confidence=Confidence(ConfidenceMethod.PREDICTED_IOU, mean, mean, mean),
        lineage=Lineage(
            model=model,
            run=run_name(job.project_id, job.run_uid),
            prompt_revision=0,
            rendered_prompt_sha256="",
            examples=(),
            ontology_revision=job.ontology.revision,
            source_label=label_name(job.project_id, job.source) if job.source else "",
        ),
    )


def _fitting(claims: Sequence[Claim]) -> list[Claim]:
    kept, left = [], MAX_LABEL_BYTES
    for claim in claims:
        left -= _bytes(claim[1].shape)
        if left < 0:
            break
        kept.append(claim)
    if not kept:
        raise PictureTooLarge("The best mask is larger than an event may be.")
    return kept


def _bytes(shape: Mask | Polygon) -> int:
    """About what it takes on the wire."""
    if isinstance(shape, Mask):
        return _ANNOTATION_BYTES + len(shape.counts)
    return _ANNOTATION_BYTES + sum(_VALUE_BYTES * len(ring) + _VALUE_BYTES for ring in shape.rings)
