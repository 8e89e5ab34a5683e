"""What happens around every call: trace, identity, deadline, errors, metrics and the log line."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NoReturn

import grpc
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]
from grpc_status import rpc_status

from chassis import tracecontext
from chassis.auth import Caller, Tokens, set_caller
from chassis.errors import DeadlinePassed, DeadlineTooShort, ErrorTable, reason
from chassis.log import get_logger, where
from chassis.metrics import IN_FLIGHT, REQUESTS, SECONDS

_UNAUTHENTICATED = "/grpc.health.v1.Health/"
_UNARY_SECONDS = 60.0
_STREAM_SECONDS = 3600.0
_FLOOR_SECONDS = 0.02
_BLAND = "The service failed. Its log has the reason under this trace id."
_DOMAIN = "labelmesh"
_LEVELS = {
    grpc.StatusCode.OK: "debug",
    grpc.StatusCode.INTERNAL: "error",
    grpc.StatusCode.UNKNOWN: "error",
    grpc.StatusCode.DATA_LOSS: "error",
    grpc.StatusCode.UNAVAILABLE: "warning",
}
_Context = Any
_log = get_logger(__name__)


class CallInterceptor(grpc.aio.ServerInterceptor):
    """Wraps the four kinds of call alike. Health checks pass untouched: probes have no token."""

    def __init__(
        self,
        tokens: Tokens,
        errors: ErrorTable,
        *,
        unary_seconds: float = _UNARY_SECONDS,
        stream_seconds: float = _STREAM_SECONDS,
    ) -> None:
        """The two durations bound calls whose client set no deadline."""
        self._tokens = tokens
        self._errors = errors
        self._seconds = (unary_seconds, stream_seconds)
        self._wrapped: dict[str, tuple[Any, Any]] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        details: grpc.HandlerCallDetails,
    ) -> Any:
        """The handler of the method with everything around it."""
        handler = await continuation(details)
        method: str = details.method
        if handler is None or method.startswith(_UNAUTHENTICATED):
            return handler
        known = self._wrapped.get(method)
        if known is None or known[0] is not handler:
            known = self._wrapped[method] = (handler, self._wrap(handler, method))
        return known[1]

    def _wrap(self, handler: Any, method: str) -> Any:
        kinds = {
            (False, False): ("unary_unary", grpc.unary_unary_rpc_method_handler),
            (False, True): ("unary_stream", grpc.unary_stream_rpc_method_handler),
            (True, False): ("stream_unary", grpc.stream_unary_rpc_method_handler),
            (True, True): ("stream_stream", grpc.stream_stream_rpc_method_handler),
        }
        name, make = kinds[handler.request_streaming, handler.response_streaming]
        behaviour = getattr(handler, name)
        seconds = self._seconds[handler.request_streaming or handler.response_streaming]
        wrap = self._streaming if handler.response_streaming else self._single
        return make(
            wrap(behaviour, method, seconds),
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

    def _single(self, behaviour: Any, method: str, seconds: float) -> Any:
        async def answer(request: Any, context: _Context) -> Any:
            call = _Call(method, context)
            try:
                limit = call.admit(self._tokens, seconds)
                async with asyncio.timeout_at(limit):
                    response = await behaviour(request, context)
            except BaseException as error:  # noqa: BLE001 - fail() raises for all of them
                await call.fail(error, self._errors)
            call.finish(grpc.StatusCode.OK)
            return response

        return answer

    def _streaming(self, behaviour: Any, method: str, seconds: float) -> Any:
        async def answer(request: Any, context: _Context) -> AsyncIterator[Any]:
            call = _Call(method, context)
            try:
                limit = call.admit(self._tokens, seconds)
                responses = aiter(behaviour(request, context))
                while True:
                    # The time a slow reader takes is outside of the limit's reach, but not of the next item.
                    async with asyncio.timeout_at(limit):
                        try:
                            response = await anext(responses)
                        except StopAsyncIteration:
                            break
                    yield response
            except BaseException as error:  # noqa: BLE001 - fail() raises for all of them
                await call.fail(error, self._errors)
            call.finish(grpc.StatusCode.OK)

        return answer


class _Call:
    """The life of one call."""

    __slots__ = ("_began", "_context", "_limit", "_method", "_who")

    def __init__(self, method: str, context: _Context) -> None:
        self._method = method
        self._context = context
        self._began = time.perf_counter()
        self._limit = 0.0
        self._who: Caller | None = None
        IN_FLIGHT.inc()

    def admit(self, tokens: Tokens, seconds: float) -> float:
        """Trace, caller and deadline; returns the loop time at which the call is over."""
        metadata = dict(self._context.invocation_metadata() or ())
        tracecontext.enter(tracecontext.valid(metadata.get("traceparent")) or tracecontext.fresh())
        self._who = tokens.authenticate(metadata)
        set_caller(self._who)
        left = self._context.time_remaining()
        if left is not None and left < _FLOOR_SECONDS:
            raise DeadlineTooShort
        self._limit = asyncio.get_running_loop().time() + (seconds if left is None else left)
        return self._limit

    async def fail(self, error: BaseException, errors: ErrorTable) -> NoReturn:
        """End the call with the status of the error."""
        if isinstance(error, asyncio.CancelledError | GeneratorExit):
            self.finish(grpc.StatusCode.CANCELLED)
            raise error
        if isinstance(error, grpc.aio.AbortError):
            self.finish(_code_of(self._context))
            raise error
        if (
            isinstance(error, TimeoutError)
            and self._limit
            and asyncio.get_running_loop().time() >= self._limit
        ):
            error = DeadlinePassed()
        code = errors.code(error)
        self.finish(code or grpc.StatusCode.INTERNAL, error)
        await self._context.abort_with_status(rpc_status.to_status(status_of(error, code)))
        raise AssertionError("abort_with_status raises")

    def finish(self, code: grpc.StatusCode, error: BaseException | None = None) -> None:
        """Count and log the call."""
        seconds = time.perf_counter() - self._began
        IN_FLIGHT.dec()
        REQUESTS.labels(self._method, code.name).inc()
        SECONDS.labels(self._method).observe(seconds)
        fields: dict[str, Any] = {"method": self._method, "code": code.name, "ms": round(seconds * 1000, 2)}
        if self._who is not None:
            fields |= {"tenant": self._who.tenant, "actor": self._who.actor}
        if error is not None:
            fields["reason"] = reason(type(error))
            if code is grpc.StatusCode.INTERNAL:
                fields["fault"] = where(error)
        getattr(_log, _LEVELS.get(code, "info"))("call", **fields)


def status_of(error: BaseException, code: grpc.StatusCode | None) -> status_pb2.Status:
    """The google.rpc.Status of an error; one without a code, or INTERNAL, says nothing of itself."""
    if code is None or code is grpc.StatusCode.INTERNAL:
        info = error_details_pb2.ErrorInfo(reason="INTERNAL", domain=_DOMAIN)
        code, message = grpc.StatusCode.INTERNAL, _BLAND
    else:
        metadata = getattr(error, "metadata", {})
        info = error_details_pb2.ErrorInfo(
            reason=reason(type(error)),
            domain=_DOMAIN,
            metadata={str(key)[:64]: str(value)[:256] for key, value in list(metadata.items())[:16]},
        )
        message = " ".join((str(error) or (type(error).__doc__ or "").strip()).split())[:1000]
    detail = any_pb2.Any()
    detail.Pack(info)
    return status_pb2.Status(code=code.value[0], message=message, details=[detail])


def _code_of(context: _Context) -> grpc.StatusCode:
    code = context.code()
    if isinstance(code, grpc.StatusCode):
        return code
    return next((known for known in grpc.StatusCode if known.value[0] == code), grpc.StatusCode.UNKNOWN)
