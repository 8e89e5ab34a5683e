"""A whole service as a process, and the redelivery tool as a command."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest

from chassis.testing import NatsServer, unused_port
from labelmesh.review.v1.review_events_pb2 import AssetsImported

PROGRAM = Path(__file__).with_name("whole_service.py")


def environment(broker: NatsServer, folder: Path, **more: str) -> dict[str, str]:
    return {
        **os.environ,
        "LABELMESH_NATS_URL": broker.url,
        "LABELMESH_DATABASE_URL": f"sqlite:///{folder}/whole.db",
        "LABELMESH_BLOB_URL": f"file:{folder}/blobs",
        **more,
    }


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_service_starts_listens_and_ends_in_good_order(
    broker: NatsServer, tmp_path: Path, number: signal.Signals
) -> None:
    page = f"127.0.0.1:{unused_port()}"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(PROGRAM),
        stderr=asyncio.subprocess.PIPE,
        env=environment(broker, tmp_path, LABELMESH_METRICS_LISTEN=page),
    )
    assert process.stderr is not None
    lines = []
    while True:
        line = json.loads(await process.stderr.readline())
        lines.append(line)
        if line["event"] == "listening":
            break
    assert line["service"] == "whole_service"
    assert line["address"].startswith("127.0.0.1:")
    text = (await asyncio.to_thread(lambda: urlopen(f"http://{page}/metrics").read())).decode()
    assert "labelmesh_grpc_in_flight" in text
    process.send_signal(number)
    _, rest = await process.communicate()
    assert process.returncode == 0
    said = [json.loads(line) for line in rest.splitlines()]
    assert "draining" in [line["event"] for line in said]
    assert not [line for line in [*lines, *said] if line["level"] in ("error", "warning")]


async def test_a_service_that_cannot_start_says_why_and_not_whose_data(
    broker: NatsServer, tmp_path: Path
) -> None:
    for arguments, more, code, says in (
        (["--fail"], {}, 1, "KeyError"),
        ([], {"LABELMESH_LISTEN": f"127.0.0.1:{broker.port}"}, 1, "cannot be bound"),
        ([], {"LABELMESH_METRICS_LISTEN": f"127.0.0.1:{broker.port}"}, 1, "OSError"),
        ([], {"LABELMESH_LISTEN": "0.0.0.0:0"}, 2, "tokens_file"),
        ([], {"LABELMESH_DATABASE_URL": "mysql://x"}, 1, "must begin with sqlite"),
    ):
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(PROGRAM),
            *arguments,
            stderr=asyncio.subprocess.PIPE,
            env=environment(broker, tmp_path, **more),
        )
        _, said = await process.communicate()
        assert process.returncode == code
        assert says in said.decode()
        assert "customer text" not in said.decode()
        assert "Traceback" not in said.decode()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_the_redelivery_tool(world, broker: NatsServer, tmp_path: Path) -> None:
    async def tool(*arguments: str, **more: str) -> tuple[int | None, str, str]:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "chassis.redeliver", *arguments),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment(broker, tmp_path, **more),
        )
        out, err = await process.communicate()
        return process.returncode, out.decode(), err.decode()

    assert await tool("list") == (0, "", "")
    for body in (b"\xff", b"\xfe"):
        await world.publish(body, Nats_Msg_Id=f"m{body.hex()}")
    async with world.consumer():
        await world.dead(2)
    code, out, _ = await tool("list")
    rows = [json.loads(line) for line in out.splitlines()]
    assert (code, [row["seq"] for row in rows]) == (0, [1, 2])
    assert rows[0]["reason"] == "POISON"
    assert rows[0]["subject"] == f"{AssetsImported.DESCRIPTOR.full_name}.P1"
    assert (await tool("list", "--service", "other"))[1] == ""
    assert json.loads((await tool("show", "--seq", "2"))[1])["msg_id"] == "mfe"
    assert (await tool("redeliver", "--seq", "1"))[:2] == (0, "1 put back\n")
    assert (await tool("redeliver", "--seq", "1"))[0] == 1
    assert (await tool("redeliver"))[0] == 2
    assert (await tool("redeliver", "--all", "--service", "tester"))[1] == "1 put back\n"
    assert (await world.bus.js.stream_info("LABELMESH_REVIEW")).state.messages == 4
    code, _, err = await tool("list", LABELMESH_NATS_URL=f"nats://127.0.0.1:{unused_port()}")
    assert (code, err.count("\n")) == (1, 1)
