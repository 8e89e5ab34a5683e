"""RuleService on the wire."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import Any

import grpc

from chassis.auth import caller
from chassis.blobs import Blobs
from chassis.db import Database
from chassis.errors import BlobCorrupt, BlobMissing, BlobTooLarge, ErrorTable
from chassis.pages import page
from labelmesh.qa.v1 import rule_service_pb2 as pb2
from labelmesh.qa.v1.rule_service_pb2_grpc import RuleServiceServicer
from labels.asset import Asset
from labels.errors import LabelError
from labels.label import Label
from labels.names import asset_name, label_name, parse_project
from labels.proto import asset_from_pb, finding_to_pb, label_from_pb
from qa_engine import facts, findings, pictures, projects, texts
from qa_engine.consensus import answers
from qa_engine.engine import Engine
from qa_engine.errors import (
    BacktestFailed,
    BacktestMissing,
    PictureUnreadable,
    PrecisionTooLow,
    ProjectUnknown,
    QaError,
    RuleNotEnforced,
    RuleSettingsInvalid,
    RuleUnknown,
    RunEnded,
    RunNotRevertible,
    RunOvertaken,
    RunUnknown,
)
from qa_engine.findings import StoredFinding
from qa_engine.history import NO_HISTORY
from qa_engine.life import changing
from qa_engine.plugins.errors import DraftUnavailable, PluginChanged, PluginExists, PluginsFull, PluginUnknown
from qa_engine.projects import Project
from qa_engine.rule import Need, Subject
from qa_engine.webhooks.errors import (
    DeliveryUnknown,
    WebhookChanged,
    WebhookKeyMissing,
    WebhooksTooMany,
    WebhookUnknown,
)
from qa_engine.wire import mode_said, rule_to_pb, settings_from_pb

Context = grpc.aio.ServicerContext[Any, Any]

STATUS = ErrorTable(
    {
        LabelError: grpc.StatusCode.INVALID_ARGUMENT,
        QaError: grpc.StatusCode.INVALID_ARGUMENT,
        ProjectUnknown: grpc.StatusCode.NOT_FOUND,
        RuleUnknown: grpc.StatusCode.NOT_FOUND,
        RuleSettingsInvalid: grpc.StatusCode.INVALID_ARGUMENT,
        RunUnknown: grpc.StatusCode.NOT_FOUND,
        RunOvertaken: grpc.StatusCode.ABORTED,
        RunEnded: grpc.StatusCode.FAILED_PRECONDITION,
        RunNotRevertible: grpc.StatusCode.FAILED_PRECONDITION,
        BacktestMissing: grpc.StatusCode.FAILED_PRECONDITION,
        BacktestFailed: grpc.StatusCode.FAILED_PRECONDITION,
        PrecisionTooLow: grpc.StatusCode.FAILED_PRECONDITION,
        RuleNotEnforced: grpc.StatusCode.FAILED_PRECONDITION,
        PluginUnknown: grpc.StatusCode.NOT_FOUND,
        PluginExists: grpc.StatusCode.ALREADY_EXISTS,
        PluginChanged: grpc.StatusCode.ABORTED,
        PluginsFull: grpc.StatusCode.FAILED_PRECONDITION,
        DraftUnavailable: grpc.StatusCode.UNAVAILABLE,
        WebhookUnknown: grpc.StatusCode.NOT_FOUND,
        DeliveryUnknown: grpc.StatusCode.NOT_FOUND,
        WebhookChanged: grpc.StatusCode.ABORTED,
        WebhooksTooMany: grpc.StatusCode.RESOURCE_EXHAUSTED,
        WebhookKeyMissing: grpc.StatusCode.FAILED_PRECONDITION,
    }
)


class RuleServicer(RuleServiceServicer):
    """Translates between the wire and the engine; every call sees only the caller's tenant."""

    def __init__(self, db: Database, engine: Engine, blobs: Blobs) -> None:
        self._db = db
        self._engine = engine
        self._blobs = blobs
        self._pictures = asyncio.Semaphore(pictures.AT_ONCE)

    async def ListRules(self, request: pb2.ListRulesRequest, context: Context) -> pb2.ListRulesResponse:
        """Every rule with the settings that hold in the project."""
        project = await self._project(request.parent)
        rules = [rule_to_pb(rule, project.ruleset) for rule in self._engine.of(project.ruleset)]
        return pb2.ListRulesResponse(rules=rules, ruleset_revision=project.ruleset.revision)

    async def UpdateRule(self, request: pb2.UpdateRuleRequest, context: Context) -> pb2.UpdateRuleResponse:
        """Change a rule's settings in the project."""
        project = await self._project(request.parent)
        rule = self._engine.rule(request.rule.id, project.ruleset)
        before = rule.settings(project.ruleset)
        change, said = settings_from_pb(request.rule, rule, before), mode_said(request.rule, before)
        async with self._db.begin() as conn:
            now = await changing.change(conn, project, rule, change, said=said)
        return pb2.UpdateRuleResponse(rule=rule_to_pb(rule, now), ruleset_revision=now.revision)

    async def EvaluateLabel(
        self, request: pb2.EvaluateLabelRequest, context: Context
    ) -> pb2.EvaluateLabelResponse:
        """What the rules say about a label now."""
        project = await self._project(request.parent)
        asset, label = asset_from_pb(request.asset), label_from_pb(request.label)
        subject = await self._subject(project, asset, label)
        found = await asyncio.to_thread(self._engine.evaluate, label, subject, project.ruleset)
        return pb2.EvaluateLabelResponse(
            findings=map(finding_to_pb, found), ruleset_revision=project.ruleset.revision
        )

    async def _subject(self, project: Project, asset: Asset, label: Label) -> Subject:
        """What the label is about, as far as enabled rules look at it."""
        shelf, needs = self._blobs.of(project.tenant), self._engine.needs(project.ruleset)
        text, picture, history = await texts.read(asset, shelf), None, NO_HISTORY
        if Need.PIXELS in needs:
            # Rules find a picture missing; a text that is missing is the caller's mistake.
            with suppress(BlobMissing, BlobCorrupt, BlobTooLarge, PictureUnreadable):
                async with self._pictures:
                    picture = await pictures.read(asset, shelf)
        known = replace(label, asset_uid=label.asset_uid or asset.uid)
        if Need.HISTORY in needs:
            async with self._db.read() as conn:
                (history,) = await facts.read(conn, project.uid, [known])
        others: tuple[Label, ...] = ()
        if Need.ANSWERS in needs:
            async with self._db.read() as conn:
                (others,) = await answers.of_others(conn, project.uid, [known])
        return Subject(project.ontology, asset, text, picture, history, others)

    async def ListFindings(
        self, request: pb2.ListFindingsRequest, context: Context
    ) -> pb2.ListFindingsResponse:
        """A page of the project's findings, newest first."""
        project = await self._project(request.parent)
        if request.rule:
            self._engine.rule(request.rule, project.ruleset)
        query = ("findings", project.uid, request.rule, "shadow" if request.shadow else "")
        asked = page(query, request.page_size, request.page_token, (int,))
        before = int(asked.after[0]) if asked.after else None
        async with self._db.read() as conn:
            size = asked.size + 1
            found = await findings.page(conn, project.uid, request.rule, before, size, shadow=request.shadow)
        shown, more = asked.first(found, lambda finding: (finding.seq,))
        stored = [stored_to_pb(finding, project) for finding in shown]
        return pb2.ListFindingsResponse(findings=stored, next_page_token=more)

    async def _project(self, parent: str) -> Project:
        project_id = parse_project(parent)
        async with self._db.read() as conn:
            return await projects.by_id(conn, caller().tenant, project_id)


def stored_to_pb(stored: StoredFinding, project: Project) -> pb2.StoredFinding:
    """A stored finding on the wire."""
    return pb2.StoredFinding(
        finding=finding_to_pb(stored.finding),
        label=label_name(project.id, stored.label_uid),
        asset=asset_name(project.id, stored.asset_uid),
        create_time_us=stored.create_time_us,
        shadow=stored.shadow,
    )
