"""What stands where aiokafka's producer and consumer do: the same calls, an unreliable way."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError

from tests.simulation.kafka import Broker, Headers, Record
from tests.simulation.world import Process

BATCH_RECORDS_MAX = 4
"""So few that what is sent takes several batches."""
EMPTY_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Report:
    """Where a batch begins."""

    offset: int


class Client:
    """A connection to the broker, on which answers and requests may be lost."""

    def __init__(self, broker: Broker, process: Process) -> None:
        self.broker = broker
        self.process = process

    async def ask(self, what: str, act: Any) -> Any:
        """Have the broker do something.

        Raises:
            KafkaConnectionError: it did not, or it did and the answer was lost.
        """
        world = self.broker.world
        mishap = await world.travel(self.process, what)
        if mishap in {"lose-request", "restart-server"}:
            raise KafkaConnectionError("no answer")
        answer = act()
        if mishap == "lose-answer":
            raise KafkaConnectionError("no answer")
        await world.answer(self.process)
        return answer


class BatchBuilder:
    """Takes records until it is full."""

    def __init__(self) -> None:
        self.records: list[tuple[bytes | None, bytes | None, Headers]] = []

    def append(
        self, *, key: bytes | None, value: bytes | None, timestamp: int | None, headers: Headers
    ) -> object | None:
        del timestamp
        if len(self.records) >= BATCH_RECORDS_MAX:
            return None
        self.records.append((key, value, list(headers)))
        return self


class Producer(Client):
    """A transactional producer."""

    def __init__(
        self, broker: Broker, process: Process, *, transactional_id: str, **_: Any
    ) -> None:
        super().__init__(broker, process)
        self._id = transactional_id
        self._epoch = 0
        self._failure: Exception | None = None

    async def start(self) -> None:
        self._epoch = await self.ask(f"init {self._id}", lambda: self.broker.fence(self._id))

    async def stop(self) -> None:
        self.process.require_alive()

    async def begin_transaction(self) -> None:
        self._failure = None

    def create_batch(self) -> BatchBuilder:
        return BatchBuilder()

    async def send_batch(self, builder: BatchBuilder, topic: str, *, partition: int) -> Any:
        return await self._send(TopicPartition(topic, partition), builder.records)

    async def send(self, topic: str, value: bytes, *, key: bytes) -> Any:
        return await self._send(TopicPartition(topic, 0), [(key, value, ())])

    async def commit_transaction(self) -> None:
        if self._failure is not None:
            raise self._failure
        await self.ask(
            f"commit {self._id}", lambda: self.broker.end(self._id, self._epoch, commit=True)
        )

    async def abort_transaction(self) -> None:
        await self.ask(
            f"abort {self._id}", lambda: self.broker.end(self._id, self._epoch, commit=False)
        )

    async def _send(
        self, lane: TopicPartition, records: Sequence[tuple[bytes | None, bytes | None, Headers]]
    ) -> Any:
        """Send, and give the future of the report: a fault is told by it and by the commit."""
        future = self.broker.world.loop.create_future()
        try:
            offset = await self.ask(
                f"send {lane.topic}:{lane.partition}",
                lambda: self.broker.send(self._id, self._epoch, lane, records),
            )
            future.set_result(Report(offset))
        except Exception as error:  # noqa: BLE001 - it is told, not raised
            self._failure = error
            future.set_exception(error)
        return future


class Reader(Client):
    """A consumer without a group, as the relay reads its positions with."""

    def __init__(
        self,
        broker: Broker,
        process: Process,
        *,
        isolation_level: str = "read_uncommitted",
        **_: Any,
    ) -> None:
        super().__init__(broker, process)
        self._committed_only = isolation_level == "read_committed"
        self._positions: dict[TopicPartition, int] = {}

    async def start(self) -> None:
        await self.ask("connect", lambda: None)

    async def stop(self) -> None:
        self.process.require_alive()

    def assign(self, lanes: Sequence[TopicPartition]) -> None:
        self._positions = dict.fromkeys(lanes, 0)

    async def seek_to_beginning(self, *lanes: TopicPartition) -> None:
        for lane in lanes:
            self._positions[lane] = 0

    async def position(self, lane: TopicPartition) -> int:
        return self._positions[lane]

    async def end_offsets(self, lanes: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        ends: dict[TopicPartition, int] = await self.ask(
            "ends", lambda: {lane: self._end(lane) for lane in lanes}
        )
        return ends

    async def getmany(
        self, lane: TopicPartition, *, timeout_ms: int
    ) -> dict[TopicPartition, list[Record]]:
        end: int = await self.ask(f"read {lane.topic}", lambda: self._end(lane))
        start = self._positions[lane]
        if start >= end:
            await self.broker.world.pass_time(timeout_ms / 1000)
            return {}
        self._positions[lane] = end
        found = [record for record in self.broker.committed(lane, start) if record.offset < end]
        return {lane: found}

    def _end(self, lane: TopicPartition) -> int:
        if self._committed_only:
            return self.broker.stable_end(lane)
        return len(self.broker.log(lane))
