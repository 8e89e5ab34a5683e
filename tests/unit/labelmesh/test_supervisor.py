import asyncio
import os
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from labelmesh.local import identity, programs, state
from labelmesh.local.errors import AlreadyRunning, NotRunning, StartFailed, StateUnreadable
from labelmesh.local.ports import Ports
from labelmesh.local.supervisor import Died, Event, Restarted, Supervisor


def broker(folder: Path) -> programs.Program:
    with Ports() as ports:
        return programs.broker(folder, ports.choose(0))


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def supervisor(tmp_path: Path, events: list[Event]) -> Supervisor:
    return Supervisor(tmp_path / "logs", events.append, lambda: None)


async def test_a_killed_process_comes_back_at_the_same_address(
    tmp_path: Path, supervisor: Supervisor, events: list[Event]
) -> None:
    await supervisor.start([broker(tmp_path)])
    try:
        (first,) = supervisor.processes
        killed = supervisor.kill("nats-server")
        await supervisor.until_serving()
        (second,) = supervisor.processes
        assert killed == first.pid != second.pid
        assert second.program.address == first.program.address
        assert [type(event) for event in events] == [Died, Restarted]
        died = events[0]
        assert isinstance(died, Died)
        assert died.exit_code == -signal.SIGKILL
    finally:
        await supervisor.stop()
    assert identity.identify(second.pid) is None


async def test_a_held_process_stays_stopped_until_released(tmp_path: Path, supervisor: Supervisor) -> None:
    await supervisor.start([broker(tmp_path)])
    try:
        await supervisor.hold("nats-server")
        assert supervisor.processes == []
        await supervisor.release("nats-server")
        assert len(supervisor.processes) == 1
    finally:
        await supervisor.stop()


async def test_a_program_that_ends_at_once_is_named_with_its_log(
    tmp_path: Path, supervisor: Supervisor
) -> None:
    program = replace(broker(tmp_path), command=(sys.executable, "-c", "import sys; sys.exit('no such key')"))
    with pytest.raises(
        StartFailed, match=r"nats-server ended with code 1 \(no such key\); its log is .*log\."
    ):
        await supervisor.start([program])
    await supervisor.stop()


async def test_another_process_on_the_port_is_not_taken_for_ours(
    tmp_path: Path, supervisor: Supervisor
) -> None:
    ours = broker(tmp_path)
    await supervisor.start([ours])
    late = Supervisor(tmp_path / "late", lambda _event: None, lambda: None)
    asleep = (sys.executable, "-c", "import time; time.sleep(60)")
    try:
        with pytest.raises(StartFailed, match="did not come up"):
            await late.start([replace(ours, command=asleep, start_seconds=1.0)])
    finally:
        await late.stop()
        await supervisor.stop()


async def test_a_program_that_never_serves_is_given_up(tmp_path: Path, supervisor: Supervisor) -> None:
    program = replace(
        broker(tmp_path), command=(sys.executable, "-c", "import time; time.sleep(60)"), start_seconds=0.5
    )
    with pytest.raises(StartFailed, match="did not come up"):
        await supervisor.start([program])
    await supervisor.stop()


async def test_a_process_that_ignores_sigterm_is_killed(tmp_path: Path, supervisor: Supervisor) -> None:
    program = broker(tmp_path)
    stubborn = (
        "import signal, socket, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); s = socket.socket(); "
        "s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); "
        f"s.bind(('127.0.0.1', {program.address.rpartition(':')[2]})); s.listen(); time.sleep(60)"
    )
    await supervisor.start([replace(program, command=(sys.executable, "-c", stubborn), stop_seconds=0.3)])
    (process,) = supervisor.processes
    await supervisor.stop()
    assert process.exit_code == -signal.SIGKILL


def test_a_port_is_chosen_once_until_it_is_let_go() -> None:
    with Ports() as one, Ports() as other:
        first = one.choose(0)
        assert one.choose(first) != first
        # Nobody listens there yet, but it is promised to somebody.
        assert other.choose(first) != first
    with Ports() as later:
        assert later.choose(first) == first


def test_a_port_that_somebody_listens_on_is_replaced() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening, Ports() as ports:
        port = listening.getsockname()[1]
        assert ports.choose(port) != port


def test_only_the_recorded_process_is_ended() -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", "import time; print(flush=True); time.sleep(60)"], stdout=subprocess.PIPE
    )
    try:
        # Before it has become the program it has no command line yet.
        assert child.stdout is not None
        child.stdout.readline()
        seen = identity.identify(child.pid)
        assert seen is not None
        other_start = seen.model_copy(update={"started": seen.started - 100})
        other_command = seen.model_copy(update={"command": ("python", "other")})
        assert identity.end([other_start, other_command], 1.0) == []
        assert child.poll() is None
        assert identity.end([seen], 5.0) == [child.pid]
    finally:
        child.kill()
        child.communicate()


def test_a_state_directory_has_one_owner(tmp_path: Path) -> None:
    with state.locked(tmp_path), pytest.raises(AlreadyRunning), state.locked(tmp_path):
        pass
    with state.locked(tmp_path):
        pass


def test_a_state_directory_that_is_a_file_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateUnreadable, match=r"cannot be used: .*\."), state.locked(tmp_path / "file"):
        pass


def test_the_state_of_a_dead_supervisor_counts_as_not_running(tmp_path: Path) -> None:
    me = identity.identify(os.getpid())
    assert me is not None
    written = state.State(supervisor=me, processes=[], model="m", model_address="a")
    state.write(tmp_path, written)
    assert state.read_live(tmp_path) == written
    state.write(tmp_path, written.model_copy(update={"supervisor": me.model_copy(update={"started": 1.0})}))
    with pytest.raises(NotRunning, match="labelmesh up"):
        state.read_live(tmp_path)


async def test_stopping_while_a_restart_waits_ends_it(tmp_path: Path, supervisor: Supervisor) -> None:
    await supervisor.start([broker(tmp_path)])
    supervisor.kill("nats-server")
    await asyncio.sleep(0)
    await supervisor.stop()
    assert supervisor.processes == []
