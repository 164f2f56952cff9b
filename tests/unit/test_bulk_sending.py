"""Records written in bulk are those that aiokafka's producer would write, to the byte."""

import numpy as np
import pytest
from aiokafka.producer.message_accumulator import BatchBuilder
from hypothesis import example, given
from hypothesis import strategies as st

from services.chassis.bulk_sending import Bodies, WrittenBatch, body_of, spans_of
from services.chassis.compiled.records import HEADER_BYTES, RECORD_BYTES_MAX
from services.chassis.sending import Record

LANE = ("frikort-allowance", 3)
PRODUCER = (4711, 3, 9)
"""A producer's id, its epoch, and the sequence of the first record."""
NAMES = st.text(max_size=12)
SIZES = st.sampled_from([0, 1, 62, 63, 64, 65, 300, 8191, 8192])
VALUES = st.binary(max_size=12) | SIZES.map(bytes)
RECORDS = st.lists(
    st.tuples(VALUES, VALUES, st.lists(st.tuples(NAMES, VALUES), max_size=3)),
    min_size=1,
    max_size=6,
)
NUMBERS = st.integers(0, 2**53) | st.sampled_from([0, 8, 9, 98, 99, 10**9 - 1])


def bodies_of(records: list[Record]) -> Bodies:
    bodies = [body_of(record) for record in records]
    content = np.frombuffer(b"".join(bodies), np.uint8)
    return Bodies(content, spans_of(bodies), records[0].numbered)


def record(value: bytes, *, numbered: bool = True) -> Record:
    return Record(*LANE, b"key", value, [("ce_id", b"1")], numbered)


def built(batch: BatchBuilder) -> bytes:
    """Give what is sent of a batch."""
    batch._set_producer_state(*PRODUCER)  # noqa: SLF001
    return bytes(batch._build())  # noqa: SLF001


def as_aiokafka(records: list[Record], number: int, moment_ms: int) -> bytes:
    """Have aiokafka write them."""
    batch = BatchBuilder(2**30, 0, is_transactional=1)
    for place, one in enumerate(records, number + 1):
        own = [("ce_partitionseq", b"%d" % place)] if one.numbered else []
        batch.append(
            timestamp=moment_ms, key=one.key, value=one.value, headers=[*one.headers, *own]
        )
    return built(batch)


@given(parts=RECORDS, number=NUMBERS, numbered=st.booleans())
@example(parts=[(b"", b"", [])] * 200, number=0, numbered=True)
def test_a_batch_is_written_as_aiokafka_writes_it(
    *, parts: list[tuple[bytes, bytes, list[tuple[str, bytes]]]], number: int, numbered: bool
) -> None:
    records = [Record(*LANE, key, value, headers, numbered) for key, value, headers in parts]

    (batch,) = bodies_of(records).batches(number, 2**24)

    assert batch.record_count() == len(records)
    assert built(batch) == as_aiokafka(records, number, batch.moment_ms)
    assert batch.size() == len(built(batch))


@given(sizes=st.lists(st.integers(0, 400), min_size=1, max_size=40), room=st.integers(0, 1500))
def test_batches_are_no_larger_than_told_unless_a_record_is(sizes: list[int], room: int) -> None:
    records = [record(bytes(size)) for size in sizes]

    batches = list(bodies_of(records).batches(7, room))

    at = 0
    for batch in batches:
        members = records[at : at + batch.record_count()]
        assert built(batch) == as_aiokafka(members, 7 + at, batch.moment_ms)
        assert batch.size() <= room or len(members) == 1
        at += len(members)
        if at < len(records):
            more = as_aiokafka([*members, records[at]], 7 + at - len(members), batch.moment_ms)
            assert len(more) > room
    assert at == len(records)


@pytest.mark.parametrize("size", [0, 25, 63, 64, 8100, 8192])
def test_a_batch_may_be_exactly_as_large_as_told(size: int) -> None:
    records = [record(b"a"), record(bytes(size))]
    (whole,) = bodies_of(records).batches(0, 2**24)

    assert len(list(bodies_of(records).batches(0, whole.size()))) == 1
    assert len(list(bodies_of(records).batches(0, whole.size() - 1))) == 2


def test_a_batch_that_is_sent_again_is_the_same() -> None:
    (batch,) = bodies_of([record(b"a"), record(b"b")]).batches(0, 1000)

    assert batch._build() == batch._build()  # noqa: SLF001


def test_nothing_is_appended_to_what_is_written() -> None:
    (batch,) = bodies_of([record(b"a")]).batches(0, 1000)
    batch.close()

    batch.append(timestamp=None, key=b"k", value=b"v", headers=[])

    assert batch.closed()
    assert batch.record_count() == 1


def test_all_that_aiokafka_asks_of_a_batch_is_answered() -> None:
    """What its own batch does and ours leaves to it would speak of what ours does not have."""
    own = {name for name in vars(BatchBuilder) if not name.startswith("__")}

    assert own - vars(WrittenBatch).keys() == {"_serialize"}


@pytest.mark.parametrize("size", [0, 1, 5000])
def test_the_largest_is_measured(size: int) -> None:
    bodies = bodies_of([record(b"a"), record(bytes(size)), record(b"b")])

    place = 1 if size > 1 else 0
    assert bodies.largest() == (place, len(body_of(record(bytes(max(size, 1))))))


def test_a_record_takes_no_more_beside_its_body_than_is_counted_on() -> None:
    (batch,) = bodies_of([record(bytes(500_000))]).batches(2**62, 0)

    assert batch.size() <= len(body_of(record(bytes(500_000)))) + HEADER_BYTES + RECORD_BYTES_MAX
