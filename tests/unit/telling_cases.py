"""Rows of the journal told twice, in bulk and entry by entry, and what must come out the same."""

import asyncio
import contextlib
import json
import struct
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any, cast

from services.allowance import store
from services.allowance.bulk_telling import tell_rows
from services.allowance.compiled import telling
from services.allowance.compiled.telling import CITIZEN_AT, COLUMNS, ENTRY, new_told
from services.allowance.outbox import journal_source
from services.allowance.posting import Entry
from services.chassis.compiled.copies import HEADER, read_rows
from services.chassis.relay import Batch

Row = dict[str, Any]
TRAILER = b"\xff\xff"
BYTES_OF = {"partition": 2, "journal_seq": 8, "year": 2}
BYTES_OF |= dict.fromkeys(("limit_ore", "year_covered_ore", "year_excess_ore"), 8)
"""How many bytes a number has in its column."""


def rows_of(entries: Iterable[Entry]) -> list[Row]:
    """Give entries as the journal's rows, as the relay reads them."""
    found = []
    for entry in entries:
        row: Row = dict(zip(store.JOURNAL_COLUMNS, store._journal_row(entry), strict=True))  # noqa: SLF001
        row = {name: row[name] for name in COLUMNS}
        paid_on = row["paid_on"]
        found.append(row | {"paid_on": paid_on and paid_on.isoformat()})
    return found


def copied(rows: Iterable[Row]) -> bytes:
    """Give rows as COPY sends them."""
    count = struct.pack(">h", len(COLUMNS))
    of_rows = [count + b"".join(_column(row[name], name) for name in COLUMNS) for row in rows]
    return b"".join([HEADER, *of_rows, TRAILER])


def _column(value: bytes | int | str | None, name: str) -> bytes:
    match value:
        case None:
            return struct.pack(">i", -1)
        case int():
            content = value.to_bytes(BYTES_OF[name], "big", signed=True)
        case str():
            content = value.encode()
        case _:
            content = value
    return struct.pack(">i", len(content)) + content


class FakePool:
    """Answers every query with the same rows."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows

    @contextlib.asynccontextmanager
    async def acquire(self) -> AsyncIterator["FakePool"]:
        yield self

    async def fetch(self, *_: object) -> Sequence[Row]:
        return self._rows


def outcome(tell: Callable[[], Batch]) -> Batch | type[Exception]:
    """Tell; give what came of it, or what was raised."""
    try:
        return tell()
    except Exception as error:  # noqa: BLE001 - whatever it is, the other way raises it too
        return type(error)


def both(rows: Sequence[Row]) -> Batch | type[Exception]:
    """Tell rows both ways; give what came of it."""
    plainly = outcome(lambda: asyncio.run(_tell_plainly(rows)))
    in_bulk = outcome(lambda: tell_rows(copied(rows))[0])
    assert in_bulk == plainly
    if isinstance(plainly, Batch) and isinstance(in_bulk, Batch):
        assert list(in_bulk.positions) == list(plainly.positions)
    return in_bulk


async def _tell_plainly(rows: Sequence[Row]) -> Batch:
    return await journal_source(cast("Any", FakePool(rows)))({})


def doubted(rows: Sequence[Row]) -> list[int]:
    """Say which rows compiled code leaves."""
    told = new_told(len(rows))
    telling.tell(read_rows(copied(rows), COLUMNS), told)
    places = told.entries.reshape(-1, ENTRY)[:, CITIZEN_AT].tolist()
    return [number for number, at in enumerate(places) if at < 0]


def kinds(rows: Iterable[Row]) -> Counter[str]:
    return Counter(e["type"] for row in rows for e in json.loads(row["bytes"])["events"])
