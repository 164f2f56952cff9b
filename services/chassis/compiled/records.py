"""Records in the form in which Kafka keeps them (its message format 2), written in place.

A record's *body* is what does not depend on where it comes to stand: its key, its value and its
headers, the last of which, with the record's number, is left open. `write_records` puts bodies one
behind the other, each between what is left: its size, its place and its number.
"""

from typing import Final

import numpy as np

from services.chassis.compiled.jit import Array, Pointer, compiled, pointer_to
from services.chassis.compiled.writing import copy, decimal, digits, put

HEADER_BYTES: Final = 61
"""What stands before the records of a batch."""
RECORD_BYTES_MAX: Final = 64
"""What a record takes at the most beside its body."""
NUMBER: Final = "ce_partitionseq"
NOT_NUMBERED: Final = -1
START, END, SPAN = range(3)


def varint_of(value: int) -> bytes:
    """Give a size as Kafka writes it: its double, seven bits to a byte, the lowest first."""
    rest, found = 2 * value, bytearray()
    while rest > 0x7F:
        found.append(rest & 0x7F | 0x80)
        rest >>= 7
    found.append(rest)
    return bytes(found)


def header(name: str, size: int | None = None) -> Array:
    """Give what stands before a header's value: its name, and its size where that is known."""
    known = b"" if size is None else varint_of(size)
    return np.frombuffer(varint_of(len(name)) + name.encode() + known, np.uint8).copy()


_NUMBER = header(NUMBER)


@compiled
def varint(out: Pointer, at: int, value: int) -> int:
    """Write a size or a place, of which none is negative, as `varint_of` does."""
    rest = value << 1
    while rest > 0x7F:
        out[at] = rest & 0x7F | 0x80
        at, rest = at + 1, rest >> 7
    out[at] = rest
    return at + 1


@compiled
def sized(out: Pointer, at: int, source: Pointer, where: int, size: int) -> int:
    """Write bytes that stand elsewhere, behind their size."""
    return int(copy(out, varint(out, at, size), source, where, size))


@compiled
def write_records(
    bodies: Array, spans: Array, first: int, number: int, out: Array, room: int
) -> tuple[int, int]:
    """Write records behind a batch's header, the first of them and what else there is room for.

    `spans` says where each body starts and ends, one after the other. The first gets `number`,
    each that follows the next one. Gives which record comes next, and how many bytes are written.
    """
    source, to, index, at = pointer_to(bodies), pointer_to(out), first, HEADER_BYTES
    while index < len(spans) // SPAN:
        start, size = spans[index * SPAN + START], spans[index * SPAN + END]
        size -= start
        offset = index - first
        more = 0 if number == NOT_NUMBERED else len(_NUMBER) + 1 + digits(number + offset)
        whole = 2 + _varint_bytes(offset) + size + more
        if offset > 0 and at + _varint_bytes(whole) + whole > room:
            break
        at = varint(to, at, whole)
        to[at], to[at + 1] = 0, 0  # no attributes, and the moment of the batch
        at = copy(to, varint(to, at + 2, offset), source, start, size)
        if number != NOT_NUMBERED:
            at = put(to, at, _NUMBER)
            at = decimal(to, varint(to, at, digits(number + offset)), number + offset)
        index += 1
    return index, at


@compiled
def _varint_bytes(value: int) -> int:
    count, rest = 1, value >> 6
    while rest:
        count, rest = count + 1, rest >> 7
    return count
