"""The journal's rows told: plain entries read, and what they send written by `told.py`.

A plain entry is that of a wage that sends what a wage turns, and a case of its own at the most.
It is read to its end: one that is cut short or says another wage than its row is doubted, as any
other is, and told by `outbox.py`; both write the same bytes.
"""

from typing import Final, NamedTuple

import numpy as np

from services.allowance.compiled.latest import find_latest, new_slots
from services.allowance.compiled.names import NamingRoom, naming_of, new_naming
from services.allowance.compiled.told import (
    APPORTIONED,
    BODY_BYTES_MAX,
    BYTES,
    CARD_NO,
    CASE,
    CITIZEN_AT,
    CODE_AT,
    CODE_END,
    CORRELATION_ID,
    COVERED,
    DECISION,
    ENTRY,
    ENTRY_NO_AT,
    ENTRY_NO_END,
    EVENT,
    EVENTS,
    EXCESS,
    EXHAUSTED,
    HASH,
    HASH_BYTES,
    ID_AT,
    IN_PARTITION,
    JOURNAL_SEQ,
    KIND,
    KNOWN_AT,
    LIMIT_ORE,
    LOW,
    MOMENT_BYTES,
    MUNICIPALITY_AT,
    MUNICIPALITY_BYTES,
    OPENED,
    PAID_ON,
    PARTITION,
    REASON_AT,
    REASON_END,
    RECORDED_AT,
    SEQ,
    SOURCE_AT,
    TRACEPARENT,
    VALUE_BYTES_MAX,
    WAGE_ID,
    YEAR,
    YEAR_COVERED_ORE,
    YEAR_EXCESS_ORE,
    Desk,
    write_balance,
    write_event,
)
from services.chassis.compiled import members
from services.chassis.compiled.copies import (
    Rows,
    Table,
    place,
    size_of,
    table_of,
    whole,
)
from services.chassis.compiled.jit import Array, Pointer, compiled, pointer_to
from services.chassis.compiled.members import flat_object, is_value, new_spans
from services.chassis.compiled.text import (
    NOWHERE,
    UUID_BYTES,
    ascii_of,
    byte,
    is_equal,
    literal,
    number,
    string,
)

BODY_ROW, BODY_START, BODY_END, BODY = range(4)
"""Of which row a body is, and where it stands; `NOWHERE` the balance of an entry in doubt."""
EVENTS_MAX: Final = 4
"""Of a plain entry."""
CITIZEN_ID_BYTES: Final = 16
_REASON_BYTES_MAX, _CODE_BYTES_MAX = 40, 60
_COMMA, _BRACKET, _CLOSE = 0x2C, 0x5D, 0x7D
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
_OPENED, _APPORTIONED = ascii_of("allowance-opened"), ascii_of("wage-apportioned")
_LOW, _EXHAUSTED = ascii_of("allowance-low"), ascii_of("allowance-exhausted")


class Told(NamedTuple):
    """The outcome: of each row its entry, `NOWHERE` first if in doubt; and the bodies.

    `latest` names the rows of which a balance is told. `slots` is room to find the year of a
    citizen again, the rest for the entry at hand.
    """

    entries: Array
    events: Array
    balances: Array
    out: Array
    latest: Array
    slots: Array
    decision: Array
    of_entry: Array
    spans: Array
    value: Array
    naming: NamingRoom


def new_told(rows: Rows) -> Told:
    """Give room for what some rows send."""
    count = len(rows.at)
    says = int(np.maximum(rows.size[:, [CORRELATION_ID, TRACEPARENT]], 0).sum())
    return Told(
        np.empty(count * ENTRY, np.int64),
        np.empty(count * EVENTS_MAX * BODY, np.int64),
        np.empty(count * BODY, np.int64),
        np.empty((EVENTS_MAX + 1) * (count * BODY_BYTES_MAX + says), np.uint8),
        np.empty(count, np.int64),
        new_slots(count),
        np.zeros(DECISION, np.int64),
        np.zeros(EVENTS_MAX * EVENT, np.int64),
        new_spans(),
        np.zeros(VALUE_BYTES_MAX, np.uint8),
        new_naming(),
    )


@compiled
def tell(rows: Rows, told: Told) -> tuple[int, int, int]:
    """Write what all rows send; give how many events, balances and bytes that is.

    Of the balances only the latest of a citizen's year is written, in the order in which the years
    came first.
    """
    table, out = table_of(rows), pointer_to(told.out)
    bodies, count, at = pointer_to(told.events), 0, 0
    for row in range(table.rows):
        desk = _desk(table, row, told)
        desk.entry[IN_PARTITION] = whole(table, row, PARTITION)
        desk.entry[SEQ] = whole(table, row, JOURNAL_SEQ)
        events = desk.entry[EVENTS] = _read(desk) if _is_told(table, row) else NOWHERE
        if events < 0:
            desk.entry[CITIZEN_AT] = NOWHERE
        for event in range(events):
            start = at
            at = write_event(out, start, desk, event * EVENT)
            _note(bodies, count, row, start, at)
            count += 1
    latest = find_latest(table, pointer_to(told.latest), told.slots)
    for number_ in range(latest):
        row = told.latest[number_]
        desk, start = _desk(table, row, told), at
        if desk.entry[CITIZEN_AT] == NOWHERE:
            _note(pointer_to(told.balances), number_, row, NOWHERE, NOWHERE)
        else:
            at = write_balance(out, start, desk)
            _note(pointer_to(told.balances), number_, row, start, at)
    return count, latest, at


@compiled
def _desk(table: Table, row: int, told: Told) -> Desk:
    return Desk(
        table,
        row,
        pointer_to(told.entries[row * ENTRY :]),
        pointer_to(told.decision),
        pointer_to(told.of_entry),
        pointer_to(told.spans),
        pointer_to(told.value),
        naming_of(told.naming),
    )


@compiled
def _note(bodies: Pointer, body: int, row: int, start: int, end: int) -> None:
    at = body * BODY
    bodies[at + BODY_ROW], bodies[at + BODY_START], bodies[at + BODY_END] = row, start, end


@compiled
def _is_told(table: Table, row: int) -> bool:
    """Tell whether the columns that are said are there, and not longer than there is room for."""
    if size_of(table, row, CARD_NO) != 5 or size_of(table, row, WAGE_ID) != UUID_BYTES:
        return False
    if size_of(table, row, HASH) != HASH_BYTES or size_of(table, row, PAID_ON) != 10:
        return False
    if size_of(table, row, YEAR) != 2 or whole(table, row, YEAR) < 0:
        return False
    if size_of(table, row, CORRELATION_ID) < 0 or not _is_amount(table, row, YEAR_EXCESS_ORE):
        return False
    return _is_amount(table, row, LIMIT_ORE) and _is_amount(table, row, YEAR_COVERED_ORE)


@compiled
def _is_amount(table: Table, row: int, column: int) -> bool:
    """Tell whether a column is an amount that is not negative: two of those can be subtracted."""
    return size_of(table, row, column) == 8 and whole(table, row, column) >= 0


@compiled
def _read(desk: Desk) -> int:
    """Find the parts of an entry and its events; give how many, `NOWHERE` if it is in doubt."""
    data, at = desk.table.data, place(desk.table, desk.row, BYTES)
    end = at + size_of(desk.table, desk.row, BYTES)
    at, events = _events(desk, _head(desk, at, end), end)
    at = literal(data, at, end, _GRANTS_VERSION)
    at = number(data, at, end)[0]
    at = desk.entry[KNOWN_AT] = literal(data, at, end, _KNOWN_AT)
    at = _moment(data, at, end)
    at = desk.entry[MUNICIPALITY_AT] = literal(data, at, end, _MUNICIPALITY)
    after = string(data, at, end)
    at = literal(data, after if after == at + MUNICIPALITY_BYTES else NOWHERE, end, _POSTINGS)
    at = _postings(data, at, end)
    at = desk.entry[RECORDED_AT] = literal(data, at, end, _RECORDED_AT)
    at = _moment(data, at, end)
    at = literal(data, at, end, _RULES_VERSION)
    at = number(data, at, end)[0]
    return events if _source(desk, at, end) == end else NOWHERE


@compiled
def _events(desk: Desk, at: int, end: int) -> tuple[int, int]:
    """Read the events; give how many there are too."""
    data, count = desk.table.data, 0
    while 0 <= at < end and data[at] != _BRACKET:
        if count == EVENTS_MAX:
            return NOWHERE, 0
        if count > 0:
            at = byte(data, at, end, _COMMA)
        at = _event(desk, at, end, count * EVENT)
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
def _source(desk: Desk, at: int, end: int) -> int:
    """Read the source, whose payload is of the row's wage, and the entry's end."""
    data = desk.table.data
    at = desk.entry[SOURCE_AT] = literal(data, at, end, _SOURCE)
    after = string(data, at, end)
    at = literal(data, after if after == at + UUID_BYTES else NOWHERE, end, _PAYLOAD)
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
def _says(desk: Desk, name: int, column: int) -> bool:
    """Tell whether the payload has a column's text by this name."""
    table, row = desk.table, desk.row
    where, size = place(table, row, column), size_of(table, row, column)
    return is_value(table.data, desk.spans, name, table.data, where, size)


@compiled
def _moment(data: Pointer, at: int, end: int) -> int:
    after = string(data, at, end)
    return after if after == at + MOMENT_BYTES else NOWHERE


@compiled
def _head(desk: Desk, at: int, end: int) -> int:
    data, decision = desk.table.data, desk.decision
    at = desk.entry[CITIZEN_AT] = literal(data, at, end, _CITIZEN)
    after = string(data, at, end)
    at = literal(data, after if after == at + UUID_BYTES else NOWHERE, end, _CODE_VERSION)
    at = string(data, at, end)
    at = literal(data, at, end, _DECISION)
    at, decision[COVERED] = number(data, at, end)
    at = literal(data, at, end, _EXCESS)
    at, decision[EXCESS] = number(data, at, end)
    at = decision[REASON_AT] = literal(data, at, end, _REASON)
    at = decision[REASON_END] = string(data, at, end)
    at = literal(data, at, end, _YEAR)
    at = number(data, at, end)[0]
    at = desk.entry[ENTRY_NO_AT] = literal(data, at, end, _ENTRY_NO)
    at = desk.entry[ENTRY_NO_END] = number(data, at, end)[0]
    if decision[COVERED] < 0 or decision[EXCESS] < 0:
        return NOWHERE
    if decision[REASON_END] - decision[REASON_AT] > _REASON_BYTES_MAX:
        return NOWHERE
    return literal(data, at, end, _EVENTS)


@compiled
def _event(desk: Desk, at: int, end: int, event: int) -> int:
    """Read an event that says no more than its type, or the case of a wage."""
    data, events = desk.table.data, desk.events
    card = literal(data, at, end, _CASE_CARD)
    if card >= 0:
        return _case(desk, card, end, event)
    at = events[event + ID_AT] = literal(data, at, end, _ID)
    after = string(data, at, end)
    at = kind = literal(data, after if after == at + UUID_BYTES else NOWHERE, end, _TYPE)
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
def _case(desk: Desk, at: int, end: int, event: int) -> int:
    """Read a case of the entry's own card, wage and year; its code stands before its id."""
    data, events = desk.table.data, desk.events
    at = _again(desk, CARD_NO, at, end)
    at = code = literal(data, at, end, _CODE)
    at = string(data, at, end)
    if at - code > _CODE_BYTES_MAX:
        return NOWHERE
    events[event + KIND], events[event + CODE_AT], events[event + CODE_END] = CASE, code, at
    at = events[event + ID_AT] = literal(data, at, end, _CASE_ID)
    after = string(data, at, end)
    at = literal(data, after if after == at + UUID_BYTES else NOWHERE, end, _CASE_WAGE)
    at = _again(desk, WAGE_ID, at, end)
    at = literal(data, at, end, _YEAR)
    at, year = number(data, at, end)
    if year != whole(desk.table, desk.row, YEAR):
        return NOWHERE
    return byte(data, at, end, _CLOSE)


@compiled
def _again(desk: Desk, column: int, at: int, end: int) -> int:
    """Expect a column's text."""
    table, row = desk.table, desk.row
    where, size = place(table, row, column), size_of(table, row, column)
    if at < 0 or at + size > end or not is_equal(table.data, at, table.data, where, size):
        return NOWHERE
    return at + size
