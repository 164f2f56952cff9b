"""The events that an entry sends, each expected at its place with its own id and content."""

from typing import Final, NamedTuple

import numpy as np

from cli.compiled.reading import CITIZEN_AT, EVENTS_AT, EVENTS_END, ID_BYTES, SOURCE_AT, Entry
from cli.proof_parts import NAMESPACE
from services.chassis.compiled.copies import NULL
from services.chassis.compiled.digests import CONTEXT_BYTES, uuid5
from services.chassis.compiled.jit import Array, Pointer, compiled, pointer_to
from services.chassis.compiled.members import CARD_NO, SIZE, SPAN, START
from services.chassis.compiled.text import NOWHERE, ascii_of, byte, integer, is_equal, literal, uuid

AT, INDEX = range(2)
"""Where the next event is expected, and which it is."""
_NAME_SOURCE, _NAME_CITIZEN, _NAME_INDEX = 16, 53, 90
_INDEX_MAX: Final = 999
_SLASH, _ZERO, _COMMA, _CLOSE = 0x2F, 0x30, 0x2C, 0x7D
_ID, _TYPE, _END = ascii_of('{"id":"'), ascii_of('","type":"'), ascii_of('"}')
_CARD, _CODE, _CASE_ID = ascii_of('{"card_no":"'), ascii_of('","code":"'), ascii_of('","id":"')
_CASE = ascii_of('","type":"attention-raised"')
_WAGE, _QUOTE, _YEAR = ascii_of(',"wage_id":"'), ascii_of('"'), ascii_of(',"year":')


class CursorRoom(NamedTuple):
    """The arrays of a `Cursor`."""

    place: Array
    name: Array
    context: Array
    digest: Array


class Cursor(NamedTuple):
    """How far an entry's events are expected; and room to make their ids in."""

    place: Pointer
    name: Pointer
    context: Pointer
    digest: Pointer


def new_cursor_room() -> CursorRoom:
    """Give room for one entry's events."""
    name = np.full(_NAME_INDEX + 3, _SLASH, np.uint8)
    name[:_NAME_SOURCE] = np.frombuffer(NAMESPACE.bytes, np.uint8)
    context, digest = np.zeros(CONTEXT_BYTES, np.uint8), np.zeros(32, np.uint8)
    return CursorRoom(np.zeros(2, np.int64), name, context, digest)


@compiled
def cursor_of(room: CursorRoom) -> Cursor:
    """Give room to compiled code; it must outlive it."""
    place, name = pointer_to(room.place), pointer_to(room.name)
    return Cursor(place, name, pointer_to(room.context), pointer_to(room.digest))


@compiled
def begin(data: Pointer, entry: Entry, cursor: Cursor) -> None:
    """Expect the first event of an entry."""
    for i in range(ID_BYTES):
        cursor.name[_NAME_SOURCE + i] = data[entry.read[SOURCE_AT] + i]
        cursor.name[_NAME_CITIZEN + i] = data[entry.read[CITIZEN_AT] + i]
    cursor.place[AT], cursor.place[INDEX] = entry.read[EVENTS_AT], 0


@compiled
def is_all(entry: Entry, cursor: Cursor) -> bool:
    """Tell whether the events that were expected are all there are."""
    return bool(cursor.place[AT] == entry.read[EVENTS_END])


@compiled
def turned(data: Pointer, entry: Entry, cursor: Cursor, kind: Array) -> None:
    """Expect an event that says no more than its kind."""
    end = entry.read[EVENTS_END]
    at = literal(data, _next(data, cursor, end), end, _ID)
    at = _own_id(data, cursor, at, end)
    at = literal(data, at, end, _TYPE)
    at = literal(data, at, end, kind)
    cursor.place[AT] = literal(data, at, end, _END)


@compiled
def case(data: Pointer, entry: Entry, cursor: Cursor, code: Array, wage_at: int, year: int) -> None:
    """Expect a case about the card of the entry; a wage and a year where there are such."""
    span = CARD_NO * SPAN
    card_at, card_size = entry.payload[span + START], entry.payload[span + SIZE]
    case_about(data, entry, cursor, code, card_at, card_size, wage_at, year)


@compiled
def case_about(
    data: Pointer,
    entry: Entry,
    cursor: Cursor,
    code: Array,
    card_at: int,
    card_size: int,
    wage_at: int,
    year: int,
) -> None:
    """Expect a case about a card; its number stands at `card_at`, the wage's id at `wage_at`."""
    end = entry.read[EVENTS_END]
    at = literal(data, _next(data, cursor, end), end, _CARD)
    at = _again(data, at, end, card_at, card_size)
    at = literal(data, at, end, _CODE)
    at = literal(data, at, end, code)
    at = literal(data, at, end, _CASE_ID)
    at = _own_id(data, cursor, at, end)
    at = literal(data, at, end, _CASE)
    if wage_at != NULL:
        at = literal(data, at, end, _WAGE)
        at = _again(data, at, end, wage_at, ID_BYTES)
        at = literal(data, at, end, _QUOTE)
    if year != NULL:
        at = literal(data, at, end, _YEAR)
        at = integer(data, at, end, year)
    cursor.place[AT] = byte(data, at, end, _CLOSE)


@compiled
def _next(data: Pointer, cursor: Cursor, end: int) -> int:
    at = cursor.place[AT]
    if cursor.place[INDEX] > 0:
        at = byte(data, at, end, _COMMA)
    return at if cursor.place[INDEX] <= _INDEX_MAX else NOWHERE


@compiled
def _again(data: Pointer, at: int, end: int, where: int, size: int) -> int:
    if at < 0 or at + size > end or not is_equal(data, at, data, where, size):
        return NOWHERE
    return at + size


@compiled
def _own_id(data: Pointer, cursor: Cursor, at: int, end: int) -> int:
    """Expect the id that follows from the source, the citizen and the event's place."""
    index, digits, rest = cursor.place[INDEX], 1, cursor.place[INDEX] // 10
    while rest:
        digits, rest = digits + 1, rest // 10
    for i in range(digits - 1, -1, -1):
        cursor.name[_NAME_INDEX + i], index = _ZERO + index % 10, index // 10
    uuid5(cursor.context, cursor.name, _NAME_INDEX + digits, cursor.digest)
    cursor.place[INDEX] += 1
    return uuid(data, at, end, cursor.digest, 0)
