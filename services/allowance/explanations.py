"""What the ledger explains, each read in one snapshot: decisions, differences, previews.

Reads only: a preview decides nothing.
"""

from frikort_contracts.explanations import (
    Asked,
    Difference,
    Explanation,
    Preview,
    PreviewRequest,
)
from frikort_contracts.topics import PAYROLL
from services.allowance import store
from services.allowance.balances import CardUnknown, find_citizen
from services.allowance.differences import compare
from services.allowance.explain import Caps, HolderRows, to_caps
from services.allowance.preview import becomes_known_at, preview, to_wage
from services.chassis.clock import Clock
from services.chassis.database import Connection, Pool
from services.chassis.errors import StateRejection

_SNAPSHOT = {"isolation": "repeatable_read", "readonly": True}


class CardNotKnownYet(StateRejection):
    """No grant of that card has arrived here; it may be on its way."""

    code = "card-unknown"
    field = "card_no"


async def read_explanation(pool: Pool, card_no: str, year: int | None) -> Explanation:
    """Explain every decision about the citizen who holds the card, of a year or of all.

    All of them, however many: each balance is the fold of those before it.

    Raises:
        CardUnknown: no grant of the card has arrived.
    """
    rows = await read_holder(pool, card_no, year)
    return rows.explain(card_no, year)


async def read_difference(
    pool: Pool, clock: Clock, card_no: str, year: int, asked: tuple[Asked, Asked]
) -> Difference:
    """Say why two answers about the card's year differ.

    Raises:
        CardUnknown: no grant of the card has arrived.
    """
    rows = await read_holder(pool, card_no, year)
    entries = rows.explain(card_no, year).entries
    return compare(card_no, year, asked, entries=entries, caps=rows.caps, now=clock.now())


async def read_preview(pool: Pool, clock: Clock, card_no: str, request: PreviewRequest) -> Preview:
    """Say what would be covered of a wage, were it recorded now.

    Raises:
        CardNotKnownYet: no grant of the card has arrived.
        RegisteredBeforePaid: `registered_at` is before the day of `paid_on`.
    """
    known_at = becomes_known_at(request, clock.now())
    async with pool.acquire() as connection, connection.transaction(**_SNAPSHOT):
        try:
            citizen_id = await find_citizen(connection, card_no)
        except CardUnknown as error:
            raise CardNotKnownYet(str(error)) from error
        pages = await store.load_pages(connection, {citizen_id: 0}, with_waiting=False)
        waiting = await connection.fetchval(
            "SELECT count(*) FROM held_messages WHERE stream_id = $1", citizen_id
        )
        caps = await read_caps(connection)
        closings = (await store.read_rules(connection)).closings
        municipality_code = await _municipality(connection, citizen_id)
    citizen = pages[citizen_id].state
    wage = to_wage(card_no, request, citizen, known_at)
    closed = (municipality_code, wage.year) in closings
    return preview(wage, citizen, caps, closed=closed, waiting=waiting)


async def _municipality(connection: Connection, citizen_id: str) -> str:
    """Give the municipality that payroll would name for a citizen's wage.

    The last one told of the card that was last granted, handed over or let cover again.
    """
    found: str = await connection.fetchval(
        """
        WITH theirs AS (
          SELECT x.card_no, x.version, x.kind, x.municipality_code
          FROM cards AS c
          JOIN card_changes AS x ON x.card_no = c.card_no
          WHERE c.citizen_id = $1
        )
        SELECT municipality_code
        FROM theirs
        WHERE municipality_code IS NOT NULL
          AND card_no = (
            SELECT card_no
            FROM theirs
            WHERE kind IN ('issued', 'transferred', 'reactivated')
            ORDER BY version DESC
            LIMIT 1
          )
        ORDER BY version DESC
        LIMIT 1
        """,
        citizen_id,
    )
    return found


async def read_caps(connection: Connection) -> Caps:
    """Read every cap with its legal basis."""
    return to_caps(
        await connection.fetch(
            """
            SELECT version, type, year, amount_ore, in_force_from, known_at, legal_basis
            FROM rules
            ORDER BY version
            """
        )
    )


async def read_holder(pool: Pool, card_no: str, year: int | None) -> HolderRows:
    """Read all that the ledger holds about a card's holder, of a year or of all, in one snapshot.

    Raises:
        CardUnknown: no grant of the card has arrived.
    """
    async with pool.acquire() as connection, connection.transaction(**_SNAPSHOT):
        citizen_id = await find_citizen(connection, card_no)
        return HolderRows(
            journal=await connection.fetch(
                """
                SELECT
                  entry_no, hash, bytes, source_type, card_no, wage_id, paid_on, known_at,
                  recorded_at, limit_ore, source_topic
                FROM journal
                WHERE citizen_id = $1
                  AND ($2::SMALLINT IS NULL OR year IS NULL OR year = $2)
                ORDER BY entry_no
                """,
                citizen_id,
                year,
            ),
            changes=await connection.fetchval(
                "SELECT changes::TEXT FROM citizens WHERE citizen_id = $1", citizen_id
            ),
            caps=await read_caps(connection),
            held=await connection.fetch(
                """
                SELECT reason, parked, headers, value, held_at
                FROM held_messages
                WHERE stream_id = $1
                  AND topic = $2
                ORDER BY message_offset
                """,
                citizen_id,
                PAYROLL.name,
            ),
        )
