"""The municipality's picture, for the status: cards, their changes, employments."""

from collections.abc import Iterable, Sequence

from services.allowance.picture import card_change_of, card_of, employment_of
from services.allowance.posting import Entry
from services.allowance.translate import EmploymentEndedBody, Received
from services.chassis.database import Connection


async def project(connection: Connection, entries: Iterable[Entry]) -> None:
    """Keep the municipality's picture: cards, their changes, employments."""
    applied = [entry.received for entry in entries if entry.apportionment is None]
    if not applied:
        return
    await _project_cards(connection, applied)
    await _project_employments(connection, applied)


async def _project_cards(connection: Connection, applied: Sequence[Received]) -> None:
    await connection.executemany(
        """
        INSERT INTO cards (
          card_no, citizen_id, municipality_code, valid_from, benefit, age_group
        )
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT DO NOTHING
        """,
        [card for card in map(card_of, applied) if card is not None],
    )
    await connection.executemany(
        """
        INSERT INTO card_changes (
          card_no, version, kind, effective_on, decided_on, municipality_code
        )
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT DO NOTHING
        """,
        [change for change in map(card_change_of, applied) if change is not None],
    )


async def _project_employments(connection: Connection, applied: Sequence[Received]) -> None:
    await connection.executemany(
        """
        INSERT INTO employments (
          employment_id, card_no, sector, starts_on, ends_on, consultant, registered_on, citizen_id
        )
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT DO NOTHING
        """,
        [employment for employment in map(employment_of, applied) if employment is not None],
    )
    await connection.executemany(
        "UPDATE employments SET ends_on = $2 WHERE employment_id = $1",
        [
            (r.body.employment_id, r.body.ends_on)
            for r in applied
            if isinstance(r.body, EmploymentEndedBody)
        ],
    )
