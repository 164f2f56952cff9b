"""A flat JSON object in the one form that RFC 8785 gives it, and where its values stand."""

from typing import Final

import numpy as np

from services.chassis.compiled.jit import Array, Pointer, compiled
from services.chassis.compiled.text import NOWHERE, ascii_of, byte, literal, number, string

_NAMES: Final = (
    *("amount_ore", "card_no", "id", "paid_on", "type", "wage_id", "year"),
    *("effective_on", "employment_id", "ends_on", "grants_version", "holiday_pay_ore"),
    *("outcome", "starts_on", "valid_from"),
)
AMOUNT_ORE, CARD_NO, ID, PAID_ON, TYPE, WAGE_ID, YEAR = range(7)
EFFECTIVE_ON, EMPLOYMENT_ID, ENDS_ON, GRANTS_VERSION, HOLIDAY_PAY_ORE = range(7, 12)
OUTCOME, STARTS_ON, VALID_FROM = range(12, len(_NAMES))
START, SIZE, KIND, SPAN = range(4)
"""Where in a span its parts stand, and how long it is."""
ABSENT, STRING, NUMBER, TRUTH = range(4)

_LONGEST: Final = max(map(len, _NAMES))
_SIZES: Final = np.array([len(name) for name in _NAMES])
_LETTERS: Final = np.stack([ascii_of(name.ljust(_LONGEST)) for name in _NAMES])
_TRUE, _FALSE, _BETWEEN = ascii_of("true"), ascii_of("false"), ascii_of('":')
_OPEN, _CLOSE, _COMMA, _QUOTE, _UNDERSCORE = 0x7B, 0x7D, 0x2C, 0x22, 0x5F


def new_spans() -> Array:
    """Give room for where one object's values stand: a span for each name.

    A span is where the value starts (a string behind its quotation mark), its size and its kind.
    """
    return np.zeros(len(_NAMES) * SPAN, np.int64)


@compiled
def flat_object(text: Pointer, at: int, end: int, spans: Pointer) -> int:
    """Read an object whose names rise and whose values are strings, integers, true or false."""
    for i in range(len(_SIZES) * SPAN):
        spans[i] = 0
    at = byte(text, at, end, _OPEN)
    if 0 <= at < end and text[at] == _CLOSE:
        return at + 1
    before, before_end = at, at
    while at >= 0:
        at = byte(text, at, end, _QUOTE)
        name = at
        while 0 <= at < end and is_of_name(text[at]):
            at += 1
        name_end = at
        if name >= 0 and not _rises(text, before, before_end, name, name_end):
            return NOWHERE
        before, before_end = name, name_end
        at = literal(text, at, end, _BETWEEN)
        at = _value(text, at, end, spans, _wanted(text, name, name_end))
        if 0 <= at < end and text[at] == _CLOSE:
            return at + 1
        at = byte(text, at, end, _COMMA)
    return NOWHERE


@compiled
def is_value(text: Pointer, spans: Pointer, name: int, data: Pointer, at: int, size: int) -> bool:
    """Tell whether a string is these bytes."""
    if spans[name * SPAN + KIND] != STRING or spans[name * SPAN + SIZE] != size:
        return False
    start = spans[name * SPAN + START]
    for i in range(size):
        if text[start + i] != data[at + i]:
            return False
    return True


@compiled
def number_of(text: Pointer, spans: Pointer, name: int, otherwise: int) -> int:
    """Give an integer."""
    if spans[name * SPAN + KIND] != NUMBER:
        return otherwise
    start = spans[name * SPAN + START]
    return number(text, start, start + spans[name * SPAN + SIZE])[1]


@compiled
def _rises(text: Pointer, a: int, a_end: int, b: int, b_end: int) -> bool:
    """Tell whether the name from b comes after that from a; any comes after none."""
    for i in range(min(a_end - a, b_end - b)):
        if text[a + i] != text[b + i]:
            return bool(text[a + i] < text[b + i])
    return a_end - a < b_end - b


@compiled
def _wanted(text: Pointer, name: int, name_end: int) -> int:
    size = name_end - name
    for known in range(len(_SIZES)):
        if _SIZES[known] == size:
            i = 0
            while i < size and text[name + i] == _LETTERS[known, i]:
                i += 1
            if i == size:
                return known
    return NOWHERE


@compiled
def scalar(text: Pointer, at: int, end: int) -> tuple[int, int]:
    """Read a string, an integer, true or false; give the place after it and what it is."""
    if at < 0 or at >= end:
        return NOWHERE, ABSENT
    first = text[at]
    if first == _QUOTE:
        return byte(text, string(text, at + 1, end), end, _QUOTE), STRING
    if first == _TRUE[0] or first == _FALSE[0]:
        return literal(text, at, end, _TRUE if first == _TRUE[0] else _FALSE), TRUTH
    return number(text, at, end)[0], NUMBER


@compiled
def is_of_name(value: int) -> bool:
    """Tell whether a byte may stand in a name."""
    return 0x61 <= value <= 0x7A or 0x30 <= value <= 0x39 or value == _UNDERSCORE


@compiled
def _value(text: Pointer, at: int, end: int, spans: Pointer, name: int) -> int:
    after, kind = scalar(text, at, end)
    if name != NOWHERE and after >= 0:
        quotes = 1 if kind == STRING else 0
        spans[name * SPAN + START] = at + quotes
        spans[name * SPAN + SIZE] = after - at - 2 * quotes
        spans[name * SPAN + KIND] = kind
    return after
