"""What is held: messages that are not applied, with their bytes, headers, reason and origin.

They wait for something named, or are parked for a person; either way in the reader's database,
in the transaction that moves the position.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from services.chassis.database import Connection
from services.chassis.identifiers import derived_id
from services.chassis.inbox import Message

BEHIND_PARKED = "behind-parked"
RECENT_OFFSETS = 1000
PARKED_MAX = 100
"""Of a partition's recent offsets: more are no bad messages but a bad reader."""


class TooManyParkedError(Exception):
    """So many messages cannot be read that the fault is likely here: reading on would bury it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A message that is not applied: `parked` for a person, else waiting for `reason`."""

    message: Message
    parked: bool
    reason: str
    year: int | None = None


async def hold(
    connection: Connection, held: Sequence[Held], *, now: dt.datetime, reads_on: bool
) -> None:
    """Keep messages that are not applied, with their bytes and headers.

    Raises:
        TooManyParkedError: `reads_on`, and too much of what a partition brought lately is parked.
            Who takes up again what was held buries nothing: that is never refused.
    """
    await connection.executemany(
        """
        INSERT INTO held_messages (
          topic, partition, message_offset, dead_letter_id, stream_id, version, parked, reason,
          year, key, value, headers, held_at
        )
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
        """,
        [
            (
                item.message.topic,
                item.message.partition,
                item.message.offset,
                _dead_letter_id(item.message),
                item.message.stream_id,
                item.message.version,
                item.parked,
                item.reason,
                item.year,
                item.message.key,
                item.message.value,
                orjson.dumps({k: v.decode("latin-1") for k, v in item.message.headers.items()}),
                now,
            )
            for item in held
        ],
    )
    if reads_on:
        await _refuse_too_many(connection, [item.message for item in held if item.parked])


async def held_for(
    connection: Connection, topics: Sequence[str], stream_ids: Sequence[str]
) -> dict[str, list[Held]]:
    """Give the held messages of some streams, each stream's in order of its topic's offsets."""
    rows = await connection.fetch(
        """
        SELECT *
        FROM held_messages
        WHERE stream_id = ANY($1)
          AND topic = ANY($2)
        ORDER BY stream_id, topic, message_offset
        """,
        list(stream_ids),
        list(topics),
    )
    found: dict[str, list[Held]] = {}
    for row in rows:
        headers = {k: v.encode("latin-1") for k, v in orjson.loads(row["headers"]).items()}
        message = Message(
            row["topic"], row["partition"], row["message_offset"], row["key"], row["value"], headers
        )
        held = Held(message=message, parked=row["parked"], reason=row["reason"], year=row["year"])
        found.setdefault(row["stream_id"], []).append(held)
    return found


async def release(connection: Connection, messages: Sequence[Message]) -> None:
    """Forget held messages that have been applied now."""
    await connection.executemany(
        """
        DELETE FROM held_messages
        WHERE topic = $1
          AND partition = $2
          AND message_offset = $3
        """,
        [(message.topic, message.partition, message.offset) for message in messages],
    )


async def _refuse_too_many(connection: Connection, parked: Sequence[Message]) -> None:
    """Stop the reader when it sets aside much of what a partition brings."""
    lanes = sorted({(message.topic, message.partition) for message in parked})
    if not lanes:
        return
    worst = await connection.fetchrow(
        """
        SELECT
          topic,
          partition,
          count(*) AS parked
        FROM held_messages AS h
        JOIN inbox_positions AS p USING (topic, partition)
        WHERE h.parked
          AND h.message_offset >= p.next_offset - $3
          AND (topic, partition) IN (SELECT * FROM unnest($1::TEXT[], $2::SMALLINT[]))
        GROUP BY topic, partition
        HAVING count(*) > $4
        ORDER BY parked DESC
        LIMIT 1
        """,
        [topic for topic, _ in lanes],
        [partition for _, partition in lanes],
        RECENT_OFFSETS,
        PARKED_MAX,
    )
    if worst is not None:
        raise TooManyParkedError(
            f"{worst['topic']}:{worst['partition']}: {worst['parked']} of the last "
            f"{RECENT_OFFSETS} offsets cannot be read or applied. Look at them (frikort dlq list) "
            "and mend the reader; nothing of this batch was taken"
        )


def _dead_letter_id(message: Message) -> str:
    return derived_id("held", message.topic, str(message.partition), str(message.offset))
