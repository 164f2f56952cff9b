"""A ledger to do damage to: copied for each damage, its copy verified and thrown away."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from cli.checkpoints import Held
from cli.keys import Key
from cli.ledger import prove
from cli.settings import AUDITOR_URL
from cli.witnesses import ask_witnesses
from frikort_contracts.merkle import key_id
from services.allowance.checkpoint import Head, Heads, sign_checkpoint, summarise
from services.allowance.entry import GENESIS, chain_hash
from services.allowance.signing import Signer
from tests.integration.servers import Servers

COPY = "frikort_tampered"
Found = set[tuple[str, str]]
Connection = psycopg.Connection[dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """The ledger as it was left, its service ended; `heads` and `keys` are held elsewhere."""

    servers: Servers
    heads: Sequence[dict[str, Any]]
    keys: Sequence[Key]

    def environment(self, database: str = "frikort_allowance") -> dict[str, str]:
        """Give the settings by which an auditor reads a database, and the topics."""
        url = self.servers.database_url("allowance", "auditor")
        return {
            AUDITOR_URL: url.replace("/frikort_allowance", f"/{database}"),
            "FRIKORT_KAFKA": self.servers.stack.kafka,
        }

    def verify(self, held: Held, *, database: str = COPY, topics: bool = False) -> Found:
        """Verify a database, in bulk and entry by entry; give where and what is wrong."""
        environment = self.environment(database)
        proof = prove(environment)
        assert prove(environment, bulk_from=0) == proof
        witnesses = ask_witnesses(environment, held, topics=topics)
        return {(fault.where, fault.field) for fault in [*proof.faults, *witnesses.faults]}

    @contextmanager
    def copied(self) -> Iterator[Connection]:
        """Give a copy of the database to damage, as who may do everything."""
        superuser = self.servers.stack.superuser_url
        assert superuser is not None
        names = {"copy": sql.Identifier(COPY), "ledger": sql.Identifier("frikort_allowance")}
        with psycopg.connect(superuser, autocommit=True) as server:
            server.execute(sql.SQL("CREATE DATABASE {copy} TEMPLATE {ledger}").format(**names))
            try:
                database = superuser.rpartition("/")[0] + f"/{COPY}"
                with psycopg.connect(database, autocommit=True, row_factory=dict_row) as copy:
                    copy.execute("SET session_replication_role = replica")  # no key holds it back
                    yield copy
            finally:
                server.execute(sql.SQL("DROP DATABASE {copy} WITH (FORCE)").format(**names))


def rewrite(connection: Connection, citizen_id: str, entry_no: int) -> None:
    """Change an entry and make every hash after it anew, as who may do everything could."""
    connection.execute(
        """
        UPDATE journal
        SET
          municipality_code = '101',
          bytes = replace(
            convert_from(bytes, 'UTF8'), '"municipality_code":"751"', '"municipality_code":"101"'
          )::BYTEA
        WHERE citizen_id = %s
          AND entry_no = %s
        """,
        [citizen_id, entry_no],
    )
    rows = connection.execute(
        "SELECT entry_no, bytes FROM journal WHERE citizen_id = %s ORDER BY entry_no", [citizen_id]
    ).fetchall()
    head = GENESIS
    for row in rows:
        head = chain_hash(head, row["bytes"])
        connection.execute(
            "UPDATE journal SET hash = %s WHERE citizen_id = %s AND entry_no = %s",
            [head, citizen_id, row["entry_no"]],
        )
    connection.execute("UPDATE citizens SET head = %s WHERE citizen_id = %s", [head, citizen_id])


def sign_again(connection: Connection, signers: Sequence[Signer]) -> None:
    """Make every checkpoint anew over the journal as it is, as who has the keys could."""
    by_id = {key_id(signer.public_key): signer for signer in signers}
    rows = connection.execute("SELECT * FROM checkpoints ORDER BY checkpoint_no").fetchall()
    for row in rows:
        published = json.loads(row["bytes"])
        taken = sign_checkpoint(
            summarise(_heads_at(connection, published)),
            checkpoint_no=row["checkpoint_no"],
            taken_at=row["taken_at"],
            signer=by_id[row["key_id"]],
        )
        connection.execute(
            "UPDATE checkpoints SET bytes = %s WHERE checkpoint_no = %s",
            [taken.to_json(), row["checkpoint_no"]],
        )


def _heads_at(connection: Connection, published: dict[str, Any]) -> Heads:
    positions = published["positions"]
    rows = connection.execute(
        """
        SELECT citizen_id::TEXT, entry_no, hash, partition, journal_seq
        FROM journal
        ORDER BY citizen_id, entry_no
        """
    ).fetchall()
    citizens = {
        row["citizen_id"]: Head(row["entry_no"], row["hash"])
        for row in rows
        if row["journal_seq"] <= positions[row["partition"]]
    }
    version = published["rules_version"]
    rule = connection.execute("SELECT hash FROM rules WHERE version = %s", [version]).fetchone()
    rules = None if rule is None else Head(version, rule["hash"])
    return Heads(positions=positions, citizens=citizens, rules=rules)
