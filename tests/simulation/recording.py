"""A pool whose statements' answers are kept, to compare a database in memory with a real one."""

import uuid
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import orjson

from tests.simulation.statements import find_statement

JSON_COLUMNS = ("changes",)


class RecordingPool:
    """`answers`: of each statement its name, and the rows it gave in a form of both databases."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self.answers: list[tuple[str, Any]] = []

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator["RecordingConnection"]:
        async with self._pool.acquire() as connection:
            yield RecordingConnection(connection, self.answers)


class RecordingConnection:
    """A connection, overheard."""

    def __init__(self, connection: Any, answers: list[tuple[str, Any]]) -> None:
        self._connection = connection
        self._answers = answers

    def transaction(self) -> Any:
        return self._connection.transaction()

    async def fetch(self, sql: str, *args: Any) -> list[Any]:
        rows: list[Any] = await self._connection.fetch(sql, *args)
        answer = [plain_row(row) for row in rows]
        self._answers.append(
            (find_statement(sql).name, answer if "ORDER BY" in sql else by_text(answer))
        )
        return rows

    async def fetchrow(self, sql: str, *args: Any) -> Any:
        row = await self._connection.fetchrow(sql, *args)
        self._answers.append((find_statement(sql).name, [] if row is None else [plain_row(row)]))
        return row

    async def fetchval(self, sql: str, *args: Any) -> Any:
        value = await self._connection.fetchval(sql, *args)
        self._answers.append((find_statement(sql).name, value))
        return value

    async def execute(self, sql: str, *args: Any) -> None:
        await self._connection.execute(sql, *args)
        self._answers.append((find_statement(sql).name, None))

    async def executemany(self, sql: str, args: Iterable[Sequence[Any]]) -> None:
        await self._connection.executemany(sql, args)
        self._answers.append((find_statement(sql).name, None))

    async def copy_records_to_table(self, table: str, **told: Any) -> None:
        await self._connection.copy_records_to_table(table, **told)
        self._answers.append((f"COPY {table}", None))


def plain_row(row: Any) -> dict[str, Any]:
    """Give a row in the form in which both databases give it."""
    return {name: _plain(name, value) for name, value in dict(row).items()}


def by_text(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put rows that have no order in one."""
    return sorted(rows, key=lambda row: [str(row[name]) for name in ORDERED_BY if name in row])


ORDERED_BY = (
    "dead_letter_id",
    "topic",
    "citizen_id",
    "employment_id",
    "card_no",
    "partition",
    "year",
    "message_offset",
    "entry_no",
    "version",
)


def differences(real: list[tuple[str, Any]], ours: list[tuple[str, Any]]) -> list[str]:
    """Say where two recordings differ; of a row only what the real one has is compared."""
    found = []
    for number, ((name, theirs), (our_name, mine)) in enumerate(zip(real, ours, strict=False)):
        if isinstance(theirs, list) and isinstance(mine, list):
            same = len(theirs) == len(mine) and all(
                row == {column: other.get(column) for column in row}
                for row, other in zip(theirs, mine, strict=True)
            )
        else:
            same = theirs == mine
        if name != our_name or not same:
            found.append(f"{number}: {name} {theirs}, and in memory {our_name} {mine}")
    if len(real) != len(ours):
        found.append(f"{len(real)} statements, and in memory {len(ours)}")
    return found


def _plain(name: str, value: Any) -> Any:
    if isinstance(value, uuid.UUID):
        return str(value)
    if name in JSON_COLUMNS and isinstance(value, str):
        return orjson.loads(value)
    return value
