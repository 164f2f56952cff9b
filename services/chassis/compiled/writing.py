"""Writing bytes at a place: each function writes something there and gives the place after it.

Nothing here looks whether there is room: whoever writes has made it.
"""

from typing import Final

import numpy as np

from services.chassis.compiled.jit import Array, Pointer, compiled

_HEX: Final = np.frombuffer(b"0123456789abcdef", np.uint8)
_DASH, _MINUS, _ZERO = 0x2D, 0x2D, 0x30
_LETTER_A: Final = 0x61
NO_VALUE: Final = -1
"""The size that COPY gives what is null."""


@compiled
def put(out: Pointer, at: int, text: Array) -> int:
    """Write a fixed text."""
    for i in range(len(text)):
        out[at + i] = text[i]
    return at + len(text)


@compiled
def copy(out: Pointer, at: int, source: Pointer, where: int, size: int) -> int:
    """Write bytes that stand elsewhere."""
    for i in range(size):
        out[at + i] = source[where + i]
    return at + size


@compiled
def decimal(out: Pointer, at: int, value: int) -> int:
    """Write an integer in its shortest form."""
    if value < 0:
        out[at] = _MINUS
        at, value = at + 1, -value
    end = at + digits(value)
    for place in range(end - 1, at - 1, -1):
        out[place] = _ZERO + value % 10
        value //= 10
    return end


@compiled
def digits(value: int) -> int:
    """Count the digits of an integer that is not negative."""
    count, rest = 1, value // 10
    while rest:
        count, rest = count + 1, rest // 10
    return count


@compiled
def hexadecimal(out: Pointer, at: int, source: Pointer, where: int, size: int) -> int:
    """Write bytes as pairs of digits."""
    for i in range(size):
        value = source[where + i]
        out[at + 2 * i], out[at + 2 * i + 1] = _HEX[value >> 4], _HEX[value & 15]
    return at + 2 * size


@compiled
def whole(out: Pointer, at: int, value: int, size: int) -> int:
    """Write an integer as COPY does: so many bytes, the highest first."""
    for i in range(size):
        out[at + i] = value >> (8 * (size - 1 - i)) & 0xFF
    return at + size


@compiled
def sized(out: Pointer, at: int, value: int, size: int) -> int:
    """Write an integer column: its size, then itself."""
    return int(whole(out, whole(out, at, size, 4), value, size))


@compiled
def text_column(out: Pointer, at: int, source: Pointer, where: int, size: int) -> int:
    """Write a column of text that stands elsewhere."""
    return int(copy(out, whole(out, at, size, 4), source, where, size))


@compiled
def uuid_column(out: Pointer, at: int, source: Pointer, where: int) -> int:
    """Write a column of an identifier whose text stands elsewhere."""
    at = whole(out, at, 16, 4)
    for i in range(16):
        if i == 4 or i == 6 or i == 8 or i == 10:
            where += 1
        out[at + i] = _digit(source[where]) << 4 | _digit(source[where + 1])
        where += 2
    return at + 16


@compiled
def is_uuid(text: Pointer, at: int, size: int) -> bool:
    """Tell whether an identifier stands there in its usual spelling."""
    if size != 36:
        return False
    for i in range(36):
        value = text[at + i]
        if i == 8 or i == 13 or i == 18 or i == 23:
            if value != _DASH:
                return False
        elif not (_ZERO <= value <= 0x39 or _LETTER_A <= value <= 0x66):
            return False
    return True


@compiled
def _digit(value: int) -> int:
    return value - _ZERO if value < _LETTER_A else value - _LETTER_A + 10
