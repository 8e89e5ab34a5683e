"""JSON logs on stderr, one object a line, with the service's name and the trace they belong to."""

import logging
import sys
from typing import Any

import structlog
from opentelemetry import trace


def configure(service: str, level: str) -> None:
    """Send structlog's and the standard library's records to stderr as JSON."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _trace_id,
            structlog.processors.dict_tracebacks,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.bind_contextvars(service=service)
    logging.basicConfig(level=logging.WARNING, handlers=[_Bridge()], force=True)


class _Bridge(logging.Handler):
    """Records of libraries, without their arguments' values when those are not part of the message."""

    def emit(self, record: logging.LogRecord) -> None:
        get_logger().log(record.levelno, "library", logger=record.name, message=record.getMessage()[:500])


def _trace_id(_logger: Any, _method: str, entry: Any) -> Any:
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        entry["trace_id"] = format(context.trace_id, "032x")
    return entry


def get_logger() -> Any:
    """The structlog logger."""
    return structlog.get_logger()
