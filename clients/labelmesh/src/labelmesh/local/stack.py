"""A running stack as its user sees it: addresses, pids, and the means to break and mend it."""

from collections.abc import Mapping
from pathlib import Path

from labelmesh.client.endpoints import Endpoints
from labelmesh.local.processes import Process
from labelmesh.local.state import Running, State
from labelmesh.local.supervisor import Supervisor


class Stack:
    """Broker, model server and services on this machine; made by `running`."""

    def __init__(
        self, state_dir: Path, supervisor: Supervisor, model: str, model_url: str, sam_model: str = ""
    ) -> None:
        self.state_dir = state_dir
        self.model = model
        self.model_url = model_url
        self.sam_model = sam_model
        self._supervisor = supervisor

    @property
    def processes(self) -> tuple[Process, ...]:
        """Those that run, broker first."""
        return tuple(self._supervisor.processes)

    @property
    def endpoints(self) -> Endpoints:
        """Where the services listen."""
        addresses = {process.program.name: process.program.address for process in self.processes}
        return Endpoints(
            review_queue=addresses["review-queue"],
            llm_annotator=addresses["llm-annotator"],
            qa_engine=addresses["qa-engine"],
            sam_segmenter=addresses["sam-segmenter"],
        )

    @property
    def addresses(self) -> Mapping[str, str]:
        """`host:port` by process name."""
        return {process.program.name: process.program.address for process in self.processes}

    @property
    def pids(self) -> Mapping[str, int]:
        """Process ids by name ("nats-server", "model-server", "review-queue" ...).

        They change with restarts.
        """
        return {process.program.name: process.pid for process in self.processes}

    def kill(self, name: str) -> int:
        """Kill -9 a process; the supervisor starts it again. The pid that was killed."""
        return self._supervisor.kill(name)

    async def until_serving(self) -> None:
        """Wait until every process that was killed serves again."""
        await self._supervisor.until_serving()

    async def restart(self, name: str) -> None:
        """Stop a process politely and start it again; returns when it serves."""
        await self._supervisor.hold(name)
        await self._supervisor.release(name)

    async def hold(self, name: str) -> None:
        """Stop a process politely and leave it stopped."""
        await self._supervisor.hold(name)

    async def release(self, name: str) -> None:
        """Start a process that is held; returns when it serves."""
        await self._supervisor.release(name)

    def kill_all(self) -> None:
        """End everything at once; leaving `running` afterwards finds nothing left to stop."""
        self._supervisor.kill_all()


def running_of(process: Process) -> Running:
    """A process as the state file lists it."""
    return Running(
        name=process.program.name,
        address=process.program.address,
        identity=process.identity,
        log=process.log,
    )


def snapshot(state: State, supervisor: Supervisor) -> State:
    """The state with the processes that run now."""
    return state.model_copy(update={"processes": [running_of(p) for p in supervisor.processes]})
