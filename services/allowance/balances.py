"""Balances: a citizen's year as of a date, as known at a moment; and the entries behind it."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import JsonValue

from frikort_contracts.answers import AllowanceBalance
from frikort_contracts.types import Contract
from services.allowance import store
from services.allowance.domain import limit_in_force
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

    Raises:
        CardUnknown: no grant of the card has arrived.
    """
    moment = question.known_at or clock.now()
    snapshot = {"isolation": "repeatable_read", "readonly": True}
    async with pool.acquire() as connection, connection.transaction(**snapshot):
        citizen_id = await find_citizen(connection, card_no)
        sums = await _sums(connection, citizen_id, question)
        waiting = await connection.fetchval(
            "SELECT count(*) FROM held_messages WHERE stream_id = $1 AND year = $2",
            citizen_id,
            question.year,
        )
        rules = await store.read_rules(connection)
    limit_ore = limit_in_force(
        rules.caps_of(question.year), question.as_of or business_date(moment), moment
    )
    covered_ore = sums["covered_ore"]
    remaining_ore = None if limit_ore is None else max(0, limit_ore - covered_ore)
    return AllowanceBalance(
        card_no=card_no,
        year=question.year,
        limit_ore=limit_ore,
        covered_ore=covered_ore,
        excess_ore=sums["excess_ore"],
        remaining_ore=remaining_ore,
        exhausted=remaining_ore == 0,
        waiting=waiting,
        entries=sums["entries"],
    )


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
        raise CardUnknown(f"no grant of card {card_no} has arrived; check the number")
    return str(citizen_id)


async def _sums(connection: Connection, citizen_id: str, question: Question) -> dict[str, Any]:
    if question.as_of is None and question.known_at is None:
        row = await connection.fetchrow(
            """
            SELECT covered_ore, excess_ore, entries
            FROM balances
            WHERE citizen_id = $1
              AND year = $2
            """,
            citizen_id,
            question.year,
        )
        return dict(row) if row else {"covered_ore": 0, "excess_ore": 0, "entries": 0}
    row = await connection.fetchrow(
        """
        SELECT
          coalesce(sum(covered_ore), 0)::BIGINT AS covered_ore,
          coalesce(sum(excess_ore), 0)::BIGINT AS excess_ore,
          count(covered_ore) AS entries
        FROM journal
        WHERE citizen_id = $1
          AND year = $2
          AND ($3::DATE IS NULL OR paid_on <= $3)
          AND ($4::TIMESTAMPTZ IS NULL OR known_at <= $4)
        """,
        citizen_id,
        question.year,
        question.as_of,
        question.known_at,
    )
    return dict(row)
