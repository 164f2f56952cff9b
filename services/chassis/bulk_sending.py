"""Sending in bulk: the records of a partition written by compiled code, as Kafka keeps them.

What the relay otherwise has aiokafka's producer write, record by record, to the byte. Slow to
import: the compiled code is loaded, or made.
"""

import struct
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.util import calc_crc32c

from services.chassis.compiled.jit import Array
from services.chassis.compiled.records import (
    END,
    HEADER_BYTES,
    NOT_NUMBERED,
    RECORD_BYTES_MAX,
    START,
    varint_of,
    write_records,
)
from services.chassis.sending import Record

_HEADER: Final = struct.Struct(">qiibIhiqqqhii")
"""Offset, size, leader's epoch, format, CRC, attributes, last place, first and last moment,
producer, its epoch, its sequence, records."""
_BEHIND_SIZE: Final = 12
_BEHIND_CRC: Final = 21
_CRC: Final = struct.Struct(">I")
_CRC_AT: Final = 17
_ANY_EPOCH, _FORMAT, _IN_TRANSACTION = -1, 2, 0x10


class WrittenBatch(BatchBuilder):  # type: ignore[misc]
    """A batch that is written but for its header: aiokafka's producer sends it as one of its own.

    Here is all that the producer asks of one.
    """

    def __init__(self, content: bytearray, records: int) -> None:
        self._content = content
        self._records = records
        self._producer = (-1, -1, 0)
        self.moment_ms = time.time_ns() // 1_000_000
        self._is_sealed = False

    def append(self, **_: Any) -> None:
        """Take no more."""

    def close(self) -> None:
        """Be closed, as from the first."""

    def closed(self) -> bool:
        """Tell that nothing can be appended."""
        return True

    def record_count(self) -> int:
        """Count the records."""
        return self._records

    def size(self) -> int:
        """Give the batch's bytes."""
        return len(self._content)

    def _set_producer_state(self, producer_id: int, producer_epoch: int, sequence: int) -> None:
        self._producer = (producer_id, producer_epoch, sequence)

    def _build(self) -> bytearray:
        """Write the header, once: a batch that is sent again is the same."""
        if not self._is_sealed:
            content, size, last = self._content, len(self._content), self._records - 1
            about = (_ANY_EPOCH, _FORMAT, 0, _IN_TRANSACTION, last, self.moment_ms)
            header = (0, size - _BEHIND_SIZE, *about, self.moment_ms, *self._producer)
            _HEADER.pack_into(content, 0, *header, self._records)
            _CRC.pack_into(content, _CRC_AT, calc_crc32c(memoryview(content)[_BEHIND_CRC:]))
            self._is_sealed = True
        return self._content


@dataclass(frozen=True, slots=True)
class Bodies:
    """The bodies of a partition's records, one or more.

    `spans[record]` is where in `content` it starts and ends.
    """

    content: Array
    spans: Array
    numbered: bool

    def __len__(self) -> int:
        return len(self.spans)

    def largest(self) -> tuple[int, int]:
        """Give the place of the largest among them, and its bytes."""
        sizes = self.spans[:, END] - self.spans[:, START]
        place = int(sizes.argmax())
        return place, int(sizes[place])

    def batches(self, number: int, bytes_max: int) -> Iterator[WrittenBatch]:
        """Write them in batches no larger than that; the first record gets the number after it."""
        spans, needed = self.spans.reshape(-1), self.largest()[1] + HEADER_BYTES + RECORD_BYTES_MAX
        room = np.empty(max(bytes_max, needed), np.uint8)
        first = 0
        while first < len(self):
            given = number + 1 + first if self.numbered else NOT_NUMBERED
            last, size = write_records(self.content, spans, first, given, room, bytes_max)
            yield WrittenBatch(bytearray(room[:size].data), last - first)
            first = last


def body_of(record: Record) -> bytes:
    """Write a record's body, of one that is not written by compiled code."""
    found = [_sized(record.key), _sized(record.value)]
    found.append(varint_of(len(record.headers) + record.numbered))
    for name, value in record.headers:
        found += (_sized(name.encode()), _sized(value))
    return b"".join(found)


def spans_of(bodies: Sequence[bytes]) -> Array:
    """Give where each body starts and ends when they are put one behind the other."""
    ends = np.cumsum([0, *map(len, bodies)])
    return np.stack([ends[:-1], ends[1:]], axis=1)


def _sized(content: bytes) -> bytes:
    return varint_of(len(content)) + content
