"""A wage-paid message, read as `translate.py` reads it; what that might refuse is doubted."""

from typing import Final

import numpy as np

from services.allowance.compiled import payload
from services.chassis.compiled.jit import Array, Pointer, compiled
from services.chassis.compiled.members import NUMBER
from services.chassis.compiled.text import NOWHERE, UUID_BYTES, ascii_of, literal
from services.chassis.compiled.times import DATE_BYTES, DAY_US, read_date, read_moment, year_at
from services.chassis.compiled.writing import is_uuid

HEADERS: Final = (
    *("ce_type", "ce_id", "ce_subject", "ce_streamversion", "ce_municipality"),
    *("ce_correlationid", "ce_time", "traceparent"),
)
"""What stands before a payload, one to a line."""
TYPE, ID, SUBJECT, VERSION_TEXT, MUNICIPALITY, CORRELATION, TIME, TRACE = range(len(HEADERS))
VERSION, PAYLOAD, PAYLOAD_END, MEMBERS, CARD_AT, WAGE_AT, JOB_AT = range(16, 23)
KNOWN_TEXT, KNOWN_AT, PAID_ON, YEAR, AMOUNT, GRANTS_VERSION, FIGURES = range(23, 30)
"""What is read of a message. First comes where each header stands, and its size."""

AMOUNT_ORE_MAX: Final = 10**12
VERSION_MAX: Final = 10**9
FIRST_DAY: Final = -7305
"""1 January 1980, in days from 2000: a wage of another age is doubted."""
LAST_DAY: Final = 365_242
"""31 December 2999."""
CARD_DIGITS: Final = 5
_CORRELATION_MAX, _TRACE_MAX = 200, 200
_VERSION_DIGITS_MAX = 9
_MOMENT_BYTES = 27
_NEWLINE, _ZERO, _NINE, _ONE, _EIGHT = 0x0A, 0x30, 0x39, 0x31, 0x38
_WAGE_PAID = ascii_of("wage-paid")
_CARD_NO, _WAGE_ID, _PAID_ON = ascii_of("card_no"), ascii_of("wage_id"), ascii_of("paid_on")
_EMPLOYMENT_ID, _HOLIDAY = ascii_of("employment_id"), ascii_of("holiday_pay_ore")
_KNOWN_AT, _AMOUNT_ORE = ascii_of("known_at"), ascii_of("amount_ore")
_GRANTS_VERSION = ascii_of("grants_version")


def new_figures() -> Array:
    """Give room for what is read of one message."""
    return np.zeros(FIGURES, np.int64)


@compiled
def read_message(
    text: Pointer, at: int, value_at: int, end: int, read: Pointer, members: Pointer
) -> bool:
    """Read the headers from `at` and the payload from `value_at`; False if it is in doubt."""
    if not _split(text, at, value_at, read) or not _are_headers(text, read):
        return False
    count = payload.read_object(text, value_at, end, members)
    if count < 0:
        return False
    read[PAYLOAD], read[PAYLOAD_END], read[MEMBERS] = value_at, end, count
    return _is_wage(text, read, members, count)


@compiled
def _split(text: Pointer, at: int, end: int, read: Pointer) -> bool:
    """Find the headers, each on its line."""
    header = 0
    read[0] = at
    while at < end:
        if text[at] == _NEWLINE:
            read[2 * header + 1] = at - read[2 * header]
            header += 1
            if header == len(HEADERS):
                return False
            read[2 * header] = at + 1
        at += 1
    read[2 * header + 1] = at - read[2 * header]
    return header == len(HEADERS) - 1


@compiled
def _are_headers(text: Pointer, read: Pointer) -> bool:
    at, size = read[2 * TYPE], read[2 * TYPE + 1]
    if literal(text, at, at + size, _WAGE_PAID) != at + size:
        return False
    if not is_uuid(text, read[2 * ID], read[2 * ID + 1]):
        return False
    if not is_uuid(text, read[2 * SUBJECT], read[2 * SUBJECT + 1]):
        return False
    read[VERSION] = _version(text, read[2 * VERSION_TEXT], read[2 * VERSION_TEXT + 1])
    at, size = read[2 * MUNICIPALITY], read[2 * MUNICIPALITY + 1]
    if read[VERSION] < 0 or size != 3 or not _ONE <= text[at] <= _EIGHT:
        return False
    if not _are_digits(text, at, size):
        return False
    size = read[2 * CORRELATION + 1]
    if size == 0 or size > _CORRELATION_MAX or read[2 * TRACE + 1] > _TRACE_MAX:
        return False
    for header in (CORRELATION, TRACE):
        at = read[2 * header]
        for i in range(read[2 * header + 1]):
            if text[at + i] < 0x21 or text[at + i] > 0x7E:
                return False
    at, size = read[2 * TIME], read[2 * TIME + 1]
    return bool(size == _MOMENT_BYTES and read_moment(text, at, at + size)[0] >= 0)


@compiled
def _is_wage(text: Pointer, read: Pointer, members: Pointer, count: int) -> bool:
    """Find what a wage is decided on."""
    read[CARD_AT] = payload.string_of(text, members, count, _CARD_NO, CARD_DIGITS)
    if read[CARD_AT] < 0 or not _are_digits(text, read[CARD_AT], CARD_DIGITS):
        return False
    read[WAGE_AT] = payload.string_of(text, members, count, _WAGE_ID, UUID_BYTES)
    if read[WAGE_AT] < 0 or not is_uuid(text, read[WAGE_AT], UUID_BYTES):
        return False
    read[JOB_AT] = payload.string_of(text, members, count, _EMPLOYMENT_ID, UUID_BYTES)
    if read[JOB_AT] < 0:
        return False
    holiday = payload.find(text, members, count, _HOLIDAY)
    if holiday >= 0 and members[holiday + payload.KIND] != NUMBER:
        return False
    at = read[KNOWN_TEXT] = payload.string_of(text, members, count, _KNOWN_AT, _MOMENT_BYTES)
    known, read[KNOWN_AT] = read_moment(text, at, at + _MOMENT_BYTES)
    if known < 0 or not FIRST_DAY <= read[KNOWN_AT] // DAY_US <= LAST_DAY:
        return False
    at = payload.string_of(text, members, count, _PAID_ON, DATE_BYTES)
    paid, read[PAID_ON] = read_date(text, at, at + DATE_BYTES)
    if paid < 0 or not FIRST_DAY <= read[PAID_ON] <= LAST_DAY:
        return False
    read[YEAR] = year_at(text, at)
    read[AMOUNT] = payload.number_of(text, members, count, _AMOUNT_ORE)
    read[GRANTS_VERSION] = payload.number_of(text, members, count, _GRANTS_VERSION)
    if not 0 < read[AMOUNT] <= AMOUNT_ORE_MAX:
        return False
    return bool(0 <= read[GRANTS_VERSION] <= VERSION_MAX)


@compiled
def _version(text: Pointer, at: int, size: int) -> int:
    """Give a stream's version, of one to nine digits, the first of them not zero."""
    if size == 0 or size > _VERSION_DIGITS_MAX or text[at] == _ZERO:
        return NOWHERE
    if not _are_digits(text, at, size):
        return NOWHERE
    value = 0
    for i in range(size):
        value = value * 10 + (text[at + i] - _ZERO)
    return value


@compiled
def _are_digits(text: Pointer, at: int, size: int) -> bool:
    for i in range(size):
        if text[at + i] < _ZERO or text[at + i] > _NINE:
            return False
    return True
