"""The event store: append with the expected version, load streams, read in outbox order.

Two writers of one stream conflict on the primary key, and one of them decides again. A
partition's numbers are taken under its counter's row lock, last in the transaction, so they
are visible in order and without gaps; see docs/decisions/0001-partition-counters.md.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from frikort_contracts.topics import partition_of
from services.chassis.database import Connection

OUTBOX_CHANNEL = "outbox"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """An event to append. `data` is the stored event's JSON; `private` is sealed or None."""

    stream_id: str
    version: int
    event_id: str
    type: str
    data: str
    private: bytes | None
    recorded_at: dt.datetime
    known_at: dt.datetime
    municipality_code: str
    correlation_id: str
    causation_id: str | None
    traceparent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvent(NewEvent):
    """An event of the store, with its place in its partition."""

    partition: int
    partition_seq: int


async def append(connection: Connection, events: Sequence[NewEvent]) -> None:
    """Append events, in order, inside the caller's transaction, and wake the relay at commit.

    The writer who comes second to a stream's version gets a unique violation, which
    `database.transaction` turns into `ConflictError`.
    """
    if not events:
        return
    by_partition: dict[int, list[NewEvent]] = defaultdict(list)
    for event in events:
        by_partition[partition_of(event.stream_id)].append(event)
    rows: list[tuple[object, ...]] = []
    for partition in sorted(by_partition):  # one order for all writers: no deadlock
        members = by_partition[partition]
        first_seq = await _take_numbers(connection, partition, len(members))
        rows.extend(_row(event, partition, seq) for seq, event in enumerate(members, first_seq))
    await connection.execute(
        """
        INSERT INTO events (
          stream_id, version, partition, partition_seq, event_id, type, data, private,
          recorded_at, known_at, municipality_code, correlation_id, causation_id, traceparent
        )
        SELECT * FROM unnest(
          $1::UUID[], $2::INT[], $3::SMALLINT[], $4::BIGINT[], $5::UUID[], $6::TEXT[],
          $7::JSONB[], $8::BYTEA[], $9::TIMESTAMPTZ[], $10::TIMESTAMPTZ[], $11::TEXT[],
          $12::UUID[], $13::UUID[], $14::TEXT[]
        )
        """,
        *zip(*rows, strict=True),
    )
    await connection.execute(f"NOTIFY {OUTBOX_CHANNEL}")


async def _take_numbers(connection: Connection, partition: int, count: int) -> int:
    """Take a partition's next numbers, and keep its counter until the commit; give the first."""
    last_seq: int = await connection.fetchval(
        """
        UPDATE outbox_partitions
        SET last_seq = last_seq + $2
        WHERE partition = $1
        RETURNING last_seq
        """,
        partition,
        count,
    )
    return last_seq - count + 1


def _row(event: NewEvent, partition: int, partition_seq: int) -> tuple[object, ...]:
    return (
        event.stream_id,
        event.version,
        partition,
        partition_seq,
        event.event_id,
        event.type,
        event.data,
        event.private,
        event.recorded_at,
        event.known_at,
        event.municipality_code,
        event.correlation_id,
        event.causation_id,
        event.traceparent,
    )


async def load(connection: Connection, stream_ids: Sequence[str]) -> dict[str, list[StoredEvent]]:
    """Load whole streams, each in order of version; a stream without events is left out."""
    rows = await connection.fetch(
        "SELECT * FROM events WHERE stream_id = ANY($1::UUID[]) ORDER BY stream_id, version",
        list(stream_ids),
    )
    streams: dict[str, list[StoredEvent]] = defaultdict(list)
    for row in rows:
        event = _stored(row)
        streams[event.stream_id].append(event)
    return dict(streams)


async def histories(connection: Connection, stream_ids: Sequence[str]) -> list[Mapping[str, Any]]:
    """Give what folding streams needs: stream_id, version, type, data, recorded_at; in order."""
    rows: list[Mapping[str, Any]] = await connection.fetch(
        """
        SELECT
          stream_id,
          version,
          type,
          data,
          recorded_at
        FROM events
        WHERE stream_id = ANY($1::UUID[])
        ORDER BY stream_id, version
        """,
        list(stream_ids),
    )
    return rows


async def read_outbox(
    connection: Connection, after: Mapping[int, int], limit: int
) -> list[StoredEvent]:
    """Read at most `limit` events of each partition that follow `after` (partition → number)."""
    rows = await connection.fetch(
        """
        SELECT e.*
        FROM unnest($1::SMALLINT[], $2::BIGINT[]) AS p (partition, after)
        CROSS JOIN LATERAL (
          SELECT *
          FROM events
          WHERE partition = p.partition
            AND partition_seq > p.after
          ORDER BY partition_seq
          LIMIT $3
        ) AS e
        """,
        list(after),
        list(after.values()),
        limit,
    )
    return [_stored(row) for row in rows]


def _stored(row: Mapping[str, Any]) -> StoredEvent:
    fields = dict(row)
    for name in ("stream_id", "event_id", "correlation_id", "causation_id"):
        if fields[name] is not None:
            fields[name] = str(fields[name])
    return StoredEvent(**fields)
