"""Payroll's own tables: references (by HMAC), and what frikort-grants has told."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from services.chassis.database import Connection
from services.chassis.vault import Vault
from services.payroll.warnings import Card, CardChange


@dataclass(frozen=True, slots=True)
class Place:
    """What a reference stands for, and in whose stream."""

    id: str
    citizen_id: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a citizen's grants have been read, and who is responsible after that."""

    grants_version: int
    municipality_code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """A list did not hold a wage when its citizen's stream had come to `version`."""

    version: int
    missing_on: dt.date


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedCitizen:
    """`municipality_code` is None where the events read do not change it."""

    citizen_id: str
    grants_version: int
    municipality_code: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedCard:
    """A card that was granted."""

    card_no: str
    citizen_id: str
    valid_from: dt.date


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedChange:
    """A decision from whose date on a card is active, or is not."""

    citizen_id: str
    grants_version: int
    card_no: str
    effective_on: dt.date
    active: bool


async def find_employments(
    connection: Connection, vault: Vault, employment_refs: Collection[str]
) -> dict[str, Place]:
    """Give the employments that are registered under these references."""
    by_index = {_employment_index(vault, ref): ref for ref in employment_refs}
    rows = await connection.fetch(
        "SELECT ref_index, employment_id, citizen_id FROM employments WHERE ref_index = ANY($1)",
        list(by_index),
    )
    return {
        by_index[row["ref_index"]]: Place(str(row["employment_id"]), str(row["citizen_id"]))
        for row in rows
    }


async def find_wages(
    connection: Connection, vault: Vault, wage_refs: Collection[str]
) -> dict[str, Place]:
    """Give the wages that are registered under these references."""
    by_index = {_wage_index(vault, ref): ref for ref in wage_refs}
    rows = await connection.fetch(
        "SELECT ref_index, wage_id, citizen_id FROM wages WHERE ref_index = ANY($1)",
        list(by_index),
    )
    return {
        by_index[row["ref_index"]]: Place(str(row["wage_id"]), str(row["citizen_id"]))
        for row in rows
    }


async def insert_employments(
    connection: Connection, vault: Vault, employments: Mapping[str, Place]
) -> None:
    """Write new references down; the unique index decides between two writers."""
    await connection.execute(
        """
        INSERT INTO employments (ref_index, employment_id, citizen_id)
        SELECT * FROM unnest($1::BYTEA[], $2::UUID[], $3::UUID[])
        """,
        [_employment_index(vault, ref) for ref in employments],
        [place.id for place in employments.values()],
        [place.citizen_id for place in employments.values()],
    )


async def insert_wages(connection: Connection, vault: Vault, wages: Mapping[str, Place]) -> None:
    """Write new references down; the unique index decides between two writers."""
    await connection.execute(
        """
        INSERT INTO wages (ref_index, wage_id, citizen_id)
        SELECT * FROM unnest($1::BYTEA[], $2::UUID[], $3::UUID[])
        """,
        [_wage_index(vault, ref) for ref in wages],
        [place.id for place in wages.values()],
        [place.citizen_id for place in wages.values()],
    )


async def find_cards(connection: Connection, card_numbers: Collection[str]) -> dict[str, Card]:
    """Give the cards that grants have told of, with their dated changes."""
    rows = await connection.fetch(
        """
        SELECT
          cards.card_no,
          cards.citizen_id,
          cards.valid_from,
          card_changes.effective_on,
          card_changes.active
        FROM cards
        LEFT JOIN card_changes USING (card_no)
        WHERE cards.card_no = ANY($1)
        ORDER BY cards.card_no, card_changes.grants_version
        """,
        list(card_numbers),
    )
    changes: dict[str, list[CardChange]] = {row["card_no"]: [] for row in rows}
    for row in rows:
        if row["effective_on"] is not None:
            changes[row["card_no"]].append(
                CardChange(effective_on=row["effective_on"], active=row["active"])
            )
    return {
        row["card_no"]: Card(
            citizen_id=str(row["citizen_id"]),
            valid_from=row["valid_from"],
            changes=tuple(changes[row["card_no"]]),
        )
        for row in rows
    }


async def find_standings(connection: Connection, citizen_ids: Sequence[str]) -> dict[str, Standing]:
    """Give how far the citizens' grants have been read; one without a card is left out."""
    rows = await connection.fetch(
        """
        SELECT citizen_id, grants_version, municipality_code
        FROM citizens
        WHERE citizen_id = ANY($1::UUID[])
          AND municipality_code IS NOT NULL
        """,
        list(citizen_ids),
    )
    return {
        str(row["citizen_id"]): Standing(row["grants_version"], row["municipality_code"])
        for row in rows
    }


async def upsert_citizens(connection: Connection, citizens: Sequence[LearnedCitizen]) -> None:
    """Note how far citizens' grants have been read; one row per citizen."""
    await connection.execute(
        """
        INSERT INTO citizens (citizen_id, grants_version, municipality_code)
        SELECT * FROM unnest($1::UUID[], $2::INT[], $3::TEXT[])
        ON CONFLICT (citizen_id) DO UPDATE
        SET
          grants_version = excluded.grants_version,
          municipality_code = coalesce(excluded.municipality_code, citizens.municipality_code)
        """,
        [citizen.citizen_id for citizen in citizens],
        [citizen.grants_version for citizen in citizens],
        [citizen.municipality_code for citizen in citizens],
    )


async def insert_cards(connection: Connection, cards: Sequence[LearnedCard]) -> None:
    """Write new cards down. A number is never reused; its first holder would keep it."""
    await connection.execute(
        """
        INSERT INTO cards (card_no, citizen_id, valid_from)
        SELECT * FROM unnest($1::TEXT[], $2::UUID[], $3::DATE[])
        ON CONFLICT DO NOTHING
        """,
        [card.card_no for card in cards],
        [card.citizen_id for card in cards],
        [card.valid_from for card in cards],
    )


async def insert_changes(connection: Connection, changes: Sequence[LearnedChange]) -> None:
    """Write dated changes of cards down."""
    await connection.execute(
        """
        INSERT INTO card_changes (citizen_id, grants_version, card_no, effective_on, active)
        SELECT * FROM unnest($1::UUID[], $2::INT[], $3::TEXT[], $4::DATE[], $5::BOOLEAN[])
        ON CONFLICT DO NOTHING
        """,
        [change.citizen_id for change in changes],
        [change.grants_version for change in changes],
        [change.card_no for change in changes],
        [change.effective_on for change in changes],
        [change.active for change in changes],
    )


async def find_paid_citizens(connection: Connection) -> list[str]:
    """Give the citizens who have a wage, in a fixed order."""
    rows = await connection.fetch("SELECT DISTINCT citizen_id FROM wages ORDER BY citizen_id")
    return [str(row["citizen_id"]) for row in rows]


async def find_person_keys(connection: Connection, citizen_ids: Sequence[str]) -> dict[str, bytes]:
    """Give the wrapped keys under which citizens' private data are sealed."""
    rows = await connection.fetch(
        "SELECT person_id, wrapped_key FROM person_keys WHERE person_id = ANY($1::UUID[])",
        list(citizen_ids),
    )
    return {str(row["person_id"]): row["wrapped_key"] for row in rows}


async def find_missing(connection: Connection, wage_ids: Sequence[str]) -> dict[str, Missing]:
    """Give the wages that the last list did not hold."""
    rows = await connection.fetch(
        """
        SELECT wage_id, version, missing_on
        FROM missing_registrations
        WHERE wage_id = ANY($1::UUID[])
        """,
        list(wage_ids),
    )
    return {
        str(row["wage_id"]): Missing(version=row["version"], missing_on=row["missing_on"])
        for row in rows
    }


async def delete_missing(connection: Connection, wage_ids: Sequence[str]) -> None:
    """Forget that a list did not hold these wages: a later one does."""
    await connection.execute(
        "DELETE FROM missing_registrations WHERE wage_id = ANY($1::UUID[])", list(wage_ids)
    )


async def upsert_missing(connection: Connection, missing: Mapping[str, Missing]) -> None:
    """Note by wage what a list did not hold; the last list counts."""
    await connection.execute(
        """
        INSERT INTO missing_registrations (wage_id, version, missing_on)
        SELECT * FROM unnest($1::UUID[], $2::INT[], $3::DATE[])
        ON CONFLICT (wage_id) DO UPDATE
        SET
          version = excluded.version,
          missing_on = excluded.missing_on
        """,
        list(missing),
        [each.version for each in missing.values()],
        [each.missing_on for each in missing.values()],
    )


def _employment_index(vault: Vault, employment_ref: str) -> bytes:
    return vault.index(f"employment/{employment_ref}")


def _wage_index(vault: Vault, wage_ref: str) -> bytes:
    return vault.index(f"wage/{wage_ref}")
