"""A language model on this machine behind an OpenAI-compatible address: llama.cpp's own server, in this process.

    python -m labelmesh.local.model_server --model weights.gguf --port 7400 --alias qwen2.5-coder-1.5b

It listens on loopback only and asks for no key. When it can answer it prints one JSON line,
{"event": "listening", "address": "127.0.0.1:7400"}; SIGTERM and SIGINT end it.
"""

import argparse
import importlib
import json
import os
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labelmesh.local.errors import LocalError, ProgramMissing, StartFailed
from labelmesh.local.model_defaults import DEFAULT_CONTEXT_TOKENS, DEFAULT_PARALLEL

PROMPT_CACHE_MIB = 64
"""Memory for the states of prompts that lost their place, so that a common beginning is not computed again."""
_LOG_ERRORS_ONLY = 1
"""llama.cpp's verbosity: higher levels would write customers' texts to the log."""


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """What to serve and with how much of the machine.

    context_tokens is what one request may use, prompt and answer together; `parallel` requests are computed
    together and more wait their turn; threads is the number of processor cores to use.
    """

    model: Path
    port: int
    alias: str
    parallel: int = DEFAULT_PARALLEL
    context_tokens: int = DEFAULT_CONTEXT_TOKENS
    threads: int = 0

    def __post_init__(self) -> None:
        if not self.model.is_file():
            raise StartFailed(f'There is no model file at {self.model}; run "labelmesh models pull".')
        if not (1 <= self.parallel <= 64 and 256 <= self.context_tokens <= 131_072):
            raise StartFailed("A model server takes 1 to 64 parallel requests of 256 to 131,072 tokens each.")


def serve(settings: ServerSettings) -> None:
    """Load the model, announce the address, and block until SIGTERM or SIGINT; then end the process.

    Raises ProgramMissing, StartFailed. Both signals end the process at once while the model is being loaded.
    """
    server = _start(settings)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    address = str(server.listening_address).removeprefix("http://")
    print(json.dumps({"event": "listening", "address": address}), flush=True)
    stop.wait()
    # The library's own end waits for every answer under way, minutes if they are long, and holds the interpreter
    # meanwhile. Nothing here is worth keeping: who asked sees a broken connection and asks again.
    sys.stdout.flush()
    os._exit(0)


def _start(settings: ServerSettings) -> Any:
    # Read by OpenMP when the library is loaded: threads that spin would starve the services beside it.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        llama: Any = importlib.import_module("xllamacpp")
    except ImportError:
        raise ProgramMissing(
            "The local model server is not installed; install Labelmesh with its local extra (labelmesh[local])."
        ) from None
    try:
        return llama.Server(_parameters(llama, settings))
    except RuntimeError as error:
        raise StartFailed(
            f"The model server did not start on port {settings.port}: the port is taken, {settings.model} "
            "is no model file, or there is too little memory."
        ) from error


def _parameters(llama: Any, settings: ServerSettings) -> Any:
    made = llama.CommonParams()
    made.model.path = str(settings.model)
    made.model_alias = {settings.alias}
    made.hostnames = ["127.0.0.1"]
    made.port = settings.port
    made.n_parallel = settings.parallel
    made.n_ctx = settings.context_tokens * settings.parallel
    made.cache_ram_mib = PROMPT_CACHE_MIB
    made.cpuparams.n_threads = made.cpuparams_batch.n_threads = settings.threads or _cores()
    made.use_jinja = True
    made.ui = False
    made.endpoint_slots = False
    made.endpoint_metrics = True
    made.verbosity = _LOG_ERRORS_ONLY
    return made


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _settings(arguments: Sequence[str] | None) -> ServerSettings:
    parser = argparse.ArgumentParser(description="Serve a local language model.")
    parser.add_argument("--model", type=Path, required=True, help="weights, a GGUF file")
    parser.add_argument("--port", type=int, required=True, help="TCP port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--alias", required=True, help="the model's name towards callers")
    parser.add_argument("--parallel", type=int, default=DEFAULT_PARALLEL, help="requests computed together")
    parser.add_argument("--ctx", type=int, default=DEFAULT_CONTEXT_TOKENS, help="tokens a request may use")
    parser.add_argument("--threads", type=int, default=0, help="processor cores; 0 takes those available")
    given = parser.parse_args(arguments)
    return ServerSettings(given.model, given.port, given.alias, given.parallel, given.ctx, given.threads)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until told to stop; 0, or 1 with one sentence on stderr."""
    try:
        serve(_settings(arguments))
    except LocalError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
