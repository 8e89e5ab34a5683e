"""Wire and values: free functions both ways. The only room that knows both.

Every `..._from_pb` raises a LabelError when something that must be set is not, a number is not finite or a
size is over the bound that the contract states. Whether a label fits its ontology and asset is for
`labels.checks`.
"""

from labels.proto.annotation import annotation_from_pb, annotation_to_pb, value_from_pb, value_to_pb
from labels.proto.asset import asset_from_pb, asset_to_pb, content_ref_from_pb, content_ref_to_pb
from labels.proto.correction import correction_op_from_pb, correction_op_to_pb
from labels.proto.finding import finding_from_pb, finding_to_pb, severity_from_pb, severity_to_pb
from labels.proto.label import (
    confidence_from_pb,
    confidence_method_from_pb,
    confidence_method_to_pb,
    confidence_to_pb,
    label_from_pb,
    label_to_pb,
    lineage_from_pb,
    lineage_to_pb,
)
from labels.proto.ontology import ontology_from_pb, ontology_to_pb, tool_kind_from_pb, tool_kind_to_pb

__all__ = [
    "annotation_from_pb",
    "annotation_to_pb",
    "asset_from_pb",
    "asset_to_pb",
    "confidence_from_pb",
    "confidence_method_from_pb",
    "confidence_method_to_pb",
    "confidence_to_pb",
    "content_ref_from_pb",
    "content_ref_to_pb",
    "correction_op_from_pb",
    "correction_op_to_pb",
    "finding_from_pb",
    "finding_to_pb",
    "label_from_pb",
    "label_to_pb",
    "lineage_from_pb",
    "lineage_to_pb",
    "ontology_from_pb",
    "ontology_to_pb",
    "severity_from_pb",
    "severity_to_pb",
    "tool_kind_from_pb",
    "tool_kind_to_pb",
    "value_from_pb",
    "value_to_pb",
]
