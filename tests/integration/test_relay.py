"""The relay on real servers: every event once, in order, whatever is killed, repeated or away."""

import asyncio
import os
import random
import signal
from collections.abc import Mapping
from unittest import mock

import pytest
import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaTimeoutError

from frikort_contracts.topics import PARTITIONS, relay_positions
from services.chassis import event_store
from services.chassis.database import Pool
from services.chassis.relay import Relay, Source, TopicRemadeError, store_source
from services.chassis.sending import RECORD_BYTES_MAX, Batch, RecordTooLargeError
from tests.integration.chassis_cases import event, eventually, stream_in
from tests.integration.relay_cases import (
    append,
    append_some,
    await_filled,
    await_more,
    await_relayed,
    filling,
    kill_kafka_under_way,
    on_topic,
    pid_of_kafka,
    running,
)
from tests.integration.relay_process import Outlet
from tests.integration.servers import Servers

pytestmark = pytest.mark.slow

KILLS = 10
ANSWERS_LOST = 3
KILLED_WITHIN_S = 0.4


async def test_store_goes_to_the_topic_once_and_in_order(
    servers: Servers, outlet: Outlet, pool: Pool
) -> None:
    await append_some(pool, 1_500)
    large = [event(stream_in(3), text="x" * (RECORD_BYTES_MAX // 3)) for _ in range(7)]
    await append(pool, *large)
    async with running(outlet.relay(pool)):
        async with filling(pool):
            await await_filled(pool, 2_000)
        await await_relayed(servers, outlet, pool)


async def test_relay_killed_at_any_instant_sends_every_event_once(
    servers: Servers, outlet: Outlet, pool: Pool
) -> None:
    dice = random.Random()  # noqa: S311 - instants to kill at
    async with filling(pool):
        for kill in range(KILLS):
            process = outlet.process()
            if kill % 3:
                await process.await_ready()  # else it may be killed while it begins
            if kill % 3 == 2:
                await await_more(servers, outlet)  # else before it has sent anything
            await process.kill_within(dice.uniform(0, KILLED_WITHIN_S))
    async with running(outlet.relay(pool)):
        await await_relayed(servers, outlet, pool)


async def test_second_relay_stands_by_and_takes_over_when_the_first_dies(
    servers: Servers, outlet: Outlet, pool: Pool
) -> None:
    first = outlet.process()
    try:
        await first.await_ready()
        second = outlet.relay(pool)
        async with running(second):
            await asyncio.wait_for(second.ready.wait(), 5)
            await append_some(pool, 100)
            await await_relayed(servers, outlet, pool)
            stood_by = not second.marks
            first.kill()
            await append_some(pool, 100)
            await await_relayed(servers, outlet, pool)
    finally:
        first.kill()

    assert stood_by
    assert second.marks


async def test_positions_behind_another_slots_open_transaction_are_waited_for(
    servers: Servers, outlet: Outlet, pool: Pool
) -> None:
    positions = relay_positions(outlet.service).name
    other = AIOKafkaProducer(
        bootstrap_servers=servers.stack.kafka, transactional_id=f"{outlet.service}-other"
    )
    await other.start()
    try:
        first = outlet.relay(pool)
        async with running(first):
            await eventually(first.ready.is_set, what="the relay")
            await other.begin_transaction()
            await other.send_and_wait(positions, key=b"others:0", value=b"{}", partition=0)
            await append_some(pool, 50)
            await await_relayed(servers, outlet, pool)
        second = outlet.relay(pool)
        async with running(second):
            await append_some(pool, 50)
            await asyncio.sleep(1)
            begun_too_early = second.ready.is_set()
            await other.commit_transaction()
            await await_relayed(servers, outlet, pool)
    finally:
        await other.stop()

    assert not begun_too_early


async def test_two_slots_share_a_topic(servers: Servers, outlet: Outlet, pool: Pool) -> None:
    def share(partitions: range) -> Relay:
        return outlet.relay(pool, slot=f"from-{partitions[0]}", partitions=partitions)

    halves = [range(6), range(6, 12)]
    await append_some(pool, 200)
    async with running(share(halves[0])), running(share(halves[1])), filling(pool):
        await await_filled(pool, 400)
    low, high = share(halves[0]), share(halves[1])
    async with running(low), running(high):
        await await_relayed(servers, outlet, pool)

    assert set(low.marks) == set(halves[0])
    assert set(high.marks) == set(halves[1])


async def test_instance_leaves_the_lead_to_the_one_that_has_the_work(
    servers: Servers, outlet: Outlet, pool: Pool
) -> None:
    modest, proper = outlet.relay(pool), outlet.relay(pool)
    modest.prefers = lambda: False
    async with running(modest):
        await eventually(modest.ready.is_set, what="the relay to stand by")
        async with running(proper):
            await append_some(pool, 10)
            await await_relayed(servers, outlet, pool)
            assert proper.marks
            assert not modest.marks
        await append_some(pool, 10)
        await await_relayed(servers, outlet, pool)

    assert modest.marks


async def test_relay_that_lost_its_lead_unawares_cannot_send(
    servers: Servers, outlet: Outlet, pool: Pool
) -> None:
    held = _HeldSource(store_source(pool, outlet.to_record))
    zombie, successor = outlet.relay(pool, held), outlet.relay(pool)
    with structlog.testing.capture_logs() as logs:
        async with running(zombie):
            await append_some(pool, 20)
            await asyncio.wait_for(held.reached.wait(), 10)
            async with pool.acquire() as connection:
                await connection.fetch(
                    "SELECT pg_terminate_backend(pid) FROM pg_locks "
                    "JOIN pg_database AS d ON d.oid = database AND d.datname = current_database() "
                    "WHERE locktype = 'advisory'"
                )
            async with running(successor):
                await eventually(lambda: bool(successor.marks), what="the successor leads")
                await await_relayed(servers, outlet, pool)
                held.go.set()
                await eventually(lambda: bool(interruptions(logs)), what="the zombie is stopped")
                await append_some(pool, 20)
                await await_relayed(servers, outlet, pool)

    assert any("Fenced" in error or "Epoch" in error for error in interruptions(logs))


class _HeldSource:
    """Reads a batch, then holds it back until told to go on."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.reached = asyncio.Event()
        self.go = asyncio.Event()

    async def __call__(self, after: Mapping[int, int]) -> Batch:
        batch = await self._source(after)
        if batch.records:
            self.reached.set()
            await self.go.wait()
        return batch


def interruptions(logs: list[structlog.typing.EventDict]) -> list[str]:
    return [entry["error"] for entry in logs if entry["event"] == "relay_interrupted"]


async def test_transaction_left_open_lets_no_event_be_passed_over(
    servers: Servers, outlet: Outlet, pool: Pool
) -> None:
    async with running(outlet.relay(pool)), pool.acquire() as connection:
        left_open = connection.transaction()
        await left_open.start()
        await event_store.append(connection, [event(stream_in(3))])
        behind = asyncio.create_task(append(pool, event(stream_in(3))))
        await append(pool, *(event(stream_in(p)) for p in range(PARTITIONS) if p != 3))
        await await_relayed(servers, outlet, pool)
        meanwhile = await on_topic(servers, outlet)
        await left_open.commit()
        await behind
        await await_relayed(servers, outlet, pool)

    assert sorted(meanwhile) == [p for p in range(PARTITIONS) if p != 3]


async def test_topic_made_anew_is_refused_with_the_remedy(outlet: Outlet, pool: Pool) -> None:
    relay = outlet.relay(pool)
    await append_some(pool, 50)
    async with running(relay):
        await eventually(lambda: any(m.offset >= 0 for m in relay.marks.values()), what="sent")
    await remove_topic(outlet, outlet.topic.name)
    await outlet.create()

    with pytest.raises(TopicRemadeError, match=relay_positions(outlet.service).name):
        await asyncio.wait_for(outlet.relay(pool).run(), 10)


async def remove_topic(outlet: Outlet, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=outlet.bootstrap)
    await admin.start()
    try:
        await admin.delete_topics([topic])

        async def gone() -> bool:
            return topic not in await admin.list_topics()

        await eventually(gone, what="the topic is gone")
    finally:
        await admin.close()


async def test_record_too_large_is_named_and_leaves_no_transaction_open(
    outlet: Outlet, pool: Pool
) -> None:
    await append(pool, *(event(stream_in(p)) for p in range(5)))
    await append(pool, event(stream_in(5), text="x" * RECORD_BYTES_MAX))

    with pytest.raises(RecordTooLargeError, match=f"record 1 of {outlet.topic.name}:5"):
        await asyncio.wait_for(outlet.relay(pool).run(), 10)

    committed, whole = await ends(outlet, "read_committed"), await ends(outlet, "read_uncommitted")
    assert committed == whole


async def ends(outlet: Outlet, isolation_level: str) -> dict[int, int]:
    consumer = AIOKafkaConsumer(bootstrap_servers=outlet.bootstrap, isolation_level=isolation_level)
    await consumer.start()
    try:
        lanes = [TopicPartition(outlet.topic.name, p) for p in range(PARTITIONS)]
        return {lane.partition: end for lane, end in (await consumer.end_offsets(lanes)).items()}
    finally:
        await consumer.stop()


async def test_relay_goes_on_when_kafka_was_killed_and_is_back(
    servers: Servers, outlet: Outlet, pool: Pool
) -> None:
    async with running(outlet.relay(pool)):
        await kill_kafka_under_way(servers, pool)
        await await_relayed(servers, outlet, pool)


async def test_commit_whose_answer_was_lost_sends_nothing_twice(
    servers: Servers, outlet: Outlet, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = AIOKafkaProducer.commit_transaction
    lost: list[int] = []

    async def commit_unheard(producer: AIOKafkaProducer) -> None:
        await commit(producer)
        if len(lost) < ANSWERS_LOST:
            lost.append(1)
            raise KafkaTimeoutError

    monkeypatch.setattr(AIOKafkaProducer, "commit_transaction", commit_unheard)
    async with running(outlet.relay(pool)):
        for _ in range(ANSWERS_LOST + 1):
            await append_some(pool, 20)
            await await_relayed(servers, outlet, pool)

    assert len(lost) == ANSWERS_LOST


async def test_relay_told_to_end_while_kafka_does_not_answer_ends_and_loses_nothing(
    servers: Servers, outlet: Outlet, pool: Pool
) -> None:
    pid = pid_of_kafka(servers)
    relay = outlet.relay(pool)
    async with running(relay) as task:
        await append_some(pool, 20)
        await await_relayed(servers, outlet, pool)
        os.kill(pid, signal.SIGSTOP)
        try:
            await append_some(pool, 20)
            await asyncio.sleep(0.5)  # for a transaction to be under way
            task.cancel()
            ended, _ = await asyncio.wait({task}, timeout=30)
        finally:
            os.kill(pid, signal.SIGCONT)
    async with running(outlet.relay(pool)):
        await await_relayed(servers, outlet, pool)

    assert ended == {task}


async def test_relay_begins_anew_when_kafka_names_no_broker(
    servers: Servers, outlet: Outlet, pool: Pool
) -> None:
    """It answers so for a moment after it was away."""
    nodes = iter([None])
    known = AIOKafkaClient.get_random_node
    await append_some(pool, 20)

    with mock.patch.object(
        AIOKafkaClient, "get_random_node", lambda client: next(nodes, known(client))
    ):
        async with running(outlet.relay(pool)):
            await await_relayed(servers, outlet, pool)

    assert list(nodes) == []
