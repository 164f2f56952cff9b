"""Telling in bulk: what plain entries send is written by compiled code, straight from COPY's rows.

The same records as `outbox.py` makes, to the byte; whatever is not plain is left to it. Slow to
import: the compiled code is loaded, or made.
"""

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import orjson

from frikort_contracts.topics import ALLOWANCE, BALANCES
from services.allowance.compiled import telling
from services.allowance.compiled.telling import (
    BODY,
    BODY_ROW,
    BODY_START,
    CITIZEN_ID_BYTES,
    new_told,
)
from services.allowance.compiled.told import (
    CITIZEN_AT,
    CITIZEN_ID,
    COLUMNS,
    ENTRY,
    IN_PARTITION,
    SEQ,
)
from services.allowance.outbox import ATTENTION, balance_record, event_records
from services.chassis.bulk_sending import Bodies, body_of, spans_of
from services.chassis.compiled import digests
from services.chassis.compiled.copies import HEADER, Rows, read_rows
from services.chassis.compiled.jit import Array
from services.chassis.compiled.text import NOWHERE
from services.chassis.sending import Batch, Lane

_TRAILER: Final = b"\xff\xff"
_TEXTS: Final = {"paid_on", "wage_id", "card_no", "correlation_id", "traceparent"}
_BYTES: Final = {"citizen_id", "bytes", "hash"}


def compile_now() -> None:
    """Load what was compiled before, or compile it.

    Raises:
        OSError: this machine's OpenSSL cannot be called.
    """
    digests.require()
    tell_rows(HEADER + _TRAILER)
    list(Bodies(np.zeros(1, np.uint8), spans_of([b""]), numbered=True).batches(0, 100))


def tell_rows(sent: bytes) -> tuple[Batch, int]:
    """Give what rows of the journal send, with their positions; and how many rows there are.

    Raises:
        ValueError: it is not what COPY sends of the journal's rows.
    """
    rows = read_rows(sent, COLUMNS)
    if (rows.size[:, CITIZEN_ID] != CITIZEN_ID_BYTES).any():
        raise ValueError("an id of a citizen is none")
    told = new_told(rows)
    events, balances, size = telling.tell(rows, told)
    entries = told.entries.reshape(-1, ENTRY)
    of_events = told.events[: events * BODY].reshape(-1, BODY)
    of_balances = told.balances[: balances * BODY].reshape(-1, BODY)
    left = _events_left(rows, np.flatnonzero(entries[:, CITIZEN_AT] == NOWHERE))
    is_left = of_balances[:, BODY_START] == NOWHERE
    bodies = [body for _, body in left] + _balances_left(rows, of_balances[is_left, BODY_ROW])
    content, spans = told.out[:size], size + spans_of(bodies)
    if bodies:
        content = np.concatenate([content, np.frombuffer(b"".join(bodies), np.uint8)])
        of_balances[is_left, BODY_START:] = spans[len(left) :]
        of_left = np.column_stack([[row for row, _ in left], spans[: len(left)]])
        of_events = np.concatenate([of_events, of_left])
        of_events = of_events[np.argsort(of_events[:, BODY_ROW], kind="stable")]
    lanes: dict[Lane, Bodies] = {}
    positions = _positions(entries)
    for topic, table in ((ALLOWANCE.name, of_events), (BALANCES.name, of_balances)):
        partition_of = entries[table[:, BODY_ROW], IN_PARTITION]
        for partition in positions:
            spans = table[partition_of == partition, BODY_START:]
            if len(spans):
                lanes[topic, partition] = Bodies(content, spans, topic == ALLOWANCE.name)
    return Batch((), positions, lanes), len(entries)


def _positions(entries: Array) -> dict[int, int]:
    """Give the last number of each partition, in the order in which they come first."""
    return dict(entries[:, [IN_PARTITION, SEQ]].tolist())


def _events_left(rows: Rows, numbers: Iterable[int]) -> list[tuple[int, bytes]]:
    """Give what doubted rows send, each body with its row."""
    left: list[tuple[int, bytes]] = []
    for number in numbers:
        row = _row(rows, number)
        if row["year"] is not None or ATTENTION in row["bytes"]:
            records = event_records(row, orjson.loads(row["bytes"]))
            left += [(number, body_of(record)) for record in records]
    return left


def _balances_left(rows: Rows, numbers: Iterable[int]) -> list[bytes]:
    left = [_row(rows, number) for number in numbers]
    return [body_of(balance_record(row, orjson.loads(row["bytes"]))) for row in left]


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
