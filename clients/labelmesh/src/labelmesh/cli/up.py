"""`labelmesh up`, `down` and `status`: the stack on this machine."""

import asyncio
import os
from pathlib import Path
from time import monotonic, sleep
from typing import Annotated

import typer

from labelmesh.cli import stack_view
from labelmesh.cli.connect import AsJson, StateDir, resolve
from labelmesh.cli.console import err, out, print_json
from labelmesh.cli.errors import UserError
from labelmesh.local import health, identity, leftovers, state
from labelmesh.local.errors import NotRunning
from labelmesh.local.running import DEFAULT_MODEL, DEFAULT_SAM_MODEL, Watchers, running
from labelmesh.local.signals import stop_signals
from labelmesh.local.stack import Stack
from labelmesh.local.weights import is_local

_BASE_URL = "LABELMESH_LLM_BASE_URL"
_MODEL = "LABELMESH_LLM_MODEL"
_OPENAI_URL = "https://api.openai.com/v1"
NO_SAM = "none"
_DOWN_PATIENCE_S = 60.0
_LOOK_EVERY_S = 0.1


def up(
    model: Annotated[
        str,
        typer.Option(
            help="Local model (`labelmesh models list`) or a .gguf file; with an endpoint the name there. "
            f"Default: {DEFAULT_MODEL}.",
            show_default=False,
        ),
    ] = "",
    endpoint: Annotated[
        str,
        typer.Option(help="OpenAI-compatible base URL to use instead of a local model.", show_default=False),
    ] = "",
    sam_model: Annotated[
        str,
        typer.Option(
            help="Segment Anything model for pictures (`labelmesh models list`), a folder with encoder.onnx and "
            "decoder.onnx, or none."
        ),
    ] = DEFAULT_SAM_MODEL,
    state_dir: StateDir = None,
) -> None:
    """Start the broker, a local language model and every service; Ctrl-C stops them all.

    No key and no GPU is needed: a small model runs on this machine and is fetched
    the first time, unless --endpoint or $LABELMESH_LLM_BASE_URL names an
    endpoint, or $OPENAI_API_KEY is set and --model is none of the local ones. A
    process that dies is started again. Everything listens on this machine only
    and keeps its files in the state directory.

    [bold]Examples[/bold]

      labelmesh up
      labelmesh up --model smollm2 --state-dir /tmp/try
      labelmesh up --endpoint http://127.0.0.1:8000/v1 --model my-model
    """
    url, name = _endpoint_and_model(endpoint, model)
    asyncio.run(_up(resolve(state_dir), url, name, None if sam_model == NO_SAM else sam_model))


def _endpoint_and_model(endpoint: str, model: str) -> tuple[str | None, str]:
    """The endpoint (None: the local model server) and the model's name there."""
    model = model or os.environ.get(_MODEL, "")
    endpoint = endpoint or os.environ.get(_BASE_URL, "")
    if not endpoint and os.environ.get("OPENAI_API_KEY") and not is_local(model or DEFAULT_MODEL):
        endpoint = _OPENAI_URL
    if not endpoint:
        return None, model or DEFAULT_MODEL
    if not endpoint.startswith(("http://", "https://")):
        raise UserError(f'The endpoint "{endpoint}" must start with http:// or https://.')
    if not model:
        raise UserError("With an endpoint give the model's name there too: --model NAME.")
    return endpoint, model


async def _up(state_dir: Path, endpoint: str | None, model: str, sam_model: str | None) -> None:
    view = stack_view.StartView()
    stack_up: list[Stack] = []

    def insist() -> None:
        for stack in stack_up:
            stack.kill_all()

    with stop_signals(insist) as stopped:
        try:
            watchers = Watchers(view.step, stack_view.tell, view.fetching)
            async with running(
                state_dir, endpoint=endpoint, model=model, sam_model=sam_model, watchers=watchers
            ) as stack:
                stack_up.append(stack)
                view.done()
                out.print(stack_view.started(stack))
                out.print(
                    "Ctrl-C stops everything. Next, in another terminal: labelmesh project create --help",
                    style="dim",
                )
                await stack_view.follow(stack)
        except asyncio.CancelledError:
            if not stopped():
                raise
        finally:
            view.done()
    err.print("Stopped.")


def down(state_dir: StateDir = None) -> None:
    """Stop what `labelmesh up` started on this state directory."""
    folder = resolve(state_dir)
    found = state.read(folder)
    if found is None:
        raise NotRunning(f"Labelmesh does not run on {folder}.")
    if identity.ask_to_stop(found.supervisor):
        _wait_for_end(found.supervisor)
        err.print("Stopped.")
        return
    # The supervisor was killed: what it started is ours to end, if it is still the same processes.
    ended = leftovers.end_all(found)
    state.forget(folder)
    err.print(f"The supervisor was gone; ended {ended} processes that it had left behind.")


def _wait_for_end(supervisor: identity.Identity) -> None:
    end = monotonic() + _DOWN_PATIENCE_S
    while identity.still_runs(supervisor):
        if monotonic() > end:
            raise UserError(f"The supervisor (pid {supervisor.pid}) is still stopping; see its terminal.")
        sleep(_LOOK_EVERY_S)


def status(as_json: AsJson = False, state_dir: StateDir = None) -> None:
    """Show what runs on this state directory; exit code 1 when not everything serves."""
    found = state.read_live(resolve(state_dir))
    serving = asyncio.run(_look(found))
    if as_json:
        print_json(stack_view.status_json(found, serving))
    else:
        out.print(stack_view.status_table(found, serving))
    missing = [name for name, serves in serving.items() if not serves]
    if missing:
        raise UserError(
            f"Not everything serves: {', '.join(missing)}; the logs are in {resolve(state_dir) / 'logs'}."
        )


async def _look(found: state.State) -> dict[str, bool]:
    serves = await asyncio.gather(*(health.address_serves(p.name, p.address) for p in found.processes))
    return {process.name: answer for process, answer in zip(found.processes, serves, strict=True)}
