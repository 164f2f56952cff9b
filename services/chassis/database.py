"""PostgreSQL through asyncpg: the pool, transactions, and what its errors mean to us."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeAlias, TypeVar

import asyncpg

from services.chassis.errors import ConflictError, TransientError, describe

Connection: TypeAlias = Any
"""An asyncpg connection; the library has no types of its own."""
Pool: TypeAlias = Any
R = TypeVar("R")

TRANSACTION_TIMEOUT_MS = 30_000
"""No transaction lives longer: one left open would hold its partitions' writers back."""
CONFLICT_ATTEMPTS_MAX = 3
_CONFLICTS = (
    asyncpg.UniqueViolationError,
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
)
PASSING = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what is under way when a connection is cut may end in it
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionTimeoutError,
)
"""Faults of the connection or the server, which may be gone in a moment."""


async def open_pool(database_url: str, *, size_max: int = 10, only_reads: bool = False) -> Pool:
    """Open a pool of connections; `only_reads`: of which each runs single statements alone.

    Those leave nothing behind in their session, so they are handed back as they are, and the plan
    of a statement is made once: each takes as long as asking.

    Raises:
        TransientError: the server does not answer.
    """
    kept: dict[str, Any] = {"reset": _as_it_is} if only_reads else {}
    try:
        return await asyncpg.create_pool(
            database_url,
            min_size=1,
            max_size=size_max,
            server_settings={
                "transaction_timeout": str(TRANSACTION_TIMEOUT_MS),
                "timezone": "UTC",
                "jit": "off",
                "default_transaction_read_only": "on" if only_reads else "off",
                "plan_cache_mode": "force_generic_plan" if only_reads else "auto",
            },
            **kept,
        )
    except (OSError, asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError) as error:
        raise TransientError("the database does not answer") from error


async def _as_it_is(connection: Connection) -> None:
    """Leave a connection's session alone."""


@asynccontextmanager
async def transaction(pool: Pool) -> AsyncIterator[Connection]:
    """Run a block in one transaction and commit it; any exception rolls back.

    Raises:
        ConflictError: another writer was first.
        TransientError: the connection or the server failed.
    """
    try:
        async with pool.acquire() as connection, connection.transaction():
            yield connection
    except _CONFLICTS as error:
        raise ConflictError(describe(error)) from error
    except PASSING as error:
        if isinstance(error, ValueError):
            raise  # a value that no column takes: it will not pass
        raise TransientError(describe(error)) from error


def may_pass(error: BaseException) -> bool:
    """Tell whether a fault of the database, or a conflict, may be gone in a moment."""
    passing = isinstance(error, (ConflictError, TransientError, *_CONFLICTS, *PASSING))
    return passing and not isinstance(error, ValueError)


async def deciding_again(attempt: Callable[[], Awaitable[R]]) -> R:
    """Run load, decide, append; when another writer was first, load and decide again.

    Raises:
        ConflictError: others were first three times.
    """
    for _ in range(CONFLICT_ATTEMPTS_MAX - 1):
        try:
            return await attempt()
        except ConflictError:
            continue
    return await attempt()
