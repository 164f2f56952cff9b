"""Dates and moments in the bytes, as days and microseconds since 1 January 2000.

PostgreSQL counts from then. Their texts, all of one form, sort as these numbers do.
"""

from typing import Final

from services.chassis.compiled.jit import Pointer, compiled
from services.chassis.compiled.text import NOWHERE

DAY_US: Final = 86_400_000_000
HOUR_US: Final = 3_600_000_000
DATE_BYTES: Final = 10
MOMENT_BYTES: Final = 27
_TO_2000: Final = 730_425
"""Days from 1 March of the year 0 to 1 January 2000."""
_ZERO, _NINE, _DASH, _COLON, _T, _DOT, _Z = 0x30, 0x39, 0x2D, 0x3A, 0x54, 0x2E, 0x5A


@compiled
def _digits(text: Pointer, at: int, value: int, width: int) -> bool:
    for i in range(width - 1, -1, -1):
        if text[at + i] != _ZERO + value % 10:
            return False
        value //= 10
    return True


@compiled
def date(text: Pointer, at: int, end: int, days: int) -> int:
    """Expect a date of the years 1 to 9999 as RFC 3339 has it, `days` after 1 January 2000."""
    if at < 0 or at + DATE_BYTES > end or days < -730_119 or days > 2_921_939:
        return NOWHERE
    since = days + _TO_2000
    era, of_era = since // 146_097, since % 146_097
    year_of_era = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month_from_march = (5 * of_year + 2) // 153
    day = of_year - (153 * month_from_march + 2) // 5 + 1
    month = month_from_march + 3 if month_from_march < 10 else month_from_march - 9
    year = year_of_era + era * 400 + (1 if month <= 2 else 0)
    if text[at + 4] != _DASH or text[at + 7] != _DASH:
        return NOWHERE
    if not _digits(text, at, year, 4) or not _digits(text, at + 5, month, 2):
        return NOWHERE
    return at + DATE_BYTES if _digits(text, at + 8, day, 2) else NOWHERE


@compiled
def moment(text: Pointer, at: int, end: int, microseconds: int) -> int:
    """Expect a moment in UTC with six decimals, so long after the year 2000 began."""
    if at < 0 or at + MOMENT_BYTES > end:
        return NOWHERE
    days, rest = microseconds // DAY_US, microseconds % DAY_US
    if date(text, at, end, days) < 0 or text[at + 10] != _T or text[at + 13] != _COLON:
        return NOWHERE
    if text[at + 16] != _COLON or text[at + 19] != _DOT or text[at + 26] != _Z:
        return NOWHERE
    seconds = rest // 1_000_000
    if not _digits(text, at + 11, seconds // 3600, 2):
        return NOWHERE
    if not _digits(text, at + 14, seconds // 60 % 60, 2):
        return NOWHERE
    if not _digits(text, at + 17, seconds % 60, 2):
        return NOWHERE
    return at + MOMENT_BYTES if _digits(text, at + 20, rest % 1_000_000, 6) else NOWHERE


@compiled
def _number(text: Pointer, at: int, width: int) -> int:
    value = 0
    for i in range(width):
        if text[at + i] < _ZERO or text[at + i] > _NINE:
            return NOWHERE
        value = value * 10 + (text[at + i] - _ZERO)
    return value


@compiled
def year_at(text: Pointer, at: int) -> int:
    """Give the year of a date that was read."""
    return _number(text, at, 4)


@compiled
def read_date(text: Pointer, at: int, end: int) -> tuple[int, int]:
    """Read a date that there is; give the place after it, and its day."""
    if at < 0 or at + DATE_BYTES > end:
        return NOWHERE, 0
    year, month, day = _number(text, at, 4), _number(text, at + 5, 2), _number(text, at + 8, 2)
    from_march = year if month > 2 else year - 1
    era, of_era = from_march // 400, from_march % 400
    of_year = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day - 1
    days = era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - _TO_2000
    return date(text, at, end, days), days


@compiled
def read_moment(text: Pointer, at: int, end: int) -> tuple[int, int]:
    """Read a moment in UTC with six decimals; give the place after it, and its microseconds."""
    at_time, days = read_date(text, at, end)
    if at_time < 0 or at + MOMENT_BYTES > end:
        return NOWHERE, 0
    hours, minutes = _number(text, at + 11, 2), _number(text, at + 14, 2)
    seconds, decimals = _number(text, at + 17, 2), _number(text, at + 20, 6)
    microseconds = ((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + decimals
    found = days * DAY_US + microseconds
    return moment(text, at, end, found), found
