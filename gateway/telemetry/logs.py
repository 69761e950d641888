"""One JSON line per event, also for libraries that use the standard logging. Users' texts are never logged: values are
shortened, and of an exception only classes and places are kept, because its message may quote a text."""

import logging
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

LONGEST_VALUE = 256
"""Characters of one logged value."""


def without_texts_of_exceptions(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replaces ``exc_info`` by the classes of the exception and its causes, and the places it passed through."""
    given = event.pop("exc_info", None)
    if isinstance(given, tuple):
        given = given[1]
    error = given if isinstance(given, BaseException) else sys.exc_info()[1] if given else None
    if error is None:
        return event
    classes: list[str] = []
    cause: BaseException | None = error
    while cause is not None and len(classes) < 8:
        classes.append(f"{type(cause).__module__}.{type(cause).__qualname__}")
        cause = cause.__cause__ or cause.__context__
    event["exception"] = classes
    frames = traceback.extract_tb(error.__traceback__)[-12:]
    event["frames"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
    return event


def shortened(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Cuts long strings; JSON escapes control and non-ASCII characters."""
    for key, value in event.items():
        if isinstance(value, str) and len(value) > LONGEST_VALUE:
            event[key] = f"{value[:LONGEST_VALUE]}… ({len(value)} characters)"
    return event


def configure_logging(level: str, stream: TextIO = sys.stderr) -> None:
    """Sends structlog's and the standard library's records to ``stream``. ``level``: debug, info, warning, error; it
    also binds libraries whose loggers have a level of their own, as psycopg's have."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        without_texts_of_exceptions,
        shortened,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setLevel(level.upper())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
