"""The broker of deploy/k8s/base, run with the configuration that its pod gets."""

import asyncio
import os
import shutil
import socket
import subprocess
import sysconfig
import time
from pathlib import Path

import pytest
from k8s import FOLDER, render

from chassis import bus
from chassis.settings import ServiceSettings
from chassis.testing import unused_port

PACKAGES = (
    *(f"labelmesh.{name}.v1" for name in ("review", "annotator", "qa", "segmenter")),
    "labelmesh.deadletter",
)
PASSWORD = "p4ssword-of-the-test"


@pytest.fixture(scope="module")
def objects():
    return render(FOLDER / "base")


@pytest.fixture
def config(objects, tmp_path):
    (text,) = [item["data"]["nats.conf"] for item in objects if "nats.conf" in item.get("data", {})]
    port = unused_port()
    changes = {"0.0.0.0:4222": f"127.0.0.1:{port}", "0.0.0.0:8222": f"127.0.0.1:{unused_port()}"}
    for old, new in (changes | {"/data": str(tmp_path / "data")}).items():
        assert old in text
        text = text.replace(old, new)
    file = tmp_path / "nats.conf"
    file.write_text(text)
    return file, port


def until_it_listens(port):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("the broker does not start")


@pytest.fixture
def broker(config):
    file, port = config
    program = shutil.which("nats-server", path=sysconfig.get_path("scripts"))
    environment = os.environ | {"NATS_PASSWORD": PASSWORD}
    process = subprocess.Popen([program, "--config", file], env=environment, stderr=subprocess.DEVNULL)
    try:
        until_it_listens(port)
        yield f"nats://labelmesh:{PASSWORD}@127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


async def test_every_stream_fits_the_volume(objects, broker):
    (told,) = [item["data"] for item in objects if "LABELMESH_STREAM_MAX_BYTES" in item.get("data", {})]
    size = int(told["LABELMESH_STREAM_MAX_BYTES"])
    settings = ServiceSettings(
        service="review_queue", nats_url=broker, blob_url="memory:", stream_max_bytes=size
    )
    async with bus.connect(settings) as events, asyncio.timeout(20):
        for package in PACKAGES:
            await events.ensure_stream(package)
        streams = await events.js.streams_info()
    assert len(streams) == len(PACKAGES)
    # A stream that the broker had no room to reserve would have no limit of its own.
    assert [stream.config.max_bytes for stream in streams] == [size] * len(PACKAGES)


async def test_nobody_gets_in_without_the_password(broker):
    port = int(broker.rpartition(":")[2])
    async with asyncio.timeout(20):
        # Spoken by hand: the client library leaves its socket open when it is refused.
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await reader.readline()
        writer.write(b'CONNECT {"user": "labelmesh", "pass": "guess", "verbose": true}\r\nPING\r\n')
        answer = await reader.readline()
        writer.close()
        await writer.wait_closed()
    assert b"Authorization Violation" in answer


def test_the_volume_holds_what_the_broker_may_store(objects):
    (claim,) = [
        template["spec"]["resources"]["requests"]["storage"]
        for item in objects
        if item["kind"] == "StatefulSet"
        for template in item["spec"]["volumeClaimTemplates"]
    ]
    text = Path(FOLDER / "base" / "nats.conf").read_text()
    assert "max_file_store: 16GB" in text
    assert claim == "20Gi"
