"""Poison: what one citizen's broken message costs the others.

`python -m tests.bench.poison [--rate N] [--seconds N] [--rounds N]` starts its own Kafka,
PostgreSQL and allowance service, sends wages at a steady rate and measures how long each takes
from its sending until a `read_committed` consumer has its wage-apportioned. In every second
phase one citizen's stream holds a message that nobody can read, and more of that citizen's
wages behind it. It prints machine, versions, seed and figures.
"""

import argparse
import asyncio
import itertools
import random
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from deploy.local.stack import Stack
from frikort_contracts.topics import ALLOWANCE, PARTITIONS
from tests.bench.history import History, Sent, send
from tests.bench.posting import (
    all_read,
    apply_grants,
    describe_machine,
    on_a_stack,
    set_caps,
    start,
)

CITIZENS = 400
SEED = 1
SETTLE_S = 3.0
SAY = sys.stdout.write


@dataclass(slots=True)
class Watcher:
    """Notes when each wage was sent and when its decision could be read."""

    sent_at: dict[bytes, float] = field(default_factory=dict)
    took_s: dict[bytes, float] = field(default_factory=dict)

    async def watch(self, bootstrap: str) -> None:
        """Read until cancelled."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap, isolation_level="read_committed", enable_auto_commit=False
        )
        await consumer.start()
        try:
            consumer.assign([TopicPartition(ALLOWANCE.name, p) for p in range(PARTITIONS)])
            await consumer.seek_to_end()
            async for record in consumer:
                cause = dict(record.headers)["ce_causationid"]
                if cause in self.sent_at:
                    self.took_s.setdefault(cause, time.perf_counter() - self.sent_at[cause])
        finally:
            await consumer.stop()


async def send_steadily(
    producer: AIOKafkaProducer, watcher: Watcher, wages: Sequence[Sent], rate: int
) -> None:
    """Send wages evenly, whatever the answers take."""
    began = time.perf_counter()
    for place, wage in enumerate(wages):
        await asyncio.sleep(max(0.0, began + place / rate - time.perf_counter()))
        watcher.sent_at[dict(wage.headers)["ce_id"]] = time.perf_counter()
        await producer.send(
            wage.topic,
            wage.value,
            key=wage.key,
            partition=wage.partition,
            headers=list(wage.headers),
        )
    await producer.flush()
    await asyncio.sleep(SETTLE_S)


def poisoned(wages: Sequence[Sent], broken: bytes) -> list[Sent]:
    """Make the first wage of a citizen unreadable; what follows of theirs waits behind it."""
    first = next(place for place, wage in enumerate(wages) if wage.key == broken)
    return [replace(w, value=b"{") if place == first else w for place, w in enumerate(wages)]


def percentiles(took_s: Sequence[float]) -> tuple[float, float, float]:
    """Give p50, p99 and the longest, in milliseconds."""
    cuts = statistics.quantiles(took_s, n=100)
    return cuts[49] * 1000, cuts[98] * 1000, max(took_s) * 1000


async def measure(stack: Stack, arguments: argparse.Namespace) -> None:
    """Send phase after phase, clean and poisoned in turn, and print each."""
    url = stack.database_url("allowance")
    await set_caps(url)
    count = arguments.rate * arguments.seconds
    records = History(SEED, CITIZENS).records(count * (arguments.rounds * 2 + 1))
    await send(stack.kafka, itertools.islice(records, CITIZENS))
    await apply_grants(stack, url, CITIZENS)
    service = start(stack, 1)
    await all_read(stack, [service])
    watcher = Watcher()
    watching = asyncio.create_task(watcher.watch(stack.kafka))
    producer = AIOKafkaProducer(bootstrap_servers=stack.kafka, acks="all")
    await producer.start()
    try:
        found: dict[str, list[float]] = {"warm up": [], "clean": [], "poisoned": []}
        broken_citizens: set[bytes] = set()
        for phase in ["warm up"] + ["clean", "poisoned"] * arguments.rounds:
            wages = list(itertools.islice(records, count))
            if phase == "poisoned":
                broken = random.Random(len(broken_citizens)).choice(wages).key  # noqa: S311
                wages = poisoned(wages, broken)
                broken_citizens.add(broken)
            await send_steadily(producer, watcher, wages, arguments.rate)
            others = [dict(w.headers)["ce_id"] for w in wages if w.key not in broken_citizens]
            missing = sum(cause not in watcher.took_s for cause in others)
            took_s = [watcher.took_s[cause] for cause in others if cause in watcher.took_s]
            found[phase] += took_s
            p50, p99, longest = percentiles(took_s)
            SAY(f"{phase:<9}{len(others):7} wages of others, {missing} without a decision, ")
            SAY(f"p50 {p50:5.0f} ms, p99 {p99:5.0f} ms, longest {longest:5.0f} ms\n")
        clean, bad = (percentiles(found[phase])[1] for phase in ("clean", "poisoned"))
        SAY(f"p99 of the others, poisoned to clean: {bad / clean:.2f}\n")
    finally:
        watching.cancel()
        await producer.stop()
        service.terminate()
        service.wait(10)


def main() -> None:
    """Run the bench."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=200, help="wages a second")
    parser.add_argument("--seconds", type=int, default=10, help="of each phase")
    parser.add_argument("--rounds", type=int, default=3, help="of a clean and a poisoned phase")
    arguments = parser.parse_args()
    describe_machine()
    SAY(f"workload: {arguments.rate} wages a second of {CITIZENS} citizens, seed {SEED}\n")
    on_a_stack(lambda stack: measure(stack, arguments))


if __name__ == "__main__":
    main()
