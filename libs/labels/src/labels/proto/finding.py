"""Findings on the wire."""

from labelmesh.label.v1 import label_pb2
from labels.errors import FindingInvalid
from labels.label import Finding, Severity

MAX_MESSAGE = 500
_MAX_RULE = 64
_MAX_ID = 64
_TO_PB = {severity: label_pb2.Severity.Value(f"SEVERITY_{severity}") for severity in Severity}
_FROM_PB = {int(number): severity for severity, number in _TO_PB.items()}


def severity_from_pb(number: int) -> Severity:
    """Raises FindingInvalid for a number without a meaning."""
    try:
        return _FROM_PB[number]
    except KeyError:
        raise FindingInvalid("The severity is not set or unknown.") from None


def severity_to_pb(severity: Severity) -> label_pb2.Severity.ValueType:
    """The severity on the wire."""
    return _TO_PB[severity]


def finding_from_pb(pb: label_pb2.Finding) -> Finding:
    """Raises FindingInvalid."""
    if not 0 < len(pb.rule) <= _MAX_RULE or len(pb.message) > MAX_MESSAGE or len(pb.annotation_id) > _MAX_ID:
        raise FindingInvalid("The finding names no rule, or a text of it is too long.")
    return Finding(pb.rule, severity_from_pb(pb.severity), pb.message, pb.annotation_id)


def finding_to_pb(finding: Finding) -> label_pb2.Finding:
    """The finding on the wire."""
    return label_pb2.Finding(
        rule=finding.rule,
        severity=_TO_PB[finding.severity],
        message=finding.message,
        annotation_id=finding.annotation_id,
    )
