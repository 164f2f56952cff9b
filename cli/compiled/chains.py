"""Citizens' chains from their first entry to their last, against what is kept beside them.

It tells of each citizen whether everything is beyond doubt, and never what is wrong: that,
whoever is not beyond doubt is gone through by `cli/proof.py`. So it may doubt too much, and never
too little.
"""

from typing import Final, NamedTuple

import numpy as np

from cli.compiled import entries
from cli.compiled.entries import COVERED_ORE, EXCESS_ORE, PARTITION, SOURCE_TYPE, WAGE_ID, YEAR
from cli.compiled.sweeps import CAP_SET, Rules, sweep
from cli.compiled.years import FOLD, Room, Work, decide, is_text, reach, work_of, year_of
from services.chassis.compiled import members
from services.chassis.compiled.copies import (
    NULL,
    Rows,
    Table,
    is_less,
    is_same,
    place,
    size_of,
    table_of,
    whole,
)
from services.chassis.compiled.jit import Array, compiled
from services.chassis.compiled.members import is_value
from services.chassis.compiled.text import NOWHERE, ascii_of, uuid

HEADS: Final = ("citizen_id", "entry_no", "head")
BALANCES: Final = (
    *("citizen_id", "year", "covered_ore", "excess_ore"),
    *("entries", "over_cap_ore", "covered_to"),
)
"""As a year folds, behind the citizen."""
PARTITIONS_MAX: Final = 4096
ENTRIES, CITIZENS, COVERED, EXCESS = range(4)
"""What `totals` counts."""
_GRANTS, _PAYROLL = ascii_of("frikort-grants"), ascii_of("frikort-payroll")


class Proved(NamedTuple):
    """What came of it: where each citizen's rows start, and whether they are sound.

    `with_head` and `with_balance` tell which heads and balances have entries that agree; `totals`
    and `partitions` count sound citizens alone.
    """

    starts: Array
    sound: Array
    with_head: Array
    with_balance: Array
    totals: Array
    partitions: Array


def new_proved(rows: int, heads: int, balances: int) -> Proved:
    """Give room for the outcome."""
    marks = np.zeros(heads, np.bool_), np.zeros(balances, np.bool_)
    starts, sound = np.zeros(rows, np.int64), np.zeros(rows, np.bool_)
    return Proved(starts, sound, *marks, np.zeros(4, np.int64), np.zeros(PARTITIONS_MAX, np.int64))


@compiled
def prove(
    journal: Rows, kept_heads: Rows, kept_balances: Rows, rules: Rules, room: Room, proved: Proved
) -> int:
    """Prove all citizens, heads and balances in order of ids; give how many citizens there are."""
    table, heads, balances = table_of(journal), table_of(kept_heads), table_of(kept_balances)
    work = work_of(room)
    count, start, head, balance = 0, 0, 0, 0
    while start < table.rows:
        end = start + 1
        while end < table.rows and is_same(table, start, 0, table, end, 0):
            end += 1
        years = _fold(table, start, end, rules, work)
        while head < heads.rows and is_less(heads, head, 0, table, start, 0):
            head += 1
        has_head = head < heads.rows and _is_head(heads, head, table, start, end)
        if has_head:
            proved.with_head[head] = True
        while balance < balances.rows and is_less(balances, balance, 0, table, start, 0):
            balance += 1
        agree = 0
        while balance < balances.rows and is_same(balances, balance, 0, table, start, 0):
            if _is_fold(balances, balance, work, years):
                proved.with_balance[balance] = True
                agree += 1
            balance += 1
        proved.starts[count] = start
        proved.sound[count] = has_head and agree == years
        if proved.sound[count]:
            _count(table, start, end, proved.totals, proved.partitions)
        count += 1
        start = end
    return count


@compiled
def _fold(table: Table, start: int, end: int, rules: Rules, work: Work) -> int:
    """Go through one citizen's rows; give how many years they open, negative if in doubt."""
    years = work.versions[0] = work.versions[1] = 0
    for row in range(start, end):
        if not (_follows(table, row, start) and entries.reads(table, row, work.desk)):
            return NOWHERE
        if not (entries.hashes(table, row, work.desk, start) and _repeats(table, row, work)):
            return NOWHERE
        is_sweep = is_text(table, row, SOURCE_TYPE, CAP_SET)
        if entries.is_decided(table, row) != (size_of(table, row, EXCESS_ORE) >= 0):
            return NOWHERE
        if not (is_sweep or _is_newer(table, row, work)):
            return NOWHERE
        if is_sweep:
            years = sweep(table, row, start, rules, work, years)
        elif entries.is_decided(table, row):
            years = decide(table, row, start, work, years)
        elif size_of(table, row, YEAR) >= 0:
            return NOWHERE
        if years < 0:
            return NOWHERE
    reach(table, start, end, work, years)
    return years


@compiled
def _is_newer(table: Table, row: int, work: Work) -> bool:
    """Tell whether an entry's source comes after the citizen's one before it on its topic."""
    is_grants = is_text(table, row, entries.SOURCE_TOPIC, _GRANTS)
    if not is_grants and not is_text(table, row, entries.SOURCE_TOPIC, _PAYROLL):
        return False
    version, topic = whole(table, row, entries.SOURCE_VERSION), 1 if is_grants else 0
    if version <= work.versions[topic]:
        return False
    work.versions[topic] = version
    return True


@compiled
def _follows(table: Table, row: int, start: int) -> bool:
    """Tell whether an entry comes after the one before: its number and its moment."""
    if whole(table, row, entries.ENTRY_NO) != row - start + 1:
        return False
    partition = whole(table, row, PARTITION)
    if partition < 0 or partition >= PARTITIONS_MAX:
        return False
    recorded_at = whole(table, row, entries.RECORDED_AT)
    return row == start or recorded_at >= whole(table, row - 1, entries.RECORDED_AT)


@compiled
def _repeats(table: Table, row: int, work: Work) -> bool:
    """Tell whether the card and the wage of a row are those of its payload."""
    data, payload, card_no = table.data, work.desk.payload, entries.CARD_NO
    if size_of(table, row, card_no) < 0:
        if payload[members.CARD_NO * members.SPAN + members.KIND] != members.ABSENT:
            return False
    else:
        at, size = place(table, row, card_no), size_of(table, row, card_no)
        if not is_value(data, payload, members.CARD_NO, data, at, size):
            return False
    if not entries.is_decided(table, row):
        return size_of(table, row, WAGE_ID) < 0
    span = members.WAGE_ID * members.SPAN
    if payload[span + members.KIND] != members.STRING:
        return False
    if size_of(table, row, WAGE_ID) != entries.UUID_BYTES:
        return False
    start = payload[span + members.START]
    end = start + payload[span + members.SIZE]
    return bool(uuid(data, start, end, data, place(table, row, WAGE_ID)) == end)


@compiled
def _is_head(heads: Table, head: int, table: Table, start: int, end: int) -> bool:
    if not is_same(heads, head, 0, table, start, 0) or whole(heads, head, 1) != end - start:
        return False
    return is_same(heads, head, 2, table, end - 1, entries.HASH)


@compiled
def _is_fold(balances: Table, balance: int, work: Work, years: int) -> bool:
    year = year_of(work, years, whole(balances, balance, 1))
    if year < 0:
        return False
    for column in range(FOLD):
        if whole(balances, balance, 1 + column) != work.years[year + column]:
            return False
    return True


@compiled
def _count(table: Table, start: int, end: int, totals: Array, partitions: Array) -> None:
    totals[CITIZENS] += 1
    totals[ENTRIES] += end - start
    for row in range(start, end):
        partitions[whole(table, row, PARTITION)] += 1
        covered_ore = whole(table, row, COVERED_ORE)
        if covered_ore != NULL:
            totals[COVERED] += covered_ore
            totals[EXCESS] += whole(table, row, EXCESS_ORE)
