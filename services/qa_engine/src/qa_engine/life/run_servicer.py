"""RuleRunService on the wire."""

from typing import Any

import grpc

from chassis.auth import caller
from chassis.clock import now_us
from chassis.db import Database
from chassis.pages import page
from labelmesh.qa.v1 import rule_run_service_pb2 as pb2
from labelmesh.qa.v1 import rule_service_pb2
from labelmesh.qa.v1.rule_run_service_pb2_grpc import RuleRunServiceServicer
from labels.names import RULE_RUN, parse, parse_project
from qa_engine import projects
from qa_engine.engine import Engine
from qa_engine.errors import RunRequestInvalid
from qa_engine.life import changing, runs, starting, wire
from qa_engine.life.run import Run, RunState, check_can_cancel, check_can_resume, settings_from_json
from qa_engine.life.worker import RunWorker
from qa_engine.projects import Project
from qa_engine.rule import Rule, Settings
from qa_engine.wire import mode_from_pb, rule_to_pb, settings_from_pb

Context = grpc.aio.ServicerContext[Any, Any]


class RuleRunServicer(RuleRunServiceServicer):
    """Translates between the wire and runs; every call sees only the caller's tenant."""

    def __init__(self, db: Database, engine: Engine, worker: RunWorker) -> None:
        self._db = db
        self._engine = engine
        self._worker = worker

    async def BacktestRule(
        self, request: pb2.BacktestRuleRequest, context: Context
    ) -> pb2.BacktestRuleResponse:
        """Start counting what a rule would find."""
        seconds = wire.seconds_from_pb(request.seconds_per_hit)
        request_id = wire.request_id_from_pb(request.request_id)
        async with self._db.begin() as conn:
            project = await self._project(conn, parse_project(request.parent))
            rule = self._engine.rule(request.rule.id, project.ruleset)
            settings = _draft(request.rule, rule, rule.settings(project.ruleset))
            who = caller().actor
            run = await starting.backtest(
                conn, project, rule, settings, seconds_per_hit=seconds, author=who, request_id=request_id
            )
        self._worker.wake()
        return pb2.BacktestRuleResponse(run=wire.run_to_pb(run, project, self._engine))

    async def EnforceOverHistory(
        self, request: pb2.EnforceOverHistoryRequest, context: Context
    ) -> pb2.EnforceOverHistoryResponse:
        """Start applying an enforced rule to labels that are there."""
        request_id = wire.request_id_from_pb(request.request_id)
        async with self._db.begin() as conn:
            project = await self._project(conn, parse_project(request.parent))
            rule = self._engine.rule(request.rule, project.ruleset)
            run = await starting.enforce(conn, project, rule, caller().actor, request_id)
        self._worker.wake()
        return pb2.EnforceOverHistoryResponse(run=wire.run_to_pb(run, project, self._engine))

    async def GetRuleRun(self, request: pb2.GetRuleRunRequest, context: Context) -> pb2.GetRuleRunResponse:
        """One run."""
        project_id, uid = parse(request.name, RULE_RUN)
        async with self._db.read() as conn:
            project = await self._project(conn, project_id)
            run = await runs.get(conn, project.uid, uid)
        return pb2.GetRuleRunResponse(run=wire.run_to_pb(run, project, self._engine))

    async def ListRuleRuns(
        self, request: pb2.ListRuleRunsRequest, context: Context
    ) -> pb2.ListRuleRunsResponse:
        """A page of runs, newest first."""
        async with self._db.read() as conn:
            project = await self._project(conn, parse_project(request.parent))
            query = ("rule_runs", project.uid, request.rule)
            asked = page(query, request.page_size, request.page_token, (int, str))
            before = (int(asked.after[0]), str(asked.after[1])) if asked.after else None
            found = await runs.page(conn, project.uid, request.rule, before, asked.size + 1)
        shown, more = asked.first(found, lambda run: (run.create_time_us, run.uid))
        pbs = [wire.run_to_pb(run, project, self._engine) for run in shown]
        return pb2.ListRuleRunsResponse(runs=pbs, next_page_token=more)

    async def CancelRuleRun(
        self, request: pb2.CancelRuleRunRequest, context: Context
    ) -> pb2.CancelRuleRunResponse:
        """Stop a run; one that is stopped already stays so."""
        project, run = await self._move(request.name, RunState.CANCELLED)
        return pb2.CancelRuleRunResponse(run=wire.run_to_pb(run, project, self._engine))

    async def ResumeRuleRun(
        self, request: pb2.ResumeRuleRunRequest, context: Context
    ) -> pb2.ResumeRuleRunResponse:
        """Continue a run."""
        project, run = await self._move(request.name, RunState.RUNNING)
        self._worker.wake()
        return pb2.ResumeRuleRunResponse(run=wire.run_to_pb(run, project, self._engine))

    async def _move(self, name: str, state: RunState) -> tuple[Project, Run]:
        """Bring a run into a state that it is not in."""
        project_id, uid = parse(name, RULE_RUN)
        check = check_can_cancel if state is RunState.CANCELLED else check_can_resume
        async with self._db.begin() as conn:
            project = await self._project(conn, project_id)
            run = await runs.get(conn, project.uid, uid, lock=True)
            if run.state is not state:
                check(run)
                await runs.to_state(conn, run, state, now_us())
            return project, await runs.get(conn, project.uid, uid)

    async def ListRunHits(self, request: pb2.ListRunHitsRequest, context: Context) -> pb2.ListRunHitsResponse:
        """A page of the sample of what a run found."""
        project_id, uid = parse(request.name, RULE_RUN)
        async with self._db.read() as conn:
            project = await self._project(conn, project_id)
            run = await runs.get(conn, project.uid, uid)
            asked = page(("run_hits", uid), request.page_size, request.page_token, (int,))
            after = int(asked.after[0]) if asked.after else None
            found = await runs.hits(conn, uid, run.rule, after, asked.size + 1)
        shown, more = asked.first(found, lambda hit: (hit[0],))
        pbs = [wire.hit_to_pb(hit, project.id) for _, hit in shown]
        return pb2.ListRunHitsResponse(hits=pbs, next_page_token=more)

    async def SetRuleMode(self, request: pb2.SetRuleModeRequest, context: Context) -> pb2.SetRuleModeResponse:
        """Say how far a rule counts."""
        mode = mode_from_pb(request.mode)
        async with self._db.begin() as conn:
            project = await self._project(conn, parse_project(request.parent))
            rule = self._engine.rule(request.rule, project.ruleset)
            settings = rule.settings(project.ruleset)
            if request.backtest:
                settings = await _of_backtest(conn, project, rule, request.backtest)
            now = await changing.change(conn, project, rule, settings.in_mode(mode), said=True)
        return pb2.SetRuleModeResponse(rule=rule_to_pb(rule, now), ruleset_revision=now.revision)

    async def RevertRuleRun(
        self, request: pb2.RevertRuleRunRequest, context: Context
    ) -> pb2.RevertRuleRunResponse:
        """Have a run's changes undone."""
        project_id, uid = parse(request.name, RULE_RUN)
        async with self._db.begin() as conn:
            project = await self._project(conn, project_id)
            run = await starting.revert(conn, project, uid)
        return pb2.RevertRuleRunResponse(run=wire.run_to_pb(run, project, self._engine))

    async def _project(self, conn: Any, project_id: str) -> Project:
        return await projects.by_id(conn, caller().tenant, project_id)


async def _of_backtest(conn: Any, project: Project, rule: Rule, name: str) -> Settings:
    """The settings that a backtest tried; raises RunRequestInvalid where it is of another rule."""
    project_id, uid = parse(name, RULE_RUN)
    run = await runs.get(conn, project.uid, uid)
    if project_id != project.id or run.rule != rule.id or not run.settings:
        raise RunRequestInvalid("The backtest is of another rule.")
    return settings_from_json(run.settings)


def _draft(pb: rule_service_pb2.Rule, rule: Rule, now: Settings) -> Settings:
    """The settings to try: those asked for, or where nothing but the rule's id is said those that hold."""
    bare = pb == rule_service_pb2.Rule(id=pb.id)
    return rule.change(now, now if bare else settings_from_pb(pb, rule, now))
