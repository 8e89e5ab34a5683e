"""A worker that is told to stop in the middle of a run."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from labelmesh.qa.v1 import rule_run_service_pb2, rule_service_pb2
from qa_engine.engine import Engine, discover
from qa_engine.life import worker as working
from qa_engine.life.worker import RunWorker
from tests.integration.qa_engine.life.test_runs import RULE, small_and_large

State = rule_run_service_pb2.RuleRunState


class Gate:
    """Where a page waits before its labels are judged."""

    def __init__(self, worker: RunWorker, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reached, self.opened = asyncio.Event(), asyncio.Event()
        self._judge = worker._judge
        monkeypatch.setattr(worker, "_judge", self._wait)

    async def _wait(self, *given: Any) -> Any:
        self.reached.set()
        await self.opened.wait()
        return await self._judge(*given)


@pytest.fixture
async def gate(town: Any, monkeypatch: pytest.MonkeyPatch) -> Gate:
    monkeypatch.setattr("qa_engine.life.seen.PAGE_LABELS", 2)
    await small_and_large(town, 5)
    return Gate(town.worker, monkeypatch)


async def backtest(town: Any) -> str:
    request = rule_run_service_pb2.BacktestRuleRequest(
        parent="projects/news", rule=rule_service_pb2.Rule(id=RULE)
    )
    return str((await town.runs.BacktestRule(request, metadata=town.ann)).run.name)


@asynccontextmanager
async def stopping(town: Any, gate: Gate) -> AsyncIterator[None]:
    """A worker that is told to stop while a page waits at the gate, and then is gone."""
    async with asyncio.timeout(60):
        async with town.worker:
            await gate.reached.wait()
            leaving = asyncio.create_task(town.worker.__aexit__(None, None, None))
            await asyncio.sleep(0)
            assert town.worker._stopping
            yield
            await leaving


def another(town: Any) -> RunWorker:
    return RunWorker(town.qa_db, Engine(discover()), town.blobs, clock_us=town.clock)


async def test_the_page_under_way_is_finished_and_no_other_begun(town: Any, gate: Gate) -> None:
    name = await backtest(town)
    async with stopping(town, gate):
        gate.opened.set()
    left = await town.run(name)
    assert (left.looked, left.state) == (2, State.RULE_RUN_STATE_RUNNING)
    # The run is let go: the next worker need not wait for a claim to run out.
    assert await another(town).work()
    done = await town.run(name)
    assert (done.looked, done.hits, done.state) == (5, 5, State.RULE_RUN_STATE_DONE)


async def test_a_page_that_takes_too_long_is_left_as_if_it_had_not_begun(
    town: Any, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(working, "_STOP_SECONDS", 0.01)
    name = await backtest(town)
    async with stopping(town, gate):
        pass
    left = await town.run(name)
    assert (left.looked, left.state, left.error) == (0, State.RULE_RUN_STATE_RUNNING, "")
    assert not await another(town).work()
    town.clock.wait(2)
    assert await another(town).work()
    done = await town.run(name)
    assert (done.looked, done.hits, done.state) == (5, 5, State.RULE_RUN_STATE_DONE)


async def test_an_error_on_the_way_out_is_not_the_runs_fault(
    town: Any, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def cut_off(*given: Any) -> Any:
        raise RuntimeError("the connection was cut")

    monkeypatch.setattr(gate, "_judge", cut_off)
    name = await backtest(town)
    async with stopping(town, gate):
        gate.opened.set()
    left = await town.run(name)
    assert (left.looked, left.state, left.error) == (0, State.RULE_RUN_STATE_RUNNING, "")
    town.clock.wait(2)
    assert await another(town).work()
    assert (await town.run(name)).state == State.RULE_RUN_STATE_DONE


async def test_a_worker_without_a_run_stops(town: Any) -> None:
    async with asyncio.timeout(60):
        async with town.worker:
            pass
    assert town.worker._loop.done()
