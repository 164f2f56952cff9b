"""What is tried again, and how often: conflicts three times, faults that pass until they have."""

import asyncio
from collections.abc import Callable
from typing import Any, Self

import asyncpg
import pytest

from services.chassis.database import CONFLICT_ATTEMPTS_MAX, deciding_again, may_pass
from services.chassis.errors import ConflictError, TransientError
from services.chassis.import_runner import ImportRunner
from services.chassis.vault import Vault


class Attempt:
    """Fails some times, then succeeds."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.count = 0

    async def __call__(self) -> int:
        self.count += 1
        if self.failures:
            raise self.failures.pop(0)
        return self.count


async def test_conflict_is_decided_again() -> None:
    assert await deciding_again(Attempt(ConflictError(), ConflictError())) == 3


async def test_third_conflict_is_the_callers() -> None:
    attempt = Attempt(*[ConflictError()] * 9)
    with pytest.raises(ConflictError):
        await deciding_again(attempt)

    assert attempt.count == CONFLICT_ATTEMPTS_MAX


async def test_nothing_but_a_conflict_is_decided_again() -> None:
    attempt = Attempt(TransientError())
    with pytest.raises(TransientError):
        await deciding_again(attempt)

    assert attempt.count == 1


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (ConflictError(), True),
        (TransientError(), True),
        (ConnectionRefusedError(), True),
        (asyncpg.InterfaceError("connection is closed"), True),
        (asyncpg.AdminShutdownError(), True),
        (asyncpg.DeadlockDetectedError(), True),
        (asyncpg.TooManyConnectionsError(), True),
        (asyncpg.DataError(), False),
        (asyncpg.UndefinedTableError(), False),
        (asyncpg.InsufficientPrivilegeError(), False),
        (KeyError(), False),
    ],
)
def test_faults_of_the_connection_pass_and_those_of_the_code_do_not(
    error: Exception, *, passes: bool
) -> None:
    assert may_pass(error) is passes


class Database:
    """A pool that fails as it is told, then has no import to work on."""

    def __init__(self, *failures: Exception) -> None:
        self._failures = list(failures)
        self.asked = asyncio.Event()

    def acquire(self) -> "Database":
        return self

    async def __aenter__(self) -> Self:
        if self._failures:
            raise self._failures.pop(0)
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def fetch(self, *_: object) -> list[Any]:
        self.asked.set()
        return []


def runner(database: Database, wake: asyncio.Event) -> ImportRunner:
    make: Callable[[], Any] = object
    return ImportRunner(pool=database, vault=Vault(bytes(32)), make=make, wake=wake)


@pytest.mark.parametrize(
    "failure", [ConnectionRefusedError(), TransientError("away"), ConflictError("thrice")]
)
async def test_importer_goes_on_when_the_database_is_back(failure: Exception) -> None:
    database, wake = Database(failure), asyncio.Event()
    running = asyncio.create_task(runner(database, wake).run())
    await asyncio.sleep(0)
    wake.set()
    await asyncio.wait_for(database.asked.wait(), 5)

    assert not running.done()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_importer_ends_at_a_fault_that_will_not_pass() -> None:
    with pytest.raises(asyncpg.UndefinedTableError):
        await runner(Database(asyncpg.UndefinedTableError()), asyncio.Event()).run()
