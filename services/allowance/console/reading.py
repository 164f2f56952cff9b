"""What the console's pages read beside what the ledger already answers; each in one snapshot."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from services.allowance.balances import find_citizen
from services.allowance.console.evidence import Heads, Proof, prove
from services.chassis.accounts import Accounts, read_accounts
from services.chassis.database import Connection, Pool

_SNAPSHOT = {"isolation": "repeatable_read", "readonly": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How the ledger stands; `checkpoint` is the newest one, as published."""

    accounts: Accounts
    entries: int
    citizens: int
    rules: int
    checkpoint: Mapping[str, Any] | None
    checkpoint_count: int

    @property
    def younger(self) -> int:
        """Count the entries that the newest checkpoint does not cover."""
        return self.entries - (self.checkpoint["entries"] if self.checkpoint else 0)


async def read_health(pool: Pool) -> Health:
    """Read how much the ledger holds, what became of every message, and the last checkpoint."""
    async with pool.acquire() as connection, connection.transaction(**_SNAPSHOT):
        counts = await connection.fetchrow(
            """
            SELECT
              (SELECT sum(journal_seq)::BIGINT FROM ledger_partitions) AS entries,
              (SELECT count(*) FROM citizens) AS citizens,
              (SELECT coalesce(max(version), 0) FROM rules) AS rules,
              (SELECT coalesce(max(checkpoint_no), 0) FROM checkpoints) AS checkpoint_count
            """
        )
        newest = await _newest(connection)
        return Health(
            accounts=await read_accounts(connection),
            entries=counts["entries"],
            citizens=counts["citizens"],
            rules=counts["rules"],
            checkpoint=None if newest is None else newest[0],
            checkpoint_count=counts["checkpoint_count"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an entry lies: its number in its partition, and where its source stood on the bus."""

    journal_seq: int
    partition: int
    source_topic: str
    source_partition: int
    source_offset: int
    checkpoint: Mapping[str, Any] | None

    @property
    def is_covered(self) -> bool:
        """Tell whether the newest checkpoint covers the entry."""
        if self.checkpoint is None:
            return False
        covered_to: int = self.checkpoint["positions"][self.partition]
        return self.journal_seq <= covered_to


async def read_place(pool: Pool, card_no: str, entry_no: int) -> Place | None:
    """Read where an entry of a card's holder lies; None if there is none of that number.

    Raises:
        CardUnknown: no grant of the card has arrived.
    """
    async with pool.acquire() as connection, connection.transaction(**_SNAPSHOT):
        row = await connection.fetchrow(
            """
            SELECT journal_seq, partition, source_topic, source_partition, source_offset
            FROM journal
            WHERE citizen_id = $1
              AND entry_no = $2
            """,
            await find_citizen(connection, card_no),
            entry_no,
        )
        newest = await _newest(connection)
    return None if row is None else Place(**row, checkpoint=None if newest is None else newest[0])


async def read_proof(pool: Pool, card_no: str) -> Proof | None:
    """Prove the chain of a card's holder by the newest checkpoint; None if none covers any of it.

    It makes the whole tree again from the journal: a second for half a million citizens.

    Raises:
        CardUnknown: no grant of the card has arrived.
    """
    async with pool.acquire() as connection, connection.transaction(**_SNAPSHOT):
        citizen_id = await find_citizen(connection, card_no)
        newest = await _newest(connection)
        if newest is None:
            return None
        checkpoint, public_key = newest
        heads = await _heads(connection, checkpoint["positions"], checkpoint["rules_version"])
    return prove(checkpoint, public_key, citizen_id, heads)


async def _newest(connection: Connection) -> tuple[Mapping[str, Any], bytes] | None:
    """Give the newest checkpoint as published, and the key it is signed with."""
    row = await connection.fetchrow(
        """
        SELECT c.bytes, k.public_key
        FROM checkpoints AS c
        JOIN signing_keys AS k USING (key_id)
        ORDER BY c.checkpoint_no DESC
        LIMIT 1
        """
    )
    return None if row is None else (orjson.loads(row["bytes"]), bytes(row["public_key"]))


async def _heads(connection: Connection, positions: Sequence[int], rules_version: int) -> Heads:
    rows = await connection.fetch(
        """
        SELECT c.citizen_id, j.entry_no, j.hash
        FROM citizens AS c
        CROSS JOIN LATERAL (
          SELECT entry_no, hash
          FROM journal
          WHERE journal.citizen_id = c.citizen_id
            AND journal.journal_seq <= ($1::BIGINT[])[c.partition + 1]
          ORDER BY entry_no DESC
          LIMIT 1
        ) AS j
        ORDER BY c.citizen_id
        """,
        positions,
    )
    rule = await connection.fetchrow(
        """
        SELECT version, hash
        FROM rules
        WHERE version <= $1
        ORDER BY version DESC
        LIMIT 1
        """,
        rules_version,
    )
    return Heads(
        citizens={str(row["citizen_id"]): (row["entry_no"], bytes(row["hash"])) for row in rows},
        rules=None if rule is None else (rule["version"], bytes(rule["hash"])),
    )
