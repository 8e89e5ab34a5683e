"""A real tritonserver on this machine, for tests and benchmarks: fetched once into the user's cache folder.

It lies in an environment of its own, because it wants an older NumPy than we do. Linux on x86-64 only.
"""

import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import fetched
from packages import ROOT

PINNED = ROOT / "tools" / "triton.txt"
BACKEND = ROOT / "tools" / "triton_backend.py"
_START_SECONDS = 60.0
_STOP_SECONDS = 10.0


class TritonServer:
    """One server over one model repository; it can die and come back at the same address."""

    def __init__(self, repository: Path, log: Path) -> None:
        """Starts nothing yet."""
        self.repository = repository
        self.log = log
        self.ports = _unused_ports(3)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """host:port of gRPC."""
        return f"127.0.0.1:{self.ports[0]}"

    def start(self) -> None:
        """Start it, and wait until every model is loaded."""
        self.launch()
        deadline = time.monotonic() + _START_SECONDS
        while not self._is_ready():
            if self.process is None or self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"tritonserver did not start; {self.log} says why")
            time.sleep(0.1)

    def launch(self) -> None:
        """Start it without waiting."""
        home = install()
        packages = fetched.packages(home)
        grpc, http, metrics = self.ports
        command = [
            *(str(packages / "pytriton" / "tritonserver" / "bin" / "tritonserver"), "--exit-timeout-secs=3"),
            *(f"--model-repository={self.repository}", f"--backend-directory={home / 'backends'}"),
            *("--grpc-address=127.0.0.1", f"--grpc-port={grpc}"),
            *("--http-address=127.0.0.1", f"--http-port={http}"),
            *("--metrics-address=127.0.0.1", f"--metrics-port={metrics}", "--allow-gpu-metrics=false"),
            f"--backend-config=python,shm-region-prefix-name={self._memory_prefix}",
        ]
        libraries = f"{sysconfig.get_config_var('LIBDIR')}:{packages / 'nvidia_pytriton.libs'}"
        environment = os.environ | {
            "LD_LIBRARY_PATH": libraries,
            "PATH": f"{home / 'bin'}:{os.environ['PATH']}",
        }
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)

    def stop(self) -> None:
        """SIGTERM: it finishes what it has begun."""
        if self.process is not None:
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(_STOP_SECONDS)
            self.kill()

    def kill(self) -> None:
        """SIGKILL; its backend's processes notice and end."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None
            for left in Path("/dev/shm").glob(f"{self._memory_prefix}*"):  # noqa: S108 - names are this server's own
                left.unlink(missing_ok=True)

    @property
    def _memory_prefix(self) -> str:
        return f"labelmesh_triton_{os.getpid()}_{self.ports[0]}_"

    def _is_ready(self) -> bool:
        try:
            address = f"http://127.0.0.1:{self.ports[1]}/v2/health/ready"
            with urllib.request.urlopen(address, timeout=1) as reply:
                return bool(reply.status == 200)
        except (urllib.error.URLError, OSError):
            return False


@contextmanager
def triton_server(repository: Path, log: Path) -> Iterator[TritonServer]:
    """A server of this repository, ended at the end."""
    server = TritonServer(repository, log)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def install() -> Path:
    """The environment with the server, made if it is not there."""
    if sys.platform != "linux" or os.uname().machine != "x86_64":
        raise RuntimeError("tritonserver can be fetched for Linux on x86-64 only.")
    home = fetched.environment("triton", PINNED, ("--no-deps", "--require-hashes"), _arrange)
    # Always the backend of this checkout.
    target = home / "backends" / "onnxruntime" / "model.py"
    if not target.exists() or target.read_bytes() != BACKEND.read_bytes():
        target.parent.mkdir(exist_ok=True)
        shutil.copy(BACKEND, target)
    return home


def _arrange(home: Path) -> None:
    """Put the server's python backend where it finds it, with the stub of this Python's version."""
    server = fetched.packages(home) / "pytriton" / "tritonserver"
    python = home / "backends" / "python"
    shutil.copytree(server / "backends" / "python", python)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    shutil.copy(server / "python_backend_stubs" / version / "triton_python_backend_stub", python)


def _unused_ports(count: int) -> tuple[int, ...]:
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return tuple(probe.getsockname()[1] for probe in probes)
    finally:
        for probe in probes:
            probe.close()
