"""The state directory: who runs here, where it listens, and the lock that keeps a second `up` out."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ValidationError

from labelmesh.client.endpoints import Endpoints
from labelmesh.local.errors import AlreadyRunning, NotRunning, StateUnreadable
from labelmesh.local.identity import Identity, still_runs

HOME_VARIABLE = "LABELMESH_HOME"
DEFAULT_DIR = ".labelmesh"
_STATE_FILE = "state.json"
_LOCK_FILE = "lock"


class Running(BaseModel):
    """One process of a stack."""

    name: str
    address: str
    identity: Identity
    log: Path


class State(BaseModel):
    """What `state.json` says about a running stack."""

    supervisor: Identity
    processes: list[Running]
    model: str
    model_address: str
    sam_model: str = ""

    @property
    def endpoints(self) -> Endpoints:
        """Where the services listen."""
        addresses = {running.name: running.address for running in self.processes}
        return Endpoints(
            review_queue=addresses.get("review-queue", ""),
            llm_annotator=addresses.get("llm-annotator", ""),
            qa_engine=addresses.get("qa-engine", ""),
            sam_segmenter=addresses.get("sam-segmenter", ""),
        )


def default_dir() -> Path:
    """$LABELMESH_HOME, else `.labelmesh` in the working directory."""
    return Path(os.environ.get(HOME_VARIABLE) or DEFAULT_DIR)


@contextmanager
def locked(state_dir: Path) -> Iterator[None]:
    """Hold the state directory, creating it; the kernel lets go of it when the process dies, however it dies.

    Raises AlreadyRunning or StateUnreadable.
    """
    try:
        state_dir.mkdir(parents=True, exist_ok=True)
        lock = (state_dir / _LOCK_FILE).open("a")
    except OSError as error:
        raise StateUnreadable(f"The state directory {state_dir} cannot be used: {error.strerror}.") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(
                f"Labelmesh already runs on {state_dir}; "
                "stop it with `labelmesh down` or choose another --state-dir."
            ) from None
        yield


def write(state_dir: Path, state: State) -> None:
    """Replace the state file in one step, so that a reader never sees half of it."""
    draft = state_dir / f"{_STATE_FILE}.new"
    draft.write_text(state.model_dump_json(indent=2))
    draft.replace(state_dir / _STATE_FILE)


def read(state_dir: Path) -> State | None:
    """What the state file says, true or not; None without one. Raises StateUnreadable."""
    try:
        return State.model_validate_json((state_dir / _STATE_FILE).read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise StateUnreadable(f"The state file {state_dir / _STATE_FILE} cannot be read.") from error


def read_live(state_dir: Path) -> State:
    """The state of a stack whose supervisor lives; raises NotRunning or StateUnreadable."""
    state = read(state_dir)
    if state is None or not still_runs(state.supervisor):
        raise NotRunning(f"Labelmesh does not run on {state_dir}; start it with `labelmesh up`.")
    return state


def forget(state_dir: Path) -> None:
    """Remove the state file."""
    (state_dir / _STATE_FILE).unlink(missing_ok=True)
