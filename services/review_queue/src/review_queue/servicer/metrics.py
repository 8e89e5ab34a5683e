"""MetricsService on the wire."""

import asyncio
from collections.abc import AsyncIterator

from grpc.aio import ServicerContext

from chassis.auth import caller
from chassis.db import Database
from labelmesh.review.v1 import metrics_service_pb2 as pb2
from labelmesh.review.v1.metrics_service_pb2_grpc import MetricsServiceServicer
from labels.names import RUN, parse, parse_project, run_name
from review_queue import metrics, projects
from review_queue.errors import RunForeign
from review_queue.measures import experiments, query
from review_queue.measures.question import Question
from review_queue.metrics import Metrics
from review_queue.review import Decision
from review_queue.servicer.measures import (
    key_of,
    keyed,
    pause_from_pb,
    policy_to_pb,
    question_from_pb,
    report_to_pb,
    row_to_pb,
    target_from_pb,
)
from review_queue.statistics import Rate, Reliability


class MetricsServicer(MetricsServiceServicer):
    """Numbers about projects."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def GetProjectMetrics(
        self,
        request: pb2.GetProjectMetricsRequest,
        context: ServicerContext[pb2.GetProjectMetricsRequest, pb2.GetProjectMetricsResponse],
    ) -> pb2.GetProjectMetricsResponse:
        """Measure a project."""
        project_id = parse_project(request.parent)
        run_uid = _run_uid(request.prediction_run, project_id)
        async with self._db.read() as conn:
            project = await projects.get(conn, caller().tenant, project_id)
            measured = await metrics.measure(conn, project, run_uid)
        return _to_pb(measured, project_id)

    async def QueryMetrics(
        self,
        request: pb2.QueryMetricsRequest,
        context: ServicerContext[pb2.QueryMetricsRequest, pb2.QueryMetricsResponse],
    ) -> pb2.QueryMetricsResponse:
        """Tell metrics by time and group."""
        project_id = parse_project(request.parent)
        question = question_from_pb(request, _run_uid(request.prediction_run, project_id))
        return pb2.QueryMetricsResponse(rows=await self._ask(caller().tenant, project_id, question))

    async def StreamMetrics(
        self,
        request: pb2.StreamMetricsRequest,
        context: ServicerContext[pb2.StreamMetricsRequest, pb2.StreamMetricsResponse],
    ) -> AsyncIterator[pb2.StreamMetricsResponse]:
        """Tell metrics, and again whenever they change."""
        tenant, project_id = caller().tenant, parse_project(request.query.parent)
        question = question_from_pb(request.query, _run_uid(request.query.prediction_run, project_id))
        pause = pause_from_pb(request.every_seconds)
        told = pb2.StreamMetricsResponse(rows=await self._ask(tenant, project_id, question))
        yield told
        seen = keyed(told.rows)
        while True:
            await asyncio.sleep(pause)
            rows = await self._ask(tenant, project_id, question)
            changed = [
                row for row in rows if seen.get(key_of(row)) != row.SerializeToString(deterministic=True)
            ]
            if changed:
                yield pb2.StreamMetricsResponse(rows=changed)
                seen = keyed(rows)

    async def GetHoldOutPolicy(
        self,
        request: pb2.GetHoldOutPolicyRequest,
        context: ServicerContext[pb2.GetHoldOutPolicyRequest, pb2.GetHoldOutPolicyResponse],
    ) -> pb2.GetHoldOutPolicyResponse:
        """Return the share held back."""
        async with self._db.read() as conn:
            project = await projects.get(conn, caller().tenant, parse_project(request.parent))
        return pb2.GetHoldOutPolicyResponse(policy=policy_to_pb(project.holdout))

    async def UpdateHoldOutPolicy(
        self,
        request: pb2.UpdateHoldOutPolicyRequest,
        context: ServicerContext[pb2.UpdateHoldOutPolicyRequest, pb2.UpdateHoldOutPolicyResponse],
    ) -> pb2.UpdateHoldOutPolicyResponse:
        """Set the share held back."""
        project_id, asked = parse_project(request.parent), request.policy
        policy = await experiments.set_share(self._db, caller().tenant, project_id, asked.share, asked.etag)
        return pb2.UpdateHoldOutPolicyResponse(policy=policy_to_pb(policy))

    async def GetLiftReport(
        self,
        request: pb2.GetLiftReportRequest,
        context: ServicerContext[pb2.GetLiftReportRequest, pb2.GetLiftReportResponse],
    ) -> pb2.GetLiftReportResponse:
        """Say what assistance is worth."""
        target = target_from_pb(request)
        async with self._db.read() as conn:
            project = await projects.get(conn, caller().tenant, parse_project(request.parent))
            number = request.experiment or project.holdout.experiment
            return report_to_pb(await experiments.report(conn, project, number, target), number, target)

    async def _ask(self, tenant: str, project_id: str, question: Question) -> list[pb2.MetricRow]:
        async with self._db.read() as conn:
            project = await projects.get(conn, tenant, project_id)
            return [row_to_pb(found) for found in await query.ask(conn, project, question)]


def _run_uid(name: str, project_id: str) -> str:
    if not name:
        return ""
    of, uid = parse(name, RUN)
    if of != project_id:
        raise RunForeign
    return uid


def _to_pb(m: Metrics, project_id: str) -> pb2.GetProjectMetricsResponse:
    return pb2.GetProjectMetricsResponse(
        assets=m.assets,
        predictions=m.predictions,
        failed_predictions=m.failed_predictions,
        accepted=m.decisions.get(Decision.ACCEPT, 0),
        corrected=m.decisions.get(Decision.CORRECT, 0),
        rejected=m.decisions.get(Decision.REJECT, 0),
        accuracy=_rate(m.accuracy),
        reliability=_reliability(m.reliability),
        confusion=(
            pb2.ConfusionCell(tool=tool, predicted=predicted, reviewed=reviewed, count=n)
            for (tool, predicted, reviewed), n in m.confusion
        ),
        categories=(
            pb2.CategoryScore(
                tool=c.tool,
                category=c.category,
                true_positives=c.true_positives,
                false_positives=c.false_positives,
                false_negatives=c.false_negatives,
            )
            for c in m.categories
        ),
        runs=(
            pb2.RunMetrics(
                prediction_run=run_name(project_id, run.run_uid) if run.run_uid else "",
                accuracy=_rate(run.accuracy),
                f1=run.f1,
            )
            for run in m.runs
        ),
        labels_with_findings=m.labels_with_findings,
        findings=m.findings,
        active_seconds=m.active_seconds,
    )


def _rate(rate: Rate) -> pb2.Rate:
    return pb2.Rate(k=rate.k, n=rate.n, value=rate.value, lower=rate.lower, upper=rate.upper)


def _reliability(r: Reliability) -> pb2.Reliability:
    bins = (
        pb2.ReliabilityBin(
            lower=b.lower, upper=b.upper, mean_confidence=b.mean_confidence, correct=_rate(b.correct)
        )
        for b in r.bins
    )
    return pb2.Reliability(bins=bins, ece=r.ece, brier=r.brier, auroc=r.auroc)
