"""Logs: one JSON line per event on standard error, a past-tense name, ids bound, nothing personal.

Libraries that log through the standard library come out in the same shape. Of an error comes out
where it happened and what `errors.describe` says of it, never the values it quotes.
"""

import logging
import sys
import traceback
from collections.abc import Iterator
from types import TracebackType

import structlog

from services.chassis.errors import describe

QUIET = {"aiokafka": "WARNING", "uvicorn.access": "WARNING", "faststream": "WARNING"}


def configure_logging(*, service: str, level: str) -> None:
    """Set up logging for a process; called once, by the composition root."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.ExceptionRenderer(_render),
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for name, quiet_level in QUIET.items():
        logging.getLogger(name).setLevel(quiet_level)
    sys.excepthook = _log_end
    structlog.contextvars.bind_contextvars(service=service)


def _log_end(_: type[BaseException], error: BaseException, __: TracebackType | None) -> None:
    structlog.get_logger().critical("process_failed", exc_info=error)


def _render(exc_info: structlog.typing.ExcInfo) -> str:
    lines = []
    for error in _first_to_last(exc_info[1]):
        lines += [*traceback.format_tb(error.__traceback__), f"{describe(error)}\n"]
    return "".join(lines)


def _first_to_last(error: BaseException | None) -> Iterator[BaseException]:
    """Give an error after those it came from, and after those it groups."""
    if error is None:
        return
    yield from _first_to_last(
        error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    )
    if isinstance(error, BaseExceptionGroup):
        for member in error.exceptions:
            yield from _first_to_last(member)
    yield error
