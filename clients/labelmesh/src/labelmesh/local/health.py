"""Seeing that a process serves."""

import asyncio

import httpx
from grpc import aio
from grpc_health.v1 import health_pb2

from labelmesh.local import programs

_LOOK_SECONDS = 2.0


async def serves(program: programs.Program) -> bool:
    """Whether it answers now: gRPC health SERVING, HTTP /health 200, or an accepted connection."""
    return await address_serves(program.name, program.address)


async def address_serves(name: str, address: str) -> bool:
    """The same for a process known by name and address only."""
    match name:
        case programs.BROKER:
            return await _tcp_serves(address)
        case programs.MODEL_SERVER:
            return await _http_serves(address)
        case _:
            return await grpc_serves(address)


async def grpc_serves(address: str) -> bool:
    """Whether the standard health service says SERVING for the whole server."""
    async with aio.insecure_channel(address) as channel:
        # The published stub has no types for asyncio; the method itself has.
        check = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        try:
            response = await check(health_pb2.HealthCheckRequest(), timeout=_LOOK_SECONDS)
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
