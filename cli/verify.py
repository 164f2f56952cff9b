"""`frikort ledger verify`: the whole ledger proved in one snapshot, on as many cores as there are.

Piece by piece: a large ledger in bulk first (`proof_bulk`), then entry by entry (`proof`) whoever
is not beyond doubt, so that what is wrong is named.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import typer

from cli.heads import read_held
from cli.journal import (
    ENTRIES_WORTH_COMPILING,
    Citizens,
    auditor,
    copy_out,
    export_snapshot,
    pieces,
    same_snapshot,
    work_through,
)
from cli.output import JsonFlag, number, print_json, print_table, say
from cli.progress import Phases, compile_with, show_progress
from cli.proof import Balance, Proof, Stored
from cli.settings import AUDITOR_URL, auditor_database_url
from cli.witnesses import HeadsFile, KeysFile, Topics, ask_witnesses

if TYPE_CHECKING:
    import psycopg

    from cli.proof_bulk import Checked

ROWS_PER_FETCH: Final = 5000
FAULTS_SHOWN: Final = 20
JOURNAL: Final = "SELECT {columns} FROM journal WHERE {here} ORDER BY citizen_id, entry_no"
HEADS: Final = "SELECT {columns} FROM citizens WHERE {here} ORDER BY citizen_id"
BALANCES: Final = "SELECT {columns} FROM balances WHERE {here} ORDER BY citizen_id, year"


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Some citizens of the ledger to prove, as a snapshot sees them; `rules` are their entries."""

    url: str
    snapshot: str
    citizens: Citizens
    rules: list[dict[str, Any]]
    in_bulk: bool


def verify(
    *,
    heads: HeadsFile = None,
    keys: KeysFile = None,
    topics: Topics = None,
    as_json: JsonFlag = False,
) -> None:
    """Recompute every chain, posting, balance and checkpoint; name what is wrong, then exit 1."""
    held = read_held(heads, keys)
    proof = prove(os.environ)
    witnesses = ask_witnesses(os.environ, held, topics=topics)
    proof.faults += witnesses.faults
    proof.faults_total += witnesses.faults_total
    if as_json:
        print_json(_summary(proof) | witnesses.summary())
    else:
        tell(proof)
        if proof.faults_total == 0:
            witnesses.tell()
    if proof.faults_total:
        raise typer.Exit(1)


def prove(environment: Mapping[str, str], *, bulk_from: int = ENTRIES_WORTH_COMPILING) -> Proof:
    """Read the whole ledger in one snapshot and check it; in bulk from so many entries on.

    Raises:
        TransientError: the database is not known or does not answer.
    """
    proof = Proof()
    with auditor(environment) as connection, show_progress() as phases:
        stored = _read_counts(connection)
        entries = sum(stored.partitions.values())
        for row in connection.execute("SELECT * FROM rules ORDER BY version"):
            proof.take_rule(row)
        common: dict[str, Any] = {
            "url": auditor_database_url(environment) or "",
            "snapshot": export_snapshot(connection),
            "rules": proof.rule_entries(),
            "in_bulk": entries >= bulk_from and _prepare_bulk(phases),
        }
        work = [Piece(citizens=citizens, **common) for citizens in pieces(connection)]
        phases.start("Verifying", entries)
        for done in work_through(prove_piece, work):
            proof.add(done)
            phases.reach(proof.entries)
    proof.end(stored)
    return proof


def _prepare_bulk(phases: Phases) -> bool:
    """Compile the proof in bulk if that was not done before; tell whether it can be."""
    from cli import proof_bulk as bulk  # noqa: PLC0415 - the compiler is slow to load

    if bulk.IS_POSSIBLE:
        compile_with(phases, bulk.compile_now)
    return bulk.IS_POSSIBLE


def prove_piece(piece: Piece) -> Proof:
    """Prove some citizens: in bulk, then whoever is in doubt entry by entry."""
    proof = Proof()
    proof.know_rules(piece.rules)
    with same_snapshot({AUDITOR_URL: piece.url}, piece.snapshot) as connection:
        here = piece.citizens.of("{here}")
        checked = None
        if piece.in_bulk:
            sent = read_in_bulk(connection, piece.citizens)
            with suppress(ValueError):  # too much of one citizen at once
                checked = check_in_bulk(sent, piece.rules)
        if checked is not None:
            proof.count(
                entries=checked.entries,
                citizens=checked.citizens,
                trial_balance=checked.trial_balance,
                by_partition=checked.by_partition,
            )
            doubted = ", ".join(f"'{citizen_id}'" for citizen_id in sorted(checked.doubted))
            here = f"{here} AND citizen_id IN ({doubted})" if doubted else ""
        if here:
            _prove_entries(connection, here, proof)
    return proof


def check_in_bulk(sent: "Sequence[bytes]", rules: list[dict[str, Any]]) -> "Checked":
    """Check what `read_in_bulk` gave."""
    from cli import proof_bulk as bulk  # noqa: PLC0415 - as above

    columns = (bulk.COLUMNS, bulk.HEADS, bulk.BALANCES)
    journal, heads, balances = map(bulk.read_rows, sent, columns)
    return bulk.check(journal, heads, balances, bulk.rules_of(rules))


def read_in_bulk(
    connection: "psycopg.Connection[dict[str, Any]]", citizens: Citizens
) -> list[bytes]:
    """Read the journal, the heads and the balances of some citizens, as PostgreSQL sends them."""
    from cli import proof_bulk as bulk  # noqa: PLC0415 - as above

    asked = ((JOURNAL, bulk.COLUMNS), (HEADS, bulk.HEADS), (BALANCES, bulk.BALANCES))
    return [
        copy_out(connection, citizens.of(query.format(columns=", ".join(columns), here="{here}")))
        for query, columns in asked
    ]


def _prove_entries(
    connection: "psycopg.Connection[dict[str, Any]]", here: str, proof: Proof
) -> None:
    """Go through some citizens entry by entry."""
    stored = _read_stored(connection, here)
    query = f"SELECT * FROM journal WHERE {here} ORDER BY citizen_id, entry_no"  # noqa: S608 - ids
    for row in _rows(connection, query):
        proof.take_entry(row, stored)
    proof.end_citizens(stored)


def _rows(connection: "psycopg.Connection[dict[str, Any]]", query: str) -> Iterator[dict[str, Any]]:
    """Read a large result a few thousand rows at a time."""
    with connection.cursor(name="verify") as cursor:
        cursor.itersize = ROWS_PER_FETCH
        cursor.execute(query.encode())
        yield from cursor


def _read_stored(connection: "psycopg.Connection[dict[str, Any]]", here: str) -> Stored:
    heads = connection.execute(
        f"SELECT citizen_id, entry_no, head FROM citizens WHERE {here}".encode()  # noqa: S608 - ids
    )
    balances = connection.execute(f"SELECT * FROM balances WHERE {here}".encode())  # noqa: S608 - ids
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
        partitions={},
        lanes=[],
    )


def _read_counts(connection: "psycopg.Connection[dict[str, Any]]") -> Stored:
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
    counted = {row["partition"]: row["journal_seq"] for row in partitions}
    return Stored(heads={}, balances={}, partitions=counted, lanes=list(lanes))


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
