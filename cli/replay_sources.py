"""Where a replay reads: the journal in one snapshot, or an audit pack's folder; in pieces.

A piece holds whole citizens and is read and decided again in a process of its own, so memory does
not grow with the history.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cli.errors import Rejection
from cli.journal import (
    ENTRIES_PER_PIECE,
    Citizens,
    auditor,
    copy_out,
    export_snapshot,
    pieces,
    same_snapshot,
)
from cli.replay_fold import Replayed, Row, Selection, replay_rows
from cli.replay_rules import read_rules
from cli.settings import AUDITOR_URL, auditor_database_url

COLUMNS: Final = ("citizen_id", "entry_no", "hash", "bytes")
ROWS: Final = """
    SELECT citizen_id::TEXT, entry_no, hash, bytes
    FROM journal
    WHERE {here}
    ORDER BY journal.citizen_id, entry_no
"""
BYTES_PER_PIECE: Final = 25_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Whole citizens to decide again, and by what; it travels to another process."""

    rules: list[bytes]
    selection: Selection

    def rows(self) -> Iterator[Row]:
        """Read the entries, citizen by citizen in order."""
        raise NotImplementedError

    def sent(self) -> bytes:
        """Read the entries as PostgreSQL would send them."""
        from cli.replay_bulk import sent_rows  # noqa: PLC0415 - the compiler is slow to load

        return sent_rows(self.rows())


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalPiece(Piece):
    """Some citizens of the journal, as a snapshot sees them."""

    url: str
    snapshot: str
    citizens: Citizens

    def rows(self) -> Iterator[Row]:
        """Read the rows of the journal."""
        query = self.citizens.of(ROWS)
        with (
            same_snapshot({AUDITOR_URL: self.url}, self.snapshot) as connection,
            connection.cursor(binary=True) as cursor,
        ):
            for row in cursor.execute(query.encode()):
                yield Row(row["citizen_id"], row["entry_no"], row["hash"], row["bytes"])

    def sent(self) -> bytes:
        """Read the rows of the journal as they are sent."""
        with same_snapshot({AUDITOR_URL: self.url}, self.snapshot) as connection:
            return copy_out(connection, self.citizens.of(ROWS))


@dataclass(frozen=True, slots=True, kw_only=True)
class ParquetPiece(Piece):
    """Some rows of a pack's entries.parquet."""

    path: Path
    offset: int
    length: int

    def rows(self) -> Iterator[Row]:
        """Read the rows; bytes as text or bytes, hashes as text or bytes."""
        import polars as pl  # noqa: PLC0415 - slow to load, and few commands need it

        table = pl.scan_parquet(self.path).select(COLUMNS).slice(self.offset, self.length)
        for citizen_id, entry_no, digest, content in table.collect().iter_rows():
            yield Row(citizen_id, entry_no, _digest(digest), _bytes(content))


@dataclass(frozen=True, slots=True, kw_only=True)
class LinesPiece(Piece):
    """Some lines of a pack's entries.jsonl."""

    path: Path
    start: int
    end: int

    def rows(self) -> Iterator[Row]:
        """Read the lines from `start` up to `end`."""
        with self.path.open("rb") as file:
            file.seek(self.start)
            while file.tell() < self.end:
                row = json.loads(file.readline())
                digest, content = _digest(row["hash"]), _bytes(row["bytes"])
                yield Row(row["citizen_id"], row["entry_no"], digest, content)


@dataclass(slots=True)
class Source:
    """What there is to replay: the entries in all, and the pieces of whole citizens."""

    entries: int
    work: list[Piece] = field(default_factory=list)


def replay_piece(piece: Piece) -> Replayed:
    """Decide a piece again, entry by entry."""
    return replay_rows(piece.rows(), read_rules(piece.rules), piece.selection)


def replay_piece_in_bulk(piece: Piece) -> Replayed:
    """Decide a piece again in bulk, and whoever is in doubt entry by entry."""
    from cli.replay_bulk import replay_table  # noqa: PLC0415 - as above

    try:
        return replay_table(piece.sent(), read_rules(piece.rules), piece.selection)
    except ValueError:  # not as it is sent, or too much of one citizen at once
        return replay_piece(piece)


@contextmanager
def journal_source(environment: Mapping[str, str], selection: Selection) -> Iterator[Source]:
    """Read the journal; its snapshot stays open until the end.

    Raises:
        TransientError: the database is not known or does not answer.
        Rejection: the ledger has no such card.
    """
    with auditor(environment) as connection:
        url = auditor_database_url(environment) or ""
        rules = [
            bytes(r["bytes"])
            for r in connection.execute("SELECT bytes FROM rules ORDER BY version")
        ]
        common: dict[str, Any] = {"rules": rules, "selection": selection, "url": url}
        common["snapshot"] = export_snapshot(connection)
        if selection.card_no is None:
            cut = pieces(connection)
            counted = connection.execute("SELECT sum(entry_no)::BIGINT AS entries FROM citizens")
        else:
            counted = connection.execute(
                """
                SELECT c.citizen_id::TEXT, c.entry_no AS entries
                FROM cards AS k
                JOIN citizens AS c ON c.citizen_id = k.citizen_id
                WHERE k.card_no = %s
                """,
                [selection.card_no],
            )
        found = counted.fetchone()
        if found is None:
            raise _card_unknown(selection.card_no)
        if selection.card_no is not None:
            cut = [Citizens(found["citizen_id"], found["citizen_id"])]
        work: list[Piece] = [JournalPiece(citizens=citizens, **common) for citizens in cut]
        yield Source(found["entries"] or 0, work)


def pack_source(folder: Path, selection: Selection) -> Source:
    """Read an audit pack's entries; whether the pack is whole is for its verify.py to say.

    Raises:
        Rejection: the folder holds no entries or rules that can be read.
    """
    rules = _pack_rules(folder)
    parquet, lines = folder / "entries.parquet", folder / "entries.jsonl"
    try:
        if parquet.exists():
            return _parquet_source(parquet, rules, selection)
        return _lines_source(lines, rules, selection)
    except (OSError, ValueError, KeyError) as error:
        raise _unreadable(folder, error) from error


def _parquet_source(path: Path, rules: list[bytes], selection: Selection) -> Source:
    """Cut where one citizen ends, reading nothing but the ids."""
    import polars as pl  # noqa: PLC0415 - slow to load, and few commands need it

    ids = pl.scan_parquet(path).select("citizen_id")
    source = Source(ids.select(pl.len()).collect().item())
    start = 0
    while start < source.entries:
        length = ENTRIES_PER_PIECE
        while start + length < source.entries:
            some = ids.slice(start, length + 1).collect()["citizen_id"]
            starts = some.ne(some.shift(1)).arg_true()
            if len(starts):
                length = starts[-1]
                break
            length *= 2
        length = min(length, source.entries - start)
        source.work.append(
            ParquetPiece(path=path, offset=start, length=length, rules=rules, selection=selection)
        )
        start += length
    return source


def _lines_source(path: Path, rules: list[bytes], selection: Selection) -> Source:
    source = Source(0)

    def cut(start: int, end: int) -> None:
        piece = LinesPiece(path=path, start=start, end=end, rules=rules, selection=selection)
        source.work.append(piece)

    start, place, last = 0, 0, None
    with path.open("rb") as file:
        for line in file:
            if place - start > BYTES_PER_PIECE:
                citizen_id = json.loads(line)["citizen_id"]
                if last is not None and citizen_id != last:
                    cut(start, place)
                    start, citizen_id = place, None
                last = citizen_id
            source.entries += 1
            place += len(line)
    cut(start, place)
    return source


def _pack_rules(folder: Path) -> list[bytes]:
    try:
        lines = (folder / "rules.jsonl").read_bytes().splitlines()
        rules = [json.loads(line) for line in lines]
        return [_bytes(r["bytes"]) for r in sorted(rules, key=lambda rule: int(rule["version"]))]
    except (OSError, ValueError, KeyError) as error:
        raise _unreadable(folder, error) from error


def _digest(value: str | bytes) -> bytes:
    return bytes.fromhex(value) if isinstance(value, str) else bytes(value)


def _bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else bytes(value)


def _unreadable(folder: Path, error: Exception) -> Rejection:
    return Rejection(
        f"{folder} cannot be read as an audit pack ({type(error).__name__}: {error}); its own "
        "verify.py says what is wrong (pack-unreadable)",
        code="pack-unreadable",
    )


def _card_unknown(card_no: str | None) -> Rejection:
    return Rejection(
        f"no grant of card {card_no} has arrived in the ledger; check the number (card-unknown)",
        code="card-unknown",
    )
