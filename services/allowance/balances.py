"""Balances: a citizen's year as of a date, as known at a moment; and the entries behind it."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import JsonValue

from frikort_contracts.answers import AllowanceBalance
from frikort_contracts.types import Contract
from services.allowance.domain import Cap, limit_in_force
from services.chassis.clock import Clock, business_date
from services.chassis.database import Connection, Pool
from services.chassis.errors import NotFound

ENTRIES_SHOWN_MAX = 1000


class CardUnknown(NotFound):
    """No grant of that card has arrived here."""

    code = "card-unknown"
    field = "card_no"


class JournalEntry(Contract):
    """An entry as it stands in the journal; `content` is what its hash is made of."""

    entry_no: int
    hash: str
    content: dict[str, JsonValue]
    limit_ore: int | None
    year_covered_ore: int | None
    year_excess_ore: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Which year, counting business dates up to `as_of`, known up to `known_at`."""

    year: int
    as_of: dt.date | None = None
    known_at: dt.datetime | None = None


async def read_balance(
    pool: Pool, clock: Clock, card_no: str, question: Question
) -> AllowanceBalance:
    """Answer for the citizen who holds the card: the cap is per citizen and year.

    One statement sees one moment of the ledger, and is asked and answered once.

    Raises:
        CardUnknown: no grant of the card has arrived.
    """
    moment = question.known_at or clock.now()
    async with pool.acquire() as connection:
        if question.as_of is None and question.known_at is None:
            row = await connection.fetchrow(_EVERYTHING, card_no, question.year)
        else:
            asked = (question.year, question.as_of, question.known_at)
            row = await connection.fetchrow(_UP_TO, card_no, *asked)
    if row is None:
        raise card_unknown(card_no)
    limit_ore = limit_in_force(
        _caps(question.year, row), question.as_of or business_date(moment), moment
    )
    covered_ore = row["covered_ore"]
    remaining_ore = None if limit_ore is None else max(0, limit_ore - covered_ore)
    return AllowanceBalance(
        card_no=card_no,
        year=question.year,
        limit_ore=limit_ore,
        covered_ore=covered_ore,
        excess_ore=row["excess_ore"],
        remaining_ore=remaining_ore,
        exhausted=remaining_ore == 0,
        waiting=row["waiting"],
        entries=row["entries"],
    )


_EVERYTHING = """
    SELECT
      coalesce(s.covered_ore, 0) AS covered_ore,
      coalesce(s.excess_ore, 0) AS excess_ore,
      coalesce(s.entries, 0) AS entries,
      w.waiting,
      c.*
    FROM cards AS k
    LEFT JOIN balances AS s
      ON s.citizen_id = k.citizen_id
      AND s.year = $2
    CROSS JOIN LATERAL (
      SELECT count(*) AS waiting
      FROM held_messages
      WHERE stream_id = k.citizen_id::TEXT
        AND year = $2
    ) AS w
    CROSS JOIN (
      SELECT
        array_agg(version ORDER BY version) AS versions,
        array_agg(amount_ore ORDER BY version) AS amounts_ore,
        array_agg(in_force_from ORDER BY version) AS in_force_from,
        array_agg(known_at ORDER BY version) AS known_at
      FROM rules
      WHERE type = 'annual-cap-set'
        AND year = $2
    ) AS c
    WHERE k.card_no = $1
"""
_UP_TO = """
    SELECT
      s.*,
      w.waiting,
      c.*
    FROM cards AS k
    CROSS JOIN LATERAL (
      SELECT
        coalesce(sum(covered_ore), 0)::BIGINT AS covered_ore,
        coalesce(sum(excess_ore), 0)::BIGINT AS excess_ore,
        count(covered_ore) AS entries
      FROM journal
      WHERE citizen_id = k.citizen_id
        AND year = $2
        AND ($3::DATE IS NULL OR paid_on <= $3)
        AND ($4::TIMESTAMPTZ IS NULL OR known_at <= $4)
    ) AS s
    CROSS JOIN LATERAL (
      SELECT count(*) AS waiting
      FROM held_messages
      WHERE stream_id = k.citizen_id::TEXT
        AND year = $2
    ) AS w
    CROSS JOIN (
      SELECT
        array_agg(version ORDER BY version) AS versions,
        array_agg(amount_ore ORDER BY version) AS amounts_ore,
        array_agg(in_force_from ORDER BY version) AS in_force_from,
        array_agg(known_at ORDER BY version) AS known_at
      FROM rules
      WHERE type = 'annual-cap-set'
        AND year = $2
    ) AS c
    WHERE k.card_no = $1
"""


def _caps(year: int, row: Mapping[str, Any]) -> list[Cap]:
    """Read a year's caps, none if it has none yet."""
    columns = ("versions", "amounts_ore", "in_force_from", "known_at")
    return [
        Cap(
            version=version,
            year=year,
            amount_ore=amount_ore,
            in_force_from=in_force_from,
            known_at=known_at,
        )
        for version, amount_ore, in_force_from, known_at in zip(
            *(row[column] or () for column in columns), strict=True
        )
    ]


async def read_entries(pool: Pool, card_no: str, year: int | None) -> list[JournalEntry]:
    """Give the citizen's entries in order, at most a thousand; all kinds unless a year is asked.

    Raises:
        CardUnknown: no grant of the card has arrived.
    """
    async with pool.acquire() as connection:
        citizen_id = await find_citizen(connection, card_no)
        rows = await connection.fetch(
            """
            SELECT entry_no, hash, bytes, limit_ore, year_covered_ore, year_excess_ore
            FROM journal
            WHERE citizen_id = $1
              AND ($2::SMALLINT IS NULL OR year = $2)
            ORDER BY entry_no
            LIMIT $3
            """,
            citizen_id,
            year,
            ENTRIES_SHOWN_MAX,
        )
    return [
        JournalEntry(
            entry_no=row["entry_no"],
            hash=row["hash"].hex(),
            content=orjson.loads(row["bytes"]),
            limit_ore=row["limit_ore"],
            year_covered_ore=row["year_covered_ore"],
            year_excess_ore=row["year_excess_ore"],
        )
        for row in rows
    ]


async def find_citizen(connection: Connection, card_no: str) -> str:
    """Find whose card it is.

    Raises:
        CardUnknown: no grant of the card has arrived.
    """
    citizen_id = await connection.fetchval(
        "SELECT citizen_id FROM cards WHERE card_no = $1", card_no
    )
    if citizen_id is None:
        raise card_unknown(card_no)
    return str(citizen_id)


def card_unknown(card_no: str) -> CardUnknown:
    """Say that no grant of a card has arrived."""
    return CardUnknown(f"no grant of card {card_no} has arrived; check the number")
