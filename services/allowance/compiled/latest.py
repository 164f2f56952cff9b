"""The last row of each citizen's year, of which the balance is told: the years in their order.

A year is found again by where it is hashed to, or behind that.
"""

import numpy as np

from services.allowance.compiled.told import CITIZEN_ID, YEAR
from services.chassis.compiled.copies import NULL, Table, is_same, place, whole
from services.chassis.compiled.jit import Array, Pointer, compiled, pointer_to
from services.chassis.compiled.text import NOWHERE, scattered


def new_slots(rows: int) -> Array:
    """Give room to find the years of so many rows in; more than half of it stays free."""
    return np.full(1 << (2 * rows).bit_length(), NOWHERE, np.int64)


@compiled
def find_latest(table: Table, latest: Pointer, slots: Array) -> int:
    """Find the last row of each citizen's year; give how many there are."""
    places, last, count = pointer_to(slots), len(slots) - 1, 0
    for row in range(table.rows):
        year = whole(table, row, YEAR)
        if year == NULL:
            continue
        slot = (scattered(table.data, place(table, row, CITIZEN_ID)) + year) & last
        while places[slot] != NOWHERE and not _is_of(table, row, latest[places[slot]], year):
            slot = (slot + 1) & last
        if places[slot] == NOWHERE:
            places[slot] = count
            count += 1
        latest[places[slot]] = row
    return count


@compiled
def _is_of(table: Table, row: int, other: int, year: int) -> bool:
    """Tell whether another row is of the same citizen and of this year."""
    if whole(table, other, YEAR) != year:
        return False
    return bool(is_same(table, row, CITIZEN_ID, table, other, CITIZEN_ID))
