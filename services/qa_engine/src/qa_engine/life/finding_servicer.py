"""FindingService on the wire."""

from typing import Any

import grpc

from chassis.auth import caller
from chassis.clock import now_us
from chassis.db import Database
from labelmesh.qa.v1 import finding_service_pb2 as pb2
from labelmesh.qa.v1.finding_service_pb2_grpc import FindingServiceServicer
from labels.names import LABEL, parse, parse_project
from qa_engine import projects
from qa_engine.engine import Engine
from qa_engine.life import verdicts, wire

Context = grpc.aio.ServicerContext[Any, Any]


class FindingServicer(FindingServiceServicer):
    """Translates between the wire and verdicts; every call sees only the caller's tenant."""

    def __init__(self, db: Database, engine: Engine) -> None:
        self._db = db
        self._engine = engine

    async def ResolveFinding(
        self, request: pb2.ResolveFindingRequest, context: Context
    ) -> pb2.ResolveFindingResponse:
        """Keep one verdict."""
        project_id, _ = parse(request.resolution.label, LABEL)
        await self._resolve(project_id, [request.resolution])
        return pb2.ResolveFindingResponse()

    async def BatchResolveFindings(
        self, request: pb2.BatchResolveFindingsRequest, context: Context
    ) -> pb2.BatchResolveFindingsResponse:
        """Keep many verdicts, or none."""
        await self._resolve(parse_project(request.parent), request.resolutions)
        return pb2.BatchResolveFindingsResponse()

    async def _resolve(self, project_id: str, resolutions: Any) -> None:
        async with self._db.begin() as conn:
            project = await projects.by_id(conn, caller().tenant, project_id)
            said = wire.verdicts_from_pb(resolutions, project_id, self._engine, project)
            await verdicts.put(conn, project.uid, said, caller().actor, now_us())

    async def GetRuleMetrics(
        self, request: pb2.GetRuleMetricsRequest, context: Context
    ) -> pb2.GetRuleMetricsResponse:
        """What a rule found, and how often people agreed."""
        async with self._db.read() as conn:
            project = await projects.by_id(conn, caller().tenant, parse_project(request.parent))
            rule = self._engine.rule(request.rule, project.ruleset)
            found, shadow, precision = await verdicts.metrics(conn, project.uid, rule.id)
        return pb2.GetRuleMetricsResponse(
            findings=found, shadow_findings=shadow, precision=wire.precision_to_pb(precision)
        )
