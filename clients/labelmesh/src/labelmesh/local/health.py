"""Seeing that a process serves."""

import asyncio

import httpx
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from labelmesh.local.programs import Program

_LOOK_SECONDS = 2.0


async def serves(program: Program) -> bool:
    """Whether it answers now: gRPC health SERVING, HTTP /health 200, or an accepted connection."""
    match program.probe:
        case "grpc":
            return await grpc_serves(program.address)
        case "http":
            return await _http_serves(program.address)
        case _:
            return await _tcp_serves(program.address)


async def grpc_serves(address: str) -> bool:
    """Whether the standard health service says SERVING for the whole server."""
    async with aio.insecure_channel(address) as channel:
        try:
            response = await health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(), timeout=_LOOK_SECONDS
            )
        except aio.AioRpcError:
            return False
    return bool(response.status == health_pb2.HealthCheckResponse.SERVING)


async def _http_serves(address: str) -> bool:
    # The machine's proxy settings are for the world outside, not for loopback.
    async with httpx.AsyncClient(timeout=_LOOK_SECONDS, trust_env=False) as http:
        try:
            response = await http.get(f"http://{address}/health")
        except httpx.HTTPError:
            return False
    return response.status_code == httpx.codes.OK


async def _tcp_serves(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        async with asyncio.timeout(_LOOK_SECONDS):
            _, writer = await asyncio.open_connection(host, int(port))
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True
