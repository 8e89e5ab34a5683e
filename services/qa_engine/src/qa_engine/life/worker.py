"""Works on runs, a page at a time: what a page found and where the run goes on are one transaction.

Several workers may share a database. A worker that is killed leaves its run to the next one, which goes on behind the
last page that was stored.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from types import TracebackType
from typing import Self

from sqlalchemy.ext.asyncio import AsyncConnection

from chassis import outbox
from chassis.blobs import Blobs
from chassis.clock import now_us
from chassis.db import Database
from chassis.errors import StorageFull, StorageUnavailable, reason
from chassis.log import get_logger, where
from labelmesh.label.v1 import asset_pb2, label_pb2
from labels.proto import asset_from_pb, label_from_pb
from qa_engine import projects
from qa_engine.conduct import Mode
from qa_engine.engine import Engine
from qa_engine.errors import ProjectUnknown, QaError, RuleNotEnforced, RuleUnknown, RunOvertaken
from qa_engine.findings import Evaluation
from qa_engine.life import patches, precision, runs, scheduling, seen, telling, verdicts
from qa_engine.life.asked import asked
from qa_engine.life.run import Run, RunKind, RunState, Stage, settings_from_json
from qa_engine.life.runs import Hit, Step
from qa_engine.life.seen import Entry
from qa_engine.looking import Looker, Submission
from qa_engine.projects import Project
from qa_engine.rule import Ruleset, Unchecked
from qa_engine.webhooks import announce

_POLL_SECONDS = 1.0
_CLAIM_US = 60_000_000
_STOP_SECONDS = 10.0
_MODES = {
    RunKind.BACKTEST: frozenset(Mode),
    RunKind.ENFORCE: frozenset({Mode.ENFORCE}),
    RunKind.SCHEDULE: frozenset({Mode.SHADOW, Mode.ENFORCE}),
}
"""The modes that a rule may be in for a run to go on."""
_log = get_logger(__name__)


class RunWorker:
    """Works on runs until it is left."""

    def __init__(
        self, db: Database, engine: Engine, blobs: Blobs, *, clock_us: Callable[[], int] = now_us
    ) -> None:
        """`clock_us` is the time that claims and schedules are made of."""
        self._clock_us = clock_us
        self._db = db
        self._engine = engine
        self._blobs = blobs
        self._wake = asyncio.Event()
        self._stopping = False
        self._loop: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._loop = asyncio.create_task(self._run(), name="rule runs")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish the page under way and let its run go; one that takes too long is left and looked at again."""
        # A statement that is cancelled can come out as another error, so that is only for what is late.
        self._stopping = True
        self._wake.set()
        if self._loop is not None:
            _, late = await asyncio.wait([self._loop], timeout=_STOP_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)

    def wake(self) -> None:
        """A run waits."""
        self._wake.set()

    async def _run(self) -> None:
        while not self._stopping:
            self._wake.clear()
            try:
                if await self.work():
                    continue
            except (StorageFull, StorageUnavailable) as error:
                _log.warning("rule_runs_wait", error=type(error).__name__)
            except Exception as error:  # noqa: BLE001 - the loop must outlive whatever happens to one pass
                _log.error("rule_runs_failed", fault=where(error))
            with suppress(TimeoutError):
                async with asyncio.timeout(_POLL_SECONDS):
                    await self._wake.wait()

    async def work(self) -> bool:
        """Work on one run until it ends, another takes it or the worker stops; False when none waits.

        Of a run on a schedule it is one page.
        """
        await self._start_due()
        async with self._db.read() as conn:
            if not await runs.any_free(conn, self._clock_us()):
                return False
        async with self._db.begin() as conn:
            run = await runs.claim(conn, self._clock_us(), self._clock_us() + _CLAIM_US)
        if run is None:
            return False
        next_run: Run | None = run
        while next_run is not None:
            run, next_run = next_run, await self._turn(next_run)
            if self._stopping:
                break
        return True

    async def _start_due(self) -> None:
        """Start the runs of rules whose period has begun."""
        async with self._db.read() as conn:
            if not await scheduling.any_due(conn, self._clock_us()):
                return
        try:
            async with self._db.begin() as conn:
                await scheduling.start_due(conn, self._engine, self._clock_us())
        except (StorageFull, StorageUnavailable):
            raise
        except Exception as error:  # noqa: BLE001 - runs that people started must not wait for it
            _log.error("rule_schedules_failed", fault=where(error))

    async def _turn(self, run: Run) -> Run | None:
        """One page; None where there is no more to do. A run that cannot go on fails with the error's name."""
        try:
            return await self._page(run)
        except QaError as error:
            failed = reason(type(error))
        except (StorageFull, StorageUnavailable):
            raise
        except Exception as error:
            # One run's trouble must not stop the others.
            if self._stopping:
                # It may be the stop that is to blame; what the run is to blame for shows again.
                raise
            _log.error("rule_run_failed", run=run.uid, fault=where(error))
            failed = "INTERNAL"
        async with self._db.begin() as conn:
            await runs.to_state(conn, run, RunState.FAILED, self._clock_us(), failed)
        return None

    async def _page(self, run: Run) -> Run | None:
        async with self._db.read() as conn:
            project = await self._project(conn, run)
            entries = await seen.page(conn, run.project_uid, run.stage, run.cursor)
            submissions = [_submission(project, entry) for entry in entries]
            evaluations = await self._judge(conn, run, submissions)
            hits = await _hits(conn, run, entries, evaluations)
        step = _step(run, entries, hits)
        try:
            async with self._db.begin() as conn:
                await self._store(conn, run, list(zip(submissions, evaluations, strict=True)), hits, step)
        except RunOvertaken:
            return None
        # One on a schedule is let go after a page, so that it holds up nobody who waits for a backtest.
        ended = step.ended or run.kind is RunKind.SCHEDULE
        return None if ended else replace(run, stage=step.stage, cursor=step.cursor)

    async def _store(
        self,
        conn: AsyncConnection,
        run: Run,
        done: Sequence[tuple[Submission, Evaluation]],
        hits: Sequence[Hit],
        step: Step,
    ) -> None:
        """Store what a page comes to; raises RunOvertaken, so that nothing of it stays."""
        now, on_schedule = self._clock_us(), run.kind is RunKind.SCHEDULE
        if on_schedule:
            await telling.tell(conn, run, done, now)
        if run.kind is not RunKind.BACKTEST:
            step = replace(step, patched=await _patch(conn, run, done))
        free = on_schedule or self._stopping
        if not await runs.advance(conn, run, step, now, now if free else now + _CLAIM_US):
            raise RunOvertaken
        if run.stage is Stage.LABELS:
            await runs.sample(conn, run.uid, hits)

    async def _project(self, conn: AsyncConnection, run: Run) -> Project:
        """The project as it is now, with nothing but the run's rule, on the run's terms."""
        found = await projects.by_uid(conn, [run.project_uid])
        if run.project_uid not in found:
            raise ProjectUnknown
        project = found[run.project_uid]
        rule = self._engine.rule(run.rule, project.ruleset)
        if rule.version != run.version:
            raise RuleUnknown("The rule is another one by now.")
        mode = rule.settings(project.ruleset).mode
        if mode not in _MODES[run.kind]:
            raise RuleNotEnforced
        on_schedule = run.kind is RunKind.SCHEDULE
        settings = settings_from_json(run.settings).in_mode(mode if on_schedule else Mode.ENFORCE)
        own = (one for one in project.ruleset.custom if one.id == rule.id)
        custom = tuple(asked(one, run.kind, run.create_time_us) for one in own)
        return replace(project, ruleset=Ruleset(project.ruleset.revision, {rule.id: settings}, custom))

    async def _judge(
        self, conn: AsyncConnection, run: Run, submissions: Sequence[Submission]
    ) -> list[Evaluation]:
        rules = tuple(rule for rule in self._engine.rules if rule.id == run.rule)
        return await Looker(replace(self._engine, rules=rules), self._blobs).judge(conn, submissions)


def _submission(project: Project, entry: Entry) -> Submission:
    asset = asset_from_pb(asset_pb2.Asset.FromString(entry.asset))
    return Submission(project, asset, label_from_pb(label_pb2.Label.FromString(entry.label)))


async def _hits(
    conn: AsyncConnection, run: Run, entries: Sequence[Entry], evaluations: Sequence[Evaluation]
) -> list[Hit]:
    """What was found, each with what people said or did about it."""
    labels = {e.label_uid for e in evaluations if e.findings or e.shadow}
    said = await verdicts.about(conn, run.project_uid, run.rule, labels)
    found = []
    for entry, evaluation in zip(entries, evaluations, strict=True):
        for finding in (*evaluation.findings, *evaluation.shadow):
            right = said.get((evaluation.label_uid, finding.annotation_id))
            if right is None and run.stage is Stage.REVIEWED:
                right = precision.right(finding, entry.changed, kept=entry.kept)
            found.append(Hit(evaluation.label_uid, evaluation.asset_uid, finding, right))
    return found


def _step(run: Run, entries: Sequence[Entry], hits: Sequence[Hit]) -> Step:
    """What a page adds; behind the last label a backtest goes on with those that were reviewed."""
    right = sum(hit.right is True for hit in hits)
    wrong = sum(hit.right is False for hit in hits)
    if run.stage is Stage.REVIEWED:
        cursor = entries[-1].key if entries else run.cursor
        return Step(run.stage, cursor, right=right, wrong=wrong, ended=not entries)
    if not entries:
        return Step(Stage.REVIEWED, "", ended=run.kind is not RunKind.BACKTEST)
    labels = len({hit.label_uid for hit in hits})
    unchecked = len({hit.label_uid for hit in hits if isinstance(hit.finding.message, Unchecked)})
    return Step(run.stage, entries[-1].key, len(entries), labels, len(hits), 0, unchecked, right, wrong)


async def _patch(conn: AsyncConnection, run: Run, done: Sequence[tuple[Submission, Evaluation]]) -> int:
    """Ask for the changes to a page of labels; how many labels."""
    if not done:
        return 0
    project = done[0][0].project
    made = await patches.fresh(conn, [evaluation for _, evaluation in done])
    events = [
        (
            patches.event(project, evaluation, ops, run.uid),
            project.uid,
            f"patched:{evaluation.label_uid}:{run.uid}",
        )
        for evaluation, ops in made
    ]
    await outbox.add_many(conn, events)
    await announce.messages(conn, events)
    return len(events)
