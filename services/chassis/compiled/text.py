"""Reading bytes at a place: each function expects something there and gives the place after it.

Where something else stands, or the text is over, the place is `NOWHERE`, and whatever is expected
from there on gives `NOWHERE` too: a whole text is read without asking in between.
"""

from typing import Final

import numpy as np

from services.chassis.compiled.jit import Array, Pointer, compiled, eight, pointer_to

NOWHERE: Final = -1
UUID_BYTES: Final = 36
DIGITS_MAX: Final = 15
"""Of an integer that every reader of JSON reads as the same number."""
_HEX: Final = np.frombuffer(b"0123456789abcdef", np.uint8)
_DASH, _QUOTE, _BACKSLASH, _MINUS, _ZERO, _NINE = 0x2D, 0x22, 0x5C, 0x2D, 0x30, 0x39
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
_ONES, _HIGHS = np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)


def ascii_of(text: str) -> Array:
    """Give a text as the bytes to expect."""
    return np.frombuffer(text.encode("ascii"), np.uint8).copy()


@compiled
def literal(text: Pointer, at: int, end: int, expected: Array) -> int:
    """Expect these bytes."""
    size = len(expected)
    if at < 0 or at + size > end or not is_equal(text, at, pointer_to(expected), 0, size):
        return NOWHERE
    return at + size


@compiled
def is_equal(a: Pointer, at: int, b: Pointer, where: int, size: int) -> bool:
    """Tell whether the same bytes stand at two places."""
    done = 0
    while done + 8 <= size:
        if eight(a, at + done) != eight(b, where + done):
            return False
        done += 8
    while done < size:
        if a[at + done] != b[where + done]:
            return False
        done += 1
    return True


@compiled
def scattered(text: Pointer, at: int) -> int:
    """Give a number that differs where the first sixteen bytes at a place do, mostly."""
    mixed = (eight(text, at) * _SPREAD) ^ eight(text, at + 8)
    return int((mixed * _SPREAD) >> np.uint64(33))


@compiled
def byte(text: Pointer, at: int, end: int, expected: int) -> int:
    """Expect this byte."""
    if at < 0 or at >= end or text[at] != expected:
        return NOWHERE
    return at + 1


@compiled
def uuid(text: Pointer, at: int, end: int, source: Pointer, where: int) -> int:
    """Expect a UUID as text, of which `source` has the 16 bytes at `where`."""
    if at < 0 or at + UUID_BYTES > end:
        return NOWHERE
    for i in range(16):
        if i == 4 or i == 6 or i == 8 or i == 10:
            if text[at] != _DASH:
                return NOWHERE
            at += 1
        value = source[where + i]
        if text[at] != _HEX[value >> 4] or text[at + 1] != _HEX[value & 15]:
            return NOWHERE
        at += 2
    return at


@compiled
def write_uuid(source: Pointer, where: int, text: Pointer, at: int) -> None:
    """Write the UUID whose 16 bytes stand in `source` as text."""
    for i in range(16):
        if i == 4 or i == 6 or i == 8 or i == 10:
            text[at] = _DASH
            at += 1
        value = source[where + i]
        text[at], text[at + 1] = _HEX[value >> 4], _HEX[value & 15]
        at += 2


@compiled
def number(text: Pointer, at: int, end: int) -> tuple[int, int]:
    """Read an integer that is written in the only way there is; give its value too."""
    if at < 0 or at >= end:
        return NOWHERE, 0
    is_negative = text[at] == _MINUS
    if is_negative:
        at += 1
    first, value = at, 0
    while at < end and at - first <= DIGITS_MAX and _ZERO <= text[at] <= _NINE:
        value = value * 10 + (text[at] - _ZERO)
        at += 1
    digits = at - first
    if digits == 0 or digits > DIGITS_MAX:
        return NOWHERE, 0
    if text[first] == _ZERO and (digits > 1 or is_negative):
        return NOWHERE, 0
    return at, -value if is_negative else value


@compiled
def integer(text: Pointer, at: int, end: int, expected: int) -> int:
    """Expect this integer."""
    at, value = number(text, at, end)
    return at if value == expected else NOWHERE


@compiled
def same(text: Pointer, at: int, end: int, where: int, size: int) -> int:
    """Expect a whole string that stands at `where` too."""
    if at < 0 or at + size > end or not is_equal(text, at, text, where, size):
        return NOWHERE
    return at + size if string(text, at, end) == at + size else NOWHERE


@compiled
def _character(text: Pointer, at: int, end: int) -> int:
    """Read a character of two to four bytes of UTF-8, as RFC 3629 has them."""
    first, low, high = text[at], 0x80, 0xBF
    if 0xC2 <= first <= 0xDF:
        more = 1
    elif 0xE0 <= first <= 0xEF:
        more = 2
        low, high = (0xA0 if first == 0xE0 else low), (0x9F if first == 0xED else high)
    elif 0xF0 <= first <= 0xF4:
        more = 3
        low, high = (0x90 if first == 0xF0 else low), (0x8F if first == 0xF4 else high)
    else:
        return NOWHERE
    if at + more >= end or text[at + 1] < low or text[at + 1] > high:
        return NOWHERE
    for i in range(2, more + 1):
        if text[at + i] & 0xC0 != 0x80:
            return NOWHERE
    return at + more + 1


@compiled
def string(text: Pointer, at: int, end: int) -> int:
    """Read a string of JSON behind its opening quotation mark, up to the closing one.

    One in which something is escaped is not read, whoever has it is in doubt.
    """
    if at < 0:
        return NOWHERE
    while at + 8 <= end and _is_ordinary(eight(text, at)):
        at += 8
    while 0 <= at < end:
        value = text[at]
        if value == _QUOTE:
            return at
        if value < 0x20 or value == _BACKSLASH:
            return NOWHERE
        at = at + 1 if value < 0x80 else _character(text, at, end)
    return NOWHERE


@compiled
def _is_ordinary(bytes_: int) -> bool:
    """Tell whether eight bytes are ASCII, none a quotation mark, a backslash or a control.

    A byte from which more is taken than it has borrows from the next, and may blame that too: it
    is looked at alone then.
    """
    quotes, backslashes = (
        bytes_ ^ (_ONES * np.uint64(_QUOTE)),
        bytes_ ^ (_ONES * np.uint64(_BACKSLASH)),
    )
    low = (quotes - _ONES) | (backslashes - _ONES) | (bytes_ - _ONES * np.uint64(0x20)) | bytes_
    return bool((low & _HIGHS) == 0)
