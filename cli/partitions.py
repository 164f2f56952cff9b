"""Partitions of topics read whole, from their beginning to their end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from cli.errors import TransientError

if TYPE_CHECKING:
    from aiokafka import AIOKafkaConsumer, ConsumerRecord

TIMEOUT_MS: Final = 5000
WAIT_MS: Final = 1000
FETCH_WAIT_MS: Final = 20
"""How long Kafka may hold back an answer that is empty; until then it is asked for nothing else."""
SILENCES_MAX: Final = 30
"""How often in a row a topic may give nothing before its end, a second each time."""
RECORDS_MAX: Final = 5000


@asynccontextmanager
async def open_topics(servers: str) -> "AsyncIterator[AIOKafkaConsumer]":
    """Open Kafka to read what was committed, as no member of any group.

    Raises:
        TransientError: Kafka does not answer.
    """
    from aiokafka import AIOKafkaConsumer  # noqa: PLC0415 - slow to load
    from aiokafka.errors import KafkaError  # noqa: PLC0415 - as above

    consumer = AIOKafkaConsumer(
        bootstrap_servers=servers,
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        request_timeout_ms=TIMEOUT_MS,
        fetch_max_wait_ms=FETCH_WAIT_MS,
    )
    try:
        await consumer.start()
        yield consumer
    except KafkaError as error:
        raise TransientError(
            f"Kafka at {servers} does not answer; is the stack up? (`frikort up`)"
        ) from error
    finally:
        await consumer.stop()


async def read_partition(
    consumer: "AIOKafkaConsumer", topic: str, partition: int
) -> "AsyncIterator[ConsumerRecord]":
    """Give every record from the first to where the partition's end is now.

    Raises:
        TransientError: nothing comes although the end is not reached.
    """
    from aiokafka import TopicPartition  # noqa: PLC0415 - as above

    place = TopicPartition(topic, partition)
    consumer.assign([place])
    await consumer.seek_to_beginning(place)
    end = (await consumer.end_offsets([place]))[place]
    silences = 0
    while await consumer.position(place) < end:
        found = await consumer.getmany(place, timeout_ms=WAIT_MS, max_records=RECORDS_MAX)
        records = found.get(place, ())
        silences = 0 if records else silences + 1
        if silences > SILENCES_MAX:
            raise TransientError(f"{topic}, partition {partition}, ends before its end")
        for record in records:
            yield record
