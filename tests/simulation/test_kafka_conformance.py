"""Kafka in memory against the real one: transactions, fencing, and what a reader is given."""

import asyncio
import random
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import ProducerFenced

from frikort_contracts.topics import Topic
from services.chassis.topics import ensure_topics
from tests.integration.allowance_cases import servers_at
from tests.integration.servers import Servers
from tests.simulation.kafka import Broker
from tests.simulation.kafka_clients import Producer, Reader
from tests.simulation.world import Process, World

pytestmark = [pytest.mark.slow, pytest.mark.long]

PROGRAMS = range(1, 3)
MANY = range(1, 5)
STEPS = 10
LANES = 2
IDS = ("first", "first", "second")
"""The transactional ids of the producers: two of them fence each other."""
SEEN_WITHIN_S = 10.0


@dataclass(frozen=True, slots=True)
class Step:
    """What one producer does."""

    producer: int
    act: str
    lane: int
    value: bytes


@dataclass(frozen=True, slots=True)
class View:
    """What a `read_committed` reader gets of each partition, and where it and the log end."""

    values: list[list[bytes]]
    stable_ends: list[int]
    ends: list[int]


def write_program(chance: random.Random) -> list[Step]:
    """Write a program in which one has something open while another of its id begins."""
    acts = ("start", "send", "send", "send", "commit", "commit", "abort")
    drawn = [
        Step(chance.randrange(len(IDS)), chance.choice(acts), chance.randrange(LANES), b"%d" % n)
        for n in range(STEPS)
    ]
    begins = ((0, "start"), (0, "send"), (2, "start"), (2, "send"), (1, "start"), (1, "send"))
    return [*(Step(producer, act, 0, b"first") for producer, act in begins), *drawn]


class Attempt:
    """A producer in a program: started anew on demand, given up when it is fenced."""

    def __init__(self, make: Callable[[], Any], topic: str) -> None:
        self._make = make
        self._topic = topic
        self._producer: Any = None
        self._sent = False

    async def do(self, step: Step) -> str:
        """Do a step if it can be; say what came of it."""
        if step.act == "start":
            await self.close()
            self._producer = self._make()
            await self._producer.start()
            return "started"
        if self._producer is None or (step.act != "send" and not self._sent):
            return "nothing to do"
        try:
            await self._do(step)
        except ProducerFenced:
            await self.close()
            return "fenced"
        return "done"

    async def close(self) -> None:
        producer, self._producer, self._sent = self._producer, None, False
        if producer is not None:
            await producer.stop()

    async def _do(self, step: Step) -> None:
        if step.act == "send":
            if not self._sent:
                await self._producer.begin_transaction()
                self._sent = True
            builder = self._producer.create_batch()
            builder.append(key=b"k", value=step.value, timestamp=None, headers=[])
            await (await self._producer.send_batch(builder, self._topic, partition=step.lane))
        elif step.act == "commit":
            self._sent = False
            await self._producer.commit_transaction()
        else:
            self._sent = False
            await self._producer.abort_transaction()


async def run_program(
    attempts: Sequence[Attempt],
    program: Sequence[Step],
    view: Callable[[], Awaitable[View]],
) -> list[tuple[str, View]]:
    seen = []
    for step in program:
        answer = await attempts[step.producer].do(step)
        seen.append((answer, await view()))
    return seen


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    home: Path = tmp_path_factory.mktemp("kafka-conformance")
    yield from servers_at(home)


def in_memory(program: Sequence[Step]) -> list[tuple[str, View]]:
    world = World(0)
    world.calm()
    broker, process = Broker(world), Process("test")
    lanes = [TopicPartition("things", lane) for lane in range(LANES)]

    async def view() -> View:
        reader = Reader(broker, process, isolation_level="read_committed")
        reader.assign(lanes)
        found = [await reader.getmany(lane, timeout_ms=1) for lane in lanes]
        stable = await reader.end_offsets(lanes)
        whole = await Reader(broker, process).end_offsets(lanes)
        return View(
            [
                [r.value or b"" for r in one.get(lane, [])]
                for one, lane in zip(found, lanes, strict=True)
            ],
            [stable[lane] for lane in lanes],
            [whole[lane] for lane in lanes],
        )

    def attempt(name: str) -> Attempt:
        return Attempt(lambda: Producer(broker, process, transactional_id=name), "things")

    return world.loop.run(run_program([attempt(name) for name in IDS], program, view))


class Real:
    """The same on the real Kafka, in a topic and under ids of its own."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._name = f"things-{uuid.uuid4().hex[:8]}"
        self._lanes = [TopicPartition(self._name, lane) for lane in range(LANES)]

    async def run(
        self, program: Sequence[Step], expected: Sequence[tuple[str, View]]
    ) -> list[tuple[str, View]]:
        topic = Topic(name=self._name, key="thing", owner="tests", readers=(), partitions=LANES)
        await ensure_topics(self._bootstrap, (topic,), replication=1)
        attempts = [Attempt(self._maker(name), self._name) for name in IDS]
        rest = iter(expected)

        async def view() -> View:
            return await self._view_like(next(rest)[1])

        try:
            return await run_program(attempts, program, view)
        finally:
            for attempt in attempts:
                await attempt.close()

    def _maker(self, name: str) -> Callable[[], AIOKafkaProducer]:
        return lambda: AIOKafkaProducer(
            bootstrap_servers=self._bootstrap,
            transactional_id=f"{self._name}-{name}",
            acks="all",
            linger_ms=0,
        )

    async def _view_like(self, expected: View) -> View:
        """Look until it is what is expected: markers are written a little after the commit."""
        deadline = time.monotonic() + SEEN_WITHIN_S
        while True:
            found = await self._view()
            if found == expected or time.monotonic() > deadline:
                return found
            await asyncio.sleep(0.02)

    async def _view(self) -> View:
        stable, values = await self._read("read_committed")
        ends, _ = await self._read("read_uncommitted")
        return View(values, stable, ends)

    async def _read(self, isolation_level: str) -> tuple[list[int], list[list[bytes]]]:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            isolation_level=isolation_level,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        await consumer.start()
        try:
            consumer.assign(self._lanes)
            await consumer.seek_to_beginning(*self._lanes)
            ends = await consumer.end_offsets(self._lanes)
            values = [await self._values(consumer, lane, ends[lane]) for lane in self._lanes]
            return [ends[lane] for lane in self._lanes], values
        finally:
            await consumer.stop()

    async def _values(self, consumer: Any, lane: TopicPartition, end: int) -> list[bytes]:
        found: list[bytes] = []
        while await consumer.position(lane) < end:
            records = (await consumer.getmany(lane, timeout_ms=100)).get(lane, [])
            found += [record.value for record in records]
        return found


@pytest.mark.parametrize("seed", PROGRAMS)
async def test_both_keep_transactions_alike(servers: Servers, seed: int) -> None:
    program = write_program(random.Random(seed))  # noqa: S311 - repeatable is what it is for
    ours = await asyncio.to_thread(in_memory, program)
    theirs = await Real(servers.stack.kafka).run(program, ours)

    assert list(zip(program, theirs, strict=True)) == list(zip(program, ours, strict=True))


def test_the_programs_fence_and_hide() -> None:
    """What is compared is worth comparing."""
    seen = [
        look
        for seed in MANY
        for look in in_memory(write_program(random.Random(seed)))  # noqa: S311 - as above
    ]

    assert sum(answer == "fenced" for answer, _ in seen) > 2
    assert sum(view.stable_ends != view.ends for _, view in seen) > 2
    assert any(any(view.values) for _, view in seen)
