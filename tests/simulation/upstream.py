"""The topics that grants and payroll fill: late, with holes, and some of it twice."""

from collections import defaultdict

from aiokafka import TopicPartition

from tests.simulation.kafka import Broker, Headers
from tests.simulation.workload import Written
from tests.simulation.world import World

RECENT = 6


class Upstream:
    """One topic's relay; it numbers the records of each partition without gaps."""

    def __init__(self, world: World, broker: Broker, topic: str) -> None:
        self._world = world
        self._broker = broker
        self._topic = topic
        self._sent: dict[TopicPartition, list[tuple[bytes | None, bytes, Headers]]] = defaultdict(
            list
        )
        self._again_share = world.chance.choice((0.0, 0.05, 0.2))

    def produced(self) -> dict[TopicPartition, int]:
        """Give the highest number of each partition."""
        return {lane: len(sent) for lane, sent in self._sent.items()}

    async def run(self, events: list[Written], *, within_s: float) -> None:
        """Send all, in bursts, with whatever lag."""
        chance = self._world.chance
        rest = list(events)
        await self._world.pass_time(chance.uniform(0, within_s / 2))
        while rest:
            burst = chance.randint(1, 1 + len(events) // 3)
            for written in rest[:burst]:
                self._send(written)
                if self._again_share and chance.random() < self._again_share:
                    self._repeat(written)
            rest = rest[burst:]
            await self._world.pass_time(chance.expovariate(8 / within_s))

    def _send(self, written: Written) -> None:
        message = written.message
        lane = TopicPartition(self._topic, message.partition)
        number = len(self._sent[lane]) + 1
        headers = [*message.headers.items(), ("ce_partitionseq", b"%d" % number)]
        self._sent[lane].append((message.key, message.value, headers))
        self._broker.put(lane, message.key, message.value, headers)

    def _repeat(self, written: Written) -> None:
        """Leave an offset without a record, send recent ones again, or one under a new number."""
        lane = TopicPartition(self._topic, written.message.partition)
        match self._world.chance.randrange(3):
            case 0:
                self._broker.leave_hole(lane)
            case 1:
                for sent in self._sent[lane][-self._world.chance.randint(1, RECENT) :]:
                    self._broker.put(lane, *sent)
            case _:
                self._send(written)
