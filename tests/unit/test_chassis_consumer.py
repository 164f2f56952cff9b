"""The consumer's own decisions: what it does when its positions cannot be read."""

from typing import Any, cast

import pytest
from aiokafka import TopicPartition
from faststream.kafka import KafkaBroker

from services.chassis.consumer import Consumer, SeekToStored


class BrokenPool:
    """Fails whoever asks for a connection, for good."""

    def acquire(self) -> None:
        raise LookupError("no such pool")


class LateConsumer:
    """Seeks the second time it is told to."""

    def __init__(self) -> None:
        self.seeks = 0

    async def seek_to_stored(self, assigned: set[TopicPartition]) -> None:
        assert assigned
        self.seeks += 1
        if self.seeks == 1:
            raise ConnectionRefusedError("the database is away")

    def fail(self, error: Exception) -> None:
        raise AssertionError(error)


async def test_a_consumer_that_cannot_read_its_positions_ends_the_process() -> None:
    consumer = Consumer(
        KafkaBroker(),
        cast("Any", BrokenPool()),
        group="readers",
        instance="1",
        topics=["things"],
        apply=cast("Any", None),
    )

    await SeekToStored(consumer).on_partitions_assigned({TopicPartition("things", 0)})

    assert not consumer.joined
    with pytest.raises(LookupError):
        await consumer.failure


async def test_a_database_that_is_away_for_a_moment_is_waited_for() -> None:
    consumer = LateConsumer()

    await SeekToStored(cast("Any", consumer)).on_partitions_assigned({TopicPartition("things", 0)})

    assert consumer.seeks == 2
