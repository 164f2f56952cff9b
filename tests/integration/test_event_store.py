"""The event store on a real PostgreSQL: who comes second decides again, nothing is skipped."""

import asyncio
import random
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator

import asyncpg
import pytest

from frikort_contracts.topics import PARTITIONS
from services.chassis import event_store
from services.chassis.database import Pool, deciding_again, transaction
from services.chassis.errors import ConflictError
from services.chassis.event_store import OUTBOX_CHANNEL
from tests.integration.chassis_cases import event, eventually, make_database, pool_of, stream_in
from tests.integration.servers import Servers

pytestmark = pytest.mark.slow

FROM_THE_START = dict.fromkeys(range(PARTITIONS), 0)


@pytest.fixture(scope="module")
def database_url(servers: Servers) -> str:
    return make_database(servers)


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    async with pool_of(database_url, size_max=20) as opened:
        yield opened


async def last_seqs(pool: Pool) -> dict[int, int]:
    async with pool.acquire() as connection:
        rows = await connection.fetch("SELECT partition, last_seq FROM outbox_partitions")
    return {row["partition"]: row["last_seq"] for row in rows}


async def sent(pool: Pool, after: dict[int, int], partition: int) -> list[tuple[int, str]]:
    """Give numbers and ids of what a relay would read of a partition after a position."""
    async with pool.acquire() as connection:
        events = await event_store.read_outbox(connection, {partition: after[partition]}, 1000)
    return [(stored.partition_seq - after[partition], stored.event_id) for stored in events]


async def test_second_of_two_writers_of_a_stream_conflicts_and_decides_again(pool: Pool) -> None:
    stream_id = stream_in(1)
    decided_on: list[int] = []
    both_loaded = asyncio.Barrier(2)

    async def write() -> None:
        async with transaction(pool) as connection:
            history = await event_store.load(connection, [stream_id])
            version = len(history.get(stream_id, []))
            decided_on.append(version)
            if version == 0:
                await both_loaded.wait()
            await event_store.append(connection, [event(stream_id, version + 1)])

    await asyncio.gather(deciding_again(write), deciding_again(write))
    async with pool.acquire() as connection:
        stored = (await event_store.load(connection, [stream_id]))[stream_id]

    assert decided_on == [0, 0, 1]
    assert [e.version for e in stored] == [1, 2]


async def test_version_taken_before_is_a_conflict_and_names_no_value(pool: Pool) -> None:
    stream_id = stream_in(2)
    async with transaction(pool) as connection:
        await event_store.append(connection, [event(stream_id)])
    before = await last_seqs(pool)
    with pytest.raises(ConflictError) as conflict:
        async with transaction(pool) as connection:
            await event_store.append(connection, [event(stream_id)])

    assert "events_pkey" in str(conflict.value)
    assert stream_id not in str(conflict.value)
    assert await last_seqs(pool) == before


@pytest.mark.parametrize("commits", [True, False])
async def test_open_transaction_holds_back_its_partition_alone_and_hides_nothing(
    pool: Pool, *, commits: bool
) -> None:
    slow, behind, elsewhere = event(stream_in(3)), event(stream_in(3)), event(stream_in(4))
    before = await last_seqs(pool)

    async def write_behind() -> None:
        async with transaction(pool) as connection:
            await event_store.append(connection, [behind])

    async with pool.acquire() as connection:
        open_one = connection.transaction()
        await open_one.start()
        await event_store.append(connection, [slow])
        writing = asyncio.create_task(write_behind())
        async with transaction(pool) as other:
            await event_store.append(other, [elsewhere])
        await eventually(lambda: someone_waits(pool), what="the writer behind waits")
        meanwhile = await sent(pool, before, 3), await sent(pool, before, 4)
        await (open_one.commit() if commits else open_one.rollback())
        await writing
    after = await sent(pool, before, 3)

    assert meanwhile == ([], [(1, elsewhere.event_id)])
    kept = [slow, behind] if commits else [behind]
    assert after == [(number, e.event_id) for number, e in enumerate(kept, start=1)]


async def someone_waits(pool: Pool) -> bool:
    async with pool.acquire() as connection:
        found: bool = await connection.fetchval(
            """
            SELECT EXISTS (
              SELECT FROM pg_stat_activity
              WHERE datname = current_database()
                AND wait_event_type = 'Lock'
            )
            """
        )
    return found


async def test_tailing_reader_misses_nothing_whoever_commits_when(pool: Pool) -> None:
    """Twelve writers across partitions, a third of them rolled back, and a reader that tails."""
    seed = random.SystemRandom().randrange(2**32)
    dice = random.Random(seed)  # noqa: S311 - a workload, no secret
    position = await last_seqs(pool)
    start = dict(position)
    committed: set[str] = set()
    seen: dict[int, list[tuple[int, str]]] = defaultdict(list)
    done = asyncio.Event()

    async def write() -> None:
        for _ in range(12):
            batch = [event(str(uuid.uuid4())) for _ in range(dice.randint(1, 5))]
            async with pool.acquire() as connection:
                one = connection.transaction()
                await one.start()
                await event_store.append(connection, batch)
                if dice.random() < 1 / 3:
                    await one.rollback()
                else:
                    await one.commit()
                    committed.update(e.event_id for e in batch)

    async def tail() -> None:
        while True:
            ended = done.is_set()
            async with pool.acquire() as connection:
                found = await event_store.read_outbox(connection, position, 7)
            for stored in found:
                position[stored.partition] = stored.partition_seq
                seen[stored.partition].append((stored.partition_seq, stored.event_id))
            if ended and not found:
                return

    reading = asyncio.create_task(tail())
    await asyncio.gather(*(write() for _ in range(12)))
    done.set()
    await reading

    for partition, found in seen.items():
        numbers = [number for number, _ in found]
        expected = range(start[partition] + 1, start[partition] + len(found) + 1)
        assert numbers == list(expected), f"seed {seed}, partition {partition}"
    assert {i for found in seen.values() for _, i in found} == committed, f"seed {seed}"


async def test_streams_load_in_order_of_their_versions(pool: Pool) -> None:
    first, second, unknown = stream_in(5), stream_in(6), stream_in(7)
    async with transaction(pool) as connection:
        for version in range(1, 12):
            pair = [event(second, version), event(first, version)]
            await event_store.append(connection, pair)
        streams = await event_store.load(connection, [first, unknown, second])
        rows = await event_store.histories(connection, [first, second])

    assert {s: [e.version for e in found] for s, found in streams.items()} == {
        first: list(range(1, 12)),
        second: list(range(1, 12)),
    }
    assert [r["version"] for r in rows if str(r["stream_id"]) == first] == list(range(1, 12))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET data = '{}'",
        "DELETE FROM events",
        "TRUNCATE events",
        "ALTER TABLE events DISABLE TRIGGER ALL",
        "DROP TABLE events",
        "SET ROLE grants_owner",
        "SET session_replication_role = replica",
        "DELETE FROM commands",
        "DELETE FROM outbox_partitions",
        "INSERT INTO outbox_partitions VALUES (3, 0)",
    ],
)
async def test_running_role_cannot_rewrite_history(pool: Pool, statement: str) -> None:
    async with transaction(pool) as connection:
        await event_store.append(connection, [event(stream_in(8))])
    async with pool.acquire() as connection:
        before = await connection.fetchval("SELECT count(*) FROM events")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
        after = await connection.fetchval("SELECT count(*) FROM events")

    assert after == before > 0


async def test_running_role_cannot_grant_itself_what_was_not_given(pool: Pool) -> None:
    warned = []
    async with pool.acquire() as connection:
        listener = lambda _, message: warned.append(message.message)  # noqa: E731 - to remove it
        connection.add_log_listener(listener)
        await connection.execute("GRANT UPDATE, DELETE ON events TO CURRENT_USER")
        may = await connection.fetchval("SELECT has_table_privilege('events', 'UPDATE, DELETE')")
        connection.remove_log_listener(listener)

    assert may is False
    assert warned == ['no privileges were granted for "events"']


@pytest.mark.parametrize("commits", [True, False])
async def test_commit_alone_wakes_who_listens(pool: Pool, *, commits: bool) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()

    def listen(_: object, __: int, channel: str, ___: str) -> None:
        heard.put_nowait(channel)

    async with pool.acquire() as listening, pool.acquire() as writing:
        await listening.add_listener(OUTBOX_CHANNEL, listen)
        await listening.add_listener("marker", listen)
        one = writing.transaction()
        await one.start()
        await event_store.append(writing, [event(stream_in(9))])
        await listening.execute("SELECT 1")  # would bring what has been sent
        early = heard.empty()
        await (one.commit() if commits else one.rollback())
        await writing.execute("NOTIFY marker")  # arrives after whatever came before it
        channels = [await asyncio.wait_for(heard.get(), 5)]
        while channels[-1] != "marker":
            channels.append(await asyncio.wait_for(heard.get(), 5))
        await listening.remove_listener(OUTBOX_CHANNEL, listen)
        await listening.remove_listener("marker", listen)

    assert early
    assert channels == ([OUTBOX_CHANNEL, "marker"] if commits else ["marker"])
