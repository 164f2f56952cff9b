"""A decided wage written: its entry in the form of DESIGN.md, and the row of the journal around it.

The same bytes as `entry.py` and `store.py` write, in the order of `store.JOURNAL_COLUMNS`.
"""

from typing import Final, NamedTuple

import numpy as np

from services.allowance.compiled.messages import (
    CARD_AT,
    CARD_DIGITS,
    CORRELATION,
    GRANTS_VERSION,
    ID,
    KNOWN_AT,
    KNOWN_TEXT,
    MEMBERS,
    MUNICIPALITY,
    PAID_ON,
    PAYLOAD,
    PAYLOAD_END,
    SUBJECT,
    TRACE,
    VERSION,
    WAGE_AT,
    YEAR,
    new_figures,
)
from services.allowance.compiled.names import (
    Naming,
    NamingRoom,
    name_entry,
    naming_of,
    new_naming,
    write_id,
)
from services.allowance.compiled.payload import new_members, write_object
from services.allowance.entry import CHAIN_TAG
from services.chassis.compiled.digests import CONTEXT_BYTES, sha256
from services.chassis.compiled.jit import Array, Pointer, compiled, pointer_to
from services.chassis.compiled.text import UUID_BYTES, ascii_of
from services.chassis.compiled.writing import (
    NO_VALUE,
    copy,
    decimal,
    hexadecimal,
    put,
    sized,
    text_column,
    uuid_column,
    whole,
)

COLUMNS: Final = 27
HASH_BYTES: Final = 32
ROW_BYTES_MAX: Final = 3072
"""What a row takes at the most beside its message, twice: texts, figures, three events, a case."""
COVERED, EXCESS, IS_OVER_CAP, LIMIT, YEAR_COVERED, YEAR_EXCESS = range(6)
OPENS, TURN, IS_LATE, ENTRY_NO, JOURNAL_SEQ, PARTITION, OFFSET, DECIDED = range(6, 14)
"""What was decided of a message, and where it comes to stand."""
NO_TURN, IS_LOW, IS_EXHAUSTED = range(3)
RECORDED_AT, RULES_VERSION, LOW_PERCENT, CODE_VERSION_SIZE = range(4)
"""What all entries of a batch say, or are decided by."""
MOMENT_BYTES: Final = 27

_TAG_BYTES: Final = len(CHAIN_TAG)
_COMMA: Final = 0x2C
_CITIZEN = ascii_of('{"citizen_id":"')
_CODE_VERSION = ascii_of('","code_version":"')
_DECISION = ascii_of('","decision":{"covered_ore":')
_EXCESS, _REASON_WITHIN = ascii_of(',"excess_ore":'), ascii_of(',"reason":"within-cap","year":')
_REASON_OVER = ascii_of(',"reason":"over-cap","year":')
_ENTRY_NO, _EVENTS = ascii_of('},"entry_no":'), ascii_of(',"events":[')
_GRANTS_VERSION, _KNOWN_AT = ascii_of('],"grants_version":'), ascii_of(',"known_at":"')
_MUNICIPALITY = ascii_of('","municipality_code":"')
_POSTINGS, _RECORDED_AT = ascii_of('","postings":['), ascii_of('],"recorded_at":"')
_RULES_VERSION, _SOURCE = ascii_of('","rules_version":'), ascii_of(',"source":{"id":"')
_PAYLOAD, _SHA256 = ascii_of('","payload":'), ascii_of(',"sha256":"')
_VERSION, _END = ascii_of('","type":"wage-paid","version":'), ascii_of("}}")
_EVENT_ID = ascii_of('{"id":"')
_OPENED = ascii_of('","type":"allowance-opened"}')
_APPORTIONED = ascii_of('","type":"wage-apportioned"}')
_LOW, _EXHAUSTED = (
    ascii_of('","type":"allowance-low"}'),
    ascii_of('","type":"allowance-exhausted"}'),
)
_CASE_CARD, _CASE_ID = ascii_of('{"card_no":"'), ascii_of('","code":"wage-late","id":"')
_CASE_WAGE = ascii_of('","type":"attention-raised","wage_id":"')
_CASE_YEAR, _CLOSE = ascii_of('","year":'), ascii_of("}")
_AVAILABLE = ascii_of('{"account":"available","amount_ore":')
_COVERED = ascii_of('{"account":"covered","amount_ore":')
_EMPLOYER = ascii_of('{"account":"employer","amount_ore":')
_TO_EXCESS = ascii_of('{"account":"excess","amount_ore":')
_POSTING_YEAR = ascii_of(',"year":')
_WAGE_PAID, _TOPIC = ascii_of("wage-paid"), ascii_of("frikort-payroll")


class DeskRoom(NamedTuple):
    """The arrays of a `Desk`."""

    read: Array
    members: Array
    decided: Array
    batch: Array
    recorded: Array
    code_version: Array
    context: Array
    before: Array
    digest: Array
    naming: NamingRoom


class Desk(NamedTuple):
    """What is known of the message at hand, and of its batch.

    `recorded` is the moment as text, `code_version` that of this code. The rest is room: for a
    hash and what stands before what is hashed, and for events' names.
    """

    read: Pointer
    members: Pointer
    decided: Pointer
    batch: Pointer
    recorded: Pointer
    code_version: Pointer
    context: Pointer
    before: Pointer
    digest: Pointer
    naming: Naming


def new_desk(
    *,
    recorded_at: int,
    recorded_text: str,
    rules_version: int,
    low_percent: int,
    code_version: str,
) -> DeskRoom:
    """Give room for one message at a time; `recorded_at` in microseconds from the year 2000.

    What these modules take from others stands here, or beside them in an array: it is not
    compiled, and so is never an older one than this process has.
    """
    before = np.frombuffer(CHAIN_TAG + bytes(HASH_BYTES), np.uint8).copy()
    return DeskRoom(
        new_figures(),
        new_members(),
        np.zeros(DECIDED, np.int64),
        np.array([recorded_at, rules_version, low_percent, len(code_version)], np.int64),
        ascii_of(recorded_text),
        ascii_of(code_version),
        np.zeros(CONTEXT_BYTES, np.uint8),
        before,
        np.zeros(HASH_BYTES, np.uint8),
        new_naming(),
    )


@compiled
def desk_of(room: DeskRoom) -> Desk:
    """Give room to compiled code; it must outlive it."""
    return Desk(
        pointer_to(room.read),
        pointer_to(room.members),
        pointer_to(room.decided),
        pointer_to(room.batch),
        pointer_to(room.recorded),
        pointer_to(room.code_version),
        pointer_to(room.context),
        pointer_to(room.before),
        pointer_to(room.digest),
        naming_of(room.naming),
    )


@compiled
def write_row(out: Pointer, at: int, text: Pointer, heads: Pointer, head: int, desk: Desk) -> int:
    """Write a row and move the citizen's head, which stands at `head`, to its hash."""
    read, decided = desk.read, desk.decided
    at = whole(out, at, COLUMNS, 2)
    at = uuid_column(out, at, text, read[2 * SUBJECT])
    at = sized(out, at, decided[ENTRY_NO], 4)
    at = sized(out, at, decided[PARTITION], 2)
    at = sized(out, at, decided[JOURNAL_SEQ], 8)
    hash_at = at + 4
    bytes_at = hash_at + HASH_BYTES + 4
    at = _write_entry(out, bytes_at, text, desk)
    whole(out, hash_at - 4, HASH_BYTES, 4)
    whole(out, bytes_at - 4, at - bytes_at, 4)
    copy(desk.before, _TAG_BYTES, heads, head, HASH_BYTES)
    start = _TAG_BYTES + HASH_BYTES
    sha256(desk.context, desk.before, start, out, bytes_at, at - bytes_at, desk.digest)
    copy(out, hash_at, desk.digest, 0, HASH_BYTES)
    copy(heads, head, desk.digest, 0, HASH_BYTES)
    at = _write_source(out, at, text, desk)
    return int(_write_decision(out, at, text, desk))


@compiled
def _write_source(out: Pointer, at: int, text: Pointer, desk: Desk) -> int:
    read = desk.read
    at = uuid_column(out, at, text, read[2 * ID])
    at = put(out, whole(out, at, len(_WAGE_PAID), 4), _WAGE_PAID)
    at = sized(out, at, read[VERSION], 4)
    at = text_column(out, at, text, read[2 * MUNICIPALITY], read[2 * MUNICIPALITY + 1])
    at = sized(out, at, desk.batch[RECORDED_AT], 8)
    return int(sized(out, at, read[KNOWN_AT], 8))


@compiled
def _write_decision(out: Pointer, at: int, text: Pointer, desk: Desk) -> int:
    read, decided = desk.read, desk.decided
    at = text_column(out, at, text, read[CARD_AT], CARD_DIGITS)
    at = uuid_column(out, at, text, read[WAGE_AT])
    at = sized(out, at, read[YEAR], 2)
    at = sized(out, at, read[PAID_ON], 4)
    at = sized(out, at, decided[COVERED] + decided[EXCESS], 8)
    at = sized(out, at, decided[COVERED], 8)
    at = sized(out, at, decided[EXCESS], 8)
    at = sized(out, at, decided[LIMIT], 8)
    at = sized(out, at, decided[YEAR_COVERED], 8)
    at = sized(out, at, decided[YEAR_EXCESS], 8)
    at = put(out, whole(out, at, len(_TOPIC), 4), _TOPIC)
    at = sized(out, at, decided[PARTITION], 2)
    at = sized(out, at, decided[OFFSET], 8)
    at = text_column(out, at, text, read[2 * CORRELATION], read[2 * CORRELATION + 1])
    if read[2 * TRACE + 1] == 0:
        return int(whole(out, at, NO_VALUE, 4))
    return int(text_column(out, at, text, read[2 * TRACE], read[2 * TRACE + 1]))


@compiled
def _write_entry(out: Pointer, at: int, text: Pointer, desk: Desk) -> int:
    read, decided = desk.read, desk.decided
    at = put(out, at, _CITIZEN)
    at = copy(out, at, text, read[2 * SUBJECT], UUID_BYTES)
    at = put(out, at, _CODE_VERSION)
    at = copy(out, at, desk.code_version, 0, desk.batch[CODE_VERSION_SIZE])
    at = put(out, at, _DECISION)
    at = decimal(out, at, decided[COVERED])
    at = put(out, at, _EXCESS)
    at = decimal(out, at, decided[EXCESS])
    at = put(out, at, _REASON_OVER) if decided[IS_OVER_CAP] else put(out, at, _REASON_WITHIN)
    at = decimal(out, at, read[YEAR])
    at = put(out, at, _ENTRY_NO)
    at = decimal(out, at, decided[ENTRY_NO])
    at = _write_events(out, put(out, at, _EVENTS), text, desk)
    at = decimal(out, put(out, at, _GRANTS_VERSION), read[GRANTS_VERSION])
    at = copy(out, put(out, at, _KNOWN_AT), text, read[KNOWN_TEXT], MOMENT_BYTES)
    at = put(out, at, _MUNICIPALITY)
    at = copy(out, at, text, read[2 * MUNICIPALITY], read[2 * MUNICIPALITY + 1])
    at = _write_postings(out, put(out, at, _POSTINGS), desk)
    at = copy(out, put(out, at, _RECORDED_AT), desk.recorded, 0, MOMENT_BYTES)
    at = decimal(out, put(out, at, _RULES_VERSION), desk.batch[RULES_VERSION])
    at = copy(out, put(out, at, _SOURCE), text, read[2 * ID], UUID_BYTES)
    at = write_object(out, put(out, at, _PAYLOAD), text, desk.members, read[MEMBERS])
    size = read[PAYLOAD_END] - read[PAYLOAD]
    sha256(desk.context, desk.before, 0, text, read[PAYLOAD], size, desk.digest)
    at = hexadecimal(out, put(out, at, _SHA256), desk.digest, 0, HASH_BYTES)
    at = decimal(out, put(out, at, _VERSION), read[VERSION])
    return int(put(out, at, _END))


@compiled
def _write_events(out: Pointer, at: int, text: Pointer, desk: Desk) -> int:
    """Write the year opens, the wage is decided, what it turned, and the case if it is late."""
    decided, index = desk.decided, 0
    name_entry(desk.naming, text, desk.read[2 * ID], desk.read[2 * SUBJECT])
    if decided[OPENS]:
        at = put(out, write_id(out, put(out, at, _EVENT_ID), desk.naming, index), _OPENED)
        out[at] = _COMMA
        at, index = at + 1, 1
    at = put(out, write_id(out, put(out, at, _EVENT_ID), desk.naming, index), _APPORTIONED)
    if decided[TURN] != NO_TURN:
        out[at] = _COMMA
        index += 1
        at = write_id(out, put(out, at + 1, _EVENT_ID), desk.naming, index)
        at = put(out, at, _LOW) if decided[TURN] == IS_LOW else put(out, at, _EXHAUSTED)
    if decided[IS_LATE]:
        out[at] = _COMMA
        at = _write_case(out, at + 1, text, desk, index + 1)
    return at


@compiled
def _write_case(out: Pointer, at: int, text: Pointer, desk: Desk, index: int) -> int:
    at = copy(out, put(out, at, _CASE_CARD), text, desk.read[CARD_AT], CARD_DIGITS)
    at = write_id(out, put(out, at, _CASE_ID), desk.naming, index)
    at = copy(out, put(out, at, _CASE_WAGE), text, desk.read[WAGE_AT], UUID_BYTES)
    at = decimal(out, put(out, at, _CASE_YEAR), desk.read[YEAR])
    return int(put(out, at, _CLOSE))


@compiled
def _write_postings(out: Pointer, at: int, desk: Desk) -> int:
    covered_ore, excess_ore, year = desk.decided[COVERED], desk.decided[EXCESS], desk.read[YEAR]
    if covered_ore:
        at = _write_posting(out, at, _AVAILABLE, -covered_ore, year)
        out[at] = _COMMA
        at = _write_posting(out, at + 1, _COVERED, covered_ore, year)
    if covered_ore and excess_ore:
        out[at] = _COMMA
        at += 1
    if excess_ore:
        at = _write_posting(out, at, _EMPLOYER, -excess_ore, year)
        out[at] = _COMMA
        at = _write_posting(out, at + 1, _TO_EXCESS, excess_ore, year)
    return at


@compiled
def _write_posting(out: Pointer, at: int, account: Array, amount_ore: int, year: int) -> int:
    at = decimal(out, put(out, at, account), amount_ore)
    at = decimal(out, put(out, at, _POSTING_YEAR), year)
    return int(put(out, at, _CLOSE))
