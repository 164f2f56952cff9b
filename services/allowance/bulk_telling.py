"""Telling in bulk: what plain entries send is written by compiled code, straight from COPY's rows.

The same records as `outbox.py` makes, to the byte; whatever is not plain is left to it. Slow to
import: the compiled code is loaded, or made.
"""

from collections.abc import Sequence
from typing import Any, Final

import orjson

from frikort_contracts.topics import ALLOWANCE
from services.allowance.compiled import telling
from services.allowance.compiled.telling import (
    CITIZEN_AT,
    COLUMNS,
    CORRELATION_ID,
    ENTRY,
    ENTRY_NO_AT,
    ENTRY_NO_END,
    EVENT,
    EVENTS_END,
    FIRST_EVENT,
    ID_BYTES,
    IN_PARTITION,
    IN_YEAR,
    KINDS,
    MOMENT_BYTES,
    MUNICIPALITY_AT,
    RECORDED_AT,
    SEQ,
    SOURCE_AT,
    TRACEPARENT,
    new_told,
)
from services.allowance.outbox import ATTENTION, SOURCE, balance_record, event_records
from services.chassis.compiled.copies import HEADER, NULL, Rows, read_rows
from services.chassis.relay import Batch, Record

_TYPES: Final = [("ce_type", kind) for kind in KINDS]
_VERSION, _SOURCE = ("ce_specversion", b"1.0"), ("ce_source", SOURCE)
_CONTENT_TYPE = ("content-type", b"application/json")
_MUNICIPALITY_BYTES: Final = 3
_TRAILER: Final = b"\xff\xff"
_TEXTS: Final = {"paid_on", "wage_id", "card_no", "correlation_id", "traceparent"}
_BYTES: Final = {"bytes", "hash"}


def compile_now() -> None:
    """Load what was compiled before, or compile it."""
    telling.tell(read_rows(HEADER + _TRAILER, COLUMNS), new_told(0))


def tell_rows(sent: bytes) -> tuple[Batch, int]:
    """Give what rows of the journal send, with their positions; and how many rows there are."""
    rows = read_rows(sent, COLUMNS)
    told = new_told(len(rows.at))
    values = told.out[: telling.tell(rows, told)].tobytes()
    entries = told.entries.reshape(-1, ENTRY).tolist()
    ends = max((entry[EVENTS_END] for entry in entries), default=0)
    events = told.events[: ends * EVENT].reshape(-1, EVENT).tolist()
    places, sizes = rows.at.tolist(), rows.size.tolist()
    records: list[Record] = []
    latest: dict[tuple[bytes, int], int] = {}
    positions: dict[int, int] = {}
    for number, entry in enumerate(entries):
        positions[entry[IN_PARTITION]] = entry[SEQ]
        if entry[CITIZEN_AT] < 0:
            citizen_id = _tell_slowly(rows, number, records)
        else:
            citizen_id = sent[entry[CITIZEN_AT] : entry[CITIZEN_AT] + ID_BYTES]
            headers = _headers(sent, entry, citizen_id, places[number], sizes[number])
            for kind, id_at, value_at, value_end in events[entry[FIRST_EVENT] : entry[EVENTS_END]]:
                event_id = ("ce_id", sent[id_at : id_at + ID_BYTES])
                records.append(
                    Record(
                        ALLOWANCE.name,
                        entry[IN_PARTITION],
                        citizen_id,
                        values[value_at:value_end],
                        [event_id, _TYPES[kind], *headers],
                    )
                )
        if entry[IN_YEAR] != NULL:
            latest[citizen_id, entry[IN_YEAR]] = number
    for number in latest.values():
        row = _row(rows, number)
        records.append(balance_record(row, orjson.loads(row["bytes"])))
    return Batch(records=records, positions=positions), len(entries)


def _headers(
    sent: bytes, entry: Sequence[int], citizen_id: bytes, at: Sequence[int], size: Sequence[int]
) -> list[tuple[str, bytes]]:
    """Give the headers that all events of an entry have, in the order of `outbox.py`."""
    recorded_at, source_at = entry[RECORDED_AT], entry[SOURCE_AT]
    municipality_at, correlation_at = entry[MUNICIPALITY_AT], at[CORRELATION_ID]
    municipality_end = municipality_at + _MUNICIPALITY_BYTES
    headers = [
        _VERSION,
        _SOURCE,
        ("ce_subject", citizen_id),
        ("ce_time", sent[recorded_at : recorded_at + MOMENT_BYTES]),
        _CONTENT_TYPE,
        ("ce_streamversion", sent[entry[ENTRY_NO_AT] : entry[ENTRY_NO_END]]),
        ("ce_correlationid", sent[correlation_at : correlation_at + size[CORRELATION_ID]]),
        ("ce_causationid", sent[source_at : source_at + ID_BYTES]),
        ("ce_municipality", sent[municipality_at:municipality_end]),
    ]
    if size[TRACEPARENT] >= 0:
        trace_at = at[TRACEPARENT]
        headers.append(("traceparent", sent[trace_at : trace_at + size[TRACEPARENT]]))
    return headers


def _tell_slowly(rows: Rows, number: int, records: list[Record]) -> bytes:
    """Add what an entry sends that is not plain; give its citizen's id."""
    row = _row(rows, number)
    if row["year"] is None and ATTENTION not in row["bytes"]:
        return b""
    entry = orjson.loads(row["bytes"])
    records.extend(event_records(row, entry))
    return str(entry["citizen_id"]).encode()


def _row(rows: Rows, number: int) -> dict[str, Any]:
    """Give a row's values by the names of their columns."""
    found: dict[str, Any] = {}
    for column, name in enumerate(COLUMNS):
        value = rows.text(number, column) if rows.size[number, column] >= 0 else None
        if value is None or name in _BYTES:
            found[name] = value
        elif name in _TEXTS:
            found[name] = value.decode()
        else:
            found[name] = int.from_bytes(value, signed=True)
    return found
