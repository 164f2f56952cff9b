"""A Kafka in memory, as far as relays and consumers rest on it: logs, transactions, groups.

A transaction is ended at one moment for all its partitions; each then has a marker, which takes
an offset. A `read_committed` reader gets nothing from the first open transaction on. Whoever
starts with a transactional id fences all before. `test_conformance` compares it with a real one.
"""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from aiokafka import TopicPartition
from aiokafka.errors import ProducerFenced

from tests.simulation.world import World

TRANSACTION_TIMEOUT_S = 60.0
Headers: TypeAlias = Sequence[tuple[str, bytes | None]]


@dataclass(eq=False)
class Transaction:
    """What one producer has under way."""

    state: Literal["open", "committed", "aborted"] = "open"
    lanes: dict[TopicPartition, None] = field(default_factory=dict)


@dataclass(slots=True)
class Record:
    """One record, or a transaction's marker (which no reader is given)."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    transaction: Transaction | None = None
    is_marker: bool = False


class Broker:
    """The logs, who may write to them under which id, and the groups."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.logs: dict[TopicPartition, list[Record]] = {}
        self._epochs: dict[str, int] = {}
        self._under_way: dict[str, Transaction] = {}
        self._waiters: list[asyncio.Future[None]] = []

    def log(self, lane: TopicPartition) -> list[Record]:
        return self.logs.setdefault(lane, [])

    def put(
        self,
        lane: TopicPartition,
        key: bytes | None,
        value: bytes | None,
        headers: Headers,
        transaction: Transaction | None = None,
    ) -> int:
        """Append a record; give its offset."""
        log = self.log(lane)
        log.append(Record(lane.topic, lane.partition, len(log), key, value, headers, transaction))
        self.tell()
        return len(log) - 1

    def leave_hole(self, lane: TopicPartition) -> None:
        """Append what a transaction's end leaves: an offset without a record."""
        log = self.log(lane)
        log.append(Record(lane.topic, lane.partition, len(log), None, None, (), is_marker=True))
        self.tell()

    def fence(self, transactional_id: str) -> int:
        """Begin a producer's session: end what its predecessors left open; give the epoch."""
        if transactional_id in self._under_way:
            self._end(transactional_id, "aborted")
        self._epochs[transactional_id] = self._epochs.get(transactional_id, 0) + 1
        return self._epochs[transactional_id]

    def send(
        self,
        transactional_id: str,
        epoch: int,
        lane: TopicPartition,
        records: Iterable[tuple[bytes | None, bytes | None, Headers]],
    ) -> int:
        """Append records in the producer's transaction; give the first one's offset.

        Raises:
            ProducerFenced: another has begun under this id.
        """
        self._require_latest(transactional_id, epoch)
        transaction = self._under_way.get(transactional_id)
        if transaction is None:
            transaction = self._under_way[transactional_id] = Transaction()
            self.world.loop.call_later(
                TRANSACTION_TIMEOUT_S, self._expire, transactional_id, transaction
            )
        transaction.lanes[lane] = None
        first = len(self.log(lane))
        for key, value, headers in records:
            self.put(lane, key, value, headers, transaction)
        return first

    def end(self, transactional_id: str, epoch: int, *, commit: bool) -> None:
        """Commit or abort; one that sent nothing has nothing to end.

        Raises:
            ProducerFenced: another has begun under this id.
        """
        self._require_latest(transactional_id, epoch)
        if transactional_id in self._under_way:
            self._end(transactional_id, "committed" if commit else "aborted")

    def stable_end(self, lane: TopicPartition) -> int:
        """Give where `read_committed` readers must stop."""
        for record in self.log(lane):
            if record.transaction is not None and record.transaction.state == "open":
                return record.offset
        return len(self.log(lane))

    def committed(self, lane: TopicPartition, start: int = 0) -> Iterator[Record]:
        """Give what a `read_committed` reader is given, from an offset on."""
        for record in self.log(lane)[start : self.stable_end(lane)]:
            aborted = record.transaction is not None and record.transaction.state == "aborted"
            if not aborted and not record.is_marker:
                yield record

    def tell(self) -> None:
        """Wake all who wait for news."""
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def news(self) -> None:
        """Wait until something has changed."""
        waiter = self.world.loop.create_future()
        self._waiters.append(waiter)
        await waiter

    def _require_latest(self, transactional_id: str, epoch: int) -> None:
        if self._epochs.get(transactional_id) != epoch:
            self.world.met["fenced"] += 1
            raise ProducerFenced("there is a newer producer with the same transactional id")

    def _end(self, transactional_id: str, state: Literal["committed", "aborted"]) -> None:
        transaction = self._under_way.pop(transactional_id)
        transaction.state = state
        for lane in transaction.lanes:
            self.leave_hole(lane)

    def _expire(self, transactional_id: str, transaction: Transaction) -> None:
        if self._under_way.get(transactional_id) is transaction:
            self.fence(transactional_id)
