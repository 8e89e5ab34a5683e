"""From a state directory, or addresses in the environment, to a client."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from labelmesh.cli.errors import UserError
from labelmesh.client import Client, Endpoints, LabelmeshError, NotConnected, Tls
from labelmesh.client.arrival import PROJECT_REASONS
from labelmesh.client.client import NO_SEGMENTER
from labelmesh.local import state
from labels.names import is_project_id

T = TypeVar("T")

_ADDRESSES = {
    "review_queue": "LABELMESH_REVIEW_QUEUE",
    "llm_annotator": "LABELMESH_LLM_ANNOTATOR",
    "qa_engine": "LABELMESH_QA_ENGINE",
}
_SEGMENTER_ADDRESS = "LABELMESH_SAM_SEGMENTER"

StateDir = Annotated[
    Path | None,
    typer.Option(
        "--state-dir",
        help="Where `labelmesh up` keeps its state. Default: $LABELMESH_HOME, else ./.labelmesh.",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]


def _project_id(value: str) -> str:
    if not is_project_id(value):
        raise typer.BadParameter("a project id is 2 to 48 of a-z, 0-9 and -, starting with a letter")
    return value


ProjectId = Annotated[str, typer.Argument(metavar="PROJECT", help="The project's id.", callback=_project_id)]


def resolve(state_dir: Path | None) -> Path:
    """The state directory that is meant."""
    return state_dir or state.default_dir()


def open_client(state_dir: Path | None, *, actor: str = "") -> Client:
    """A client for the stack of the state directory.

    LABELMESH_REVIEW_QUEUE, LABELMESH_LLM_ANNOTATOR and LABELMESH_QA_ENGINE (host:port) point elsewhere when
    all are set, and LABELMESH_SAM_SEGMENTER for pictures; LABELMESH_TOKEN_FILE and LABELMESH_TLS_CA_FILE then
    say how to be let in. Raises NotRunning.
    """
    addresses = {field: os.environ.get(variable, "") for field, variable in _ADDRESSES.items()}
    if any(addresses.values()) or os.environ.get(_SEGMENTER_ADDRESS):
        missing = [_ADDRESSES[field] for field, address in addresses.items() if not address]
        if missing:
            raise UserError(f"To reach services elsewhere set {' and '.join(missing)} too.")
        segmenter = os.environ.get(_SEGMENTER_ADDRESS, "")
        return Client(
            Endpoints(**addresses, sam_segmenter=segmenter), token=_token(), tls=_tls(), actor=actor
        )
    return Client(state.read_live(resolve(state_dir)).endpoints, token=_token(), tls=_tls(), actor=actor)


def call(state_dir: Path | None, work: Callable[[Client], Awaitable[T]], *, actor: str = "") -> T:
    """Run `work` with a client; a service that does not answer is explained by where it should run."""

    async def with_client() -> T:
        async with open_client(state_dir, actor=actor) as client:
            return await work(client)

    return asyncio.run(with_client())


def explain(error: LabelmeshError) -> str:
    """The sentence for a failed call."""
    if isinstance(error, NotConnected) and error.code == "UNAVAILABLE":
        return f"{error.message} See `labelmesh status` and the log of {error.service}."
    if error.reason in PROJECT_REASONS:
        return f"{error.message} `labelmesh project list` shows those there are."
    if error.reason == NO_SEGMENTER:
        return f"To reach sam-segmenter elsewhere set {_SEGMENTER_ADDRESS} too."
    if error.service == "sam-segmenter" and error.code == "UNIMPLEMENTED":
        return "sam-segmenter runs without a Segment Anything model; restart `labelmesh up` without --sam-model none."
    return error.message


def _token() -> str:
    path = os.environ.get("LABELMESH_TOKEN_FILE")
    if not path:
        return ""
    try:
        return Path(path).read_text().strip()
    except OSError as error:
        raise UserError(f"The token file {path} cannot be read: {error.strerror}.") from error


def _tls() -> Tls | None:
    path = os.environ.get("LABELMESH_TLS_CA_FILE")
    return Tls(ca_file=Path(path)) if path else None
