"""The watchdog on a real Kafka: who makes no progress is ended, who merely waits is not."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from frikort_contracts.topics import GRANTS
from services.chassis import runtime
from services.chassis.consumer import Consumer
from services.chassis.watchdog import ConsumerStuckError, watch
from tests.integration.chassis_cases import eventually, make_database, pool_of
from tests.integration.servers import Servers

pytestmark = pytest.mark.slow

NOBODY = "127.0.0.1:1"
LOOKS = 5


class LookedOftenError(Exception):
    """The watchdog has looked as often as a test wants."""


class Standing:
    """A consumer that has been idle for as long as a test says."""

    def __init__(self, idle_s: float) -> None:
        self._idle_s = idle_s
        self._looks = 0

    def idle_s(self) -> float:
        self._looks += 1
        if self._looks > LOOKS:
            raise LookedOftenError
        return self._idle_s


async def _nothing(_: Sequence[Any]) -> None:
    """Apply nothing: the tests watch the client."""


@pytest.fixture
async def consumer(servers: Servers) -> AsyncIterator[Consumer]:
    broker = runtime.make_broker(servers.stack.kafka, client_id="watched")
    async with pool_of(make_database(servers, "payroll")) as pool:
        consumer = Consumer(
            broker, pool, group="watched", instance="1", topics=[GRANTS.name], apply=_nothing
        )
        await broker.start()
        yield consumer
        await broker.stop()


async def test_a_consumer_that_hangs_while_kafka_answers_is_ended(
    servers: Servers, consumer: Consumer
) -> None:
    await eventually(lambda: consumer.fetched_at() is not None, what="a fetch answered")
    fetching = consumer.client._fetcher._fetch_task  # noqa: SLF001 - as it hangs, from within
    fetching.cancel()

    with pytest.raises(ConsumerStuckError, match="nothing was fetched or applied"):
        await watch(consumer, servers.stack.kafka, stuck_s=1, look_every_s=0.2)


async def test_a_consumer_that_waits_for_kafka_is_left_alone() -> None:
    with pytest.raises(LookedOftenError):
        await watch(Standing(idle_s=1000), NOBODY, stuck_s=0.02, look_every_s=0.01)


async def test_a_consumer_that_makes_progress_is_left_alone(servers: Servers) -> None:
    with pytest.raises(LookedOftenError):
        await watch(Standing(idle_s=0), servers.stack.kafka, stuck_s=0.02, look_every_s=0.01)


async def test_a_consumer_without_partitions_is_not_stuck(consumer: Consumer) -> None:
    await eventually(lambda: consumer.fetched_at() is not None, what="a fetch answered")
    consumer._progress_at = 0.0  # noqa: SLF001 - as of long ago
    consumer.client.assignment = frozenset

    assert consumer.idle_s() == 0


async def test_a_consumer_that_never_joins_is_idle_since_it_was_made(consumer: Consumer) -> None:
    consumer.joined = False
    consumer._progress_at -= 100  # noqa: SLF001 - made long ago
    consumer.client.last_poll_timestamp = lambda _: None

    assert consumer.idle_s() >= 100
