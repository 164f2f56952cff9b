"""The statements that the ledger sends, each as a small function over rows in memory.

Keyed by their whole text: a statement that changes, or a new one, is refused until its meaning
is written here, and `test_conformance` has compared it with what PostgreSQL makes of it.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol, TypeAlias

import asyncpg
import orjson

Key: TypeAlias = tuple[Any, ...]
Row: TypeAlias = dict[str, Any]


class Session(Protocol):
    """What a statement may do to its session's view of the rows."""

    def get(self, table: str, key: Key) -> Row | None: ...
    def scan(self, table: str) -> list[Row]: ...
    def put(self, table: str, key: Key, row: Row | None) -> None: ...
    def notify(self) -> None: ...
    def try_lock(self, key: Key) -> bool: ...
    def unlock(self, key: Key) -> bool: ...


Wanted: TypeAlias = Iterable[tuple[Key, bool]]
"""Locks, each with whether it is shared, in the order in which they are waited for."""
Locks = Callable[..., Wanted]
Run = Callable[..., list[Row]]


@dataclass(frozen=True, slots=True)
class Statement:
    """What it waits for, in order, as (lock, shared); then what it does, at one moment."""

    name: str
    run: Run
    locks: Locks = lambda *_: ()


class UnknownStatementError(Exception):
    """The real code sends what is not written here."""


_statements: dict[str, Statement] = {}


def statement(sql: str, *, locks: Locks = lambda *_: ()) -> Callable[[Run], Run]:
    """Say what a text does; its function's name is its name in traces."""

    def register(run: Run) -> Run:
        _statements[_plain(sql)] = Statement(run.__name__, run, locks)
        return run

    return register


@cache
def find_statement(sql: str) -> Statement:
    """Find what a text does.

    Raises:
        UnknownStatementError: nobody has written that down.
    """
    try:
        return _statements[_plain(sql)]
    except KeyError:
        raise UnknownStatementError(sql) from None


def _plain(sql: str) -> str:
    return re.sub(r"\s+", " ", sql).strip()


def if_there(table: str, count: int) -> Locks:
    """Lock the row that the first arguments name, if it is there."""

    def locks(s: Session, *args: Any) -> Wanted:
        key = args[:count]
        return [((table, *key), False)] if s.get(table, key) else []

    return locks


def insert(s: Session, table: str, key: Key, row: Row) -> None:
    if s.get(table, key) is not None:
        raise asyncpg.UniqueViolationError(f"{table}: {key} is there")
    s.put(table, key, row)


# inbox

POSITIONS = "inbox_positions"


def _lanes(topics: list[str], partitions: list[int]) -> list[tuple[str, int]]:
    return [*zip(topics, partitions, strict=True)]


def _known_lanes(s: Session, topics: list[str], partitions: list[int]) -> Wanted:
    lanes = sorted(_lanes(topics, partitions))
    return [((POSITIONS, *lane), False) for lane in lanes if s.get(POSITIONS, lane)]


def _new_lanes(s: Session, topics: list[str], partitions: list[int]) -> Wanted:
    lanes = _lanes(topics, partitions)
    return [((POSITIONS, *lane), False) for lane in lanes if not s.get(POSITIONS, lane)]


@statement(
    """
    SELECT topic, partition, next_offset, last_seq
    FROM inbox_positions
    WHERE (topic, partition) IN (SELECT * FROM unnest($1::TEXT[], $2::SMALLINT[]))
    ORDER BY topic, partition
    FOR UPDATE
    """,
    locks=_known_lanes,
)
def lock_positions(s: Session, topics: list[str], partitions: list[int]) -> list[Row]:
    found = [s.get(POSITIONS, lane) for lane in sorted(_lanes(topics, partitions))]
    return [row for row in found if row is not None]


@statement(
    """
    INSERT INTO inbox_positions (topic, partition)
    SELECT * FROM unnest($1::TEXT[], $2::SMALLINT[])
    ON CONFLICT DO NOTHING
    """,
    locks=_new_lanes,
)
def make_positions(s: Session, topics: list[str], partitions: list[int]) -> list[Row]:
    for lane in _lanes(topics, partitions):
        make_position(s, *lane)
    return []


@statement(
    """
    INSERT INTO inbox_positions (topic, partition)
    VALUES ($1, $2)
    ON CONFLICT DO NOTHING
    """,
    locks=lambda s, topic, partition: _new_lanes(s, [topic], [partition]),
)
def make_position(s: Session, topic: str, partition: int) -> list[Row]:
    if s.get(POSITIONS, (topic, partition)) is None:
        names = ("next_offset", "last_seq", "applied", "ignored", "duplicate", "unnumbered")
        row = {"topic": topic, "partition": partition} | dict.fromkeys(names, 0)
        s.put(POSITIONS, (topic, partition), row)
    return []


@statement("SELECT topic, partition, next_offset FROM inbox_positions")
def read_positions(s: Session) -> list[Row]:
    return s.scan(POSITIONS)


@statement(
    """
    UPDATE inbox_positions
    SET
      next_offset = $3,
      last_seq = $4,
      unnumbered = unnumbered + $5
    WHERE topic = $1
      AND partition = $2
    """,
    locks=if_there(POSITIONS, 2),
)
def move_position(
    s: Session, topic: str, partition: int, offset: int, seq: int, more: int
) -> list[Row]:
    row = s.get(POSITIONS, (topic, partition))
    if row is not None:
        moved = {"next_offset": offset, "last_seq": seq, "unnumbered": row["unnumbered"] + more}
        s.put(POSITIONS, (topic, partition), row | moved)
    return []


@statement(
    """
    UPDATE inbox_positions
    SET
      applied = applied + $3,
      ignored = ignored + $4,
      duplicate = duplicate + $5
    WHERE topic = $1
      AND partition = $2
    """,
    locks=if_there(POSITIONS, 2),
)
def count_messages(s: Session, topic: str, partition: int, *counts: int) -> list[Row]:
    row = s.get(POSITIONS, (topic, partition))
    if row is not None:
        names = ("applied", "ignored", "duplicate")
        more = {name: row[name] + count for name, count in zip(names, counts, strict=True)}
        s.put(POSITIONS, (topic, partition), row | more)
    return []


# what is held

HELD_COLUMNS = (
    "topic",
    "partition",
    "message_offset",
    "dead_letter_id",
    "stream_id",
    "version",
    "parked",
    "reason",
    "year",
    "key",
    "value",
    "headers",
    "held_at",
)


@statement(
    """
    INSERT INTO held_messages (
      topic, partition, message_offset, dead_letter_id, stream_id, version, parked, reason,
      year, key, value, headers, held_at
    )
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
    """,
    locks=lambda _, *args: [(("held_messages", *args[:3]), False)],
)
def hold_message(s: Session, *args: Any) -> list[Row]:
    row = dict(zip(HELD_COLUMNS, args, strict=True)) | {"attempts": 0}
    insert(s, "held_messages", args[:3], row)
    return []


@statement(
    """
    SELECT *
    FROM held_messages
    WHERE stream_id = ANY($1)
      AND topic = ANY($2)
    ORDER BY stream_id, topic, message_offset
    """
)
def find_held(s: Session, streams: list[str], topics: list[str]) -> list[Row]:
    rows = s.scan("held_messages")
    found = [row for row in rows if row["stream_id"] in streams and row["topic"] in topics]
    return sorted(found, key=lambda r: (r["stream_id"], r["topic"], r["message_offset"]))


@statement(
    """
    DELETE FROM held_messages
    WHERE topic = $1
      AND partition = $2
      AND message_offset = $3
    """,
    locks=if_there("held_messages", 3),
)
def release_message(s: Session, *key: Any) -> list[Row]:
    if s.get("held_messages", key) is not None:
        s.put("held_messages", key, None)
    return []


@statement("SELECT EXISTS (SELECT FROM held_messages)")
def is_anything_held(s: Session) -> list[Row]:
    return [{"exists": bool(s.scan("held_messages"))}]


@statement(
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
    """
)
def find_most_parked(
    s: Session, topics: list[str], partitions: list[int], recent: int, most: int
) -> list[Row]:
    counted: list[Row] = []
    for lane in _lanes(topics, partitions):
        position = s.get(POSITIONS, lane)
        since = 0 if position is None else position["next_offset"] - recent
        parked = [
            row
            for row in s.scan("held_messages")
            if row["parked"]
            and (row["topic"], row["partition"]) == lane
            and row["message_offset"] >= since
        ]
        if position is not None and len(parked) > most:
            counted.append({"topic": lane[0], "partition": lane[1], "parked": len(parked)})
    return sorted(counted, key=lambda row: -row["parked"])[:1]


@statement(
    """
    SELECT DISTINCT partition, stream_id
    FROM held_messages
    WHERE reason = $1
      AND year IN (SELECT year FROM rules WHERE type = 'annual-cap-set')
    ORDER BY partition, stream_id
    """
)
def find_waiting_with_cap(s: Session, reason: str) -> list[Row]:
    years = {row["year"] for row in s.scan("rules") if row["type"] == "annual-cap-set"}
    held = [row for row in s.scan("held_messages") if row["reason"] == reason]
    pages = {(row["partition"], row["stream_id"]) for row in held if row["year"] in years}
    return [{"partition": partition, "stream_id": stream} for partition, stream in sorted(pages)]


# relay


@statement("SELECT pg_try_advisory_lock($1)")
def try_to_lead(s: Session, number: int) -> list[Row]:
    return [{"took": s.try_lock(("advisory", number))}]


@statement("SELECT pg_advisory_unlock($1)")
def leave_the_lead(s: Session, number: int) -> list[Row]:
    return [{"left": s.unlock(("advisory", number))}]


@statement("SELECT 1")
def answer_one(_: Session) -> list[Row]:
    return [{"one": 1}]


@statement("NOTIFY outbox")
def notify(s: Session) -> list[Row]:
    s.notify()
    return []


@statement(
    """
    SELECT e.*
    FROM unnest($1::SMALLINT[], $2::BIGINT[]) AS p (partition, after)
    CROSS JOIN LATERAL (
      SELECT
        citizen_id, partition, journal_seq, bytes, hash, year, paid_on::TEXT AS paid_on,
        wage_id::TEXT AS wage_id, card_no, limit_ore, year_covered_ore, year_excess_ore,
        correlation_id, traceparent
      FROM journal
      WHERE partition = p.partition
        AND journal_seq > p.after
      ORDER BY journal_seq
      LIMIT $3
    ) AS e
    """
)
def read_outbox(s: Session, partitions: list[int], after: list[int], most: int) -> list[Row]:
    journal = sorted(s.scan("journal"), key=lambda row: row["journal_seq"])
    found: list[Row] = []
    for partition, last in zip(partitions, after, strict=True):
        rows = [r for r in journal if r["partition"] == partition and r["journal_seq"] > last]
        found += [{**r, "paid_on": r["paid_on"] and r["paid_on"].isoformat()} for r in rows[:most]]
    return found


def reason_of(content: bytes) -> str | None:
    """Give what `convert_from(bytes, 'UTF8')::JSONB #>> '{decision,reason}'` gives."""
    decision = orjson.loads(content).get("decision")
    return None if decision is None else decision.get("reason")
