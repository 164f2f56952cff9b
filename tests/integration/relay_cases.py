"""A store, its relay and its topic: filled, run, and compared one by one."""

import asyncio
import os
import signal
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest
from aiokafka import ConsumerRecord
from aiokafka.errors import KafkaError

from services.chassis import event_store
from services.chassis.database import Pool, transaction
from services.chassis.event_store import NewEvent
from services.chassis.relay import Relay
from tests.integration.chassis_cases import event, eventually
from tests.integration.relay_process import Outlet
from tests.integration.servers import Servers, header


@asynccontextmanager
async def running(relay: Relay) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(relay.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def append(pool: Pool, *events: NewEvent) -> None:
    async with transaction(pool) as connection:
        await event_store.append(connection, events)


async def append_some(pool: Pool, count: int) -> None:
    await append(pool, *(event(str(uuid.uuid4())) for _ in range(count)))


@asynccontextmanager
async def filling(pool: Pool) -> AsyncIterator[None]:
    """Append without pause, a few events at a time, until left."""
    done = asyncio.Event()

    async def fill() -> None:
        while not done.is_set():
            await append_some(pool, 5)

    task = asyncio.create_task(fill())
    try:
        yield
    finally:
        done.set()
        await task


async def await_filled(pool: Pool, count: int) -> None:
    """Wait until the store holds some events."""

    async def filled() -> bool:
        async with pool.acquire() as connection:
            found: int = await connection.fetchval("SELECT count(*) FROM events")
        return found >= count

    await eventually(filled, what=f"{count} events in the store")


def pid_of_kafka(servers: Servers) -> int:
    """Give Kafka's process; where it was given to us, the test is skipped."""
    pid = servers.stack.pid("kafka")
    if not pid:
        pytest.skip("Kafka is not ours to kill or stop")
    return pid


async def kill_kafka_under_way(servers: Servers, pool: Pool) -> None:
    """Kill Kafka while events are appended, wait until it is back, and append some more."""
    pid = pid_of_kafka(servers)
    async with filling(pool):
        await await_filled(pool, 500)
        os.kill(pid, signal.SIGKILL)
        await eventually(lambda: servers.stack.pid("kafka") not in {0, pid}, what="restarted")
    await append_some(pool, 100)


async def in_store(pool: Pool) -> dict[int, list[str]]:
    """Give the ids of each partition in their order."""
    async with pool.acquire() as connection:
        rows = await connection.fetch("SELECT * FROM events ORDER BY partition, partition_seq")
    found: dict[int, list[str]] = defaultdict(list)
    for row in rows:
        found[row["partition"]].append(str(row["event_id"]))
    return dict(found)


async def on_topic(servers: Servers, outlet: Outlet) -> dict[int, list[ConsumerRecord]]:
    """Give what a `read_committed` reader sees, by partition."""
    found: dict[int, list[ConsumerRecord]] = defaultdict(list)
    for record in await asyncio.to_thread(servers.all_records, outlet.topic.name):
        found[record.partition].append(record)
    return dict(found)


def ids(records: Mapping[int, list[ConsumerRecord]]) -> dict[int, list[str]]:
    return {p: [header(r, "ce_id") for r in found] for p, found in records.items()}


async def await_more(servers: Servers, outlet: Outlet) -> None:
    """Wait until more is on the topic than there is now."""
    before = await on_topic(servers, outlet)

    async def grown() -> bool:
        return ids(await on_topic(servers, outlet)) != ids(before)

    await eventually(grown, what="more records on the topic")


async def await_relayed(servers: Servers, outlet: Outlet, pool: Pool) -> None:
    """Wait until as much is on the topic as in the store, then compare one by one."""
    stored = await in_store(pool)
    count = sum(map(len, stored.values()))

    async def arrived() -> bool:
        try:
            records = await on_topic(servers, outlet)
        except KafkaError:
            return False  # a test has killed it
        return sum(map(len, records.values())) >= count

    await eventually(arrived, what=f"{count} records on the topic")
    records = await on_topic(servers, outlet)

    assert ids(records) == stored
    for found in records.values():
        numbers = [int(header(r, "ce_partitionseq")) for r in found]
        assert numbers == list(range(1, len(found) + 1))
