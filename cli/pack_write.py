"""Writes the folder of an audit pack: whole, or not at all.

Everything is written into a folder beside it, which is renamed when all is there.
"""

import base64
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cli.errors import Rejection
from cli.pack_rows import CANONICAL, COLUMNS, Cells, Fold, JournalRow, cells_of, csv_line, json_line
from frikort_contracts.merkle import key_id

FORMAT: Final = "frikort-pack-1"
PACK_TAG: Final = b"frikort-pack-1\n"
PRIVATE: Final = 0o700
CHUNK: Final = 1 << 20
PARTS: Final = "parts"
ROW_GROUP: Final = 20_000
TEXTS: Final = frozenset({*COLUMNS, "bytes"}) - {
    "entry_no",
    "partition",
    "journal_seq",
    "source_version",
    "year",
    "amount_ore",
    "covered_ore",
    "excess_ore",
}


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Give a folder to write into; it takes its name when all has gone well.

    Raises:
        Rejection: there is something in the way.
    """
    partial = folder.with_name(f"{folder.name}.partial")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Rejection(
            f"{folder} is not an empty folder; name one that is not there yet (folder-not-empty)",
            code="folder-not-empty",
        )
    if partial.exists():
        raise Rejection(
            f"{partial} is another export under way, or was left by one: remove it first "
            "(export-under-way)",
            code="export-under-way",
        )
    partial.mkdir(mode=PRIVATE, parents=True)
    try:
        yield partial
        for path in partial.iterdir():
            _sync(path)
        _sync(partial)
        partial.rename(folder)
        _sync(folder.parent)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


class EntriesWriter:
    """Writes the entries, a batch at a time, in the three forms; `fold` is what they come to."""

    def __init__(self, folder: Path, fold: Fold) -> None:
        self.fold = fold
        self._folder = folder
        self._parts = folder / PARTS
        self._parts.mkdir()
        self._lines = (folder / "entries.jsonl").open("wb")
        self._table = (folder / "entries.csv").open("w", encoding="ascii", newline="")
        self._table.write(",".join(COLUMNS) + "\n")
        self._count = 0

    def take(self, rows: Iterable[JournalRow]) -> None:
        """Write a batch: whole citizens or not, in order of citizen and entry."""
        batch: list[Cells] = []
        for row in rows:
            cells = cells_of(row)
            self.fold.take(row, cells)
            self._lines.write(json_line(row))
            self._table.write(csv_line(cells))
            batch.append(cells)
        self._write_part(batch)

    def close(self) -> None:
        """End the files; the Parquet file is put together from its parts, a piece at a time."""
        import polars as pl  # noqa: PLC0415 - slow to load, and few commands need it

        self._lines.close()
        self._table.close()
        self.fold.end()
        if self._count == 0:
            self._write_part([])
        parts = [self._parts / f"{number}.parquet" for number in range(self._count)]
        whole = pl.scan_parquet(parts, low_memory=True)  # or it reads far ahead
        whole.sink_parquet(self._folder / "entries.parquet", row_group_size=ROW_GROUP)
        shutil.rmtree(self._parts)

    def _write_part(self, batch: Sequence[Cells]) -> None:
        import polars as pl  # noqa: PLC0415 - as above

        names = (*COLUMNS, "bytes")
        schema = {name: pl.String if name in TEXTS else pl.Int64 for name in names}
        rows = [(*cells.columns, cells.text) for cells in batch]
        frame = pl.DataFrame(rows, schema=schema, orient="row")
        frame.write_parquet(self._parts / f"{self._count}.parquet")
        self._count += 1


def write_lines(path: Path, records: Iterable[Mapping[str, Any]]) -> None:
    """Write records as lines of canonical JSON."""
    with path.open("wb") as file:
        for record in records:
            file.write(orjson.dumps(record, option=CANONICAL))


def write_manifest(
    folder: Path, said: Mapping[str, Any], key: Ed25519PrivateKey | None
) -> dict[str, Any]:
    """Write the manifest over everything that is in the folder, and sign it; give it."""
    public = b"" if key is None else key.public_key().public_bytes_raw()
    manifest = {
        "format": FORMAT,
        **said,
        "files": {path.name: _describe(path) for path in sorted(folder.iterdir())},
        "key_id": key_id(public) if public else "",
        "public_key": base64.b64encode(public).decode(),
    }
    content = json.dumps(manifest, indent=2, sort_keys=True).encode() + b"\n"
    (folder / "manifest.json").write_bytes(content)
    if key is not None:
        signature = base64.b64encode(key.sign(PACK_TAG + content))
        (folder / "manifest.sig").write_bytes(signature + b"\n")
    return manifest


def _describe(path: Path) -> dict[str, Any]:
    """Give a file's length, its lines (0 of what is not read by lines) and its hash."""
    digest, size, rows = hashlib.sha256(), 0, 0
    with path.open("rb") as file:
        for chunk in _chunks(file):
            digest.update(chunk)
            size += len(chunk)
            rows += chunk.count(b"\n")
    by_lines = path.suffix in {".jsonl", ".csv"}
    return {"bytes": size, "rows": rows if by_lines else 0, "sha256": digest.hexdigest()}


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(CHUNK):
        yield chunk


def _sync(path: Path) -> None:
    """Make sure that what was written stays, whatever happens to the machine."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
