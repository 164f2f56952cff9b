"""`frikort ledger …`: what an auditor asks. Reads the ledger's database as the auditor's role.

The one part of the command line that opens a database: a proof must not pass through the
service it is about.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

import typer

from cli.journal import auditor
from cli.output import JsonFlag, number, print_json, print_table, say
from cli.progress import show_progress
from cli.proof import Balance, Proof, Stored
from cli.replay import replay

if TYPE_CHECKING:
    import psycopg

__all__ = ["auditor", "ledger", "prove", "tell"]

ROWS_PER_FETCH: Final = 5000
FAULTS_SHOWN: Final = 20

ledger = typer.Typer(help="Prove the ledger.", no_args_is_help=True)


@ledger.callback()
def _ledger() -> None:
    """Prove the ledger."""


ledger.command()(replay)


@ledger.command()
def verify(*, as_json: JsonFlag = False) -> None:
    """Recompute every chain, posting and balance; name what is wrong, and exit 1 if anything is."""
    proof = prove(os.environ)
    if as_json:
        print_json(_summary(proof))
    else:
        tell(proof)
    if proof.faults_total:
        raise typer.Exit(1)


def prove(environment: Mapping[str, str]) -> Proof:
    """Read the whole ledger in one snapshot and check it.

    Raises:
        TransientError: the database is not known or does not answer.
    """
    proof = Proof()
    with auditor(environment) as connection:
        stored = _read_stored(connection)
        total = sum(stored.partitions.values())
        for row in _rows(connection, "SELECT * FROM rules ORDER BY version"):
            proof.take_rule(row)
        with show_progress() as phases:
            phases.start("Verifying", total)
            for row in _rows(connection, "SELECT * FROM journal ORDER BY citizen_id, entry_no"):
                proof.take_entry(row, stored)
                if proof.entries % ROWS_PER_FETCH == 0 or proof.entries == total:
                    phases.reach(proof.entries)
    proof.end(stored)
    return proof


def _summary(proof: Proof) -> dict[str, Any]:
    return {
        "verified": proof.faults_total == 0,
        "entries": proof.entries,
        "citizens": proof.citizens,
        "rules": proof.rules,
        "trial_balance_ore": dict(sorted(proof.trial_balance.items())),
        "faults_total": proof.faults_total,
        "faults": [asdict(fault) for fault in proof.faults],
    }


def tell(proof: Proof) -> None:
    """Say for people what was proved, or what is wrong."""
    if proof.faults_total == 0:
        say(
            f"Verified: entries {number(proof.entries)}, citizens {number(proof.citizens)}, rules "
            f"{number(proof.rules)}. Every chain is whole, every posting sums to zero, every "
            "balance is its fold."
        )
        return
    rows = [[f.where, f.field, f.found, f.expected] for f in proof.faults[:FAULTS_SHOWN]]
    print_table("", ["where", "what", "found", "expected"], rows)
    say(
        f"{proof.faults_total} faults in {proof.entries} entries; the first stands first. "
        "Stop what writes to this database and compare it with a head kept elsewhere."
    )


def _read_stored(connection: "psycopg.Connection[dict[str, Any]]") -> Stored:
    heads = connection.execute("SELECT citizen_id, entry_no, head FROM citizens")
    balances = connection.execute("SELECT * FROM balances")
    partitions = connection.execute("SELECT partition, journal_seq FROM ledger_partitions")
    lanes = connection.execute(
        """
        SELECT p.*, (
          SELECT count(*)
          FROM held_messages AS h
          WHERE h.topic = p.topic
            AND h.partition = p.partition
        ) AS held
        FROM inbox_positions AS p
        ORDER BY p.topic, p.partition
        """
    )
    return Stored(
        heads={str(r["citizen_id"]): (r["entry_no"], bytes(r["head"])) for r in heads},
        balances={
            (str(r["citizen_id"]), r["year"]): Balance(
                r["covered_ore"],
                r["excess_ore"],
                r["entries"],
                r["over_cap_ore"],
                None if r["covered_to"] is None else r["covered_to"].isoformat(),
            )
            for r in balances
        },
        partitions={r["partition"]: r["journal_seq"] for r in partitions},
        lanes=list(lanes),
    )


def _rows(connection: "psycopg.Connection[dict[str, Any]]", query: str) -> Iterator[dict[str, Any]]:
    """Read a large result a few thousand rows at a time."""
    with connection.cursor(name="verify") as cursor:
        cursor.itersize = ROWS_PER_FETCH
        cursor.execute(query)
        yield from cursor
