"""Asking for metrics, and for what assistance is worth."""

from collections.abc import AsyncIterator

from labelmesh.client import wire_measures as wire
from labelmesh.client.calls import Link
from labelmesh.client.measure import HoldOutPolicy, Lift, MetricQuery, MetricRow
from labelmesh.review.v1 import metrics_service_pb2 as pb2
from labelmesh.review.v1.metrics_service_pb2_grpc import MetricsServiceStub
from labels import names

_ALL = MetricQuery()


class Measures:
    """`client.measures`."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._stub = MetricsServiceStub(link.channel)

    async def query(self, project: str, query: MetricQuery = _ALL) -> list[MetricRow]:
        """The metrics as of now, by time, then by name; groups without answers are left out."""
        request = wire.query_to_pb(project, query)
        response = await self._link.unary(self._stub.QueryMetrics, request, repeatable=True)
        return [wire.row_from_pb(row) for row in response.rows]

    async def stream(
        self, project: str, query: MetricQuery = _ALL, every_seconds: int = 0
    ) -> AsyncIterator[list[MetricRow]]:
        """All rows now, then those that have changed, looked at each `every_seconds` (0: 5), until the caller stops."""
        request = pb2.StreamMetricsRequest(
            query=wire.query_to_pb(project, query), every_seconds=every_seconds
        )
        async for response in self._link.stream(self._stub.StreamMetrics, request):
            yield [wire.row_from_pb(row) for row in response.rows]

    async def hold_out(self, project: str) -> HoldOutPolicy:
        """Which share of predictions is held back from reviewers."""
        request = pb2.GetHoldOutPolicyRequest(parent=names.project_name(project))
        response = await self._link.unary(self._stub.GetHoldOutPolicy, request, repeatable=True)
        return wire.policy_from_pb(response.policy)

    async def set_hold_out(self, project: str, share: float, etag: str = "") -> HoldOutPolicy:
        """Hold that share of predictions back, 0 to 0.5, from the next lease on; a change begins a new experiment.

        Raises LabelmeshError: ABORTED when `etag` is given and the policy was changed since.
        """
        request = pb2.UpdateHoldOutPolicyRequest(
            parent=names.project_name(project), policy=pb2.HoldOutPolicy(share=share, etag=etag)
        )
        response = await self._link.unary(self._stub.UpdateHoldOutPolicy, request, repeatable=True)
        return wire.policy_from_pb(response.policy)

    async def lift(self, project: str, experiment: int = 0, target: float = 0.0) -> Lift:
        """What an experiment (0: the newest) showed; `target` is the speed-up asked for, 0 means 3."""
        request = pb2.GetLiftReportRequest(
            parent=names.project_name(project), experiment=experiment, target=target
        )
        response = await self._link.unary(self._stub.GetLiftReport, request, repeatable=True)
        return wire.lift_from_pb(response)
