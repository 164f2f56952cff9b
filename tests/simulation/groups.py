"""A consumer group and its members, in place of FastStream's broker and subscriber.

A member learns of a rebalance some time after it: until then it goes on with what it had, as a
zombie does. A batch may be under way while its partitions are taken and given.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError

from frikort_contracts.topics import PARTITIONS
from tests.simulation.kafka import Broker, Record
from tests.simulation.kafka_clients import Client
from tests.simulation.world import Process


class Group:
    """Who is a member, and which partitions are whose; co-partitioned topics go together."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.members: dict[str, Member] = {}
        self.offsets: dict[TopicPartition, int] = {}

    def join(self, member: "Member") -> None:
        if member.process.alive:
            self.members[member.process.name] = member
            self._rebalance()

    def leave(self, name: str) -> "Member | None":
        """Take a member's partitions away; it is not told."""
        member = self.members.pop(name, None)
        self._rebalance()
        return member

    def _rebalance(self) -> None:
        self.broker.world.met["rebalance"] += 1
        names = sorted(self.members)
        for place, name in enumerate(names):
            mine = range(place, PARTITIONS, len(names))
            self.members[name].give({*mine})


class Member(Client):
    """A member of the group with its fetch positions: what the real code knows as `client`."""

    def __init__(self, group: Group, process: Process, topics: tuple[str, ...]) -> None:
        super().__init__(group.broker, process)
        self.group = group
        self.topics = topics
        self.lanes: dict[TopicPartition, int | None] = {}
        self._given: set[int] = set()
        self._changed = asyncio.Event()

    def give(self, partitions: set[int]) -> None:
        self._given = partitions
        self._changed.set()

    # As aiokafka's consumer.

    def assignment(self) -> set[TopicPartition]:
        return {*self.lanes}

    def partitions_for_topic(self, _: str) -> set[int]:
        return {*range(PARTITIONS)}

    def highwater(self, lane: TopicPartition) -> int:
        return self.broker.stable_end(lane)

    def seek(self, lane: TopicPartition, offset: int) -> None:
        if lane not in self.lanes:
            raise IllegalStateError(f"{lane} is not assigned")
        self.lanes[lane] = offset
        self.broker.tell()

    async def commit(self, offsets: Mapping[TopicPartition, Any]) -> None:
        await self.ask("commit group", lambda: self._commit(offsets))

    def _commit(self, offsets: Mapping[TopicPartition, Any]) -> None:
        if self.group.members.get(self.process.name) is not self:
            raise CommitFailedError("the group has gone on without this member")
        self.group.offsets |= {lane: told.offset for lane, told in offsets.items()}

    # What aiokafka does by itself.

    async def follow(self, listener: Any) -> None:
        """Take the partitions that are given, whenever they change."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            await self.broker.world.travel(self.process, "rejoin")
            given = [TopicPartition(topic, p) for topic in self.topics for p in sorted(self._given)]
            await listener.on_partitions_revoked(self.assignment())
            self.lanes = dict.fromkeys(given)
            await listener.on_partitions_assigned({*given})
            for lane in given:
                if self.lanes.get(lane) is None:
                    self.lanes[lane] = self.group.offsets.get(lane, 0)
            self.broker.tell()

    async def fetch(self) -> list[Record]:
        """Wait for records; give some of some partitions, each one's in order."""
        chance = self.broker.world.chance
        while True:
            ready = [lane for lane in self.lanes if self._is_ready(lane)]
            if not ready:
                await self.broker.news()
                continue
            mishap = await self.broker.world.travel(self.process, "fetch")
            chosen = chance.sample(ready, chance.randint(1, len(ready)))
            batch: list[Record] = []
            for lane in () if mishap else chosen:
                if self._is_ready(lane):
                    batch += self._take(lane, chance.randint(1, 8))
            if batch:
                return batch

    def _is_ready(self, lane: TopicPartition) -> bool:
        start = self.lanes.get(lane)
        return start is not None and any(True for _ in self.broker.committed(lane, start))

    def _take(self, lane: TopicPartition, most: int) -> list[Record]:
        taken: list[Record] = []
        for record in self.broker.committed(lane, self.lanes[lane] or 0):
            if len(taken) == most:
                break
            taken.append(record)
            self.lanes[lane] = record.offset + 1
        return taken


class Subscriber:
    """FastStream's subscriber, with acknowledgement by hand: what a handler raises is lost."""

    def __init__(
        self, group: Group, process: Process, topics: tuple[str, ...], **told: Any
    ) -> None:
        self.consumer: Member | None = None
        self._group = group
        self._process = process
        self._topics = topics
        self._listener: Any = told["listener"]
        self._parser: Callable[[Any], Awaitable[Any]] = told["parser"]
        self._decoder: Callable[[Any], Awaitable[Any]] = told["decoder"]
        self._handler: Callable[[Any], Awaitable[None]] | None = None

    def __call__(self, handler: Callable[[Any], Awaitable[None]]) -> None:
        self._handler = handler

    async def run(self) -> None:
        """Join, and give batches to the handler."""
        assert self._handler is not None
        member = self.consumer = Member(self._group, self._process, self._topics)
        following = asyncio.create_task(member.follow(self._listener))
        self._group.join(member)
        while not following.done():
            batch = tuple(await member.fetch())
            body = await self._decoder(await self._parser(batch))
            try:
                await self._handler(body)
            except Exception as error:  # noqa: BLE001 - as FastStream does
                self._group.broker.world.note(f"swallowed {error!r}")
        await following


class SubscriptionBroker:
    """FastStream's broker, as far as `Consumer` uses it."""

    def __init__(self, group: Group, process: Process) -> None:
        self._group = group
        self._process = process
        self.subscribers: list[Subscriber] = []

    def subscriber(self, *topics: str, **told: Any) -> Subscriber:
        self.subscribers.append(Subscriber(self._group, self._process, topics, **told))
        return self.subscribers[-1]
