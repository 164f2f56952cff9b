"""What is logged of an error: where it happened, never the values that it quotes."""

import asyncio
import io
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any, Self

import asyncpg
import pytest
import structlog
from pydantic import BaseModel

from services.chassis.database import transaction
from services.chassis.errors import ConflictError, TransientError, describe
from services.chassis.logging import configure_logging

CPR = "6101800001"


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What is logged; the process's own logging is put back afterwards."""
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    root = logging.getLogger()
    before = (root.handlers[:], root.level, structlog.get_config())
    for handler in before[0]:
        root.removeHandler(handler)  # else they would be closed
    configure_logging(service="things", level="INFO")
    yield written
    structlog.contextvars.clear_contextvars()
    structlog.configure(**before[2])
    root.handlers[:] = before[0]
    root.setLevel(before[1])


def logged(lines: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines.getvalue().splitlines()]


def unique_violation() -> asyncpg.PostgresError:
    return asyncpg.PostgresError.new(
        {
            "C": "23505",
            "M": 'duplicate key value violates unique constraint "citizens_pkey"',
            "D": f"Key (cpr)=({CPR}) already exists.",
            "t": "citizens",
            "n": "citizens_pkey",
        }
    )


def quoting_errors() -> list[Exception]:
    """Errors of the libraries we stand on that quote what they failed on."""
    check = {"C": "23514", "M": "new row violates", "D": f"Failing row contains ({CPR}).", "n": "c"}
    syntax = {"C": "22P02", "M": f'invalid input syntax for type integer: "{CPR}x"'}
    found: list[Exception] = [
        unique_violation(),
        asyncpg.PostgresError.new(check),
        asyncpg.PostgresError.new(syntax),
        asyncpg.DataError(f"invalid input for query argument $1: '{CPR}'"),
        KeyError(CPR),
    ]
    for act in (
        lambda: int(f"{CPR}x"),
        lambda: Thing.model_validate({"size": f"{CPR}x"}),
        lambda: f"{CPR}\xff".encode("ascii"),
    ):
        try:
            act()
        except ValueError as error:
            found.append(error)
    return found


class Thing(BaseModel):
    size: int


def test_event_is_one_json_line_with_level_time_and_service(lines: io.StringIO) -> None:
    structlog.get_logger().info("thing_happened", thing_id=7, text="to\nlines")
    (entry,) = logged(lines)

    assert entry.pop("timestamp").endswith("Z")
    assert entry == {
        "event": "thing_happened",
        "level": "info",
        "service": "things",
        "thing_id": 7,
        "text": "to\nlines",
    }


def test_libraries_log_in_the_same_shape_and_the_talkative_less(lines: io.StringIO) -> None:
    logging.getLogger("some.library").warning("it %s", "broke")
    logging.getLogger("aiokafka.client").info("chatter")
    structlog.get_logger().debug("below_the_level")
    (entry,) = logged(lines)

    assert (entry["event"], entry["logger"], entry["level"]) == (
        "it broke",
        "some.library",
        "warning",
    )


@pytest.mark.parametrize("error", quoting_errors(), ids=lambda error: type(error).__name__)
def test_logged_error_says_where_but_quotes_no_value(lines: io.StringIO, error: Exception) -> None:
    def fail() -> None:
        raise error

    try:
        try:
            fail()
        except Exception as cause:
            raise ConflictError(describe(cause)) from cause
    except ConflictError as conflict:
        structlog.get_logger().error("part_failed", exc_info=conflict)
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application")
        sys.excepthook(type(conflict), conflict, conflict.__traceback__)
    entries = logged(lines)

    assert len(entries) == 3
    assert CPR not in lines.getvalue()
    for entry in entries:
        assert f"{type(error).__name__}" in entry["exception"]
        assert "in fail\n" in entry["exception"]


def test_members_of_a_group_are_logged_one_by_one(lines: io.StringIO) -> None:
    group = ExceptionGroup(CPR, [KeyError(CPR), unique_violation()])
    structlog.get_logger().error("part_failed", exc_info=group)
    (entry,) = logged(lines)

    assert entry["exception"].splitlines() == [
        "KeyError",
        "UniqueViolationError(23505 citizens_pkey)",
        "ExceptionGroup",
    ]


def test_description_names_the_constraint_or_what_the_server_says_of_itself() -> None:
    shutdown = asyncpg.PostgresError.new({"C": "57P01", "M": "terminating connection"})

    assert describe(unique_violation()) == "UniqueViolationError(23505 citizens_pkey)"
    assert describe(shutdown) == "AdminShutdownError(57P01: terminating connection)"
    assert describe(ConflictError("ours")) == "ConflictError(ours)"
    assert "refused" in describe(ConnectionRefusedError(111, "Connection refused"))


def test_drivers_errors_are_converted_without_their_values() -> None:
    async def fail_with(error: Exception) -> None:
        async with transaction(_NoDatabase()):
            raise error

    with pytest.raises(ConflictError) as conflict:
        asyncio.run(fail_with(unique_violation()))
    with pytest.raises(TransientError):
        asyncio.run(fail_with(ConnectionResetError()))
    with pytest.raises(asyncpg.DataError):
        asyncio.run(fail_with(asyncpg.DataError("$1: no such thing")))

    assert str(conflict.value) == "UniqueViolationError(23505 citizens_pkey)"


class _NoDatabase:
    """A pool, its connection and its transaction, none of which does anything."""

    def acquire(self) -> "_NoDatabase":
        return self

    def transaction(self) -> "_NoDatabase":
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None
