"""An entry's bytes, read against its row: they are the one way to write what the row says.

What no column repeats is read from the bytes alone: versions, reason, events, payload. Written
from the form of an entry that DESIGN.md gives, as `cli/proof.py` is.
"""

from typing import Final, NamedTuple

import numpy as np

from cli.compiled import form
from cli.proof_parts import CHAIN_TAG, NAMESPACE
from services.chassis.compiled import members
from services.chassis.compiled.copies import Table, place, size_of, whole
from services.chassis.compiled.digests import CONTEXT_BYTES, sha256, uuid5
from services.chassis.compiled.jit import Array, Pointer, compiled, pointer_to
from services.chassis.compiled.members import flat_object, is_value, new_spans
from services.chassis.compiled.text import (
    NOWHERE,
    byte,
    integer,
    literal,
    number,
    same,
    string,
    uuid,
    write_uuid,
)
from services.chassis.compiled.times import moment

COLUMNS: Final = (
    *("citizen_id", "entry_no", "partition", "hash", "bytes", "source_id", "source_type"),
    *("source_version", "municipality_code", "recorded_at", "known_at", "card_no", "wage_id"),
    *("year", "paid_on", "amount_ore", "covered_ore", "excess_ore", "limit_ore"),
    *("year_covered_ore", "year_excess_ore", "source_topic"),
)
"""The journal's columns in the order in which they are asked for."""
CITIZEN_ID, ENTRY_NO, PARTITION, HASH, BYTES, SOURCE_ID, SOURCE_TYPE = range(7)
SOURCE_VERSION, MUNICIPALITY_CODE, RECORDED_AT, KNOWN_AT, CARD_NO, WAGE_ID = range(7, 13)
YEAR, PAID_ON, AMOUNT_ORE, COVERED_ORE, EXCESS_ORE, LIMIT_ORE = range(13, 19)
YEAR_COVERED_ORE, YEAR_EXCESS_ORE, SOURCE_TOPIC = range(19, len(COLUMNS))

IS_OVER_CAP, TURNED, PAYLOAD_AT, PAYLOAD_SIZE, SHA256_AT = range(5)
RESTORED, ATTENTION, OTHER, KINDS = 1, 2, 3, 4
"""The kinds of events, as digits of `TURNED` in their order."""
HASH_BYTES: Final = 32
UUID_BYTES: Final = 16
SHA256_DIGITS: Final = 64
_EVENTS_MAX: Final = 20

_TAG_BYTES: Final = len(CHAIN_TAG)
_COMMA, _BRACKET, _SLASH, _ZERO = 0x2C, 0x5D, 0x2F, 0x30
_NAME_SOURCE, _NAME_CITIZEN, _NAME_INDEX = 16, 53, 90
"""Where in what an event's UUID is hashed from the two ids and the event's place stand."""


class Room(NamedTuple):
    """The arrays of a `Desk`."""

    read: Array
    payload: Array
    event: Array
    context: Array
    before: Array
    name: Array
    digest: Array


class Desk(NamedTuple):
    """What was read of the last entry: `read` as named above, where its payload's values stand.

    The rest is room: for one event's values, for a hash and what is hashed, for an event's name.
    """

    read: Pointer
    payload: Pointer
    event: Pointer
    context: Pointer
    before: Pointer
    name: Pointer
    digest: Pointer


def new_room() -> Room:
    """Give room for one entry at a time."""
    name = np.full(_NAME_INDEX + 2, _SLASH, np.uint8)
    name[:16] = np.frombuffer(NAMESPACE.bytes, np.uint8)
    before = np.frombuffer(CHAIN_TAG + bytes(HASH_BYTES), np.uint8).copy()
    read, context = np.zeros(5, np.int64), np.zeros(CONTEXT_BYTES, np.uint8)
    digest = np.zeros(HASH_BYTES, np.uint8)
    return Room(read, new_spans(), new_spans(), context, before, name, digest)


@compiled
def desk_of(room: Room) -> Desk:
    """Give room to compiled code; it must outlive it."""
    read, payload, event = pointer_to(room.read), pointer_to(room.payload), pointer_to(room.event)
    context, before = pointer_to(room.context), pointer_to(room.before)
    return Desk(
        read, payload, event, context, before, pointer_to(room.name), pointer_to(room.digest)
    )


@compiled
def reads(table: Table, row: int, desk: Desk) -> bool:
    """Read an entry; tell whether its bytes are what its row says, written in the one way."""
    data, at = table.data, place(table, row, BYTES)
    end = at + size_of(table, row, BYTES)
    at = _head(table, row, desk, at, end)
    at = _events(table, row, desk, at, end)
    at = literal(data, at, end, form.GRANTS_VERSION)
    at = number(data, at, end)[0]
    at = literal(data, at, end, form.KNOWN_AT)
    at = moment(data, at, end, whole(table, row, KNOWN_AT))
    at = literal(data, at, end, form.MUNICIPALITY)
    at = _same(table, row, MUNICIPALITY_CODE, at, end)
    at = literal(data, at, end, form.POSTINGS)
    at = form.postings(
        data,
        at,
        end,
        whole(table, row, COVERED_ORE),
        whole(table, row, EXCESS_ORE),
        whole(table, row, YEAR),
    )
    at = literal(data, at, end, form.RECORDED_AT)
    at = moment(data, at, end, whole(table, row, RECORDED_AT))
    at = literal(data, at, end, form.RULES_VERSION)
    at = number(data, at, end)[0]
    return _source(table, row, desk, at, end) == end


@compiled
def is_decided(table: Table, row: int) -> bool:
    """Tell whether a row says that something was decided."""
    return size_of(table, row, COVERED_ORE) >= 0


@compiled
def hashes(table: Table, row: int, desk: Desk, start: int) -> bool:
    """Tell whether a row's hash is that of its bytes behind the hash of the row before.

    The citizen's rows begin at `start`.
    """
    data, tag = table.data, _TAG_BYTES
    if size_of(table, row, HASH) != HASH_BYTES:
        return False
    for i in range(HASH_BYTES):
        desk.before[tag + i] = 0 if row == start else data[place(table, row - 1, HASH) + i]
    at, size = place(table, row, BYTES), size_of(table, row, BYTES)
    sha256(desk.context, desk.before, tag + HASH_BYTES, data, at, size, desk.digest)
    at = place(table, row, HASH)
    for i in range(HASH_BYTES):
        if data[at + i] != desk.digest[i]:
            return False
    return True


@compiled
def _same(table: Table, row: int, column: int, at: int, end: int) -> int:
    """Expect a column's text as a whole string."""
    return same(table.data, at, end, place(table, row, column), size_of(table, row, column))


@compiled
def _id(table: Table, row: int, column: int, at: int, end: int) -> int:
    """Expect a column's UUID."""
    if size_of(table, row, column) != UUID_BYTES:
        return NOWHERE
    return uuid(table.data, at, end, table.data, place(table, row, column))


@compiled
def _head(table: Table, row: int, desk: Desk, at: int, end: int) -> int:
    data = table.data
    at = literal(data, at, end, form.CITIZEN)
    at = _id(table, row, CITIZEN_ID, at, end)
    at = literal(data, at, end, form.CODE_VERSION)
    at = string(data, at, end)
    at = literal(data, at, end, form.NEXT)
    desk.read[IS_OVER_CAP] = 0
    if is_decided(table, row):
        at = literal(data, at, end, form.DECISION)
        at = integer(data, at, end, whole(table, row, COVERED_ORE))
        at = literal(data, at, end, form.EXCESS)
        at = integer(data, at, end, whole(table, row, EXCESS_ORE))
        at = reason = literal(data, at, end, form.REASON)
        at = string(data, at, end)
        if literal(data, reason, at, form.OVER_CAP) == at:
            desk.read[IS_OVER_CAP] = 1
        at = literal(data, at, end, form.DECISION_YEAR)
        at = integer(data, at, end, whole(table, row, YEAR))
        at = literal(data, at, end, form.DECIDED)
    at = literal(data, at, end, form.ENTRY_NO)
    at = integer(data, at, end, whole(table, row, ENTRY_NO))
    return literal(data, at, end, form.EVENTS)


@compiled
def _events(table: Table, row: int, desk: Desk, at: int, end: int) -> int:
    """Read the events, each with the id that its place gives it."""
    data, index, turned = table.data, 0, 0
    if size_of(table, row, SOURCE_ID) != UUID_BYTES:
        return NOWHERE
    write_uuid(data, place(table, row, SOURCE_ID), desk.name, _NAME_SOURCE)
    write_uuid(data, place(table, row, CITIZEN_ID), desk.name, _NAME_CITIZEN)
    while 0 <= at < end and data[at] != _BRACKET:
        if index == _EVENTS_MAX:
            return NOWHERE
        if index:
            at = byte(data, at, end, _COMMA)
        at = flat_object(data, at, end, desk.event)
        if at < 0 or not _is_named(data, desk, index):
            return NOWHERE
        turned = turned * KINDS + _kind(data, desk.event)
        index += 1
    desk.read[TURNED] = turned
    return at


@compiled
def _is_named(data: Pointer, desk: Desk, index: int) -> bool:
    """Tell whether an event's id is the UUIDv5 of its source, its citizen and its place."""
    size = _NAME_INDEX + 1
    if index < 10:
        desk.name[_NAME_INDEX] = _ZERO + index
    else:
        desk.name[_NAME_INDEX], desk.name[size] = _ZERO + index // 10, _ZERO + index % 10
        size += 1
    uuid5(desk.context, desk.name, size, desk.digest)
    start, size = (
        desk.event[members.ID * members.SPAN + members.START],
        desk.event[members.ID * members.SPAN + members.SIZE],
    )
    is_text = desk.event[members.ID * members.SPAN + members.KIND] == members.STRING
    return bool(is_text and uuid(data, start, start + size, desk.digest, 0) == start + size)


@compiled
def _kind(data: Pointer, event: Pointer) -> int:
    if is_value(data, event, members.TYPE, form.KIND_RESTORED, 0, len(form.KIND_RESTORED)):
        return RESTORED
    if is_value(data, event, members.TYPE, form.KIND_ATTENTION, 0, len(form.KIND_ATTENTION)):
        return ATTENTION
    return OTHER


@compiled
def _source(table: Table, row: int, desk: Desk, at: int, end: int) -> int:
    data = table.data
    at = literal(data, at, end, form.SOURCE)
    at = _id(table, row, SOURCE_ID, at, end)
    at = literal(data, at, end, form.PAYLOAD)
    desk.read[PAYLOAD_AT] = at
    at = flat_object(data, at, end, desk.payload)
    desk.read[PAYLOAD_SIZE] = at - desk.read[PAYLOAD_AT]
    at = literal(data, at, end, form.SHA256)
    desk.read[SHA256_AT] = at
    after = string(data, at, end)
    at = after if after - at == SHA256_DIGITS else NOWHERE
    at = literal(data, at, end, form.TYPE)
    at = _same(table, row, SOURCE_TYPE, at, end)
    at = literal(data, at, end, form.VERSION)
    at = integer(data, at, end, whole(table, row, SOURCE_VERSION))
    return literal(data, at, end, form.END)
