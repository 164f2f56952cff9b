"""What `verify` and `prove` read of checkpoints: the database, and files kept elsewhere."""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer

from cli.checkpoints import Held, Kept, Report, check_checkpoints
from cli.keys import Key
from cli.trees import Change
from frikort_contracts.topics import PARTITIONS

if TYPE_CHECKING:
    import psycopg

ROWS_PER_FETCH: Final = 5000
CHANGES: Final = """
WITH cuts AS MATERIALIZED (
  SELECT
    (lane.place - 1)::SMALLINT AS partition,
    ARRAY(
      SELECT position::BIGINT + 1
      FROM jsonb_array_elements_text(lane.positions) WITH ORDINALITY AS p (position, n)
      ORDER BY n
    ) AS bounds
  FROM jsonb_array_elements(%s::JSONB) WITH ORDINALITY AS lane (positions, place)
),
placed AS (
  SELECT citizen_id, entry_no, hash, width_bucket(journal_seq, bounds) AS place
  FROM journal
  JOIN cuts USING (partition)
),
followed AS (
  SELECT *, lead(place) OVER (PARTITION BY citizen_id ORDER BY entry_no) AS next_place
  FROM placed
)
SELECT citizen_id::TEXT AS citizen_id, entry_no, hash, place
FROM followed
WHERE place < %s
  AND next_place IS DISTINCT FROM place
ORDER BY citizen_id, entry_no
"""
"""Each citizen's last entry at each of some checkpoints, where it is not the one before's.

A position is the last number a checkpoint covers, so the first that covers an entry is as many
places on as there are positions before its number.
"""


def check_heads(connection: "psycopg.Connection[dict[str, Any]]", held: Held) -> Report:
    """Check every checkpoint, stored or held elsewhere, in the connection's snapshot."""
    return check_checkpoints(
        read_kept(connection), held, lambda positions: read_changes(connection, positions)
    )


def read_kept(connection: "psycopg.Connection[dict[str, Any]]") -> Kept:
    """Read the checkpoints, the keys, the rules' hashes and how far each partition is."""
    rows = connection.execute("SELECT * FROM checkpoints ORDER BY checkpoint_no").fetchall()
    rules = connection.execute("SELECT version, hash FROM rules").fetchall()
    lanes = connection.execute("SELECT partition, max(journal_seq) FROM journal GROUP BY 1")
    last = {lane["partition"]: lane["max"] for lane in lanes}
    return Kept(
        rows=rows,
        keys=read_keys(connection),
        rules={rule["version"]: bytes(rule["hash"]) for rule in rules},
        positions=[last.get(partition, 0) for partition in range(PARTITIONS)],
    )


def read_keys(connection: "psycopg.Connection[dict[str, Any]]") -> list[Key]:
    """Read the public signing keys, in order."""
    rows = connection.execute("SELECT * FROM signing_keys ORDER BY key_no").fetchall()
    return [Key.of_row(row) for row in rows]


def read_changes(
    connection: "psycopg.Connection[dict[str, Any]]", positions: Sequence[Sequence[int]]
) -> Iterator[Change]:
    """Read the heads that are new at each of some checkpoints, citizen by citizen."""
    lanes = [list(lane) for lane in zip(*positions, strict=True)]
    with connection.cursor(name="heads") as cursor:
        cursor.itersize = ROWS_PER_FETCH
        cursor.execute(CHANGES, [json.dumps(lanes), len(positions)])
        for row in cursor:
            yield Change(row["citizen_id"], row["entry_no"], bytes(row["hash"]), row["place"])


def read_held(heads: Path | None, keys: Path | None) -> Held:
    """Read the files that a second party keeps.

    Raises:
        typer.BadParameter: a file cannot be read, or one of keys has a line that is none.
    """
    return Held(
        heads=None if heads is None else list(_lines(heads)),
        keys=None if keys is None else list(_keys(keys)),
    )


def _keys(file: Path) -> Iterator[Key]:
    for number, line in enumerate(_lines(file), start=1):
        try:
            yield Key.of_line(line)
        except ValueError as error:
            raise typer.BadParameter(f"{file}, line {number}: {error}") from error


def _lines(file: Path) -> Iterable[Any]:
    """Read JSON lines; one that is no JSON is given as text, and named by whoever checks it.

    A line that stands there twice is given once: whoever hands over may do so again.
    """
    try:
        texts = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{file} cannot be read: {type(error).__name__}") from error
    for text in dict.fromkeys(filter(str.strip, texts)):
        try:
            yield json.loads(text)
        except ValueError:
            yield text
