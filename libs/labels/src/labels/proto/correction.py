"""Corrections on the wire."""

from labelmesh.review.v1 import queue_service_pb2 as pb2
from labels.correction import Add, CorrectionOp, Delete, Relabel, Resize
from labels.errors import CorrectionInvalid
from labels.proto.annotation import (
    MAX_NAME,
    annotation_from_pb,
    annotation_to_pb,
    check_annotation_id,
    value_from_pb,
    value_to_pb,
)


def correction_op_from_pb(pb: pb2.CorrectionOp) -> CorrectionOp:
    """Raises CorrectionInvalid or AnnotationInvalid."""
    match pb.WhichOneof("op"):
        case "add":
            return Add(annotation_from_pb(pb.add.annotation))
        case "delete":
            check_annotation_id(pb.delete.annotation_id)
            return Delete(pb.delete.annotation_id)
        case "relabel":
            check_annotation_id(pb.relabel.annotation_id)
            if not 0 < len(pb.relabel.category) <= MAX_NAME:
                raise CorrectionInvalid("A relabel needs the name of a category.")
            return Relabel(pb.relabel.annotation_id, pb.relabel.category)
        case "resize":
            check_annotation_id(pb.resize.annotation_id)
            return Resize(pb.resize.annotation_id, value_from_pb(pb.resize.value))
        case _:
            raise CorrectionInvalid("A correction is none of add, delete, relabel and resize.")


def correction_op_to_pb(op: CorrectionOp) -> pb2.CorrectionOp:
    """The operation on the wire."""
    match op:
        case Add(annotation):
            return pb2.CorrectionOp(add=pb2.AddAnnotation(annotation=annotation_to_pb(annotation)))
        case Delete(annotation_id):
            return pb2.CorrectionOp(delete=pb2.DeleteAnnotation(annotation_id=annotation_id))
        case Relabel(annotation_id, category):
            return pb2.CorrectionOp(
                relabel=pb2.RelabelAnnotation(annotation_id=annotation_id, category=category)
            )
        case Resize(annotation_id, value):
            return pb2.CorrectionOp(
                resize=pb2.ResizeAnnotation(annotation_id=annotation_id, value=value_to_pb(value))
            )
