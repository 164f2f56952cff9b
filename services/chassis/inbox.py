"""The inbox: what a service has read, kept in the transaction of its effects.

A batch is taken under the lock of its partitions' positions: what lies before a position is a
duplicate and dropped, what lies after it is given in order, once. Every numbered record must
follow the one before (`ce_partitionseq`); a hole stops the reader, for nothing may be lost
unseen. Numbers outlive a topic, offsets do not: only a record without a number goes by its
offset. The service says of each message whether it was applied, ignored or held; per
partition, produced = applied + ignored + duplicate + waiting + parked.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from services.chassis.database import Connection

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
Outcome = Literal["applied", "ignored", "duplicate"]
VERSION_DIGITS_MAX = 9
"""What fits a column of type integer."""
NUMBER_DIGITS_MAX = 18
"""What fits a column of type bigint."""
STREAM_CHARS_MAX = 200
"""What names a stream is indexed; a key that is no identifier may be of any length."""


class PartitionGapError(Exception):
    """Records of a partition are missing: reading on would lose them for good."""


class RawRecord(Protocol):
    """What the inbox needs of a Kafka record (aiokafka's `ConsumerRecord` has it)."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]


@dataclass(slots=True)
class Message:
    """One record as a service works with it; `headers` by name, the last of a name wins."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes
    headers: dict[str, bytes]

    @property
    def stream_id(self) -> str:
        """The subject, or the key where that is none: whose messages wait behind this one."""
        subject = self.headers.get("ce_subject", b"").decode(errors="replace")
        if not is_uuid(subject) and self.key:
            subject = self.key.decode(errors="replace")
        return subject.replace("\0", "\ufffd")[:STREAM_CHARS_MAX]  # PostgreSQL takes no NUL

    @property
    def version(self) -> int | None:
        """The stream's version, None where it cannot be read."""
        text = self.headers.get("ce_streamversion", b"")
        return int(text) if text.isdigit() and len(text) <= VERSION_DIGITS_MAX else None


Lane = tuple[str, int]


class Inbox:
    """A batch under way: the fresh messages, and the account of what becomes of them.

    `reads_on` tells whether they are new from a topic, and not messages that were held.
    """

    def __init__(
        self, connection: Connection, fresh: list[Message], *, reads_on: bool = False
    ) -> None:
        self.fresh = fresh
        self.reads_on = reads_on
        self._connection = connection
        self._counts: Counter[tuple[str, int, Outcome]] = Counter()

    @classmethod
    async def open(cls, connection: Connection, lanes: Sequence[Lane]) -> "Inbox":
        """Lock some positions, to account for messages that were held."""
        await _lock_positions(connection, sorted(lanes))
        return cls(connection, [])

    @classmethod
    async def take(
        cls,
        connection: Connection,
        records: Iterable[RawRecord],
        *,
        co_partitioned: Sequence[str] = (),
    ) -> "Inbox":
        """Lock the positions of the records' partitions and sort out what is new.

        Those of `co_partitioned` topics are locked with them: a message of one may release
        what is held of another, and everybody locks in the same order.

        Raises:
            PartitionGapError: a numbered record does not follow the last one seen.
        """
        lanes: dict[Lane, list[RawRecord]] = {}
        for record in records:
            lanes.setdefault((record.topic, record.partition), []).append(record)
        wanted = {*lanes, *((topic, p) for topic in co_partitioned for _, p in lanes)}
        positions = await _lock_positions(connection, sorted(wanted))
        fresh: list[Message] = []
        moved = [
            (*lane, *_sort_out(lane, members, *positions[lane], fresh))
            for lane, members in lanes.items()
        ]
        await _move_positions(connection, moved)
        return cls(connection, fresh, reads_on=True)

    def count(self, topic: str, partition: int, outcome: Outcome, messages: int = 1) -> None:
        """Note what became of messages that are not held."""
        self._counts[topic, partition, outcome] += messages

    async def close(self) -> None:
        """Write the account down."""
        if not self._counts:
            return
        lanes = {(topic, partition) for topic, partition, _ in self._counts}
        await self._connection.executemany(
            """
            UPDATE inbox_positions
            SET
              applied = applied + $3,
              ignored = ignored + $4,
              duplicate = duplicate + $5
            WHERE topic = $1
              AND partition = $2
            """,
            [
                (
                    *lane,
                    self._counts[*lane, "applied"],
                    self._counts[*lane, "ignored"],
                    self._counts[*lane, "duplicate"],
                )
                for lane in sorted(lanes)
            ],
        )


async def stored_offsets(connection: Connection, lanes: Iterable[Lane]) -> dict[Lane, int]:
    """Give the offset each partition is read from next; a partition never read begins at 0.

    Makes the rows that are missing, so that batches only ever lock them, in one order.
    """
    wanted = sorted((topic, partition) for topic, partition in lanes)
    await connection.executemany(
        """
        INSERT INTO inbox_positions (topic, partition)
        VALUES ($1, $2)
        ON CONFLICT DO NOTHING
        """,
        wanted,
    )
    rows = await connection.fetch("SELECT topic, partition, next_offset FROM inbox_positions")
    return {(row["topic"], row["partition"]): row["next_offset"] for row in rows}


async def advance_streams(connection: Connection, messages: Sequence[Message]) -> None:
    """Note the version to which each message's stream has been read.

    A message that names no stream or no version moves nothing.
    """
    latest = {
        (message.topic, message.stream_id): message.version
        for message in messages
        if message.version is not None and is_uuid(message.stream_id)
    }
    await connection.execute(
        """
        INSERT INTO inbox_streams (topic, stream_id, version)
        SELECT * FROM unnest($1::TEXT[], $2::UUID[], $3::INT[])
        ON CONFLICT (topic, stream_id) DO UPDATE
        SET version = greatest(inbox_streams.version, excluded.version)
        """,
        [topic for topic, _ in latest],
        [stream for _, stream in latest],
        list(latest.values()),
    )


async def read_versions(
    connection: Connection, topic: str, stream_ids: Sequence[str]
) -> dict[str, int]:
    """Give how far each stream has been read; a stream never seen is left out."""
    rows = await connection.fetch(
        """
        SELECT stream_id, version
        FROM inbox_streams
        WHERE topic = $1
          AND stream_id = ANY($2::UUID[])
        """,
        topic,
        [stream_id for stream_id in stream_ids if is_uuid(stream_id)],
    )
    return {str(row["stream_id"]): row["version"] for row in rows}


def is_uuid(text: str) -> bool:
    """Tell whether a text is a UUID in its usual spelling."""
    return _UUID.fullmatch(text) is not None


def _sort_out(
    lane: Lane,
    records: Iterable[RawRecord],
    next_offset: int,
    last_seq: int,
    fresh: list[Message],
) -> tuple[int, int, int]:
    """Put what is new into `fresh`; give next offset, last number, how many bore no number."""
    unnumbered = 0
    for record in records:
        headers = _by_name(record.headers)
        seq = _number(headers.get("ce_partitionseq", b""))
        if seq is None:
            if record.offset < next_offset:
                continue  # read before a rewind: its first reading was counted
            unnumbered += 1
        elif seq <= last_seq:
            next_offset = max(next_offset, record.offset + 1)
            continue  # read before, or sent again: its number is accounted for
        else:
            _refuse_gap(lane, last_seq, seq)
            last_seq = seq
        next_offset = record.offset + 1
        fresh.append(Message(*lane, record.offset, record.key, record.value or b"", headers))
    return next_offset, last_seq, unnumbered


def _by_name(headers: Sequence[tuple[str, bytes | None]]) -> dict[str, bytes]:
    found: dict[str, Any] = dict(headers)
    if None in found.values():  # Kafka allows it
        return {name: value or b"" for name, value in found.items()}
    return found


def _number(text: bytes) -> int | None:
    return int(text) if text.isdigit() and len(text) <= NUMBER_DIGITS_MAX else None


def _refuse_gap(lane: Lane, last_seq: int, seq: int) -> None:
    if seq != last_seq + 1:
        raise PartitionGapError(
            f"{lane[0]}:{lane[1]}: record {seq} follows {last_seq}; the records between are "
            "missing. Restore the topic from its owner's store; see the operator's page"
        )


async def _lock_positions(
    connection: Connection, lanes: Sequence[Lane]
) -> dict[Lane, tuple[int, int]]:
    topics = [topic for topic, _ in lanes]
    partitions = [partition for _, partition in lanes]
    locked = """
        SELECT topic, partition, next_offset, last_seq
        FROM inbox_positions
        WHERE (topic, partition) IN (SELECT * FROM unnest($1::TEXT[], $2::SMALLINT[]))
        ORDER BY topic, partition
        FOR UPDATE
        """
    rows = await connection.fetch(locked, topics, partitions)
    if len(rows) < len(lanes):
        await connection.execute(
            """
            INSERT INTO inbox_positions (topic, partition)
            SELECT * FROM unnest($1::TEXT[], $2::SMALLINT[])
            ON CONFLICT DO NOTHING
            """,
            topics,
            partitions,
        )
        rows = await connection.fetch(locked, topics, partitions)
    return {(r["topic"], r["partition"]): (r["next_offset"], r["last_seq"]) for r in rows}


async def _move_positions(
    connection: Connection, moved: Sequence[tuple[str, int, int, int, int]]
) -> None:
    await connection.executemany(
        """
        UPDATE inbox_positions
        SET
          next_offset = $3,
          last_seq = $4,
          unnumbered = unnumbered + $5
        WHERE topic = $1
          AND partition = $2
        """,
        moved,
    )
