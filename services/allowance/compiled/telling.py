"""The events of plain wages' entries, read from the journal's rows: what their records say.

A plain entry is that of a wage that sends what a wage turns, and a case of its own at the most.
It is read to its end: one that is cut short or says another wage than its row is doubted, as any
other is, and told by `outbox.py`; both write the same bytes.
"""

from typing import Final, NamedTuple

import numpy as np

from services.allowance.compiled.writing import copy, decimal, hexadecimal, put
from services.chassis.compiled import members
from services.chassis.compiled.copies import Rows, Table, place, size_of, table_of, whole
from services.chassis.compiled.jit import Array, Pointer, compiled, pointer_to
from services.chassis.compiled.members import flat_object, is_value, new_spans
from services.chassis.compiled.text import NOWHERE, ascii_of, byte, literal, number, string

COLUMNS: Final = (
    *("partition", "journal_seq", "bytes", "hash", "year", "paid_on", "wage_id", "card_no"),
    *("limit_ore", "year_covered_ore", "year_excess_ore", "correlation_id", "traceparent"),
)
"""What of the journal is read, in this order; `paid_on` and `wage_id` as text."""
PARTITION, JOURNAL_SEQ, BYTES, HASH, YEAR, PAID_ON, WAGE_ID, CARD_NO = range(8)
LIMIT_ORE, YEAR_COVERED_ORE, YEAR_EXCESS_ORE, CORRELATION_ID, TRACEPARENT = range(8, len(COLUMNS))

CITIZEN_AT, ENTRY_NO_AT, ENTRY_NO_END, MUNICIPALITY_AT, RECORDED_AT = range(5)
SOURCE_AT, FIRST_EVENT, EVENTS_END, IN_PARTITION, SEQ, IN_YEAR, ENTRY = range(5, 12)
"""Where the parts of an entry stand that its records' headers say, and which events are its."""
KIND, ID_AT, VALUE_AT, VALUE_END, EVENT = range(5)
OPENED, APPORTIONED, LOW, EXHAUSTED, CASE = range(5)
KINDS: Final = (
    b"allowance-opened",
    b"wage-apportioned",
    b"allowance-low",
    b"allowance-exhausted",
    b"attention-raised",
)
EVENTS_MAX: Final = 4
"""Of a plain entry."""
VALUE_BYTES_MAX: Final = 640
ID_BYTES: Final = 36
MOMENT_BYTES: Final = 27
HASH_BYTES: Final = 32

COVERED, EXCESS, REASON_AT, REASON_END, KNOWN_AT, EVENTS, WRITTEN, FOUND = range(8)
"""What else is found of the entry at hand; then how many events and bytes there are so far."""
_COMMA, _BRACKET, _CLOSE, _QUOTE = 0x2C, 0x5D, 0x7D, 0x22
_CITIZEN, _CODE_VERSION = ascii_of('{"citizen_id":"'), ascii_of('","code_version":"')
_DECISION, _EXCESS = ascii_of('","decision":{"covered_ore":'), ascii_of(',"excess_ore":')
_REASON, _YEAR = ascii_of(',"reason":"'), ascii_of('","year":')
_ENTRY_NO, _EVENTS = ascii_of('},"entry_no":'), ascii_of(',"events":[')
_GRANTS_VERSION, _KNOWN_AT = ascii_of('],"grants_version":'), ascii_of(',"known_at":"')
_MUNICIPALITY, _POSTINGS = ascii_of('","municipality_code":"'), ascii_of('","postings":[')
_RECORDED_AT, _RULES_VERSION = ascii_of('],"recorded_at":"'), ascii_of('","rules_version":')
_ACCOUNT, _AMOUNT = ascii_of('{"account":"'), ascii_of('","amount_ore":')
_OF_YEAR = ascii_of(',"year":')
_SOURCE, _PAYLOAD = ascii_of(',"source":{"id":"'), ascii_of('","payload":')
_SHA256, _VERSION = ascii_of(',"sha256":"'), ascii_of('","version":')
_ENTRY_END = ascii_of("}}")
_ID, _TYPE, _EVENT_END = ascii_of('{"id":"'), ascii_of('","type":"'), ascii_of('"}')
_CASE_CARD, _CODE = ascii_of('{"card_no":"'), ascii_of('","code":"')
_CASE_ID, _CASE_WAGE = ascii_of('","id":"'), ascii_of('","type":"attention-raised","wage_id":"')
_SAYS_KNOWN_AT, _SAYS_WAGE = ascii_of('{"known_at":"'), ascii_of('","wage_id":"')
_SAYS_CARD, _SAYS_YEAR = ascii_of('","card_no":"'), ascii_of('","year":')
_SAYS_LIMIT, _SAYS_COVERED = ascii_of(',"limit_ore":'), ascii_of(',"covered_ore":')
_SAYS_REMAINING, _SAYS_ENTRY_NO = ascii_of(',"remaining_ore":'), ascii_of(',"entry_no":')
_SAYS_HASH, _SAYS_PAID_ON = ascii_of(',"entry_hash":"'), ascii_of('","paid_on":"')
_CASE_SAYS_WAGE = ascii_of(',"wage_id":"')
_SAYS_AMOUNT, _SAYS_CODE = ascii_of('","amount_ore":'), ascii_of('","code":"')
_OPENED, _APPORTIONED = ascii_of("allowance-opened"), ascii_of("wage-apportioned")
_LOW, _EXHAUSTED = ascii_of("allowance-low"), ascii_of("allowance-exhausted")


class Told(NamedTuple):
    """The outcome: of each row its entry, `NOWHERE` first if in doubt; the events; their values.

    `spans` is room for the payload at hand.
    """

    entries: Array
    events: Array
    out: Array
    spans: Array


class _Desk(NamedTuple):
    """The entry at hand, for compiled code: its row, what is found of it, and the outcome."""

    table: Table
    row: int
    found: Pointer
    entry: Pointer
    events: Pointer
    out: Pointer
    spans: Pointer


def new_told(rows: int) -> Told:
    """Give room for the outcome of so many rows."""
    events = np.empty(rows * EVENTS_MAX * EVENT, np.int64)
    out = np.empty(rows * EVENTS_MAX * VALUE_BYTES_MAX, np.uint8)
    return Told(np.zeros(rows * ENTRY, np.int64), events, out, new_spans())


@compiled
def tell(rows: Rows, told: Told) -> int:
    """Write what the events of all rows say; give how many bytes that is."""
    table, room = table_of(rows), np.zeros(FOUND, np.int64)
    found, entries = pointer_to(room), told.entries
    events, out, spans = pointer_to(told.events), pointer_to(told.out), pointer_to(told.spans)
    for row in range(table.rows):
        entry = pointer_to(entries[row * ENTRY :])
        desk = _Desk(table, row, found, entry, events, out, spans)
        entry[IN_PARTITION], entry[SEQ] = (
            whole(table, row, PARTITION),
            whole(table, row, JOURNAL_SEQ),
        )
        entry[IN_YEAR], entry[FIRST_EVENT] = whole(table, row, YEAR), found[EVENTS]
        count = _read(desk) if _is_told(table, row) else NOWHERE
        if count < 0:
            entry[CITIZEN_AT] = NOWHERE
            continue
        for _ in range(count):
            _write_event(desk)
        entry[EVENTS_END] = found[EVENTS]
    return int(found[WRITTEN])


@compiled
def _is_told(table: Table, row: int) -> bool:
    """Tell whether the columns that events say are there, and not longer than there is room for."""
    if size_of(table, row, CARD_NO) != 5 or size_of(table, row, WAGE_ID) != ID_BYTES:
        return False
    if size_of(table, row, HASH) != HASH_BYTES or size_of(table, row, PAID_ON) != 10:
        return False
    if size_of(table, row, YEAR) != 2 or size_of(table, row, CORRELATION_ID) < 0:
        return False
    return _is_amount(table, row, LIMIT_ORE) and _is_amount(table, row, YEAR_COVERED_ORE)


@compiled
def _is_amount(table: Table, row: int, column: int) -> bool:
    """Tell whether a column is an amount that is not negative: two of those can be subtracted."""
    return size_of(table, row, column) == 8 and whole(table, row, column) >= 0


@compiled
def _read(desk: _Desk) -> int:
    """Find the parts of an entry and its events; give how many, `NOWHERE` if it is in doubt."""
    data, at, found = desk.table.data, place(desk.table, desk.row, BYTES), desk.found
    end = at + size_of(desk.table, desk.row, BYTES)
    at, events = _events(desk, _head(desk, at, end), end)
    at = literal(data, at, end, _GRANTS_VERSION)
    at = number(data, at, end)[0]
    at = found[KNOWN_AT] = literal(data, at, end, _KNOWN_AT)
    at = _moment(data, at, end)
    at = desk.entry[MUNICIPALITY_AT] = literal(data, at, end, _MUNICIPALITY)
    after = string(data, at, end)
    at = literal(data, after if after == at + 3 else NOWHERE, end, _POSTINGS)
    at = _postings(data, at, end)
    at = desk.entry[RECORDED_AT] = literal(data, at, end, _RECORDED_AT)
    at = _moment(data, at, end)
    at = literal(data, at, end, _RULES_VERSION)
    at = number(data, at, end)[0]
    return events if _source(desk, at, end) == end else NOWHERE


@compiled
def _events(desk: _Desk, at: int, end: int) -> tuple[int, int]:
    """Read the events; give how many there are too."""
    data, first, count = desk.table.data, desk.found[EVENTS], 0
    while 0 <= at < end and data[at] != _BRACKET:
        if count == EVENTS_MAX:
            return NOWHERE, 0
        if count > 0:
            at = byte(data, at, end, _COMMA)
        at = _event(desk, at, end, (first + count) * EVENT)
        count += 1
    return at, count


@compiled
def _postings(data: Pointer, at: int, end: int) -> int:
    """Read the postings, of which nothing is said."""
    first = at
    while 0 <= at < end and data[at] != _BRACKET:
        if at > first:
            at = byte(data, at, end, _COMMA)
        at = literal(data, at, end, _ACCOUNT)
        at = string(data, at, end)
        at = literal(data, at, end, _AMOUNT)
        at = number(data, at, end)[0]
        at = literal(data, at, end, _OF_YEAR)
        at = number(data, at, end)[0]
        at = byte(data, at, end, _CLOSE)
    return at


@compiled
def _source(desk: _Desk, at: int, end: int) -> int:
    """Read the source, whose payload is of the row's wage, and the entry's end."""
    data = desk.table.data
    at = desk.entry[SOURCE_AT] = literal(data, at, end, _SOURCE)
    after = string(data, at, end)
    at = literal(data, after if after == at + ID_BYTES else NOWHERE, end, _PAYLOAD)
    at = flat_object(data, at, end, desk.spans)
    is_said = _says(desk, members.CARD_NO, CARD_NO) and _says(desk, members.WAGE_ID, WAGE_ID)
    if not is_said or not _says(desk, members.PAID_ON, PAID_ON):
        return NOWHERE
    at = literal(data, at, end, _SHA256)
    at = string(data, at, end)
    at = literal(data, at, end, _TYPE)
    at = string(data, at, end)
    at = literal(data, at, end, _VERSION)
    at = number(data, at, end)[0]
    return literal(data, at, end, _ENTRY_END)


@compiled
def _says(desk: _Desk, name: int, column: int) -> bool:
    """Tell whether the payload has a column's text by this name."""
    table, row = desk.table, desk.row
    where, size = place(table, row, column), size_of(table, row, column)
    return is_value(table.data, desk.spans, name, table.data, where, size)


@compiled
def _moment(data: Pointer, at: int, end: int) -> int:
    after = string(data, at, end)
    return after if after == at + MOMENT_BYTES else NOWHERE


@compiled
def _head(desk: _Desk, at: int, end: int) -> int:
    data, found = desk.table.data, desk.found
    at = desk.entry[CITIZEN_AT] = literal(data, at, end, _CITIZEN)
    after = string(data, at, end)
    at = literal(data, after if after == at + ID_BYTES else NOWHERE, end, _CODE_VERSION)
    at = string(data, at, end)
    at = literal(data, at, end, _DECISION)
    at, found[COVERED] = number(data, at, end)
    at = literal(data, at, end, _EXCESS)
    at, found[EXCESS] = number(data, at, end)
    at = found[REASON_AT] = literal(data, at, end, _REASON)
    at = found[REASON_END] = string(data, at, end)
    at = literal(data, at, end, _YEAR)
    at = number(data, at, end)[0]
    at = desk.entry[ENTRY_NO_AT] = literal(data, at, end, _ENTRY_NO)
    at = desk.entry[ENTRY_NO_END] = number(data, at, end)[0]
    if found[COVERED] < 0 or found[EXCESS] < 0 or found[REASON_END] - found[REASON_AT] > 40:
        return NOWHERE
    return literal(data, at, end, _EVENTS)


@compiled
def _event(desk: _Desk, at: int, end: int, event: int) -> int:
    """Read an event that says no more than its type, or the case of a wage."""
    data, events = desk.table.data, desk.events
    card = literal(data, at, end, _CASE_CARD)
    if card >= 0:
        return _case(desk, card, end, event)
    at = events[event + ID_AT] = literal(data, at, end, _ID)
    after = string(data, at, end)
    at = kind = literal(data, after if after == at + ID_BYTES else NOWHERE, end, _TYPE)
    at = string(data, at, end)
    if at < 0:
        return NOWHERE
    if literal(data, kind, at, _APPORTIONED) == at:
        events[event + KIND] = APPORTIONED
    elif literal(data, kind, at, _OPENED) == at:
        events[event + KIND] = OPENED
    elif literal(data, kind, at, _LOW) == at:
        events[event + KIND] = LOW
    elif literal(data, kind, at, _EXHAUSTED) == at:
        events[event + KIND] = EXHAUSTED
    else:
        return NOWHERE
    return literal(data, at, end, _EVENT_END)


@compiled
def _case(desk: _Desk, at: int, end: int, event: int) -> int:
    """Read a case of the entry's own card, wage and year; its code stands before its id."""
    table, data, events = desk.table, desk.table.data, desk.events
    at = _again(table, desk.row, CARD_NO, at, end)
    at = code = literal(data, at, end, _CODE)
    at = string(data, at, end)
    if at - code > 60:
        return NOWHERE
    at = events[event + ID_AT] = literal(data, at, end, _CASE_ID)
    after = string(data, at, end)
    at = literal(data, after if after == at + ID_BYTES else NOWHERE, end, _CASE_WAGE)
    at = _again(table, desk.row, WAGE_ID, at, end)
    at = literal(data, at, end, _YEAR)
    at, year = number(data, at, end)
    events[event + KIND], events[event + VALUE_AT] = CASE, code  # until its value is written
    if year != whole(table, desk.row, YEAR):
        return NOWHERE
    return byte(data, at, end, _CLOSE)


@compiled
def _again(table: Table, row: int, column: int, at: int, end: int) -> int:
    """Expect a column's text."""
    size, where = size_of(table, row, column), place(table, row, column)
    if at < 0 or at + size > end:
        return NOWHERE
    for i in range(size):
        if table.data[at + i] != table.data[where + i]:
            return NOWHERE
    return at + size


@compiled
def _write_event(desk: _Desk) -> None:
    """Write what the next event says, as `outbox.py` does."""
    data, found, out = desk.table.data, desk.found, desk.out
    event, start = found[EVENTS] * EVENT, found[WRITTEN]
    kind = desk.events[event + KIND]
    at = put(out, start, _SAYS_KNOWN_AT)
    at = copy(out, at, data, found[KNOWN_AT], MOMENT_BYTES)
    if kind == APPORTIONED:
        at = _write_decision(desk, at)
    elif kind == CASE:
        code = desk.events[event + VALUE_AT]
        size = desk.events[event + ID_AT] - len(_CASE_ID) - code
        at = copy(out, put(out, at, _SAYS_CODE), data, code, size)
        at = _write_column(desk, put(out, at, _SAYS_CARD), CARD_NO)
        at = decimal(out, put(out, at, _SAYS_YEAR), whole(desk.table, desk.row, YEAR))
        at = _write_column(desk, put(out, at, _CASE_SAYS_WAGE), WAGE_ID)
        out[at] = _QUOTE
        at += 1
    else:
        if kind != OPENED:
            at = _write_column(desk, put(out, at, _SAYS_CARD), CARD_NO)
        at = decimal(out, put(out, at, _SAYS_YEAR), whole(desk.table, desk.row, YEAR))
        at = decimal(out, put(out, at, _SAYS_LIMIT), whole(desk.table, desk.row, LIMIT_ORE))
        if kind != OPENED:
            covered_ore = whole(desk.table, desk.row, YEAR_COVERED_ORE)
            at = decimal(out, put(out, at, _SAYS_COVERED), covered_ore)
    out[at] = _CLOSE
    desk.events[event + VALUE_AT], desk.events[event + VALUE_END] = start, at + 1
    found[EVENTS], found[WRITTEN] = found[EVENTS] + 1, at + 1


@compiled
def _write_decision(desk: _Desk, at: int) -> int:
    data, found, out, table = desk.table.data, desk.found, desk.out, desk.table
    covered_ore = whole(table, desk.row, YEAR_COVERED_ORE)
    remaining_ore = max(0, whole(table, desk.row, LIMIT_ORE) - covered_ore)
    entry_no = desk.entry[ENTRY_NO_AT]
    at = _write_column(desk, put(out, at, _SAYS_WAGE), WAGE_ID)
    at = _write_column(desk, put(out, at, _SAYS_CARD), CARD_NO)
    at = decimal(out, put(out, at, _SAYS_YEAR), whole(table, desk.row, YEAR))
    at = decimal(out, put(out, at, _SAYS_COVERED), found[COVERED])
    at = decimal(out, put(out, at, _EXCESS), found[EXCESS])
    at = decimal(out, put(out, at, _SAYS_REMAINING), remaining_ore)
    at = put(out, at, _SAYS_ENTRY_NO)
    at = copy(out, at, data, entry_no, desk.entry[ENTRY_NO_END] - entry_no)
    hash_at = place(table, desk.row, HASH)
    at = hexadecimal(out, put(out, at, _SAYS_HASH), data, hash_at, HASH_BYTES)
    at = _write_column(desk, put(out, at, _SAYS_PAID_ON), PAID_ON)
    at = decimal(out, put(out, at, _SAYS_AMOUNT), found[COVERED] + found[EXCESS])
    reason, size = found[REASON_AT], found[REASON_END] - found[REASON_AT]
    at = copy(out, put(out, at, _REASON), data, reason, size)
    out[at] = _QUOTE
    return at + 1


@compiled
def _write_column(desk: _Desk, at: int, column: int) -> int:
    table = desk.table
    where, size = place(table, desk.row, column), size_of(table, desk.row, column)
    return int(copy(desk.out, at, table.data, where, size))
