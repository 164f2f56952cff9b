"""What plain entries send, written: the bodies of their events' records, and of their balances'.

The same bytes as `outbox.py` and `bulk_sending.body_of` write.
"""

from typing import Final, NamedTuple

from services.allowance.compiled.names import Naming, name_entry, write_id
from services.chassis.compiled.copies import Table, place, size_of, whole
from services.chassis.compiled.jit import Array, Pointer, compiled
from services.chassis.compiled.records import header, sized, varint
from services.chassis.compiled.text import UUID_BYTES, ascii_of
from services.chassis.compiled.writing import copy, decimal, digits, hexadecimal, put

COLUMNS: Final = (
    *("citizen_id", "partition", "journal_seq", "bytes", "hash", "year", "paid_on", "wage_id"),
    *("card_no", "limit_ore", "year_covered_ore", "year_excess_ore", "correlation_id"),
    "traceparent",
)
"""What of the journal is read, in this order; `paid_on` and `wage_id` as text."""
CITIZEN_ID, PARTITION, JOURNAL_SEQ, BYTES, HASH, YEAR, PAID_ON, WAGE_ID = range(8)
CARD_NO, LIMIT_ORE, YEAR_COVERED_ORE, YEAR_EXCESS_ORE, CORRELATION_ID = range(8, 13)
TRACEPARENT: Final = 13

CITIZEN_AT, ENTRY_NO_AT, ENTRY_NO_END, KNOWN_AT, MUNICIPALITY_AT, RECORDED_AT = range(6)
SOURCE_AT, EVENTS, IN_PARTITION, SEQ, ENTRY = range(6, 11)
"""Where the parts of an entry stand that what it sends says, how many events it sends; and its
partition and number.

`CITIZEN_AT` is `NOWHERE` of an entry in doubt.
"""
COVERED, EXCESS, REASON_AT, REASON_END, DECISION = range(5)
"""What else its events say."""
KIND, ID_AT, CODE_AT, CODE_END, EVENT = range(5)
OPENED, APPORTIONED, LOW, EXHAUSTED, CASE = range(5)
MOMENT_BYTES: Final = 27
HASH_BYTES: Final = 32
MUNICIPALITY_BYTES: Final = 3
VALUE_BYTES_MAX: Final = 640
BODY_BYTES_MAX: Final = 1280
"""What a body takes beside its correlation and its trace."""

_CLOSE, _QUOTE, _COLON = 0x7D, 0x22, 0x3A
_KNOWN_AT, _WAGE = ascii_of('{"known_at":"'), ascii_of('","wage_id":"')
_CARD, _YEAR = ascii_of('","card_no":"'), ascii_of('","year":')
_LIMIT, _COVERED = ascii_of(',"limit_ore":'), ascii_of(',"covered_ore":')
_EXCESS, _REMAINING = ascii_of(',"excess_ore":'), ascii_of(',"remaining_ore":')
_ENTRY_NO, _HASH = ascii_of(',"entry_no":'), ascii_of(',"entry_hash":"')
_PAID_ON, _AMOUNT = ascii_of('","paid_on":"'), ascii_of('","amount_ore":')
_REASON, _CODE = ascii_of(',"reason":"'), ascii_of('","code":"')
_CASE_WAGE, _CITIZEN = ascii_of(',"wage_id":"'), ascii_of('","citizen_id":"')
_IS_EXHAUSTED, _IS_NOT = ascii_of(',"exhausted":true'), ascii_of(',"exhausted":false')

_CE_ID, _CE_TYPE = header("ce_id", UUID_BYTES), header("ce_type")
_TYPE_OPENED, _TYPE_APPORTIONED = ascii_of("allowance-opened"), ascii_of("wage-apportioned")
_TYPE_LOW, _TYPE_EXHAUSTED = ascii_of("allowance-low"), ascii_of("allowance-exhausted")
_TYPE_CASE, _TYPE_BALANCE = ascii_of("attention-raised"), ascii_of("balance")
_SPECVERSION, _ONE = header("ce_specversion"), ascii_of("1.0")
_CE_SOURCE, _SOURCE = header("ce_source"), ascii_of("/frikort/allowance")
_SUBJECT, _TIME = header("ce_subject", UUID_BYTES), header("ce_time", MOMENT_BYTES)
_CONTENT_TYPE, _JSON = header("content-type"), ascii_of("application/json")
_STREAMVERSION, _CORRELATION = header("ce_streamversion"), header("ce_correlationid")
_CAUSATION = header("ce_causationid", UUID_BYTES)
_MUNICIPALITY = header("ce_municipality", MUNICIPALITY_BYTES)
_TRACEPARENT: Final = header("traceparent")
_HEADERS: Final = 11
"""Of every record, beside a trace and a number."""


class Desk(NamedTuple):
    """The entry at hand: its row, what is found of it, its events; and room for what they say."""

    table: Table
    row: int
    entry: Pointer
    decision: Pointer
    events: Pointer
    spans: Pointer
    value: Pointer
    naming: Naming


@compiled
def write_event(out: Pointer, at: int, desk: Desk, event: int) -> int:
    """Write the body of an event's record, which will be numbered."""
    data, kind = desk.table.data, desk.events[event + KIND]
    if kind == APPORTIONED:
        size, type_ = _say_decision(desk), _TYPE_APPORTIONED
    elif kind == CASE:
        size, type_ = _say_case(desk, event), _TYPE_CASE
    elif kind == OPENED:
        size, type_ = _say_limit(desk, _start(desk)), _TYPE_OPENED
    else:
        size = _say_limit(desk, _say_column(desk, _CARD, _start(desk), CARD_NO))
        covered_ore = whole(desk.table, desk.row, YEAR_COVERED_ORE)
        size = _say_number(desk, _COVERED, size, covered_ore)
        type_ = _TYPE_LOW if kind == LOW else _TYPE_EXHAUSTED
    at = sized(out, at, data, desk.entry[CITIZEN_AT], UUID_BYTES)
    at = _write_value(out, at, desk, size)
    at = varint(out, at, _HEADERS + 1 + _has_trace(desk))
    at = copy(out, put(out, at, _CE_ID), data, desk.events[event + ID_AT], UUID_BYTES)
    return int(_write_headers(out, at, desk, type_))


@compiled
def write_balance(out: Pointer, at: int, desk: Desk) -> int:
    """Write the body of a balance's record, which has no number."""
    data, citizen, table = desk.table.data, desk.entry[CITIZEN_AT], desk.table
    year = whole(table, desk.row, YEAR)
    size = _say_balance(desk)
    at = copy(out, varint(out, at, UUID_BYTES + 1 + digits(year)), data, citizen, UUID_BYTES)
    out[at] = _COLON
    at = _write_value(out, decimal(out, at + 1, year), desk, size)
    at = put(out, varint(out, at, _HEADERS + _has_trace(desk)), _CE_ID)
    name_entry(desk.naming, data, desk.entry[SOURCE_AT], citizen)
    at = write_id(out, at, desk.naming, desk.entry[EVENTS])
    return int(_write_headers(out, at, desk, _TYPE_BALANCE))


@compiled
def _has_trace(desk: Desk) -> int:
    return 1 if size_of(desk.table, desk.row, TRACEPARENT) >= 0 else 0


@compiled
def _write_value(out: Pointer, at: int, desk: Desk, size: int) -> int:
    """Write what is said, which is closed with it."""
    desk.value[size] = _CLOSE
    return int(sized(out, at, desk.value, 0, size + 1))


@compiled
def _write_headers(out: Pointer, at: int, desk: Desk, type_: Array) -> int:
    """Write the headers behind the id, in the order of `outbox.py`."""
    table, row, entry, data = desk.table, desk.row, desk.entry, desk.table.data
    at = _write_text(out, put(out, at, _CE_TYPE), type_)
    at = _write_text(out, put(out, at, _SPECVERSION), _ONE)
    at = _write_text(out, put(out, at, _CE_SOURCE), _SOURCE)
    at = copy(out, put(out, at, _SUBJECT), data, entry[CITIZEN_AT], UUID_BYTES)
    at = copy(out, put(out, at, _TIME), data, entry[RECORDED_AT], MOMENT_BYTES)
    at = _write_text(out, put(out, at, _CONTENT_TYPE), _JSON)
    size = entry[ENTRY_NO_END] - entry[ENTRY_NO_AT]
    at = sized(out, put(out, at, _STREAMVERSION), data, entry[ENTRY_NO_AT], size)
    where, size = place(table, row, CORRELATION_ID), size_of(table, row, CORRELATION_ID)
    at = sized(out, put(out, at, _CORRELATION), data, where, size)
    at = copy(out, put(out, at, _CAUSATION), data, entry[SOURCE_AT], UUID_BYTES)
    at = put(out, at, _MUNICIPALITY)
    at = copy(out, at, data, entry[MUNICIPALITY_AT], MUNICIPALITY_BYTES)
    if not _has_trace(desk):
        return at
    where, size = place(table, row, TRACEPARENT), size_of(table, row, TRACEPARENT)
    return int(sized(out, put(out, at, _TRACEPARENT), data, where, size))


@compiled
def _write_text(out: Pointer, at: int, text: Array) -> int:
    return int(put(out, varint(out, at, len(text)), text))


@compiled
def _start(desk: Desk) -> int:
    at = put(desk.value, 0, _KNOWN_AT)
    return int(copy(desk.value, at, desk.table.data, desk.entry[KNOWN_AT], MOMENT_BYTES))


@compiled
def _say_column(desk: Desk, name: Array, at: int, column: int) -> int:
    """Say a column's text behind what stands before it."""
    where, size = place(desk.table, desk.row, column), size_of(desk.table, desk.row, column)
    return int(copy(desk.value, put(desk.value, at, name), desk.table.data, where, size))


@compiled
def _say_number(desk: Desk, name: Array, at: int, number: int) -> int:
    return int(decimal(desk.value, put(desk.value, at, name), number))


@compiled
def _say_limit(desk: Desk, at: int) -> int:
    at = _say_number(desk, _YEAR, at, whole(desk.table, desk.row, YEAR))
    return int(_say_number(desk, _LIMIT, at, whole(desk.table, desk.row, LIMIT_ORE)))


@compiled
def _say_remaining(desk: Desk, at: int) -> int:
    covered_ore = whole(desk.table, desk.row, YEAR_COVERED_ORE)
    remaining_ore = max(0, whole(desk.table, desk.row, LIMIT_ORE) - covered_ore)
    return int(_say_number(desk, _REMAINING, at, remaining_ore))


@compiled
def _say_entry_no(desk: Desk, at: int) -> int:
    start, end = desk.entry[ENTRY_NO_AT], desk.entry[ENTRY_NO_END]
    at = put(desk.value, at, _ENTRY_NO)
    return int(copy(desk.value, at, desk.table.data, start, end - start))


@compiled
def _say_decision(desk: Desk) -> int:
    """Say how a wage was decided."""
    data, value, decision = desk.table.data, desk.value, desk.decision
    at = _say_column(desk, _WAGE, _start(desk), WAGE_ID)
    at = _say_column(desk, _CARD, at, CARD_NO)
    at = _say_number(desk, _YEAR, at, whole(desk.table, desk.row, YEAR))
    at = _say_number(desk, _COVERED, at, decision[COVERED])
    at = _say_number(desk, _EXCESS, at, decision[EXCESS])
    at = put(value, _say_entry_no(desk, _say_remaining(desk, at)), _HASH)
    at = hexadecimal(value, at, data, place(desk.table, desk.row, HASH), HASH_BYTES)
    at = _say_column(desk, _PAID_ON, at, PAID_ON)
    at = _say_number(desk, _AMOUNT, at, decision[COVERED] + decision[EXCESS])
    size = decision[REASON_END] - decision[REASON_AT]
    at = copy(value, put(value, at, _REASON), data, decision[REASON_AT], size)
    value[at] = _QUOTE
    return at + 1


@compiled
def _say_case(desk: Desk, event: int) -> int:
    """Say a case of a wage."""
    data, value, code = desk.table.data, desk.value, desk.events[event + CODE_AT]
    size = desk.events[event + CODE_END] - code
    at = copy(value, put(value, _start(desk), _CODE), data, code, size)
    at = _say_column(desk, _CARD, at, CARD_NO)
    at = _say_number(desk, _YEAR, at, whole(desk.table, desk.row, YEAR))
    at = _say_column(desk, _CASE_WAGE, at, WAGE_ID)
    value[at] = _QUOTE
    return at + 1


@compiled
def _say_balance(desk: Desk) -> int:
    """Say what a year has come to."""
    value, table, row = desk.value, desk.table, desk.row
    covered_ore = whole(table, row, YEAR_COVERED_ORE)
    at = put(value, _start(desk), _CITIZEN)
    at = copy(value, at, table.data, desk.entry[CITIZEN_AT], UUID_BYTES)
    at = _say_number(desk, _COVERED, _say_limit(desk, at), covered_ore)
    at = _say_number(desk, _EXCESS, at, whole(table, row, YEAR_EXCESS_ORE))
    at = _say_remaining(desk, at)
    is_exhausted = covered_ore >= whole(table, row, LIMIT_ORE)
    at = put(value, at, _IS_EXHAUSTED) if is_exhausted else put(value, at, _IS_NOT)
    return int(_say_entry_no(desk, at))
