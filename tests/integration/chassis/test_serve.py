"""A served servicer: errors, deadlines, callers, health, the end."""

import asyncio
import hashlib
import json
import logging
from pathlib import Path

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_status import rpc_status
from structlog.testing import capture_logs

from chassis.auth import caller
from chassis.errors import BlobMissing, ErrorTable, StorageFull
from chassis.interceptors import CallInterceptor
from chassis.serve import Server, serve, stopping
from chassis.settings import ServiceSettings
from chassis.testing import serving

KINDS = ["One", "Out", "In", "Both"]
SERVICE = "labelmesh.echo.v1.EchoService"


class LeaseLost(Exception):
    """The lease on this task expired."""

    metadata = {"task": "t1"}


STATUS = ErrorTable({LeaseLost: grpc.StatusCode.FAILED_PRECONDITION})


def info_of(error: grpc.aio.AioRpcError) -> error_details_pb2.ErrorInfo:
    status = rpc_status.from_call(error)
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    assert status.message == error.details()
    return info


@pytest.mark.parametrize("kind", KINDS)
async def test_every_kind_of_call_answers(echo, ask, kind: str) -> None:
    async def answer(value: str) -> str:
        return value.upper()

    async with serving([echo(answer)], STATUS) as channel:
        assert (await ask(channel, kind, "yes"))[-1] == "YES"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("error", "code", "why", "says"),
    [
        (LeaseLost(), "FAILED_PRECONDITION", "LEASE_LOST", "The lease on this task expired."),
        (LeaseLost("Gone since noon."), "FAILED_PRECONDITION", "LEASE_LOST", "Gone since noon."),
        (StorageFull(), "RESOURCE_EXHAUSTED", "STORAGE_FULL", StorageFull.__doc__),
        (BlobMissing(), "NOT_FOUND", "BLOB_MISSING", BlobMissing.__doc__),
    ],
)
async def test_errors_have_their_status(echo, ask, kind: str, error, code: str, why: str, says: str) -> None:
    async def answer(value: str) -> str:
        raise error

    async with serving([echo(answer)], STATUS) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await ask(channel, kind, "x")
    info = info_of(raised.value)
    assert (raised.value.code().name, info.reason, info.domain) == (code, why, "labelmesh")
    assert raised.value.details() == says
    assert dict(info.metadata) == getattr(error, "metadata", {})


@pytest.mark.parametrize("kind", KINDS)
async def test_unknown_errors_say_nothing_and_are_logged_without_texts(echo, ask, kind: str) -> None:
    async def answer(value: str) -> str:
        raise RuntimeError(f"secret {value}")

    async with serving([echo(answer)], STATUS) as channel:
        with capture_logs() as logs, pytest.raises(grpc.aio.AioRpcError) as raised:
            await ask(channel, kind, "customer text")
    assert raised.value.code() is grpc.StatusCode.INTERNAL
    assert info_of(raised.value).reason == "INTERNAL"
    assert "secret" not in str(raised.value)
    (line,) = [line for line in logs if line["event"] == "call"]
    assert "RuntimeError at" in line["fault"]
    assert "test_serve.py" in line["fault"]
    assert "customer text" not in str(logs)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_call_without_a_deadline_ends_all_the_same(echo, ask, kind: str, monkeypatch) -> None:
    monkeypatch.setattr("chassis.serve.CallInterceptor", impatient)

    async def answer(value: str) -> str:
        await asyncio.sleep(3600)
        return value

    async with serving([echo(answer)], STATUS) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await ask(channel, kind, "x")
    assert raised.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert info_of(raised.value).reason == "DEADLINE_PASSED"


def impatient(*arguments) -> CallInterceptor:
    return CallInterceptor(*arguments, unary_seconds=0.2, stream_seconds=0.2)


async def test_a_call_that_cannot_make_it_is_refused(echo, ask) -> None:
    reached = False

    async def answer(value: str) -> str:
        nonlocal reached
        reached = True
        return value

    async with serving([echo(answer)], STATUS) as channel:
        assert await ask(channel, "One", "warm") == ["warm"]
        reached = False
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await ask(channel, "One", "x", timeout=0.019)
    assert raised.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert not reached


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    path = tmp_path / "tokens.json"
    rows = {
        hashlib.sha256(f"token-{tenant}".encode()).hexdigest(): {"tenant": tenant, "actor": f"{tenant}-bot"}
        for tenant in ("red", "blue")
    }
    path.write_text(json.dumps(rows))
    return path


async def whoami(value: str) -> str:
    who = caller()
    return f"{who.tenant}/{who.actor}"


async def test_callers_are_who_their_token_says(echo, ask, tokens: Path) -> None:
    async with serving([echo(whoami)], STATUS, ServiceSettings(tokens_file=tokens)) as channel:
        for kind in KINDS:
            for tenant in ("red", "blue"):
                metadata = (("authorization", f"Bearer token-{tenant}"), ("labelmesh-actor", "forged"))
                assert (await ask(channel, kind, "", metadata=metadata))[-1] == f"{tenant}/{tenant}-bot"
            for metadata in (
                (),
                (("authorization", "Bearer token-green"),),
                (("authorization", "token-red"),),
            ):
                with pytest.raises(grpc.aio.AioRpcError) as raised:
                    await ask(channel, kind, "", metadata=metadata)
                assert raised.value.code() is grpc.StatusCode.UNAUTHENTICATED
        health = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
        assert health.status == health_pb2.HealthCheckResponse.SERVING


async def test_without_tokens_everybody_is_local(echo, ask) -> None:
    async with serving([echo(whoami)], STATUS) as channel:
        assert await ask(channel, "One", "") == ["default/local"]
        assert await ask(channel, "One", "", metadata=(("labelmesh-actor", "ann"),)) == ["default/ann"]
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await ask(channel, "One", "", metadata=(("labelmesh-actor", "no name!"),))
        assert raised.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_reflection_shows_the_service(echo) -> None:
    async def requests():
        yield reflection_pb2.ServerReflectionRequest(list_services="")

    async with serving([echo(whoami)], STATUS) as channel:
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        answers = [answer async for answer in stub.ServerReflectionInfo(requests())]
    names = {service.name for service in answers[0].list_services_response.service}
    assert {SERVICE, "grpc.health.v1.Health"} <= names


async def test_the_end_is_announced_and_calls_in_hand_are_finished(echo, ask) -> None:
    begun, release = asyncio.Event(), asyncio.Event()

    async def answer(value: str) -> str:
        begun.set()
        await release.wait()
        return "finished"

    settings = ServiceSettings(drain_seconds=0.5, grace_seconds=20)
    server = Server(settings, [echo(answer)], STATUS)
    await server.start()
    async with grpc.aio.insecure_channel(server.address) as channel:
        call = asyncio.create_task(ask(channel, "One", "x"))
        await begun.wait()
        draining = asyncio.create_task(server.drain())
        await asyncio.sleep(0.1)
        health = health_pb2_grpc.HealthStub(channel)
        for name in ("", SERVICE):
            answer_ = await health.Check(health_pb2.HealthCheckRequest(service=name))
            assert answer_.status == health_pb2.HealthCheckResponse.NOT_SERVING
        release.set()
        assert await call == ["finished"]
        await draining


async def test_serve_returns_when_told_to_stop(echo) -> None:
    ready = asyncio.Event()

    async def life() -> None:
        stop = stopping()
        serving_ = asyncio.create_task(
            serve(ServiceSettings(), [echo(whoami)], errors=STATUS, ready=lambda: ready.set())
        )
        await ready.wait()
        stop.set()
        await serving_

    await asyncio.wait_for(life(), 30)


async def test_a_taken_address_is_one_sentence(echo) -> None:
    from chassis.serve import AddressTaken

    first = Server(ServiceSettings(), [echo(whoami)], STATUS)
    await first.start()
    with pytest.raises(AddressTaken, match="cannot be bound"):
        Server(ServiceSettings(listen=first.address), [echo(whoami)], STATUS)
    await first.drain()


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, logger="grpc")
