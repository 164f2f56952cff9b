"""Which municipality is responsible for a card: the one that granted it, or was handed it last."""

import datetime as dt
from collections.abc import Iterator, Sequence

from frikort_contracts.events import Event
from frikort_contracts.grants import GrantIssued, GrantTransferred
from services.chassis.database import Connection, Pool
from services.chassis.reading import Received


async def note_municipalities(connection: Connection, received: Sequence[Received[Event]]) -> None:
    """Learn which municipalities cards were granted by and handed to. May be repeated."""
    await connection.executemany(
        """
        INSERT INTO card_municipalities (card_no, version, municipality_code, effective_on)
        VALUES ($1, $2, $3, $4)
        ON CONFLICT DO NOTHING
        """,
        list(_told(received)),
    )


async def find_municipality(pool: Pool, card_no: str, on: dt.date) -> str | None:
    """Find who is responsible for a card on a date; None of a card that is not known.

    A transfer counts from the day it takes effect, as in the ledger; of two the later one.
    """
    found: str | None = await pool.fetchval(
        """
        SELECT municipality_code
        FROM card_municipalities
        WHERE card_no = $1
          AND (effective_on IS NULL OR effective_on <= $2)
        ORDER BY effective_on DESC NULLS LAST, version DESC
        LIMIT 1
        """,
        card_no,
        on,
    )
    return found


def _told(
    received: Sequence[Received[Event]],
) -> Iterator[tuple[str, int, str, dt.date | None]]:
    for item in received:
        version, event = item.envelope.stream_version, item.event
        match event:
            case GrantIssued():
                yield event.card_no, version, event.municipality_code, None
            case GrantTransferred():
                yield event.card_no, version, event.to_municipality_code, event.effective_on
            case _:
                pass
