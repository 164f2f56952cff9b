"""Grants' own tables: who a citizen is (by HMAC), and whose a card number is."""

from collections.abc import Mapping, Sequence

from services.chassis.database import Connection


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


async def insert_citizens(connection: Connection, citizens: Mapping[bytes, str]) -> None:
    """Write new citizens down; the unique index decides between two writers."""
    await connection.executemany(
        "INSERT INTO citizens (cpr_index, citizen_id) VALUES ($1, $2)", list(citizens.items())
    )


async def insert_cards(connection: Connection, cards: Mapping[str, str]) -> None:
    """Write new card numbers down; the unique index decides between two writers."""
    await connection.executemany(
        "INSERT INTO cards (card_no, citizen_id) VALUES ($1, $2)", list(cards.items())
    )
