"""Subscribing: FastStream gives batches of raw records, the service applies them once.

Offsets are kept with the data: on assignment every partition is sought to the position in the
database. The group commit that follows a batch only informs lag monitors. A batch is tried
again while the fault may pass; whatever else goes wrong ends the process, and its supervisor
starts it afresh from the stored positions. Nothing is ever passed over.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import structlog
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.errors import KafkaError
from aiokafka.structs import OffsetAndMetadata
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage
from faststream.kafka.message import FAKE_CONSUMER

from services.chassis.database import Pool, may_pass
from services.chassis.errors import ConflictError, TransientError, describe
from services.chassis.inbox import stored_offsets

ATTEMPTS_MAX = 8
BACK_OFF_FIRST_S = 0.1
INFORM_EVERY_S = 1.0
BATCH_TIMEOUT_MS = 10
"""FastStream sleeps this long again after an empty poll, so it is also the idle latency."""

log = structlog.get_logger()

Apply = Callable[[Sequence[ConsumerRecord]], Awaitable[None]]
Prepare = Callable[[int], Awaitable[None]]
"""Called with how many messages wait before partitions that were assigned are read."""


class Consumer:
    """One group's subscription to some topics; co-partitioned topics go to one member."""

    def __init__(
        self,
        broker: KafkaBroker,
        pool: Pool,
        *,
        group: str,
        instance: str,
        topics: Sequence[str],
        apply: Apply,
        records_max: int = 500,
        prepare: Prepare | None = None,
    ) -> None:
        self._pool = pool
        self._apply = apply
        self._prepare = prepare
        self.failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.joined = False
        self._topics = topics
        self._records_max = records_max
        self._applied_to: dict[tuple[str, int], int] = {}
        self._informed_at = 0.0
        self._progress_at = time.time()
        self._subscriber = broker.subscriber(
            *topics,
            group_id=group,
            group_instance_id=f"{group}-{instance}",
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            ack_policy=AckPolicy.MANUAL,
            batch=True,
            batch_timeout_ms=BATCH_TIMEOUT_MS,
            max_records=records_max,
            max_partition_fetch_bytes=4 * 1024 * 1024,
            listener=SeekToStored(self),
            parser=_raw,
            decoder=_records,
        )
        self._subscriber(self._on_batch)

    @property
    def client(self) -> Any:
        """The aiokafka consumer, None before the broker has started."""
        return self._subscriber.consumer

    def fetched_at(self) -> float | None:
        """Tell when the broker last answered a fetch, in seconds since 1970; None before."""
        assigned = self.client.assignment() if self.client is not None else ()
        answers = [self.client.last_poll_timestamp(partition) for partition in assigned]
        return max((answer / 1000 for answer in answers if answer), default=None)

    def idle_s(self) -> float:
        """Tell how long nothing was fetched or applied, in seconds; 0 with nothing to read."""
        if self.joined and not self.client.assignment():
            return 0.0
        last = max(self._progress_at, self.fetched_at() or 0.0)
        return max(0.0, time.time() - last)

    def topics_missing(self) -> list[str]:
        """Name the topics that the broker does not know any more."""
        if self.client is None:
            return []
        return [topic for topic in self._topics if not self.client.partitions_for_topic(topic)]

    def reads(self, topic: str, partition: int) -> bool:
        """Tell whether a partition is assigned to this member of the group."""
        return self.client is not None and TopicPartition(topic, partition) in (
            self.client.assignment()
        )

    def is_behind(self) -> bool:
        """Tell whether more than a batch waits on the topics, as far as the client has seen."""
        if self.client is None:
            return False
        waiting = 0
        for partition in self.client.assignment():
            end = self.client.highwater(partition)
            if end is not None:
                waiting += end - self._applied_to.get((partition.topic, partition.partition), end)
        return waiting > self._records_max

    def fail(self, error: Exception) -> None:
        """Have the process end: it cannot go on reading where it should."""
        if not self.failure.done():
            self.failure.set_exception(error)

    async def seek_to_stored(self, assigned: set[TopicPartition]) -> None:
        """Set every assigned partition to its position in the database."""
        async with self._pool.acquire() as connection:
            stored = await stored_offsets(connection, assigned)
        for partition in assigned:
            self.client.seek(partition, stored[partition.topic, partition.partition])
        if self._prepare is not None:
            await self._prepare(await self._count_waiting(stored, assigned))
        self.joined = True
        self._progress_at = time.time()
        log.info("partitions_assigned", partitions=len(assigned))

    async def _count_waiting(
        self, stored: Mapping[tuple[str, int], int], assigned: set[TopicPartition]
    ) -> int:
        """Count what waits on some partitions; 0 if Kafka does not say."""
        try:
            ends: dict[TopicPartition, int] = await self.client.end_offsets(assigned)
        except KafkaError:
            return 0
        return sum(max(0, end - stored[p.topic, p.partition]) for p, end in ends.items())

    async def _on_batch(self, records: Any) -> None:
        try:
            await self._apply_or_retry(records)
            self._progress_at = time.time()
            await self._inform_lag_monitors(records)
        except Exception as error:  # noqa: BLE001 - FastStream would swallow it and read on
            self.fail(error)
            await asyncio.Event().wait()  # read no further; the process is about to end

    async def _apply_or_retry(self, records: Sequence[ConsumerRecord]) -> None:
        for attempt in range(ATTEMPTS_MAX):
            try:
                await self._apply(records)
            except (TransientError, ConflictError) as error:
                if attempt == ATTEMPTS_MAX - 1:
                    raise
                log.warning("batch_failed", attempt=attempt, error=describe(error))
                await asyncio.sleep(BACK_OFF_FIRST_S * 2**attempt)
            else:
                return

    async def _inform_lag_monitors(self, records: Sequence[ConsumerRecord]) -> None:
        """Commit how far we are to the group, now and then; nothing rests on it."""
        for record in records:
            self._applied_to[record.topic, record.partition] = record.offset + 1
        if time.monotonic() - self._informed_at < INFORM_EVERY_S:
            return
        self._informed_at = time.monotonic()
        assigned = self.client.assignment()
        try:
            await self.client.commit(
                {
                    TopicPartition(*lane): OffsetAndMetadata(offset, "")
                    for lane, offset in self._applied_to.items()
                    if TopicPartition(*lane) in assigned
                }
            )
        except KafkaError as error:  # the position in the database is the one that counts
            log.info("group_commit_failed", error=describe(error))


class SeekToStored(ConsumerRebalanceListener):  # type: ignore[misc]  # untyped library
    """Sets partitions to their stored positions when they are assigned."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Finish nothing: a batch under way is fenced by the positions' row locks."""

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Seek, or end the process: aiokafka would log the fault and read on from elsewhere."""
        for attempt in range(ATTEMPTS_MAX):
            try:
                return await self._consumer.seek_to_stored(assigned)
            except Exception as error:  # noqa: BLE001 - whatever it is, no position is known
                if attempt == ATTEMPTS_MAX - 1 or not may_pass(error):
                    return self._consumer.fail(error)
                log.warning("positions_unread", attempt=attempt, error=describe(error))
            await asyncio.sleep(BACK_OFF_FIRST_S * 2**attempt)
        return None


async def _raw(batch: tuple[ConsumerRecord, ...]) -> KafkaMessage:
    """Wrap a batch without reading it: a record nobody can parse must not stop the others."""
    return KafkaMessage(
        body=b"", headers={}, raw_message=batch, correlation_id="batch", consumer=FAKE_CONSUMER
    )


async def _records(message: KafkaMessage) -> Any:
    return message.raw_message
