"""A flat JSON object as a sender wrote it, its members found and put in the order of their names.

What is read here and written again has the one form that RFC 8785 gives it: names of small
letters, digits and underscores, strings without escapes, integers, true and false. Whatever else
stands in a payload is doubted.
"""

from typing import Final

import numpy as np

from services.chassis.compiled.jit import Array, Pointer, compiled
from services.chassis.compiled.members import NUMBER, STRING, is_of_name, scalar
from services.chassis.compiled.text import NOWHERE, ascii_of, byte, literal, number
from services.chassis.compiled.writing import copy, put

MEMBERS_MAX: Final = 32
NAME, NAME_END, VALUE, VALUE_END, KIND, MEMBER = range(6)
"""Where a member's name and value stand (a string's value begins with its quotation mark)."""

_BETWEEN: Final = ascii_of('":')
_OPEN, _CLOSE, _COMMA, _QUOTE = 0x7B, 0x7D, 0x2C, 0x22


def new_members() -> Array:
    """Give room for one object's members."""
    return np.zeros(MEMBERS_MAX * MEMBER, np.int64)


@compiled
def read_object(text: Pointer, at: int, end: int, members: Pointer) -> int:
    """Read a whole object; give how many members it has, `NOWHERE` if it is in doubt."""
    at, count = byte(text, at, end, _OPEN), 0
    while at >= 0 and count < MEMBERS_MAX:
        name = byte(text, at, end, _QUOTE)
        at = name
        while 0 <= at < end and is_of_name(text[at]):
            at += 1
        value = literal(text, at, end, _BETWEEN)
        name_end = at
        at, kind = scalar(text, value, end)
        if at < 0 or name_end == name:
            return NOWHERE
        place = _make_room(text, members, count, name, name_end)
        if place < 0:
            return NOWHERE
        members[place + NAME], members[place + NAME_END] = name, name_end
        members[place + VALUE], members[place + VALUE_END] = value, at
        members[place + KIND] = kind
        count += 1
        if at < end and text[at] == _CLOSE:
            return count if at + 1 == end else NOWHERE
        at = byte(text, at, end, _COMMA)
    return NOWHERE


@compiled
def find(text: Pointer, members: Pointer, count: int, name: Array) -> int:
    """Find a member; give where it stands among them, `NOWHERE` if there is none."""
    size = len(name)
    for place in range(0, count * MEMBER, MEMBER):
        at = members[place + NAME]
        if members[place + NAME_END] - at == size:
            i = 0
            while i < size and text[at + i] == name[i]:
                i += 1
            if i == size:
                return place
    return NOWHERE


@compiled
def string_of(text: Pointer, members: Pointer, count: int, name: Array, size: int) -> int:
    """Give where a string of so many bytes begins; `NOWHERE` if there is no such."""
    place = find(text, members, count, name)
    if place < 0 or members[place + KIND] != STRING:
        return NOWHERE
    if members[place + VALUE_END] - members[place + VALUE] != size + 2:
        return NOWHERE
    return int(members[place + VALUE] + 1)


@compiled
def number_of(text: Pointer, members: Pointer, count: int, name: Array) -> int:
    """Give an integer that is not negative; `NOWHERE` if there is no such."""
    place = find(text, members, count, name)
    if place < 0 or members[place + KIND] != NUMBER:
        return NOWHERE
    value = number(text, members[place + VALUE], members[place + VALUE_END])[1]
    return value if value >= 0 else NOWHERE


@compiled
def write_object(out: Pointer, at: int, text: Pointer, members: Pointer, count: int) -> int:
    """Write the members in the order of their names."""
    out[at] = _OPEN
    for place in range(0, count * MEMBER, MEMBER):
        if place:
            out[at] = _COMMA
        out[at + 1] = _QUOTE
        at = copy(
            out,
            at + 2,
            text,
            members[place + NAME],
            members[place + NAME_END] - members[place + NAME],
        )
        at = put(out, at, _BETWEEN)
        value = members[place + VALUE]
        at = copy(out, at, text, value, members[place + VALUE_END] - value)
    out[at] = _CLOSE
    return at + 1


@compiled
def _make_room(text: Pointer, members: Pointer, count: int, name: int, name_end: int) -> int:
    """Move those members up that a name comes before; give its place, `NOWHERE` if it is there."""
    place = count * MEMBER
    while place:
        before = place - MEMBER
        order = _order(text, members[before + NAME], members[before + NAME_END], name, name_end)
        if order == 0:
            return NOWHERE
        if order < 0:
            return place
        for i in range(MEMBER):
            members[place + i] = members[before + i]
        place = before
    return place


@compiled
def _order(text: Pointer, a: int, a_end: int, b: int, b_end: int) -> int:
    """Compare two names: negative if the first comes first, zero if they are the same."""
    for i in range(min(a_end - a, b_end - b)):
        if text[a + i] != text[b + i]:
            return -1 if text[a + i] < text[b + i] else 1
    return (a_end - a) - (b_end - b)
