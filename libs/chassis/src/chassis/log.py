"""JSON lines on stderr. Customer text never goes in: log ids, counts and error classes."""

import logging
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any

import structlog

from chassis.tracecontext import current_trace_id

_LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40}


def get_logger(name: str = "") -> Any:
    """A logger whose calls are an event and fields: `log.info("imported", rows=3)`."""
    return structlog.get_logger(module=name) if name else structlog.get_logger()


def configure(service: str, level: str = "INFO") -> None:
    """Send everything, libraries included, as one JSON object a line to stderr."""

    def identify(_logger: object, _method: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        fields["service"] = service
        trace_id = current_trace_id()
        if trace_id:
            fields["trace_id"] = trace_id
        return fields

    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        identify,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        # Configured once a process; to make a logger anew for each line costs more than the line.
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(level=max(_LEVELS[level], logging.WARNING), handlers=[handler], force=True)


def where(error: BaseException) -> str:
    """Class and stack of an error and its causes, without their messages: those may quote customer text."""
    parts: list[str] = []
    seen: BaseException | None = error
    while seen is not None and len(parts) < 5:
        frames = traceback.extract_tb(seen.__traceback__)[-12:]
        steps = " < ".join(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in reversed(frames))
        parts.append(f"{type(seen).__module__}.{type(seen).__qualname__} at {steps or 'unknown'}")
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return " | caused by ".join(parts)
