"""`frikort ledger export`: an audit pack, for somebody who trusts neither us nor our code."""

import base64
import datetime as dt
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from cli import options
from cli.errors import Rejection
from cli.journal import auditor
from cli.output import JsonFlag, number, print_json, say
from cli.pack_make import ROWS_PER_BATCH, Evidence, Filter, ReadHeads, write_pack
from cli.pack_rows import JournalRow
from cli.pack_signing import read_signing_key
from cli.pack_write import new_folder
from cli.progress import show_progress
from frikort_contracts.topics import PARTITIONS

if TYPE_CHECKING:
    import psycopg
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    Connection = psycopg.Connection[dict[str, Any]]

ENTRIES: Final = """
SELECT citizen_id::TEXT, entry_no, partition, journal_seq, hash, bytes
FROM journal
WHERE {which}
ORDER BY journal.citizen_id, entry_no
"""
WHICH: Final = {
    "all": "TRUE",
    "card": "citizen_id = (SELECT citizen_id FROM cards WHERE card_no = %(value)s)",
    "municipality": (
        "citizen_id IN (SELECT citizen_id FROM journal WHERE municipality_code = %(value)s)"
    ),
}
HEADS: Final = """
SELECT DISTINCT ON (j.citizen_id)
  j.citizen_id::TEXT AS citizen_id,
  j.entry_no,
  j.hash
FROM journal AS j
JOIN unnest(%(positions)s::BIGINT[]) WITH ORDINALITY AS p (position, place)
  ON j.partition = p.place - 1
WHERE j.journal_seq <= p.position
ORDER BY
  j.citizen_id,
  j.entry_no DESC
"""


def export(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A folder that is not there yet, or empty.")
    ],
    *,
    card: Annotated[
        str | None,
        typer.Option(metavar="CARD_NO", parser=options.card_no, help="One card's holder alone."),
    ] = None,
    municipality: Annotated[
        str | None,
        options.text_option("The citizens alone whom a municipality has an entry of.", "CODE"),
    ] = None,
    signing_key: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Sign with this Ed25519 key, as PEM."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Write an audit pack: all entries, and verify.py, which proves them without our code."""
    if card is not None and municipality is not None:
        raise typer.BadParameter("give --card or --municipality, not both")
    wanted = Filter()
    if card is not None:
        wanted = Filter(kind="card", value=card)
    elif municipality is not None:
        wanted = Filter(kind="municipality", value=municipality)
    key = read_signing_key(os.environ, signing_key)
    manifest = export_pack(os.environ, folder, wanted=wanted, key=key, now=dt.datetime.now(dt.UTC))
    if as_json:
        print_json(manifest)
    else:
        tell(folder, manifest)


def export_pack(
    environment: Mapping[str, str],
    folder: Path,
    *,
    wanted: Filter,
    key: "Ed25519PrivateKey | None",
    now: dt.datetime,
) -> dict[str, Any]:
    """Read the ledger in one snapshot and write a pack of it; give its manifest.

    Raises:
        TransientError: the database is not known or does not answer.
        Rejection: the folder is not empty, or there is no such card.
    """
    with (
        auditor(environment) as connection,
        new_folder(folder.resolve()) as partial,
        show_progress() as phases,
    ):
        _require_known(connection, wanted)
        phases.start("Exporting", _count(connection, wanted))
        return write_pack(
            partial,
            _read_rows(connection, wanted),
            _read_evidence(connection),
            wanted=wanted,
            heads=_heads_reader(connection),
            key=key,
            now=now,
            reach=phases.reach,
        )


def tell(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Say for people what was written, and how to prove it."""
    say(
        f"Exported to {folder}: entries {number(manifest['entries'])}, citizens "
        f"{number(manifest['citizens'])}, rules {number(manifest['rules'])}."
    )
    key_id = manifest["key_id"]
    if not key_id:
        say(
            "NOT SIGNED: nobody can tell who made this pack. Give --signing-key, or set "
            "FRIKORT_AUDITOR_SIGNING_KEY."
        )
        return
    say(
        f"Signed by key {key_id}. To prove it on any machine: python3 verify.py {folder} "
        f"--key {key_id} --key LEDGER_KEYS --head HEADS"
    )


def _read_evidence(connection: "Connection") -> Evidence:
    rules = connection.execute("SELECT version, hash, bytes FROM rules ORDER BY version")
    checkpoints = connection.execute("SELECT bytes FROM checkpoints ORDER BY checkpoint_no")
    keys = connection.execute("SELECT * FROM signing_keys ORDER BY key_no")
    far = connection.execute("SELECT partition, journal_seq FROM ledger_partitions")
    positions = {row["partition"]: row["journal_seq"] for row in far}
    return Evidence(
        rules=[
            {"version": row["version"], "hash": row["hash"].hex(), "bytes": row["bytes"].decode()}
            for row in rules
        ],
        checkpoints=[bytes(row["bytes"]) for row in checkpoints],
        keys=[_key(row) for row in keys],
        positions=[positions[partition] for partition in range(PARTITIONS)],
    )


def _require_known(connection: "Connection", wanted: Filter) -> None:
    if wanted.kind != "card":
        return
    query = "SELECT FROM cards WHERE card_no = %s"
    if connection.execute(query, [wanted.value]).fetchone() is None:
        raise Rejection(
            f"no grant of card {wanted.value} has arrived in the ledger; check the number "
            "(card-unknown)",
            code="card-unknown",
        )


def _count(connection: "Connection", wanted: Filter) -> int:
    which = WHICH[wanted.kind]
    query = f"SELECT count(*) AS entries FROM journal WHERE {which}"  # noqa: S608 - ours
    row = connection.execute(query.encode(), {"value": wanted.value}).fetchone()
    return int(row["entries"]) if row else 0


def _read_rows(connection: "Connection", wanted: Filter) -> Iterator[JournalRow]:
    query = ENTRIES.format(which=WHICH[wanted.kind])
    for row in _rows(connection, query, {"value": wanted.value}):
        yield JournalRow(
            row["citizen_id"],
            row["entry_no"],
            row["partition"],
            row["journal_seq"],
            bytes(row["hash"]),
            bytes(row["bytes"]),
        )


def _heads_reader(connection: "Connection") -> ReadHeads:
    """Give how to read where everybody's chain ended at some positions, in order of ids."""

    def read(positions: Sequence[int]) -> Iterator[tuple[str, int, bytes]]:
        for row in _rows(connection, HEADS, {"positions": list(positions)}):
            yield row["citizen_id"], row["entry_no"], row["hash"]

    return read


def _rows(
    connection: "Connection", query: str, values: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """Read a large result some thousand rows at a time."""
    with connection.cursor(name="export") as cursor:
        cursor.itersize = ROWS_PER_BATCH
        cursor.execute(query.encode(), values)
        yield from cursor


def _key(row: Mapping[str, Any]) -> dict[str, Any]:
    endorsement = row["endorsement"]
    return {
        "key_id": row["key_id"],
        "public_key": base64.b64encode(row["public_key"]).decode(),
        "endorsed_by": row["endorsed_by"],
        "endorsement": None if endorsement is None else base64.b64encode(endorsement).decode(),
    }
