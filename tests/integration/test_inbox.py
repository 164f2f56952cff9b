"""The inbox on a real PostgreSQL: every record's effect once, nothing lost unseen, all in order."""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import pytest

from frikort_contracts.envelope import Envelope, to_headers
from frikort_contracts.events import Event
from services.chassis import accounts
from services.chassis.database import Pool, transaction
from services.chassis.held import (
    PARKED_MAX,
    RECENT_OFFSETS,
    Held,
    TooManyParkedError,
    held_for,
    hold,
    release,
)
from services.chassis.inbox import Inbox, Message, PartitionGapError
from services.chassis.reading import Received, parse_with, sort_out
from tests.integration.chassis_cases import MOMENT, make_database, pool_of
from tests.integration.servers import Servers

pytestmark = pytest.mark.slow

PARTITION = 3
Headers = list[tuple[str, bytes | None]]


class ThingHappened(Event):
    TYPE = "thing-happened"
    size: int


parse = parse_with([ThingHappened])


@dataclass(slots=True)
class Record:
    """A record as aiokafka gives it."""

    topic: str
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]
    partition: int = PARTITION


@dataclass(slots=True)
class Lane:
    """A partition being written: offsets have holes, numbers have none."""

    topic: str = field(default_factory=lambda: f"things-{uuid.uuid4().hex[:8]}")
    offset: int = 0
    seq: int = 0
    versions: dict[str, int] = field(default_factory=dict)

    def record(self, stream_id: str, value: bytes | None = None, **changed: object) -> Record:
        self.offset += 3
        self.seq += 1
        self.versions[stream_id] = self.versions.get(stream_id, 0) + 1
        envelope = Envelope(
            id=str(uuid.uuid4()),
            source="/test",
            type=str(changed.get("type", ThingHappened.TYPE)),
            subject=stream_id,
            time=MOMENT,
            stream_version=self.versions[stream_id],
            correlation_id=str(uuid.uuid4()),
            partition_seq=self.seq,
        )
        body = ThingHappened(known_at=MOMENT, size=1).to_json() if value is None else value
        return Record(self.topic, self.offset, stream_id.encode(), body, [*to_headers(envelope)])

    def unnumbered(self, key: bytes | None, value: bytes | None, headers: Headers) -> Record:
        self.offset += 3
        return Record(self.topic, self.offset, key, value, headers)


@dataclass(frozen=True, slots=True)
class Account:
    """One lane of `inbox_positions`, with what is held of it."""

    next_offset: int
    last_seq: int
    unnumbered: int
    applied: int
    ignored: int
    duplicate: int
    held: int

    def is_closed(self) -> bool:
        settled = self.applied + self.ignored + self.duplicate + self.held
        return self.last_seq + self.unnumbered == settled


@pytest.fixture(scope="module")
def database_url(servers: Servers) -> str:
    return make_database(servers, "payroll")


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Pool]:
    async with pool_of(database_url) as opened:
        yield opened


@pytest.fixture
def lane() -> Lane:
    return Lane()


def stream() -> str:
    return str(uuid.uuid4())


async def take(pool: Pool, *records: Record) -> list[Received[Event]]:
    """Read as a service does; the effect is that the message is in what is given."""
    async with transaction(pool) as connection:
        taken = await Inbox.take(connection, records)
        received = await sort_out(connection, taken, parse, now=MOMENT)
        await taken.close()
    return received


async def account(pool: Pool, lane: Lane) -> Account:
    async with pool.acquire() as connection:
        row = await connection.fetchrow(
            """
            SELECT
              next_offset, last_seq, unnumbered, applied, ignored, duplicate,
              (SELECT count(*) FROM held_messages WHERE topic = $1) AS held
            FROM inbox_positions
            WHERE topic = $1
              AND partition = $2
            """,
            lane.topic,
            PARTITION,
        )
    return Account(**row) if row is not None else Account(0, 0, 0, 0, 0, 0, 0)


async def held(pool: Pool, lane: Lane, stream_id: str) -> list[Held]:
    async with pool.acquire() as connection:
        found = await held_for(connection, [lane.topic], [stream_id])
    return found.get(stream_id, [])


def offsets(received: Sequence[Received[Event]]) -> list[int]:
    return [item.message.offset for item in received]


async def test_records_read_again_after_a_rewind_are_dropped(pool: Pool, lane: Lane) -> None:
    records = [lane.record(stream()) for _ in range(6)]
    first = await take(pool, *records[:4])
    second = await take(pool, *records)

    assert offsets(first) == [r.offset for r in records[:4]]
    assert offsets(second) == [r.offset for r in records[4:]]
    assert await account(pool, lane) == Account(19, 6, 0, 6, 0, 0, 0)


async def test_record_sent_again_under_its_number_is_dropped(pool: Pool, lane: Lane) -> None:
    record = lane.record(stream())
    await take(pool, record)
    again = Record(lane.topic, record.offset + 9, record.key, record.value, record.headers)
    received = await take(pool, again)

    assert received == []
    assert await account(pool, lane) == Account(again.offset + 1, 1, 0, 1, 0, 0, 0)


async def test_gap_in_the_numbers_stops_the_reader_and_writes_nothing(
    pool: Pool, lane: Lane
) -> None:
    await take(pool, lane.record(stream()))
    before = await account(pool, lane)
    next_one, _, after_a_gap = (lane.record(stream()) for _ in range(3))
    with pytest.raises(PartitionGapError, match=f"{lane.topic}:3: record 4 follows 2"):
        await take(pool, next_one, after_a_gap)

    assert await account(pool, lane) == before


async def test_topic_sent_anew_goes_on_by_its_numbers_not_its_offsets(
    pool: Pool, lane: Lane
) -> None:
    old = [lane.record(stream()) for _ in range(5)]
    await take(pool, *old)
    lane.offset = 0  # the same events again, more densely
    anew = [
        Record(lane.topic, offset, record.key, record.value, record.headers)
        for offset, record in enumerate(old)
    ]
    lane.offset = 5
    fresh = lane.record(stream())
    received = await take(pool, *anew, fresh)

    assert offsets(received) == [fresh.offset]
    assert await account(pool, lane) == Account(fresh.offset + 1, 6, 0, 6, 0, 0, 0)


async def test_effect_that_fails_moves_no_position(pool: Pool, lane: Lane) -> None:
    records = [lane.record(stream()) for _ in range(3)]

    async def fail_after_the_effect() -> None:
        async with transaction(pool) as connection:
            taken = await Inbox.take(connection, records)
            await sort_out(connection, taken, parse, now=MOMENT)
            await taken.close()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail_after_the_effect()
    before = await account(pool, lane)
    received = await take(pool, *records)

    assert before == Account(0, 0, 0, 0, 0, 0, 0)
    assert offsets(received) == [r.offset for r in records]


async def test_two_readers_of_one_partition_apply_every_record_once(pool: Pool, lane: Lane) -> None:
    records = [lane.record(stream()) for _ in range(60)]
    await take(pool, records[0])

    async def read(step: int) -> list[int]:
        """Read as one who still believes the partition is theirs, in batches of their own."""
        found: list[int] = []
        for first in range(0, len(records), step):
            found += offsets(await take(pool, *records[: first + step]))
        return found

    readers = await asyncio.gather(*(read(step) for step in (3, 4, 5, 7)))
    applied = [offset for found in readers for offset in found]

    assert sorted(applied) == [r.offset for r in records[1:]]
    assert (await account(pool, lane)).applied == 60


async def test_held_message_comes_back_with_every_byte_and_header(pool: Pool, lane: Lane) -> None:
    every_byte = bytes(range(256))
    stream_id = stream()
    headers = {"ce_subject": stream_id.encode(), "x": every_byte, "": b"", "ø": "æ".encode()}
    message = Message(lane.topic, PARTITION, 7, every_byte, every_byte, headers)
    item = Held(message=message, parked=True, reason="payload-unreadable", year=2023)
    async with transaction(pool) as connection:
        await hold(connection, [item], now=MOMENT, reads_on=True)
    kept = await held(pool, lane, stream_id)
    async with transaction(pool) as connection:
        await release(connection, [message])

    assert kept == [item]
    assert list(kept[0].message.headers) == list(headers)
    assert await held(pool, lane, stream_id) == []


async def test_poison_parks_and_its_streams_later_messages_wait_in_order(
    pool: Pool, lane: Lane
) -> None:
    broken, other = stream(), stream()
    batch = [
        lane.record(broken),
        lane.record(broken, b"{not JSON"),
        lane.record(other),
        lane.record(broken),
        lane.record(other, type="not-known-yet"),
    ]
    later = [lane.record(broken), lane.record(other)]
    received = await take(pool, *batch) + await take(pool, *later)
    aside = await held(pool, lane, broken)

    applied = [batch[0], batch[2], batch[4], later[1]]
    assert offsets(received) == [r.offset for r in applied]
    assert [(h.message.offset, h.parked, h.reason) for h in aside] == [
        (batch[1].offset, True, "payload-unreadable"),
        (batch[3].offset, False, "behind-parked"),
        (later[0].offset, False, "behind-parked"),
    ]
    assert [h.message.value for h in aside] == [batch[1].value, batch[3].value, later[0].value]
    assert await account(pool, lane) == Account(lane.offset + 1, 7, 0, 3, 1, 0, 3)


async def test_reader_stops_where_much_of_a_partition_cannot_be_read(
    pool: Pool, lane: Lane
) -> None:
    good = [lane.record(stream()) for _ in range(5)]
    await take(pool, *good, *[lane.record(stream(), b"{") for _ in range(PARKED_MAX)])
    before = await account(pool, lane)
    batch = [lane.record(stream(), b"{"), lane.record(stream())]
    for _ in range(2):
        with pytest.raises(TooManyParkedError, match=f"{PARKED_MAX + 1} of the last"):
            await take(pool, *batch)

    assert await account(pool, lane) == before


async def test_bad_messages_far_apart_stop_nobody(pool: Pool, lane: Lane) -> None:
    for _ in range(3):
        await take(pool, *[lane.record(stream(), b"{") for _ in range(PARKED_MAX - 1)])
        await take(pool, *[lane.record(stream()) for _ in range(RECENT_OFFSETS)])

    assert (await account(pool, lane)).held == 3 * (PARKED_MAX - 1)


async def test_no_record_however_odd_stops_the_others(pool: Pool, lane: Lane) -> None:
    def odd(**changed: bytes | None) -> Headers:
        headers = dict(lane.record(stream()).headers)
        lane.seq -= 1
        return list((headers | {f"ce_{k}": v for k, v in changed.items()}).items())

    records = [
        lane.unnumbered(None, None, []),
        lane.unnumbered(b"", b"", [("ce_id", None)]),
        lane.unnumbered(b"\xff\x00\xfe", b"\x00", [("\x00", b"\x00")]),
        lane.unnumbered(os.urandom(100_000), b"{}", []),
        lane.unnumbered(b"k", None, odd(partitionseq=b"many")),
        lane.unnumbered(b"k", None, odd(partitionseq=b"9" * 19)),
        lane.unnumbered(b"k", None, odd(partitionseq=None, streamversion=b"9" * 18)),
        lane.unnumbered(b"k", None, odd(partitionseq=None, time=b"yesterday")),
        lane.unnumbered(b"k", b"[" * 100_000, odd(partitionseq=None)),
        lane.record(stream()),
    ]
    received = await take(pool, *records)
    found = await account(pool, lane)

    assert offsets(received) == [records[-1].offset]
    assert (found.last_seq, found.unnumbered, found.applied, found.held) == (1, 9, 1, 9)
    assert found.is_closed()


async def test_figures_say_of_each_message_what_became_of_it(pool: Pool, lane: Lane) -> None:
    broken = stream()
    records = [
        lane.record(stream()),
        lane.record(broken, b"{not JSON"),
        lane.record(broken),
        lane.record(broken),
        lane.record(stream(), type="not-known-yet"),
        lane.unnumbered(b"k", b"?", []),
    ]
    await take(pool, *records)
    async with transaction(pool) as connection:
        await accounts.publish_once(connection)
    samples = [
        sample
        for metric in (accounts.MESSAGES, accounts.WAITING)
        for family in metric.collect()
        for sample in family.samples
    ]
    figures = {s.labels["outcome"]: s.value for s in samples if s.labels.get("topic") == lane.topic}

    assert figures == {
        "produced": 6,
        "applied": 1,
        "ignored": 1,
        "duplicate": 0,
        "waiting": 2,
        "parked": 2,
    }
    assert {s.value >= 2 for s in samples if s.labels.get("reason") == "behind-parked"} == {True}
