"""The statements with which a message that is set aside is taken again."""

import datetime as dt
from typing import Any

from tests.simulation.statements import Row, Session, Wanted, statement

HELD = "held_messages"


def _by_id(s: Session, dead_letter_id: str) -> list[Row]:
    return [row for row in s.scan(HELD) if row["dead_letter_id"] == dead_letter_id]


def _key(row: Row) -> tuple[Any, ...]:
    return row["topic"], row["partition"], row["message_offset"]


def _locks(s: Session, dead_letter_id: str, *_: Any) -> Wanted:
    return [((HELD, *_key(row)), False) for row in _by_id(s, dead_letter_id)]


@statement(
    """
    SELECT
      h.*,
      (
        SELECT count(*)
        FROM held_messages AS b
        WHERE b.topic = h.topic
          AND b.stream_id = h.stream_id
          AND NOT b.parked
      ) AS behind
    FROM held_messages AS h
    WHERE h.parked AND h.dead_letter_id = $1::UUID
    """
)
def find_dead_letter(s: Session, dead_letter_id: str) -> list[Row]:
    parked = [row for row in _by_id(s, dead_letter_id) if row["parked"]]
    return [{**row, "behind": _behind(s, row)} for row in parked]


def _behind(s: Session, row: Row) -> int:
    lane = (row["topic"], row["stream_id"])
    same = [other for other in s.scan(HELD) if (other["topic"], other["stream_id"]) == lane]
    return sum(not other["parked"] for other in same)


@statement(
    """
    SELECT dead_letter_id, parked, reason, held_at
    FROM held_messages
    WHERE topic = $1
      AND stream_id = $2
    """
)
def find_held_of_lane(s: Session, topic: str, stream_id: str) -> list[Row]:
    return [r for r in s.scan(HELD) if (r["topic"], r["stream_id"]) == (topic, stream_id)]


@statement("UPDATE held_messages SET held_at = $2 WHERE dead_letter_id = $1", locks=_locks)
def keep_held_at(s: Session, dead_letter_id: str, held_at: dt.datetime) -> list[Row]:
    return _change(s, dead_letter_id, {"held_at": held_at})


@statement("UPDATE held_messages SET attempts = $2 WHERE dead_letter_id = $1", locks=_locks)
def count_attempt(s: Session, dead_letter_id: str, attempts: int) -> list[Row]:
    return _change(s, dead_letter_id, {"attempts": attempts})


def _change(s: Session, dead_letter_id: str, more: Row) -> list[Row]:
    for row in _by_id(s, dead_letter_id):
        s.put(HELD, _key(row), row | more)
    return []
