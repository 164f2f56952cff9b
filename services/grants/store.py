"""Grants' own tables: who a citizen is (by HMAC), whose a card number or an application is."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass

from services.chassis.database import Connection
from services.chassis.vault import Vault

ROWS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Place:
    """What an application's reference stands for, and in whose stream."""

    application_id: str
    citizen_id: str


async def find_citizens(connection: Connection, cpr_indexes: Sequence[bytes]) -> dict[bytes, str]:
    """Give the citizens that are known, by the HMAC of their CPR number."""
    rows = await connection.fetch(
        "SELECT cpr_index, citizen_id FROM citizens WHERE cpr_index = ANY($1)", list(cpr_indexes)
    )
    return {row["cpr_index"]: str(row["citizen_id"]) for row in rows}


async def find_cards(connection: Connection, card_numbers: Sequence[str]) -> dict[str, str]:
    """Give the citizens whose cards these are, by card number."""
    rows = await connection.fetch(
        "SELECT card_no, citizen_id FROM cards WHERE card_no = ANY($1)", list(card_numbers)
    )
    return {row["card_no"]: str(row["citizen_id"]) for row in rows}


async def read_histories(connection: Connection) -> AsyncIterator[list[tuple[str, str]]]:
    """Give each citizen's history, as types and data, in the transaction; one at a time."""
    cursor = connection.cursor(
        """
        SELECT stream_id, type, data
        FROM events
        ORDER BY stream_id, version
        """,
        prefetch=ROWS_AT_ONCE,
    )
    current = None
    history: list[tuple[str, str]] = []
    async for row in cursor:
        if row["stream_id"] != current and history:
            yield history
            history = []
        current = row["stream_id"]
        history.append((row["type"], row["data"]))
    if history:
        yield history


async def insert_citizens(connection: Connection, citizens: Mapping[bytes, str]) -> None:
    """Write new CPR numbers of citizens down; the unique index decides between two writers."""
    await connection.executemany(
        "INSERT INTO citizens (cpr_index, citizen_id) VALUES ($1, $2)", list(citizens.items())
    )


async def insert_cards(connection: Connection, cards: Mapping[str, str]) -> None:
    """Write new card numbers down; the unique index decides between two writers."""
    await connection.executemany(
        "INSERT INTO cards (card_no, citizen_id) VALUES ($1, $2)", list(cards.items())
    )


async def find_applications(
    connection: Connection, vault: Vault, application_refs: Collection[str]
) -> dict[str, Place]:
    """Give the applications that were received under these references."""
    by_index = {_application_index(vault, ref): ref for ref in application_refs}
    rows = await connection.fetch(
        "SELECT ref_index, application_id, citizen_id FROM applications WHERE ref_index = ANY($1)",
        list(by_index),
    )
    return {
        by_index[row["ref_index"]]: Place(str(row["application_id"]), str(row["citizen_id"]))
        for row in rows
    }


async def insert_applications(
    connection: Connection, vault: Vault, applications: Mapping[str, Place]
) -> None:
    """Write new references down; the unique index decides between two writers."""
    await connection.executemany(
        "INSERT INTO applications (ref_index, application_id, citizen_id) VALUES ($1, $2, $3)",
        [
            (_application_index(vault, ref), place.application_id, place.citizen_id)
            for ref, place in applications.items()
        ],
    )


def _application_index(vault: Vault, application_ref: str) -> bytes:
    return vault.index(f"application/{application_ref}")
