"""All of qa.v1, ready to be served: each servicer with what adds it to a server."""

from collections.abc import Sequence

from chassis.serve import Registration
from labelmesh.qa.v1 import (
    consensus_service_pb2,
    finding_service_pb2,
    plugin_service_pb2,
    rule_run_service_pb2,
    rule_service_pb2,
    webhook_service_pb2,
)
from labelmesh.qa.v1.consensus_service_pb2_grpc import add_ConsensusServiceServicer_to_server
from labelmesh.qa.v1.finding_service_pb2_grpc import add_FindingServiceServicer_to_server
from labelmesh.qa.v1.plugin_service_pb2_grpc import add_PluginServiceServicer_to_server
from labelmesh.qa.v1.rule_run_service_pb2_grpc import add_RuleRunServiceServicer_to_server
from labelmesh.qa.v1.rule_service_pb2_grpc import add_RuleServiceServicer_to_server
from labelmesh.qa.v1.webhook_service_pb2_grpc import add_WebhookServiceServicer_to_server
from qa_engine.consensus.servicer import ConsensusServicer
from qa_engine.life.finding_servicer import FindingServicer
from qa_engine.life.run_servicer import RuleRunServicer
from qa_engine.plugins.servicer import PluginServicer
from qa_engine.servicer import RuleServicer
from qa_engine.webhooks.servicer import WebhookServicer


def registrations(
    rules: RuleServicer,
    runs: RuleRunServicer,
    findings: FindingServicer,
    plugins: PluginServicer,
    consensus: ConsensusServicer,
    webhooks: WebhookServicer,
) -> Sequence[Registration]:
    """The servicers with their services' descriptors."""
    return (
        (
            add_RuleServiceServicer_to_server,
            rules,
            rule_service_pb2.DESCRIPTOR.services_by_name["RuleService"],
        ),
        (
            add_RuleRunServiceServicer_to_server,
            runs,
            rule_run_service_pb2.DESCRIPTOR.services_by_name["RuleRunService"],
        ),
        (
            add_FindingServiceServicer_to_server,
            findings,
            finding_service_pb2.DESCRIPTOR.services_by_name["FindingService"],
        ),
        (
            add_PluginServiceServicer_to_server,
            plugins,
            plugin_service_pb2.DESCRIPTOR.services_by_name["PluginService"],
        ),
        (
            add_ConsensusServiceServicer_to_server,
            consensus,
            consensus_service_pb2.DESCRIPTOR.services_by_name["ConsensusService"],
        ),
        (
            add_WebhookServiceServicer_to_server,
            webhooks,
            webhook_service_pb2.DESCRIPTOR.services_by_name["WebhookService"],
        ),
    )
