"""Rows of the journal told twice, in bulk and entry by entry, and what must come out the same."""

import asyncio
import contextlib
import json
import struct
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any, cast
from uuid import UUID

from aiokafka.record.memory_records import MemoryRecords

from services.allowance import store
from services.allowance.bulk_telling import compile_now, tell_rows
from services.allowance.compiled import telling
from services.allowance.compiled.telling import new_told
from services.allowance.compiled.told import CITIZEN_AT, COLUMNS, ENTRY
from services.allowance.outbox import journal_source
from services.allowance.posting import Entry
from services.chassis.bulk_sending import Bodies
from services.chassis.compiled.copies import HEADER, read_rows
from services.chassis.sending import Batch, Lane, Record

Row = dict[str, Any]
TRAILER = b"\xff\xff"
NUMBERED_FROM = 7
compile_now()
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
        case str() if name == "citizen_id":
            content = UUID(value).bytes
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


Lanes = dict[Lane, list[Record]]
Outcome = tuple[Lanes, list[tuple[int, int]]]
"""What goes to each partition, and the positions after it, in their order."""


def outcome(tell: Callable[[], Batch]) -> Outcome | type[Exception]:
    """Tell; give what came of it, or what was raised."""
    try:
        return outcome_of(tell())
    except Exception as error:  # noqa: BLE001 - whatever it is, the other way raises it too
        return type(error)


def outcome_of(batch: Batch) -> Outcome:
    lanes: Lanes = {}
    for lane, records in batch.lanes().items():
        if isinstance(records, Bodies):
            lanes[lane] = read_written(lane, records)
        else:
            lanes[lane] = list(cast("Sequence[Record]", records))
    return lanes, list(batch.positions.items())


def read_written(lane: Lane, bodies: Bodies, bytes_max: int = 512 * 1024) -> list[Record]:
    """Read written records as a consumer does; their numbers go on from a number."""
    found: list[Record] = []
    for builder in bodies.batches(NUMBERED_FROM, bytes_max):
        sent = MemoryRecords(bytes(builder._build())).next_batch()  # noqa: SLF001
        assert sent.validate_crc()
        members = list(sent)
        assert [member.offset for member in members] == list(range(builder.record_count()))
        for member in members:
            headers = list(member.headers)
            if bodies.numbered:
                number = NUMBERED_FROM + len(found) + 1
                assert headers.pop() == ("ce_partitionseq", b"%d" % number)
            found.append(Record(*lane, member.key, member.value, headers, bodies.numbered))
    assert len(found) == len(bodies)
    return found


def both(rows: Sequence[Row]) -> Outcome | type[Exception]:
    """Tell rows both ways; give what came of it."""
    plainly = outcome(lambda: asyncio.run(_tell_plainly(rows)))
    in_bulk = outcome(lambda: tell_rows(copied(rows))[0])
    assert in_bulk == plainly
    return in_bulk


async def _tell_plainly(rows: Sequence[Row]) -> Batch:
    return await journal_source(cast("Any", FakePool(rows)))({})


def doubted(rows: Sequence[Row]) -> list[int]:
    """Say which rows compiled code leaves."""
    read = read_rows(copied(rows), COLUMNS)
    told = new_told(read)
    telling.tell(read, told)
    places = told.entries.reshape(-1, ENTRY)[:, CITIZEN_AT].tolist()
    return [number for number, at in enumerate(places) if at < 0]


def kinds(rows: Iterable[Row]) -> Counter[str]:
    return Counter(e["type"] for row in rows for e in json.loads(row["bytes"])["events"])
