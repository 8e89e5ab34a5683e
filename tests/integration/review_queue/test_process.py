"""The service as its own process: starts without a broker, serves, ends in good order."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from chassis.testing import unused_port
from labelmesh.review.v1 import project_service_pb2
from labelmesh.review.v1.project_service_pb2_grpc import ProjectServiceStub


@pytest.fixture
def service(database_url: str, tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The process and its address; no broker is there."""
    address = f"127.0.0.1:{unused_port()}"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LABELMESH_")}
    environment = kept | {
        "LABELMESH_LISTEN": address,
        "LABELMESH_NATS_URL": f"nats://127.0.0.1:{unused_port()}",
        "LABELMESH_DATABASE_URL": database_url,
        "LABELMESH_BLOB_URL": f"file://{tmp_path}/blobs",
    }
    program = Path(sys.executable).with_name("review-queue")
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([program], env=environment, stdout=log, stderr=log)
    yield address, process
    process.kill()
    process.wait()


async def test_start_serve_stop(service: tuple[str, subprocess.Popen[bytes]]) -> None:
    address, process = service
    async with grpc.aio.insecure_channel(address) as channel:
        await _until_serving(channel, process)
        stub = ProjectServiceStub(channel)
        response = await stub.ListProjects(project_service_pb2.ListProjectsRequest())
        assert list(response.projects) == []
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 60) == 0


async def _until_serving(channel: grpc.aio.Channel, process: subprocess.Popen[bytes]) -> None:
    health = health_pb2_grpc.HealthStub(channel)
    end = time.monotonic() + 60
    while True:
        try:
            answer = await health.Check(health_pb2.HealthCheckRequest(), wait_for_ready=True, timeout=5)
        except grpc.aio.AioRpcError:
            assert process.poll() is None, "the service did not start"
            assert time.monotonic() < end, "the service does not answer"
            continue
        if answer.status == health_pb2.HealthCheckResponse.SERVING:
            return
        await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("name", "value"), [("LABELMESH_LISTEN", "0.0.0.0:7401"), ("LABELMESH_LOG_LEVEL", "LOUD")]
)
def test_unsafe_settings_are_refused(name: str, value: str) -> None:
    program = Path(sys.executable).with_name("review-queue")
    done = subprocess.run(
        [program], env=os.environ | {name: value}, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert name in done.stderr or "token" in done.stderr
    assert "Traceback" not in done.stderr
