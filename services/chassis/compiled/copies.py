"""What COPY … (FORMAT binary) sends, in place: where each column of each row stands.

The form is PostgreSQL's: a header, then of each row the number of its columns and of each column
its size (-1 is null) and its bytes, numbers with their highest byte first.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from services.chassis.compiled.jit import Array, Pointer, compiled, pointer_to
from services.chassis.compiled.text import is_equal

HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
NULL: Final = -(2**63)
"""What a column that is null, or no number, gives as one; a bigint may be it all the same."""
NOT_ROWS: Final = -1
SENT_MAX: Final = 2**31 - 1
"""Places are kept in four bytes."""
_COUNT_BYTES, _SIZE_BYTES = 2, 4


class Rows(NamedTuple):
    """Rows as they were sent: `at[row, column]` and `size[row, column]` say where in `data`."""

    data: Array
    at: Array
    size: Array

    def text(self, row: int, column: int) -> bytes:
        """Give a column's bytes."""
        at = int(self.at[row, column])
        return self.data[at : at + int(self.size[row, column])].tobytes()


class Table(NamedTuple):
    """The same for compiled code: a row's columns stand at `row * columns` and on."""

    data: Pointer
    at: Pointer
    size: Pointer
    columns: int
    rows: int


def read_rows(sent: bytes, columns: Sequence[str]) -> Rows:
    """Find the columns in what was sent.

    Raises:
        ValueError: it is not what COPY sends of rows of so many columns, or too much at once.
    """
    if len(sent) > SENT_MAX:
        raise ValueError(f"more than {SENT_MAX} bytes")
    data = np.frombuffer(sent, np.uint8)
    at_most = len(sent) // (_COUNT_BYTES + _SIZE_BYTES * len(columns)) + 1
    at, size = (np.empty((at_most, len(columns)), np.int32) for _ in range(2))
    count = _split(data, at, size) if sent.startswith(HEADER) else NOT_ROWS
    if count == NOT_ROWS:
        raise ValueError(f"not {len(columns)} columns as COPY sends them")
    return Rows(data, at[:count], size[:count])


@compiled
def _two(data: Pointer, at: int) -> int:
    """Read two bytes, the highest first; added to 0 they are a number with a sign."""
    value: int = ((0 + data[at]) << 8) | (0 + data[at + 1])
    return value


@compiled
def _four(data: Pointer, at: int) -> int:
    return (_two(data, at) << 16) | _two(data, at + 2)


@compiled
def _size(data: Pointer, at: int) -> int:
    """Read the size of a column."""
    found = _four(data, at)
    return found if found < 1 << 31 else found - (1 << 32)


@compiled
def _columns(data: Pointer, at: int) -> int:
    """Read how many columns a row has; -1 behind the last."""
    found = _two(data, at)
    return found if found < 1 << 15 else found - (1 << 16)


@compiled
def _split(data: Array, at: Array, size: Array) -> int:
    """Find all columns; give how many rows there are, `NOT_ROWS` if they are no whole rows."""
    sent, here, end = pointer_to(data), len(HEADER), len(data)
    columns, count = at.shape[1], 0
    while here + _COUNT_BYTES <= end:
        found = _columns(sent, here)
        here += _COUNT_BYTES
        if found == -1:
            return count if here == end else NOT_ROWS
        if found != columns or here + _SIZE_BYTES * columns > end:
            return NOT_ROWS
        for column in range(columns):
            if here + _SIZE_BYTES > end:
                return NOT_ROWS
            found = _size(sent, here)
            here += _SIZE_BYTES
            at[count, column], size[count, column] = here, found
            here += max(found, 0)
        count += 1
    return NOT_ROWS


@compiled
def table_of(rows: Rows) -> Table:
    """Give rows to compiled code; they must outlive it."""
    count, columns = rows.at.shape
    data, at, size = pointer_to(rows.data), pointer_to(rows.at), pointer_to(rows.size)
    return Table(data, at, size, columns, count)


@compiled
def place(table: Table, row: int, column: int) -> int:
    """Give where a column starts."""
    return int(table.at[row * table.columns + column])


@compiled
def size_of(table: Table, row: int, column: int) -> int:
    """Give how many bytes a column has; -1 if it is null."""
    return int(table.size[row * table.columns + column])


@compiled
def whole(table: Table, row: int, column: int) -> int:
    """Give a whole number: a count, a day, microseconds, or the first 8 bytes of an id."""
    data, at, size = table.data, place(table, row, column), size_of(table, row, column)
    if size >= 8:
        return (_four(data, at) << 32) | _four(data, at + 4)
    if size == 4:
        return _size(data, at)
    return _columns(data, at) if size == 2 else NULL


@compiled
def is_same(a: Table, row: int, column: int, b: Table, other: int, its: int) -> bool:
    """Tell whether two columns hold the same bytes; two that are null do."""
    size = size_of(a, row, column)
    if size != size_of(b, other, its):
        return False
    at, where = place(a, row, column), place(b, other, its)
    return is_equal(a.data, at, b.data, where, size)


@compiled
def is_less(a: Table, row: int, column: int, b: Table, other: int, its: int) -> bool:
    """Tell whether the id in one column comes before that in another."""
    at, where = place(a, row, column), place(b, other, its)
    for i in range(min(size_of(a, row, column), size_of(b, other, its))):
        if a.data[at + i] != b.data[where + i]:
            return bool(a.data[at + i] < b.data[where + i])
    return False
