"""The relay: from a service's store to its topics, in order, none skipped, none sent twice.

It reads what follows its position, sends it in one Kafka transaction, and writes its new
position and the last number it gave each partition to a compacted topic *in that same
transaction*. Whatever dies, the next one reads the position back after fencing the last
(`init_transactions`), so that a `read_committed` reader sees every record once.

One relay per slot works at a time: a PostgreSQL advisory lock decides who, and Kafka fences
whoever believes otherwise. Slots may share a topic, each with partitions of its own. It refuses
to send to a topic that was made anew.
"""

import asyncio
import contextlib
import json
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError, NodeNotReadyError
from aiokafka.producer.message_accumulator import BatchBuilder

from frikort_contracts.topics import Topic, relay_positions
from services.chassis import event_store
from services.chassis.database import Connection, Pool, may_pass
from services.chassis.errors import describe
from services.chassis.event_store import OUTBOX_CHANNEL, StoredEvent
from services.chassis.sending import Batch, Lane, Record, Written, fill, refuse_large

POLL_S = 0.25
"""Truth comes from polling; NOTIFY only makes it faster."""
PAUSE_S = 0.01
GATHER_STEP_S = 0.1
READ_AHEAD_FROM = 1000
BACK_OFF_S = 1.0
LEAD_POLL_S = 0.25
STAND_BACK_S = 3.0
"""How long a slot is left to the instance that has its work at hand."""
BATCH_BYTES_MAX = 512 * 1024
EVENTS_MAX = 500
"""Events of a partition that go into one transaction."""
REQUEST_TIMEOUT_MS = 10_000
ABORT_S = 2.0
START_S = 30.0
"""A client may wait for good for a broker that was away and is back: it is begun anew then."""

log = structlog.get_logger()


class TopicRemadeError(Exception):
    """A topic is shorter than what this relay has sent to it."""


Source = Callable[[Mapping[int, int]], Awaitable[Batch]]
"""Given partition → last number sent, give what follows."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a partition stands: the store's number, the last one given, its offset."""

    position: int = 0
    partition_seq: int = 0
    offset: int = -1


@dataclass(slots=True, kw_only=True)
class Relay:
    """Sends one service's outbox to `topic` (and the unnumbered topics its source names)."""

    service: str
    slot: str
    topic: Topic
    source: Source
    pool: Pool
    bootstrap: str
    partitions: Sequence[int] | None = None
    """The partitions of the topic that this slot serves; all of them unless told."""
    prefers: Callable[[], bool] = lambda: True
    """Whether this instance should lead rather than another."""
    pause_s: Callable[[], float] = lambda: PAUSE_S
    """How long to gather after a transaction: one right after another is slow (25 ms, not 4)."""
    read_ahead_from: int = READ_AHEAD_FROM
    """So many records at once are a backlog, and what follows them is read meanwhile."""
    marks: dict[int, Mark] = field(default_factory=dict)
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _stands_back_until: float = 0.0

    def wake(self) -> None:
        """Look for work now rather than at the next poll."""
        self._wake.set()

    async def run(self) -> None:
        """Relay until cancelled; after a fault, begin again from the position in Kafka.

        Raises:
            TopicRemadeError: the topic was made anew; sending on would lose its history.
            RecordTooLargeError: an event is larger than any is meant to be.
        """
        while True:
            try:
                async with self.pool.acquire() as connection:
                    await self._lead(connection)
            except Exception as error:
                if not (isinstance(error, KafkaError) or may_pass(error)):
                    raise
                log.warning("relay_interrupted", slot=self.slot, error=describe(error))
            finally:
                self.ready.clear()
            await asyncio.sleep(BACK_OFF_S)

    async def _lead(self, connection: Connection) -> None:
        lock = zlib.crc32(f"relay/{self.service}/{self.slot}".encode())
        self._stands_back_until = time.monotonic() + STAND_BACK_S
        while not await self._takes_lead(connection, lock):
            self.ready.set()  # another instance leads or should; this one stands by
            await asyncio.sleep(LEAD_POLL_S)
        await connection.add_listener(OUTBOX_CHANNEL, self._on_notify)
        try:
            await self._session(connection)
        finally:
            with contextlib.suppress(Exception):
                await connection.remove_listener(OUTBOX_CHANNEL, self._on_notify)
                await connection.fetchval("SELECT pg_advisory_unlock($1)", lock)

    async def _takes_lead(self, connection: Connection, lock: int) -> bool:
        if not self.prefers() and time.monotonic() < self._stands_back_until:
            return False
        took: bool = await connection.fetchval("SELECT pg_try_advisory_lock($1)", lock)
        if not took:
            self._stands_back_until = time.monotonic() + STAND_BACK_S
        return took

    def _on_notify(self, *_: object) -> None:
        self._wake.set()

    @contextlib.asynccontextmanager
    async def _producing(self) -> AsyncIterator[AIOKafkaProducer]:
        """Give a producer, and stop it.

        A relay that is told to end does not wait for Kafka, which may be away, to take what is left
        of a transaction: it is never committed, and the next relay aborts it.
        """
        producer = AIOKafkaProducer(
            bootstrap_servers=self.bootstrap,
            client_id=f"relay-{self.service}-{self.slot}",
            transactional_id=f"frikort-relay-{self.service}-{self.slot}",
            acks="all",
            linger_ms=0,
            max_batch_size=BATCH_BYTES_MAX,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
        )
        try:
            await _start(producer)
            yield producer
        except asyncio.CancelledError:
            await producer._sender.close()  # noqa: SLF001 - else `stop` waits for it
            raise
        finally:
            await producer.stop()

    async def _session(self, lease: Connection) -> None:
        async with self._producing() as producer:
            async with asyncio.timeout(START_S):
                self.marks = await self._read_marks()
            log.info("relay_started", slot=self.slot, topic=self.topic.name)
            self.ready.set()
            batch = await self._read()
            while True:
                if len(batch) >= self.read_ahead_from:
                    batch = await self._send_and_read(producer, batch)
                elif len(batch) or batch.positions:
                    await self._send(producer, batch)
                    await self._gather()
                    batch = await self._read()
                else:
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(POLL_S):
                            await self._wake.wait()
                    await lease.fetchval("SELECT 1")  # a lost connection has lost the lock
                    batch = await self._read()

    async def _read(self) -> Batch:
        """Read what follows the last position."""
        self._wake.clear()
        return await self.source(self._positions())

    def _positions(self) -> dict[int, int]:
        return {partition: mark.position for partition, mark in self.marks.items()}

    async def _send_and_read(self, producer: AIOKafkaProducer, batch: Batch) -> Batch:
        """Send a batch and read what follows it meanwhile: the two wait for different servers."""
        self._wake.clear()
        ahead = asyncio.ensure_future(self.source({**self._positions(), **batch.positions}))
        try:
            await self._send(producer, batch)
            await self._gather()
            return await ahead
        finally:
            ahead.cancel()  # of use only behind what was sent

    async def _gather(self) -> None:
        """Let more come before the next transaction, no longer than is of use by then."""
        clock = asyncio.get_running_loop().time
        began = clock()
        while True:
            left_s = began + self.pause_s() - clock()
            if left_s <= 0:
                return
            await asyncio.sleep(min(left_s, GATHER_STEP_S))

    async def _send(self, producer: AIOKafkaProducer, batch: Batch) -> None:
        await producer.begin_transaction()
        try:
            marks = await self._fill_transaction(producer, batch)
            await producer.commit_transaction()
        except BaseException:
            # Left open it would keep `read_committed` readers waiting until its timeout.
            with contextlib.suppress(Exception):
                async with asyncio.timeout(ABORT_S):
                    await producer.abort_transaction()
            raise
        self.marks = marks

    async def _fill_transaction(self, producer: AIOKafkaProducer, batch: Batch) -> dict[int, Mark]:
        """Send the records and the positions after them; give where each partition stands."""
        marks = dict(self.marks)
        sent = {
            (topic, partition): [
                await producer.send_batch(builder, topic, partition=partition)
                for builder in self._builders(producer, (topic, partition), records, marks)
            ]
            for (topic, partition), records in batch.lanes().items()
        }
        for partition, position in batch.positions.items():
            marks[partition] = replace(marks[partition], position=position)
        for (topic, partition), futures in sent.items():
            reports = await asyncio.gather(*futures)
            if topic == self.topic.name:
                if reports[0].offset <= marks[partition].offset:
                    raise self._remade(partition, marks[partition])
                marks[partition] = replace(marks[partition], offset=reports[-1].offset)
        positions = relay_positions(self.service).name
        await asyncio.gather(
            *[
                await producer.send(
                    positions, key=self._mark_key(partition), value=_mark_value(marks[partition])
                )
                for partition in batch.positions
            ]
        )
        return marks

    def _builders(
        self,
        producer: AIOKafkaProducer,
        lane: Lane,
        records: Sequence[Record] | Written,
        marks: dict[int, Mark],
    ) -> Iterator[BatchBuilder]:
        """Fill producer batches ourselves: a future per batch, not per record."""
        topic, partition = lane
        seq = marks[partition].partition_seq if topic == self.topic.name else 0
        if isinstance(records, Sequence):
            yield from fill(producer, lane, records, seq)
        else:
            place, size = records.largest()
            refuse_large(lane, seq + 1 + place, size)
            yield from records.batches(seq, BATCH_BYTES_MAX)
        if topic == self.topic.name:
            marks[partition] = replace(marks[partition], partition_seq=seq + len(records))

    async def _read_marks(self) -> dict[int, Mark]:
        """Read the positions topic to its end, and check that the target is not made anew."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.bootstrap,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        try:
            await consumer.start()
            partitions = self.partitions or range(self.topic.partitions)
            marks = dict.fromkeys(partitions, Mark())
            tp = TopicPartition(relay_positions(self.service).name, 0)
            end = await self._end_of(tp)
            consumer.assign([tp])
            await consumer.seek_to_beginning(tp)
            while await consumer.position(tp) < end:
                for record in (await consumer.getmany(tp, timeout_ms=100)).get(tp, []):
                    topic, _, partition = record.key.decode().rpartition(":")
                    if topic == self.topic.name and int(partition) in marks:
                        marks[int(partition)] = Mark(**json.loads(record.value))
            await self._check_not_remade(consumer, marks)
            return marks
        finally:
            await consumer.stop()

    async def _end_of(self, tp: TopicPartition) -> int:
        """Find where a partition ends, open transactions included.

        What a `read_committed` reader is told ends before the first open transaction: another
        slot's would hide positions of this one.
        """
        consumer = AIOKafkaConsumer(bootstrap_servers=self.bootstrap, enable_auto_commit=False)
        try:
            await consumer.start()
            end: int = (await consumer.end_offsets([tp]))[tp]
            return end
        finally:
            await consumer.stop()

    async def _check_not_remade(
        self, consumer: AIOKafkaConsumer, marks: Mapping[int, Mark]
    ) -> None:
        targets = {p: TopicPartition(self.topic.name, p) for p in marks}
        ends = await consumer.end_offsets(list(targets.values()))
        for partition, mark in marks.items():
            if ends[targets[partition]] <= mark.offset:
                raise self._remade(partition, mark)

    def _remade(self, partition: int, mark: Mark) -> TopicRemadeError:
        return TopicRemadeError(
            f"{self.topic.name}:{partition} ends before offset {mark.offset}, which this relay has "
            "sent: the topic was made anew or cut. Restore it; or, to send all again from the "
            f"store, remake {relay_positions(self.service).name} too"
        )

    def _mark_key(self, partition: int) -> bytes:
        return f"{self.topic.name}:{partition}".encode()


def store_source(pool: Pool, to_record: Callable[[StoredEvent], Record]) -> Source:
    """Read the event store, each event as one record on its own partition."""

    async def read(after: Mapping[int, int]) -> Batch:
        async with pool.acquire() as connection:
            events = await event_store.read_outbox(connection, after, EVENTS_MAX)
        return Batch(
            records=[to_record(event) for event in events],
            positions={event.partition: event.partition_seq for event in events},
        )

    return read


async def _start(producer: AIOKafkaProducer) -> None:
    """Begin, and fence the relay before this one."""
    try:
        async with asyncio.timeout(START_S):
            await producer.start()
    except AssertionError as error:
        # aiokafka's answer when no broker is named, as just after Kafka was away.
        raise NodeNotReadyError("Kafka names no broker") from error


def _mark_value(mark: Mark) -> bytes:
    return json.dumps(
        {"position": mark.position, "partition_seq": mark.partition_seq, "offset": mark.offset}
    ).encode()
