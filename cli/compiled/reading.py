"""An entry's bytes taken apart, where no columns say what must stand in them: for a replay.

Read to their end, they are canonical. A name or a value that is not expected is doubted.
"""

from typing import Final, NamedTuple

import numpy as np

from cli.compiled import form
from services.chassis.compiled.copies import NULL, Table, place, size_of
from services.chassis.compiled.jit import Array, Pointer, compiled, pointer_to
from services.chassis.compiled.members import flat_object, new_spans
from services.chassis.compiled.text import NOWHERE, byte, is_equal, literal, number, string
from services.chassis.compiled.times import read_moment

COLUMNS: Final = ("citizen_id", "entry_no", "hash", "bytes")
CITIZEN_ID, ENTRY_NO, HASH, BYTES = range(4)
"""The columns of a replay; the citizen's id as text."""
ID_BYTES: Final = 36

(COVERED, EXCESS, OF_YEAR, REASON_AT, REASON_END) = range(5)
(CITIZEN_AT, EVENTS_AT, EVENTS_END, KNOWN_AT, RECORDED_AT) = range(5, 10)
(RULES_VERSION, SOURCE_AT, TYPE_AT, TYPE_END, VERSION, FIELDS) = range(10, 16)
"""Where in `read` the parts of an entry stand: numbers, and places in its bytes.

Covered is NULL where nothing is decided; moments are microseconds since the year 2000.
"""
_COMMA, _BRACKET = 0x2C, 0x5D


class EntryRoom(NamedTuple):
    """The arrays of an `Entry`."""

    read: Array
    payload: Array
    event: Array


class Entry(NamedTuple):
    """The last entry that was read: its parts, where its payload's values stand; an event's."""

    read: Pointer
    payload: Pointer
    event: Pointer


def new_entry_room() -> EntryRoom:
    """Give room for one entry."""
    return EntryRoom(np.zeros(FIELDS, np.int64), new_spans(), new_spans())


@compiled
def entry_of(room: EntryRoom) -> Entry:
    """Give room to compiled code; it must outlive it."""
    return Entry(pointer_to(room.read), pointer_to(room.payload), pointer_to(room.event))


@compiled
def read_entry(table: Table, row: int, entry: Entry, entry_no: int) -> bool:
    """Take an entry apart; tell whether its bytes are an entry of that number and citizen."""
    data, at, read = table.data, place(table, row, BYTES), entry.read
    end = at + size_of(table, row, BYTES)
    at = _head(table, row, entry, at, end, entry_no)
    read[EVENTS_AT] = at
    at = _events(data, at, end, entry)
    read[EVENTS_END] = at
    at = literal(data, at, end, form.GRANTS_VERSION)
    at = number(data, at, end)[0]
    at = literal(data, at, end, form.KNOWN_AT)
    at, read[KNOWN_AT] = read_moment(data, at, end)
    at = literal(data, at, end, form.MUNICIPALITY)
    at = string(data, at, end)
    at = literal(data, at, end, form.POSTINGS)
    at = form.postings(data, at, end, read[COVERED], read[EXCESS], read[OF_YEAR])
    at = literal(data, at, end, form.RECORDED_AT)
    at, read[RECORDED_AT] = read_moment(data, at, end)
    at = literal(data, at, end, form.RULES_VERSION)
    at, read[RULES_VERSION] = number(data, at, end)
    return _source(data, at, end, entry) == end


@compiled
def _head(table: Table, row: int, entry: Entry, at: int, end: int, entry_no: int) -> int:
    data, read = table.data, entry.read
    at = literal(data, at, end, form.CITIZEN)
    citizen_id = place(table, row, CITIZEN_ID)
    if size_of(table, row, CITIZEN_ID) != ID_BYTES or at < 0 or at + ID_BYTES > end:
        return NOWHERE
    if not is_equal(data, at, data, citizen_id, ID_BYTES):
        return NOWHERE
    read[CITIZEN_AT] = at
    after = string(data, at, end)
    at = literal(data, after if after == at + ID_BYTES else NOWHERE, end, form.CODE_VERSION)
    at = string(data, at, end)
    at = literal(data, at, end, form.NEXT)
    read[COVERED] = read[EXCESS] = read[OF_YEAR] = NULL
    decided = literal(data, at, end, form.DECISION)
    if decided >= 0:
        at, read[COVERED] = number(data, decided, end)
        at = literal(data, at, end, form.EXCESS)
        at, read[EXCESS] = number(data, at, end)
        at = read[REASON_AT] = literal(data, at, end, form.REASON)
        at = read[REASON_END] = string(data, at, end)
        at = literal(data, at, end, form.DECISION_YEAR)
        at, read[OF_YEAR] = number(data, at, end)
        at = literal(data, at, end, form.DECIDED)
    at = literal(data, at, end, form.ENTRY_NO)
    at, found = number(data, at, end)
    return literal(data, at, end, form.EVENTS) if found == entry_no else NOWHERE


@compiled
def _events(data: Pointer, at: int, end: int, entry: Entry) -> int:
    first = True
    while 0 <= at < end and data[at] != _BRACKET:
        at = at if first else byte(data, at, end, _COMMA)
        at = flat_object(data, at, end, entry.event)
        first = False
    return at


@compiled
def _source(data: Pointer, at: int, end: int, entry: Entry) -> int:
    read = entry.read
    at = read[SOURCE_AT] = literal(data, at, end, form.SOURCE)
    after = string(data, at, end)
    at = after if after - at == ID_BYTES else NOWHERE
    at = literal(data, at, end, form.PAYLOAD)
    at = flat_object(data, at, end, entry.payload)
    at = literal(data, at, end, form.SHA256)
    at = string(data, at, end)
    at = read[TYPE_AT] = literal(data, at, end, form.TYPE)
    at = read[TYPE_END] = string(data, at, end)
    at = literal(data, at, end, form.VERSION)
    at, read[VERSION] = number(data, at, end)
    return literal(data, at, end, form.END)
