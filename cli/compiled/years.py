"""Decisions folded into a citizen's years, against the sums and the wages that their rows name."""

from typing import Final, NamedTuple

import numpy as np

from cli.compiled import entries
from cli.compiled.entries import (
    AMOUNT_ORE,
    COVERED_ORE,
    EXCESS_ORE,
    LIMIT_ORE,
    PAID_ON,
    SOURCE_TYPE,
    WAGE_ID,
    YEAR,
    YEAR_COVERED_ORE,
    YEAR_EXCESS_ORE,
    Desk,
    desk_of,
)
from services.chassis.compiled import members
from services.chassis.compiled.copies import NULL, Table, is_same, place, size_of, whole
from services.chassis.compiled.jit import Array, Pointer, compiled, pointer_to
from services.chassis.compiled.members import number_of
from services.chassis.compiled.text import NOWHERE, ascii_of, integer, literal
from services.chassis.compiled.times import date

YEARS_MAX: Final = 64
AMOUNT_ORE_MAX: Final = 10**12
"""More is doubted: as many as a piece can hold are summed in eight bytes."""
OF_YEAR, COVERED, EXCESS, ENTRIES, OVER_CAP, COVERED_TO, FOLD = range(7)
"""Where in a year what it has come to stands, as in a balance, and how long a year is."""
_WAGE, _OVER_CAP_WAGE = 1, 2
"""What an entry is as long as its wage stands."""
_WAGE_PAID = ascii_of("wage-paid")


class Room(NamedTuple):
    """The arrays of `Work`."""

    entry: entries.Room
    slots: Array
    standing: Array
    years: Array
    versions: Array


class Work(NamedTuple):
    """What is known of a citizen so far.

    `years` has one after another, `versions` how far each topic is; `standing` tells what an entry
    is, and `slots` finds that of a wage: its row and one more.
    """

    desk: Desk
    slots: Pointer
    slots_mask: int
    standing: Pointer
    years: Pointer
    versions: Pointer


def new_room(rows: int) -> Room:
    """Give room for so many rows."""
    slots = np.zeros(1 << max(4, (2 * rows).bit_length()), np.int64)
    years, standing = np.zeros(YEARS_MAX * FOLD, np.int64), np.zeros(rows, np.uint8)
    return Room(entries.new_room(), slots, standing, years, np.zeros(2, np.int64))


@compiled
def work_of(room: Room) -> Work:
    """Give room to compiled code; it must outlive it."""
    slots, standing = pointer_to(room.slots), pointer_to(room.standing)
    years, versions = pointer_to(room.years), pointer_to(room.versions)
    return Work(desk_of(room.entry), slots, len(room.slots) - 1, standing, years, versions)


@compiled
def is_text(table: Table, row: int, column: int, expected: Array) -> bool:
    """Tell whether a column is this text."""
    at = place(table, row, column)
    end = at + size_of(table, row, column)
    return literal(table.data, at, end, expected) == end


@compiled
def year_of(work: Work, years: int, year: int) -> int:
    """Find a year among so many that are open; give where it stands."""
    for at in range(0, years * FOLD, FOLD):
        if work.years[at + OF_YEAR] == year:
            return at
    return NOWHERE


@compiled
def decide(table: Table, row: int, start: int, work: Work, years: int) -> int:
    """Fold a decision of the citizen whose rows begin at `start`; give how many years are open."""
    covered_ore, excess_ore = whole(table, row, COVERED_ORE), whole(table, row, EXCESS_ORE)
    if max(abs(covered_ore), abs(excess_ore)) > AMOUNT_ORE_MAX:
        return NOWHERE
    if whole(table, row, AMOUNT_ORE) != covered_ore + excess_ore:
        return NOWHERE
    slot = _slot(table, row, start, work)
    paid = work.slots[slot] - 1
    if is_text(table, row, SOURCE_TYPE, _WAGE_PAID):
        is_over_cap = work.desk.read[entries.IS_OVER_CAP]
        if paid >= start or not _is_paid(table, row, work, covered_ore + excess_ore):
            return NOWHERE
        work.slots[slot] = row + 1
        work.standing[row] = _OVER_CAP_WAGE if is_over_cap else _WAGE
    else:
        if paid < start or not work.standing[paid] or not _is_opposite(table, row, paid):
            return NOWHERE
        is_over_cap = work.standing[paid] == _OVER_CAP_WAGE
        work.standing[paid] = 0
    year = year_of(work, years, whole(table, row, YEAR))
    if year < 0:
        if years == YEARS_MAX:
            return NOWHERE
        year, years = years * FOLD, years + 1
        for column in range(FOLD):
            work.years[year + column] = 0
        work.years[year + OF_YEAR] = whole(table, row, YEAR)
    work.years[year + COVERED] += covered_ore
    work.years[year + EXCESS] += excess_ore
    work.years[year + ENTRIES] += 1
    work.years[year + OVER_CAP] += excess_ore if is_over_cap else 0
    if covered_ore > 0 and work.years[year + COVERED] > whole(table, row, LIMIT_ORE):
        return NOWHERE
    return years if is_summed(table, row, work, year) else NOWHERE


@compiled
def is_summed(table: Table, row: int, work: Work, year: int) -> bool:
    """Tell whether a row says what its year has come to."""
    if whole(table, row, YEAR_COVERED_ORE) != work.years[year + COVERED]:
        return False
    return bool(whole(table, row, YEAR_EXCESS_ORE) == work.years[year + EXCESS])


@compiled
def reach(table: Table, start: int, end: int, work: Work, years: int) -> None:
    """Note of each year the latest date of a standing wage of which something is covered."""
    for year in range(0, years * FOLD, FOLD):
        work.years[year + COVERED_TO] = NULL
    for row in range(start, end):
        if work.standing[row] and whole(table, row, COVERED_ORE) > 0:
            year = year_of(work, years, whole(table, row, YEAR))
            paid_on = whole(table, row, PAID_ON)
            work.years[year + COVERED_TO] = max(work.years[year + COVERED_TO], paid_on)


@compiled
def _is_paid(table: Table, row: int, work: Work, amount_ore: int) -> bool:
    """Tell whether a wage's payload has its amount and its date, that of its year."""
    data, payload = table.data, work.desk.payload
    if number_of(data, payload, members.AMOUNT_ORE, NULL) != amount_ore:
        return False
    span = members.PAID_ON * members.SPAN
    if payload[span + members.KIND] != members.STRING:
        return False
    start = payload[span + members.START]
    end = start + payload[span + members.SIZE]
    if date(data, start, end, whole(table, row, PAID_ON)) != end:
        return False
    return bool(integer(data, start, start + 4, whole(table, row, YEAR)) == start + 4)


@compiled
def _is_opposite(table: Table, row: int, paid: int) -> bool:
    """Tell whether a reversal gives back what its wage took, in its year."""
    if whole(table, row, COVERED_ORE) != -whole(table, paid, COVERED_ORE):
        return False
    if whole(table, row, EXCESS_ORE) != -whole(table, paid, EXCESS_ORE):
        return False
    if not is_same(table, row, YEAR, table, paid, YEAR):
        return False
    return is_same(table, row, PAID_ON, table, paid, PAID_ON)


@compiled
def _slot(table: Table, row: int, start: int, work: Work) -> int:
    """Find the slot of a wage: that of its entry, or the free one where it would be put.

    A slot that holds an entry of a citizen before is free.
    """
    first = whole(table, row, WAGE_ID)
    slot = (first ^ (first >> 32)) & work.slots_mask
    while work.slots[slot] > start and not is_same(
        table, work.slots[slot] - 1, WAGE_ID, table, row, WAGE_ID
    ):
        slot = (slot + 1) & work.slots_mask
    return slot
