"""The municipality's picture, for the status: cards, their changes, employments."""

from collections.abc import Iterable, Sequence

from services.allowance.posting import Entry
from services.allowance.translate import (
    AppealDecidedBody,
    CardChangedBody,
    EmploymentEndedBody,
    EmploymentRegisteredBody,
    GrantIssuedBody,
    Received,
)
from services.chassis.clock import business_date
from services.chassis.database import Connection


async def project(connection: Connection, entries: Iterable[Entry]) -> None:
    """Keep the municipality's picture: cards, their changes, employments."""
    applied = [entry.received for entry in entries if entry.apportionment is None]
    if not applied:
        return
    await _project_cards(connection, applied)
    await _project_employments(connection, applied)


async def _project_cards(connection: Connection, applied: Sequence[Received]) -> None:
    issued = [(r, r.body) for r in applied if isinstance(r.body, GrantIssuedBody)]
    await connection.executemany(
        """
        INSERT INTO cards (
          card_no, citizen_id, municipality_code, valid_from, benefit, age_group
        )
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT DO NOTHING
        """,
        [
            (b.card_no, r.citizen_id, b.municipality_code, b.valid_from, b.benefit, b.age_group)
            for r, b in issued
        ],
    )
    await connection.executemany(
        """
        INSERT INTO card_changes (
          card_no, version, kind, effective_on, decided_on, municipality_code
        )
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT DO NOTHING
        """,
        [_card_change(r) for r in applied if _changes_card(r.body)],
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
        [
            (
                r.body.employment_id,
                r.body.card_no,
                r.body.sector,
                r.body.starts_on,
                r.body.ends_on,
                r.body.consultant,
                business_date(r.body.known_at),
                r.citizen_id,
            )
            for r in applied
            if isinstance(r.body, EmploymentRegisteredBody)
        ],
    )
    await connection.executemany(
        "UPDATE employments SET ends_on = $2 WHERE employment_id = $1",
        [
            (r.body.employment_id, r.body.ends_on)
            for r in applied
            if isinstance(r.body, EmploymentEndedBody)
        ],
    )


def _changes_card(body: object) -> bool:
    if isinstance(body, AppealDecidedBody):
        return body.restores_coverage
    return isinstance(body, GrantIssuedBody | CardChangedBody)


def _card_change(received: Received) -> tuple[object, ...]:
    body, source = received.body, received.source
    kind = source.type.removeprefix("grant-")
    if isinstance(body, GrantIssuedBody):
        dates = (body.valid_from, body.decided_on)
        municipality_code: str | None = body.municipality_code
    elif isinstance(body, CardChangedBody):
        dates = (body.effective_on, body.decided_on)
        municipality_code = body.to_municipality_code
    elif isinstance(body, AppealDecidedBody):
        kind = "overturned"
        dates = (body.effective_on, body.decided_on)
        municipality_code = None
    else:
        raise TypeError(f"{source.type} changes no card")
    return (body.card_no, source.version, kind, *dates, municipality_code)
