"""Messages of ImportLabels, there and back."""

from collections.abc import AsyncIterator

from labelmesh.label.v1 import label_pb2
from labelmesh.review.v1 import label_service_pb2 as pb2
from labels.errors import LabelError, LabelInvalid
from labels.label import LabelKind
from labels.proto import annotation_from_pb
from review_queue.errors import ImportInvalid, ParentMissing
from review_queue.label_import import LabelRow, LabelsImported, Terms

_KINDS = {
    label_pb2.LABEL_KIND_UNSPECIFIED: LabelKind.DEFAULT,
    label_pb2.LABEL_KIND_DEFAULT: LabelKind.DEFAULT,
    label_pb2.LABEL_KIND_PREDICTION: LabelKind.PREDICTION,
}


async def first_of(messages: AsyncIterator[pb2.ImportLabelsRequest]) -> pb2.ImportLabelsRequest:
    """The message that names the project; raises ParentMissing."""
    first = await anext(messages, None)
    if first is None or not first.parent:
        raise ParentMissing
    return first


def terms_from_pb(first: pb2.ImportLabelsRequest, actor: str) -> Terms:
    """What the import is about; raises ImportInvalid."""
    kind = _KINDS.get(first.kind)
    if kind is None:
        raise ImportInvalid(
            "Labels are imported as people's or as predictions; reviews are made in the queue."
        )
    if first.model and kind is not LabelKind.PREDICTION:
        raise ImportInvalid("Only predictions have a model.")
    author = first.model if kind is LabelKind.PREDICTION else actor
    return Terms(first.import_id, kind, author, first.validate_only)


def row_from_pb(pb: pb2.ImportLabelRow) -> LabelRow:
    """The row, with what is wrong with it in the place of its claims."""
    try:
        if not 0.0 <= pb.confidence <= 1.0:
            raise LabelInvalid("The label's confidence is not in 0 to 1.")
        claims = tuple(map(annotation_from_pb, pb.annotations))
    except LabelError as error:
        return LabelRow(pb.line, pb.asset_key, error)
    return LabelRow(pb.line, pb.asset_key, claims, pb.confidence)


def imported_to_pb(batch: LabelsImported) -> pb2.ImportLabelsResponse:
    """What became of a batch, on the wire."""
    errors = (pb2.ImportLabelError(line=r.line, reason=r.reason, message=r.message) for r in batch.refusals)
    return pb2.ImportLabelsResponse(imported=batch.imported, skipped=batch.skipped, errors=errors)
