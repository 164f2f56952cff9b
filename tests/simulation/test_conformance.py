"""The database in memory against the real one: the same calls, the same answers.

Whole workloads are posted to both, every statement's answer compared and at the end every
table; then several connections step through random programs in which they wait for each other.
"""

import asyncio
import datetime as dt
import random
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from services.allowance.handlers import Ledger
from services.allowance.outbox import journal_source
from services.allowance.rules import CloseYear
from services.chassis.database import transaction
from services.chassis.dead_letters import redrive_one
from services.chassis.identifiers import derived_id
from services.chassis.inbox import stored_offsets
from tests.integration.allowance_cases import servers_at
from tests.integration.chassis_cases import make_database, pool_of
from tests.integration.servers import Servers
from tests.simulation.database import Database, Pool
from tests.simulation.kafka import Record
from tests.simulation.programs import run_program, write_program
from tests.simulation.recording import RecordingPool, by_text, differences, plain_row
from tests.simulation.service import ChosenIdentifiers, cap_request, set_rule
from tests.simulation.workload import write_workload
from tests.simulation.world import START, Process, World

pytestmark = [pytest.mark.slow, pytest.mark.long]

WORKLOADS = range(1, 4)
PROGRAMS = range(1, 9)
MANY = range(1, 26)
WAITS_S = 5.0
TABLES = (
    "inbox_positions",
    "held_messages",
    "ledger_partitions",
    "journal",
    "citizens",
    "balances",
    "cards",
    "card_changes",
    "employments",
    "rules",
)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    home: Path = tmp_path_factory.mktemp("conformance")
    yield from servers_at(home)


@pytest.fixture
async def real(servers: Servers) -> AsyncIterator[Any]:
    url = await asyncio.to_thread(make_database, servers, "allowance")
    async with pool_of(url) as pool:
        yield pool


class Memory:
    """A database in memory in which nothing goes wrong, run aside from the test's own loop."""

    def __init__(self) -> None:
        self.world = World(0)
        self.world.calm()
        self.database = Database(self.world)
        self.pool = Pool(self.database, Process("test"))

    async def run(self, course: Any) -> Any:
        return await asyncio.to_thread(self.world.loop.run, course)


class Ticking:
    """A clock that goes on by a second whenever it is asked."""

    def __init__(self) -> None:
        self._now = START

    def now(self) -> dt.datetime:
        self._now += dt.timedelta(seconds=1)
        return self._now


async def read_table(pool: Any, table: str) -> list[dict[str, Any]]:
    async with pool.acquire() as connection:
        rows = await connection.fetch(f"SELECT * FROM {table}")  # noqa: S608 - a name of our own
    return by_text(plain_row(row) for row in rows)


async def post_all(pool: Any, seed: int) -> None:
    """Post a workload in pieces, some of it again, with everything else the ledger does."""
    chance = random.Random(seed)  # noqa: S311 - repeatable is what it is for
    workload = write_workload(chance)
    clock, ids = Ticking(), ChosenIdentifiers(chance)
    ledger = Ledger(pool=pool, clock=clock)
    lanes = lanes_of(workload.events)
    for town, year in workload.closings:
        await set_rule(pool, clock, ids, CloseYear(year=year, municipality_code=town))
    caps = list(workload.law.caps)
    after = dict.fromkeys(range(12), 0)
    at = dict.fromkeys(lanes, 0)
    while any(at[lane] < len(lanes[lane]) for lane in lanes):
        if caps and chance.random() < 0.3:
            await set_rule(pool, clock, ids, cap_request(caps.pop()))
            await ledger.release_years()
        batch: list[Record] = []
        for lane in chance.sample(sorted(lanes), chance.randint(1, len(lanes))):
            start = max(0, at[lane] - chance.choice((0, 0, 3)))
            at[lane] = min(len(lanes[lane]), at[lane] + chance.randint(1, 6))
            batch += lanes[lane][start : at[lane]]
        if chance.random() < 0.3:
            ledger.memory.forget()
        await ledger.post(batch)
        after |= (await journal_source(pool)(after)).positions
    for topic, partition in lanes:
        broken = lanes[topic, partition][-1]
        dead_letter = derived_id("held", topic, str(partition), str(broken.offset))
        await redrive_one(pool, dead_letter, ledger.redrive)
    async with transaction(pool) as connection:
        await stored_offsets(connection, [*lanes, ("another", 3)])


def lanes_of(events: dict[str, list[Any]]) -> dict[tuple[str, int], list[Record]]:
    """Give every partition's records as its relay would number them, some unnumbered at its end."""
    lanes: dict[tuple[str, int], list[Record]] = {}
    for topic, written in events.items():
        for one in written:
            message, partition = one.message, one.message.partition
            log = lanes.setdefault((topic, partition), [])
            headers = [*message.headers.items(), ("ce_partitionseq", b"%d" % (len(log) + 1))]
            log.append(Record(topic, partition, 2 * len(log), message.key, message.value, headers))
    for (topic, partition), log in lanes.items():
        last = log[-1]
        log.append(Record(topic, partition, last.offset + 3, last.key, b"{", last.headers[:-1]))
    return lanes


@pytest.mark.parametrize("seed", WORKLOADS)
async def test_both_answer_every_statement_alike(real: Any, seed: int) -> None:
    memory = Memory()
    ours, theirs = RecordingPool(memory.pool), RecordingPool(real)
    await memory.run(post_all(ours, seed))
    await post_all(theirs, seed)
    kept = {table: await read_table(real, table) for table in TABLES}

    assert differences(theirs.answers, ours.answers) == []
    assert len(theirs.answers) > 100
    for table, rows in kept.items():
        in_memory = by_text(plain_row(row) for row in memory.database.rows(table))
        assert differences([(table, rows)], [(table, in_memory)]) == []


@pytest.mark.parametrize("seed", PROGRAMS)
async def test_connections_wait_for_each_other_alike(real: Any, seed: int) -> None:
    program = write_program(random.Random(seed))  # noqa: S311 - repeatable is what it is for
    memory = Memory()

    async def settle_in_memory(_: Any) -> None:
        await memory.world.pass_time(1.0)

    async def settle(waiting: dict[int, asyncio.Task[Any]]) -> None:
        await until_waiting(real, waiting)

    ours = await memory.run(run_program(memory.pool, program, settle_in_memory))
    theirs = await run_program(real, program, settle)

    assert ours == theirs


async def until_waiting(real: Any, waiting: dict[int, asyncio.Task[Any]]) -> None:
    """Wait until all that are under way are done, or kept out by another for certain."""
    deadline = time.monotonic() + WAITS_S
    kept_out = 0
    while kept_out < 2 and not all(task.done() for task in waiting.values()):
        assert time.monotonic() < deadline, "neither done nor kept out"
        await asyncio.wait(waiting.values(), timeout=0.01)
        left = sum(not task.done() for task in waiting.values())
        async with real.acquire() as connection:
            blocked = await connection.fetchval(
                """
                SELECT count(*)
                FROM pg_stat_activity
                WHERE datname = current_database()
                  AND cardinality(pg_blocking_pids(pid)) > 0
                """
            )
        kept_out = kept_out + 1 if blocked == left else 0


async def cross(pool: Any) -> list[str]:
    """Have two transactions lock two rows in opposite order; say what became of each."""
    first_has, second_has = asyncio.Event(), asyncio.Event()

    async def lock(mine: int, other: int, has: asyncio.Event, there: asyncio.Event) -> str:
        sql = """
        SELECT partition, journal_seq, change_no
        FROM ledger_partitions
        WHERE partition = ANY($1::SMALLINT[])
        ORDER BY partition
        FOR UPDATE
        """
        with suppress(asyncpg.DeadlockDetectedError):
            async with pool.acquire() as connection, connection.transaction():
                await connection.fetch(sql, [mine])
                has.set()
                await there.wait()
                await connection.fetch(sql, [other])
            return "went through"
        return "deadlock"

    return sorted(
        await asyncio.gather(lock(1, 2, first_has, second_has), lock(2, 1, second_has, first_has))
    )


async def test_one_of_two_that_wait_for_each_other_fails(real: Any) -> None:
    memory = Memory()

    assert await memory.run(cross(memory.pool)) == ["deadlock", "went through"]
    assert await cross(real) == ["deadlock", "went through"]


async def test_the_programs_wait_and_fail() -> None:
    """What is compared is worth comparing: some are kept out, some take what is taken."""

    async def run(seed: int) -> list[Any]:
        memory = Memory()

        async def settle(_: Any) -> None:
            await memory.world.pass_time(1.0)

        program = write_program(random.Random(seed))  # noqa: S311 - repeatable is what it is for
        seen: list[Any] = await memory.run(run_program(memory.pool, program, settle))
        return seen

    seen = [look for seed in MANY for look in await run(seed)]

    assert sum(bool(waiting) for _, _, waiting in seen) > len(MANY)
    answers = [answer for _, answered, _ in seen for _, answer in answered]
    assert answers.count("UniqueViolationError") > 3
    assert answers.count("InFailedSQLTransactionError") > 0
