"""What happens around every call: who calls, how much time is left, what an error becomes, and a count of it."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status
from prometheus_client import Counter, Histogram

from chassis.auth import Authenticator, set_caller
from chassis.errors import DeadlineTooShort, ErrorTable, reason
from chassis.log import get_logger

DOMAIN = "labelmesh"
FLOOR_SECONDS = 0.02
_OPEN = ("/grpc.health.", "/grpc.reflection.")
CALLS = Counter("labelmesh_grpc_calls", "gRPC calls by method and status.", ["method", "code"])
SECONDS = Histogram("labelmesh_grpc_seconds", "Seconds a gRPC call took.", ["method"])
_log = get_logger()


class CallInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[misc,unused-ignore]
    """Wraps each kind of call in the same guard."""

    def __init__(self, errors: ErrorTable, authenticator: Authenticator) -> None:
        self._errors = errors
        self._authenticator = authenticator

    async def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]], details: grpc.HandlerCallDetails
    ) -> Any:
        """Replace the method's handler by a guarded one."""
        handler = await continuation(details)
        if handler is None or details.method.startswith(_OPEN):
            return handler
        method = details.method
        if handler.response_streaming:
            inner = handler.unary_stream or handler.stream_stream
            wrap = self._stream(method, inner)
            make = grpc.stream_stream_rpc_method_handler if handler.request_streaming else grpc.unary_stream_rpc_method_handler
        else:
            inner = handler.unary_unary or handler.stream_unary
            wrap = self._single(method, inner)
            make = grpc.stream_unary_rpc_method_handler if handler.request_streaming else grpc.unary_unary_rpc_method_handler
        return make(wrap, handler.request_deserializer, handler.response_serializer)

    def _single(self, method: str, inner: Any) -> Any:
        async def call(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            started = time.perf_counter()
            try:
                self._admit(context)
                response = await inner(request, context)
            except Exception as error:  # noqa: BLE001 - every exception has its status
                await self._abort(method, context, error, started)
            self._count(method, "OK", started)
            return response

        return call

    def _stream(self, method: str, inner: Any) -> Any:
        async def call(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[Any]:
            started = time.perf_counter()
            try:
                self._admit(context)
                async for response in inner(request, context):
                    yield response
            except Exception as error:  # noqa: BLE001 - every exception has its status
                await self._abort(method, context, error, started)
            self._count(method, "OK", started)

        return call

    def _admit(self, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        left = context.time_remaining()
        if left is not None and left < FLOOR_SECONDS:
            raise DeadlineTooShort
        set_caller(self._authenticator.identify(context.invocation_metadata() or ()))

    async def _abort(
        self, method: str, context: grpc.aio.ServicerContext[Any, Any], error: Exception, started: float
    ) -> None:
        if isinstance(error, grpc.aio.AbortError):
            raise error
        code = self._errors.status(error)
        if code is None:
            _log.error("call_failed", method=method, error=type(error).__name__, exc_info=error)
            code, message, why = grpc.StatusCode.INTERNAL, "Something went wrong on our side; it is in the log.", "INTERNAL"
        else:
            message, why = str(error) or (type(error).__doc__ or "").strip(), reason(type(error))
        self._count(method, code.name, started)
        await context.abort_with_status(rpc_status.to_status(_status(code, message, why, error)))

    def _count(self, method: str, code: str, started: float) -> None:
        CALLS.labels(method, code).inc()
        SECONDS.labels(method).observe(time.perf_counter() - started)


def _status(code: grpc.StatusCode, message: str, why: str, error: Exception) -> status_pb2.Status:
    detail = any_pb2.Any()
    detail.Pack(error_details_pb2.ErrorInfo(reason=why, domain=DOMAIN, metadata=getattr(error, "metadata", {})))
    return status_pb2.Status(code=code.value[0], message=message, details=[detail])
