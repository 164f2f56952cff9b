"""What a relay sends: records, one by one or written already, and the batches they fill."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder

RECORD_BYTES_MAX = 512 * 1024
"""Half of what a broker takes by default."""


class RecordTooLargeError(Exception):
    """A record is more than a broker may take; what is appended is bounded so that none is."""


class Record(NamedTuple):
    """One record to send. A numbered one gets the partition's next `ce_partitionseq`."""

    topic: str
    partition: int
    key: bytes
    value: bytes
    headers: Sequence[tuple[str, bytes]]
    numbered: bool = True


Lane = tuple[str, int]
"""A topic's partition."""


class Written(Protocol):
    """A partition's records that are written already, as Kafka keeps them (`bulk_sending`)."""

    def __len__(self) -> int: ...

    def largest(self) -> tuple[int, int]:
        """Give the place of the largest among them, and its bytes."""
        ...

    def batches(self, number: int, bytes_max: int) -> Iterable[BatchBuilder]:
        """Fill batches no larger than that; numbers go on from `number`, which is the last."""
        ...


@dataclass(frozen=True, slots=True)
class Batch:
    """Records to send in one transaction, and where each read partition stands after it.

    Of a partition they are given either one by one or written.
    """

    records: Sequence[Record]
    positions: Mapping[int, int]
    written: Mapping[Lane, Written] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.records) + sum(map(len, self.written.values()))

    def lanes(self) -> dict[Lane, Sequence[Record] | Written]:
        """Give what goes to each partition, in its order."""
        lanes: dict[Lane, list[Record]] = defaultdict(list)
        for record in self.records:
            lanes[record.topic, record.partition].append(record)
        return {**lanes, **self.written}


def fill(
    producer: AIOKafkaProducer, lane: Lane, records: Iterable[Record], seq: int
) -> Iterator[BatchBuilder]:
    """Have the producer write records; `seq` is the number before the first."""
    builder = producer.create_batch()
    for record in records:
        refuse_large(lane, seq + 1, len(record.value))
        headers = record.headers
        if record.numbered:
            seq += 1
            headers = [*headers, ("ce_partitionseq", b"%d" % seq)]
        while (
            builder.append(key=record.key, value=record.value, timestamp=None, headers=headers)
            is None
        ):
            yield builder
            builder = producer.create_batch()
    yield builder


def refuse_large(lane: Lane, seq: int, size: int) -> None:
    """Refuse what a broker may not take.

    Raises:
        RecordTooLargeError: it is larger than any record is meant to be.
    """
    if size > RECORD_BYTES_MAX:
        raise RecordTooLargeError(
            f"record {seq} of {lane[0]}:{lane[1]} is larger than {RECORD_BYTES_MAX} bytes; bound "
            "the fields of its event, for it holds back all that follow"
        )
