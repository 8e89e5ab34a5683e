"""Rules tried on, enforced over and undone on labels that are there, and verdicts about what they found."""

from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial

from ulid import ULID

from labelmesh.client import wire
from labelmesh.client.arrival import Arrival
from labelmesh.client.calls import Link
from labelmesh.client.paging import pages, until_rest
from labelmesh.client.rule import Rule, RuleMode
from labelmesh.client.rule_run import RuleMetrics, RuleRun, RunHit, Verdict
from labelmesh.client.wire_rule_run import hit_from_pb, precision_from_pb, run_from_pb, verdict_to_pb
from labelmesh.qa.v1 import finding_service_pb2, rule_service_pb2
from labelmesh.qa.v1 import rule_run_service_pb2 as pb2
from labelmesh.qa.v1.finding_service_pb2_grpc import FindingServiceStub
from labelmesh.qa.v1.rule_run_service_pb2_grpc import RuleRunServiceStub
from labels import names

_PATIENCE_S = 120.0


class RuleRuns:
    """`client.rule_runs`."""

    def __init__(self, link: Link, arrival: Arrival) -> None:
        self._link = link
        self._arrival = arrival
        self._stub = RuleRunServiceStub(link.channel)
        self._findings = FindingServiceStub(link.channel)

    async def backtest(
        self, project: str, rule: Rule, *, seconds_per_hit: float = 0.0, request_id: str = ""
    ) -> RuleRun:
        """Start counting what a rule would find with these settings; it changes nothing.

        `seconds_per_hit` is what a person needs for one, 0 for the median of the project's reviews, or 20 where there
        are too few. The same `request_id` (made up when
        empty) again returns the first run.
        """
        request = pb2.BacktestRuleRequest(
            parent=names.project_name(project),
            rule=wire.rule_to_pb(rule),
            seconds_per_hit=seconds_per_hit,
            request_id=request_id or str(ULID()),
        )
        call = partial(self._link.unary, self._stub.BacktestRule, request, repeatable=True)
        response = await self._arrival.of(project, call)
        return run_from_pb(response.run)

    async def enforce(self, project: str, rule_id: str, *, request_id: str = "") -> RuleRun:
        """Start applying an enforced rule to the labels that are there; `revert` undoes it."""
        request = pb2.EnforceOverHistoryRequest(
            parent=names.project_name(project), rule=rule_id, request_id=request_id or str(ULID())
        )
        response = await self._link.unary(self._stub.EnforceOverHistory, request, repeatable=True)
        return run_from_pb(response.run)

    async def get(self, project: str, run_uid: str) -> RuleRun:
        """One run with its counts."""
        request = pb2.GetRuleRunRequest(name=names.rule_run_name(project, run_uid))
        response = await self._link.unary(
            self._stub.GetRuleRun, request, repeatable=True, patience_s=_PATIENCE_S
        )
        return run_from_pb(response.run)

    async def list(self, project: str, rule_id: str = "") -> AsyncIterator[RuleRun]:
        """Runs of a project, newest first; of one rule when named."""
        request = pb2.ListRuleRunsRequest(parent=names.project_name(project), rule=rule_id)
        call = partial(self._link.unary, self._stub.ListRuleRuns, request, repeatable=True)
        async for page in pages(request, partial(self._arrival.of, project, call)):
            for pb in page.runs:
                yield run_from_pb(pb)

    async def wait(
        self, run: RuleRun, on_progress: Callable[[RuleRun], None] | None = None, *, poll_seconds: float = 0.3
    ) -> RuleRun:
        """Wait until nothing more happens by itself; `on_progress` gets the run at every look.

        A service that is restarted meanwhile is waited for up to two minutes. Raises LabelmeshError.
        """
        return await until_rest(partial(self.get, run.project, run.uid), on_progress, poll_seconds)

    async def cancel(self, project: str, run_uid: str) -> RuleRun:
        """Stop a run; what it counted and changed stays."""
        request = pb2.CancelRuleRunRequest(name=names.rule_run_name(project, run_uid))
        response = await self._link.unary(self._stub.CancelRuleRun, request, repeatable=True)
        return run_from_pb(response.run)

    async def resume(self, project: str, run_uid: str) -> RuleRun:
        """Continue a cancelled or failed run where it stopped."""
        request = pb2.ResumeRuleRunRequest(name=names.rule_run_name(project, run_uid))
        response = await self._link.unary(self._stub.ResumeRuleRun, request, repeatable=True)
        return run_from_pb(response.run)

    async def hits(self, project: str, run_uid: str) -> AsyncIterator[RunHit]:
        """A uniform sample of at most 100 of what a run found."""
        request = pb2.ListRunHitsRequest(name=names.rule_run_name(project, run_uid))
        call = partial(self._link.unary, self._stub.ListRunHits, request, repeatable=True)
        async for page in pages(request, call):
            for pb in page.hits:
                yield hit_from_pb(pb)

    async def set_mode(self, project: str, rule_id: str, mode: RuleMode, *, backtest: str = "") -> Rule:
        """Say how far a rule counts, with the settings of a backtest's run if one is named.

        Raises LabelmeshError: BACKTEST_MISSING where ENFORCE has no finished backtest of the same settings,
        BACKTEST_FAILED where a rule of the project's own failed on more than 1 in 100 labels of it, and
        PRECISION_TOO_LOW where it deletes and is not right often enough.
        """
        request = pb2.SetRuleModeRequest(
            parent=names.project_name(project),
            rule=rule_id,
            mode=rule_service_pb2.RuleMode.Value(f"RULE_MODE_{mode}"),
            backtest=names.rule_run_name(project, backtest) if backtest else "",
        )
        response = await self._link.unary(self._stub.SetRuleMode, request, repeatable=True)
        return wire.rule_from_pb(response.rule)

    async def revert(self, project: str, run_uid: str) -> RuleRun:
        """Have labels that still stand as a run left them get their former claims back."""
        request = pb2.RevertRuleRunRequest(name=names.rule_run_name(project, run_uid))
        response = await self._link.unary(self._stub.RevertRuleRun, request, repeatable=True)
        return run_from_pb(response.run)

    async def resolve(self, project: str, verdicts: Sequence[Verdict]) -> None:
        """Confirm or dismiss 1 to 1,000 findings together; later verdicts replace earlier ones."""
        request = finding_service_pb2.BatchResolveFindingsRequest(
            parent=names.project_name(project),
            resolutions=[verdict_to_pb(verdict, project) for verdict in verdicts],
        )
        await self._link.unary(self._findings.BatchResolveFindings, request, repeatable=True)

    async def metrics(self, project: str, rule_id: str) -> RuleMetrics:
        """What a rule found, and how often people agreed."""
        request = finding_service_pb2.GetRuleMetricsRequest(parent=names.project_name(project), rule=rule_id)
        call = partial(self._link.unary, self._findings.GetRuleMetrics, request, repeatable=True)
        response = await self._arrival.of(project, call)
        return RuleMetrics(response.findings, response.shadow_findings, precision_from_pb(response.precision))
