"""Random programs of several connections that get in each other's way, step by step.

Within a transaction locks are taken in one order, so that no program ends in a deadlock: which
of two PostgreSQL then fails rests on its timers. That has a test of its own.
"""

import asyncio
import datetime as dt
import random
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from services.allowance import store
from services.chassis import held, inbox
from services.chassis.inbox import Message
from tests.unit.ledger_cases import identity

CONNECTIONS = 3
STEPS = 24
KEYS = 2
TOPIC = "things"
MOMENT = dt.datetime(2023, 5, 31, 12, tzinfo=dt.UTC)
ACTS = (
    "lock lane",
    "move lane",
    "make lane",
    "lock partition",
    "move partition",
    "share rules",
    "take rules",
    "append",
    "hold",
)
RANKS = {act: act.split()[-1] for act in ACTS}
ORDER = ("lane", "partition", "rules", "append", "hold")
FREE = ("read", "count")
"""What waits for nobody."""
Settle = Callable[[dict[int, asyncio.Task[Any]]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Step:
    """Something that one connection does."""

    connection: int
    act: str
    key: int
    number: int


def write_program(chance: random.Random) -> list[Step]:
    """Write a program; what cannot be done when its turn comes is left out then."""
    acts = (*ACTS, *FREE, "commit", "commit", "commit", "roll back")
    return [
        Step(chance.randrange(CONNECTIONS), chance.choice(acts), chance.randrange(KEYS), number)
        for number in range(1, STEPS + 1)
    ]


class Session:
    """One connection in a program: its transaction, and how far it has come in the order."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self._transaction: Any = None
        self._reached = (-1, -1)

    def may(self, step: Step) -> bool:
        """Tell whether a step keeps the order of the locks."""
        if step.act in {"commit", "roll back"}:
            return self._transaction is not None
        return step.act in FREE or _place(step) >= self._reached

    async def do(self, step: Step) -> Any:
        """Do a step; give its answer, or the name of what was raised."""
        if step.act not in {"commit", "roll back"}:
            if self._transaction is None:
                self._transaction = self.connection.transaction()
                await self._transaction.__aenter__()
            if step.act not in FREE:
                self._reached = _place(step)
        try:
            return await self._do(step)
        except Exception as error:  # noqa: BLE001 - its kind is the answer
            return type(error).__name__

    async def end(self, *, commit: bool) -> None:
        under_way, self._transaction = self._transaction, None
        self._reached = (-1, -1)
        if commit:
            await under_way.__aexit__(None, None, None)
        else:
            await _roll_back(under_way)

    async def _do(self, step: Step) -> Any:
        if step.act in {"commit", "roll back"}:
            return await self.end(commit=step.act == "commit")
        return await _DOINGS[step.act](self.connection, step.key, step.number)


async def run_program(pool: Any, program: list[Step], settle: Settle) -> list[Any]:
    """Run a program; give after each step what has been answered, and who waits."""
    seen: list[Any] = []
    async with AsyncExitStack() as stack:
        sessions = [
            Session(await stack.enter_async_context(pool.acquire())) for _ in range(CONNECTIONS)
        ]
        waiting: dict[int, asyncio.Task[Any]] = {}

        async def look(step: Step | None) -> None:
            await settle(waiting)
            answered = {at: task.result() for at, task in waiting.items() if task.done()}
            for at in answered:
                del waiting[at]
            seen.append((step, sorted(answered.items()), sorted(waiting)))

        for step in program:
            session = sessions[step.connection]
            if step.connection not in waiting and session.may(step):
                waiting[step.connection] = asyncio.create_task(session.do(step))
                await look(step)
        while any(session._transaction for session in sessions):  # noqa: SLF001 - its own module
            for at, session in enumerate(sessions):
                if at not in waiting and session._transaction:  # noqa: SLF001 - its own module
                    await session.end(commit=False)
                    await look(None)
    return seen


def _place(step: Step) -> tuple[int, int]:
    return ORDER.index(RANKS[step.act]), 0 if "rules" in step.act else step.key


async def _roll_back(under_way: Any) -> None:
    try:
        await under_way.__aexit__(RolledBackError, RolledBackError(), None)
    except RolledBackError:
        return  # a generator's context raises it again


class RolledBackError(Exception):
    """A program rolls back."""


async def _lock_lane(connection: Any, key: int, _: int) -> Any:
    return await inbox._lock_positions(connection, [(TOPIC, key)])  # noqa: SLF001 - one statement


async def _move_lane(connection: Any, key: int, number: int) -> None:
    moved = [(TOPIC, key, number, number, 1)]
    await inbox._move_positions(connection, moved)  # noqa: SLF001 - one statement


async def _make_lane(connection: Any, key: int, _: int) -> Any:
    return await inbox.stored_offsets(connection, [(TOPIC, key)])


async def _read_lanes(connection: Any, _: int, __: int) -> Any:
    return await inbox.stored_offsets(connection, [])


async def _lock_partition(connection: Any, key: int, _: int) -> Any:
    return await store.lock_partitions(connection, [key])


async def _move_partition(connection: Any, key: int, number: int) -> None:
    await store.move_partitions(connection, {key: (number, number)})


async def _share_rules(connection: Any, _: int, __: int) -> None:
    await store.hold_rules(connection)


async def _take_rules(connection: Any, _: int, __: int) -> None:
    await store.hold_rules(connection, alone=True)


async def _is_held(connection: Any, _: int, __: int) -> bool:
    return await store.anything_held(connection)


async def _append(connection: Any, key: int, number: int) -> None:
    """Append a journal row: two of one key have the same place in the partition."""
    row = dict.fromkeys(store.JOURNAL_COLUMNS) | {
        "citizen_id": identity(f"citizen {key}"),
        "entry_no": number,
        "partition": key,
        "journal_seq": 1 + number % 2,
        "hash": bytes(32),
        "bytes": b"{}",
        "source_id": identity("source"),
        "source_type": "wage-paid",
        "source_version": 1,
        "municipality_code": "751",
        "recorded_at": MOMENT,
        "known_at": MOMENT,
        "source_topic": TOPIC,
        "source_partition": key,
        "source_offset": number,
        "correlation_id": "c",
    }
    await connection.copy_records_to_table(
        "journal", columns=store.JOURNAL_COLUMNS, records=[tuple(row.values())]
    )


async def _hold(connection: Any, key: int, _: int) -> None:
    message = Message(TOPIC, 0, key, b"k", b"v", {})
    kept = held.Held(message=message, parked=False, reason="grants-behind")
    await held.hold(connection, [kept], now=MOMENT, reads_on=True)


_DOINGS: dict[str, Callable[[Any, int, int], Awaitable[Any]]] = {
    "lock lane": _lock_lane,
    "move lane": _move_lane,
    "make lane": _make_lane,
    "lock partition": _lock_partition,
    "move partition": _move_partition,
    "share rules": _share_rules,
    "take rules": _take_rules,
    "append": _append,
    "hold": _hold,
    "read": _read_lanes,
    "count": _is_held,
}
