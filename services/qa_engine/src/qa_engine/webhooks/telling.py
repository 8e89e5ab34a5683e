"""From events to notices: ids, names, counts and findings, never what is in an asset."""

from collections.abc import Callable
from typing import Any

from google.protobuf.message import Message

from labelmesh.annotator.v1.annotator_events_pb2 import PredictionCreated, PredictionFailed
from labelmesh.label.v1 import label_pb2
from labelmesh.qa.v1.qa_events_pb2 import ConsensusResolved, LabelEvaluated, LabelPatched, RuleRunReverted
from labelmesh.review.v1.queue_service_pb2 import Decision
from labelmesh.review.v1.review_events_pb2 import (
    AssetsImported,
    CertificateIssued,
    LabelReviewed,
    LabelSubmitted,
)
from qa_engine.webhooks.notice import Notice

FROM_OTHERS: tuple[type[Message], ...] = (
    AssetsImported,
    CertificateIssued,
    LabelReviewed,
    LabelSubmitted,
    PredictionCreated,
    PredictionFailed,
)
"""Events of other services that webhooks may ask for; this service's own are told where they are made."""
MAX_FINDINGS = 50
"""Findings that one notice lists; `finding_count` says how many there are."""
_MAX_NAMES = 100

Told = list[tuple[str, dict[str, Any]]]


def notices(message: Message, msg_id: str) -> list[Notice]:
    """What webhooks may be told of an event: one notice for each topic; none for events that are no topic."""
    tell = _TELL.get(type(message))
    return [] if tell is None else [Notice(topic, msg_id, data) for topic, data in tell(message)]


def _prediction_created(event: PredictionCreated) -> Told:
    return [("prediction.created", {"asset": event.asset.name, **_label(event.label)})]


def _prediction_failed(event: PredictionFailed) -> Told:
    data = {"asset": event.asset.name, "prediction_run": event.prediction_run, "reason": event.reason}
    return [("prediction.failed", {**data, "message": event.message[:500]})]


def _label_submitted(event: LabelSubmitted) -> Told:
    return [("label.submitted", {"asset": event.asset.name, **_label(event.label)})]


def _label_reviewed(event: LabelReviewed) -> Told:
    data: dict[str, Any] = {
        "asset": event.asset.name,
        "decision": Decision.Name(event.decision).removeprefix("DECISION_"),
        "reviewer": event.reviewer,
        "base": event.base.name,
        "change_count": len(event.ops),
        "answers": event.answers,
        "answers_wanted": event.answers_wanted,
    }
    return [("label.reviewed", data | (_label(event.label) if event.HasField("label") else {"label": ""}))]


def _assets_imported(event: AssetsImported) -> Told:
    names = [asset.name for asset in event.assets[:_MAX_NAMES]]
    data = {"assets": names, "asset_count": len(event.assets)}
    return [("assets.imported", {**data, "project_asset_count": event.project_asset_count})]


def _certificate_issued(event: CertificateIssued) -> Told:
    data = {
        "certificate": event.certificate,
        "error_upper_bound": event.error_upper_bound,
        "confidence": event.confidence,
        "within_target": event.within_target,
    }
    return [("certificate.issued", data)]


def _label_evaluated(event: LabelEvaluated) -> Told:
    data = {
        "label": event.label,
        "asset": event.asset,
        "ruleset_revision": event.ruleset_revision,
        "blocked": event.blocked,
        "pool": event.pool,
        "priority_boost": event.priority_boost,
        "finding_count": len(event.findings),
        "findings": [
            {
                "rule": finding.rule,
                "severity": label_pb2.Severity.Name(finding.severity).removeprefix("SEVERITY_"),
                "message": finding.message[:500],
                "annotation": finding.annotation_id,
            }
            for finding in event.findings[:MAX_FINDINGS]
        ],
    }
    told: Told = [("label.evaluated", data)]
    return [*told, ("finding.opened", data)] if event.findings else told


def _label_patched(event: LabelPatched) -> Told:
    data = {
        "label": event.label,
        "asset": event.asset,
        "rule_run": event.rule_run,
        "rules": list(event.rules[:_MAX_NAMES]),
        "change_count": len(event.ops),
    }
    return [("label.patched", data)]


def _run_reverted(event: RuleRunReverted) -> Told:
    return [("rule_run.reverted", {"rule_run": event.rule_run})]


def _consensus_resolved(event: ConsensusResolved) -> Told:
    data = {
        "asset": event.asset.name,
        "agreed": event.HasField("label"),
        "method": event.method,
        "agreement": event.agreement,
        "answers": list(event.answers[:_MAX_NAMES]),
    }
    return [
        ("consensus.resolved", data | (_label(event.label) if event.HasField("label") else {"label": ""}))
    ]


def _label(label: label_pb2.Label) -> dict[str, Any]:
    return {
        "label": label.name,
        "kind": label_pb2.LabelKind.Name(label.kind).removeprefix("LABEL_KIND_"),
        "annotation_count": len(label.annotations),
        "author": label.author,
        "model": label.lineage.model,
        "prediction_run": label.lineage.prediction_run,
        "score": label.confidence.raw,
    }


_TELL: dict[type[Message], Callable[[Any], Told]] = {
    AssetsImported: _assets_imported,
    CertificateIssued: _certificate_issued,
    ConsensusResolved: _consensus_resolved,
    LabelEvaluated: _label_evaluated,
    LabelPatched: _label_patched,
    LabelReviewed: _label_reviewed,
    LabelSubmitted: _label_submitted,
    PredictionCreated: _prediction_created,
    PredictionFailed: _prediction_failed,
    RuleRunReverted: _run_reverted,
}
