"""Rules and findings."""

from collections.abc import AsyncIterator
from functools import partial

from labelmesh.client import wire
from labelmesh.client.arrival import Arrival
from labelmesh.client.calls import Link
from labelmesh.client.paging import pages
from labelmesh.client.rule import Rule, StoredFinding
from labelmesh.qa.v1 import rule_service_pb2
from labelmesh.qa.v1.rule_service_pb2_grpc import RuleServiceStub
from labels import names
from labels.asset import Asset
from labels.label import Finding, Label
from labels.proto import asset_to_pb, finding_from_pb, label_to_pb


class Rules:
    """`client.rules`."""

    def __init__(self, link: Link, arrival: Arrival) -> None:
        self._link = link
        self._arrival = arrival
        self._stub = RuleServiceStub(link.channel)

    async def list(self, project: str) -> tuple[Rule, ...]:
        """Every rule with its settings in the project, by id."""
        request = rule_service_pb2.ListRulesRequest(parent=names.project_name(project))
        response = await self._arrival.of(
            project, lambda: self._link.unary(self._stub.ListRules, request, repeatable=True)
        )
        return tuple(wire.rule_from_pb(pb) for pb in response.rules)

    async def update(self, project: str, rule: Rule) -> Rule:
        """Change a rule's settings; parameters left out keep their value.

        Labels evaluated from then on obey them.
        """
        request = rule_service_pb2.UpdateRuleRequest(
            parent=names.project_name(project), rule=wire.rule_to_pb(rule)
        )
        response = await self._arrival.of(
            project, lambda: self._link.unary(self._stub.UpdateRule, request, repeatable=True)
        )
        return wire.rule_from_pb(response.rule)

    async def evaluate(self, project: str, asset: Asset, label: Label) -> tuple[Finding, ...]:
        """What the enabled rules say about a label now; nothing is stored."""
        request = rule_service_pb2.EvaluateLabelRequest(
            parent=names.project_name(project),
            asset=asset_to_pb(asset, project),
            label=label_to_pb(label, project),
        )
        response = await self._arrival.of(
            project, lambda: self._link.unary(self._stub.EvaluateLabel, request, repeatable=True)
        )
        return tuple(finding_from_pb(pb) for pb in response.findings)

    async def findings(self, project: str, rule: str = "") -> AsyncIterator[StoredFinding]:
        """Stored findings, newest first; of one rule when named."""
        request = rule_service_pb2.ListFindingsRequest(
            parent=names.project_name(project), rule=rule, page_size=1000
        )
        call = partial(self._link.unary, self._stub.ListFindings, request, repeatable=True)
        async for page in pages(request, partial(self._arrival.of, project, call)):
            for pb in page.findings:
                yield wire.stored_finding_from_pb(pb)
