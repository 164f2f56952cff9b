"""Wages decided in bulk, in the order in which they came: plain ones, and nothing but those.

A plain wage is of a citizen with one card that was never changed, known to the ledger exactly as
far as the wage names it; of a year with one cap that nobody has closed; and of no employment that
a person must look at. It is decided as `posting.py` does it. From a citizen's first message that
is not plain on, none is decided here.
"""

from typing import Final, NamedTuple

from services.allowance.compiled.entries import (
    COVERED,
    DECIDED,
    ENTRY_NO,
    EXCESS,
    HASH_BYTES,
    IS_EXHAUSTED,
    IS_LATE,
    IS_LOW,
    IS_OVER_CAP,
    JOURNAL_SEQ,
    LIMIT,
    LOW_PERCENT,
    NO_TURN,
    OFFSET,
    OPENS,
    PARTITION,
    ROW_BYTES_MAX,
    TURN,
    YEAR_COVERED,
    YEAR_EXCESS,
    Desk,
    DeskRoom,
    desk_of,
    write_row,
)
from services.allowance.compiled.messages import (
    AMOUNT,
    CARD_AT,
    CARD_DIGITS,
    GRANTS_VERSION,
    JOB_AT,
    PAID_ON,
    VERSION,
    YEAR,
    read_message,
)
from services.chassis.compiled.jit import Array, Pointer, compiled, pointer_to
from services.chassis.compiled.text import NOWHERE, UUID_BYTES, is_equal

NO_DAY: Final = -(2**62)
"""`covered_to` of a year of which nothing is covered."""
LAST_DAY: Final = 2**62
"""The last day of an employment that has none."""
AT, VALUE_AT, END, PAGE, OF_PARTITION, OF_OFFSET, MESSAGE = range(7)
"""Where a message's headers and payload stand; whose it is, or `NOWHERE`."""
LAST_ENTRY, PAYROLL_VERSION, KNOWS_GRANTS, CARD_NO, COVERS_FROM = range(5)
FIRST_JOB, JOBS, YEARS, IS_DOUBTED, STATE = range(5, 10)
"""A page's end, its card (its number, and the first day it covers), employments and years."""
OF_YEAR, YEAR_SUM, YEAR_REST, YEAR_ENTRIES, OVER_CAP, COVERED_TO, IS_TOUCHED, FOLD = range(8)
"""A year's balance as in `domain.YearBalance`, and whether it was changed."""
YEARS_MAX: Final = 8
STARTS_ON, ENDS_ON, JOB = range(3)
CAP_YEAR, CAP_ORE, CAP = range(3)


class Batch(NamedTuple):
    """Messages in their order, in `text`; what becomes of each, and the numbers of partitions."""

    text: Array
    messages: Array
    is_posted: Array
    journal_seq: Array
    caps: Array


class Pages(NamedTuple):
    """The pages of the messages' citizens, figures as named above."""

    states: Array
    heads: Array
    years: Array
    job_ids: Array
    jobs: Array


class _Ledger(NamedTuple):
    """All of it, for compiled code."""

    text: Pointer
    messages: Pointer
    journal_seq: Pointer
    caps: Pointer
    caps_end: int
    states: Pointer
    heads: Pointer
    years: Pointer
    job_ids: Pointer
    jobs: Pointer
    desk: Desk


@compiled
def post(batch: Batch, pages: Pages, room: DeskRoom, out: Array) -> int:
    """Write a row for each plain wage into `out`; give how many bytes were written."""
    ledger = _Ledger(
        pointer_to(batch.text),
        pointer_to(batch.messages),
        pointer_to(batch.journal_seq),
        pointer_to(batch.caps),
        len(batch.caps),
        pointer_to(pages.states),
        pointer_to(pages.heads),
        pointer_to(pages.years),
        pointer_to(pages.job_ids),
        pointer_to(pages.jobs),
        desk_of(room),
    )
    written, at = pointer_to(out), 0
    for number in range(len(batch.is_posted)):
        message = number * MESSAGE
        page = batch.messages[message + PAGE]
        if page < 0 or ledger.states[page * STATE + IS_DOUBTED]:
            continue
        size = batch.messages[message + END] - batch.messages[message + AT]
        has_room = at + ROW_BYTES_MAX + 2 * size <= len(out)
        if not has_room or not _decide(ledger, message, page):
            ledger.states[page * STATE + IS_DOUBTED] = 1
            continue
        at = write_row(written, at, ledger.text, ledger.heads, page * HASH_BYTES, ledger.desk)
        batch.is_posted[number] = True
    return at


@compiled
def _decide(ledger: _Ledger, message: int, page: int) -> bool:
    """Decide a wage and move its page on; False, with the page as it was, if it is not plain."""
    desk, read, state = ledger.desk, ledger.desk.read, page * STATE
    at, value_at = ledger.messages[message + AT], ledger.messages[message + VALUE_AT]
    end = ledger.messages[message + END]
    if not read_message(ledger.text, at, value_at, end, read, desk.members):
        return False
    if read[VERSION] != ledger.states[state + PAYROLL_VERSION] + 1:
        return False
    limit_ore = _limit_of(ledger, read[YEAR])
    if limit_ore < 0 or not _is_covered(ledger, state):
        return False
    year = _year_of(ledger, page, read[YEAR])
    if year < 0:
        return False
    _apportion(ledger, year, limit_ore)
    ledger.states[state + PAYROLL_VERSION] += 1
    ledger.states[state + LAST_ENTRY] += 1
    desk.decided[ENTRY_NO] = ledger.states[state + LAST_ENTRY]
    partition = ledger.messages[message + OF_PARTITION]
    ledger.journal_seq[partition] += 1
    desk.decided[JOURNAL_SEQ] = ledger.journal_seq[partition]
    desk.decided[PARTITION] = partition
    desk.decided[OFFSET] = ledger.messages[message + OF_OFFSET]
    return True


@compiled
def _is_covered(ledger: _Ledger, state: int) -> bool:
    """Tell whether the card covers the day, and nobody must look at the employment."""
    read, text, states = ledger.desk.read, ledger.text, ledger.states
    if read[GRANTS_VERSION] != states[state + KNOWS_GRANTS]:
        return False
    card_no = 0
    for i in range(CARD_DIGITS):
        card_no = card_no * 10 + (text[read[CARD_AT] + i] - 0x30)
    covers_from, paid_on = states[state + COVERS_FROM], read[PAID_ON]
    if card_no != states[state + CARD_NO] or paid_on < covers_from:
        return False
    first = states[state + FIRST_JOB]
    for job in range(first, first + states[state + JOBS]):
        if is_equal(ledger.job_ids, job * UUID_BYTES, text, read[JOB_AT], UUID_BYTES):
            starts_on = ledger.jobs[job * JOB + STARTS_ON]
            if paid_on < starts_on or paid_on > ledger.jobs[job * JOB + ENDS_ON]:
                return False
            return bool(covers_from <= starts_on)
    return True


@compiled
def _limit_of(ledger: _Ledger, year: int) -> int:
    for cap in range(0, ledger.caps_end, CAP):
        if ledger.caps[cap + CAP_YEAR] == year:
            return int(ledger.caps[cap + CAP_ORE])
    return NOWHERE


@compiled
def _year_of(ledger: _Ledger, page: int, of_year: int) -> int:
    """Find a year of a page, or open it; `NOWHERE` if it has too many."""
    first, count = page * YEARS_MAX * FOLD, ledger.states[page * STATE + YEARS]
    for year in range(first, first + count * FOLD, FOLD):
        if ledger.years[year + OF_YEAR] == of_year:
            return year
    if count == YEARS_MAX:
        return NOWHERE
    year = first + count * FOLD
    ledger.states[page * STATE + YEARS] = count + 1
    ledger.years[year + OF_YEAR], ledger.years[year + COVERED_TO] = of_year, NO_DAY
    return int(year)


@compiled
def _apportion(ledger: _Ledger, year: int, limit_ore: int) -> None:
    """Cover as far as there is room under the limit, the rest is excess (R17)."""
    decided, years, read = ledger.desk.decided, ledger.years, ledger.desk.read
    for figure in range(DECIDED):
        decided[figure] = 0
    before, covered_to = years[year + YEAR_SUM], years[year + COVERED_TO]
    covered_ore = min(read[AMOUNT], max(0, limit_ore - before))
    excess_ore = read[AMOUNT] - covered_ore
    after = before + covered_ore
    decided[COVERED], decided[EXCESS], decided[LIMIT] = covered_ore, excess_ore, limit_ore
    decided[IS_OVER_CAP] = excess_ore > 0
    decided[OPENS] = years[year + YEAR_ENTRIES] == 0
    decided[IS_LATE] = excess_ore > 0 and read[PAID_ON] < covered_to
    decided[TURN] = NO_TURN
    if before < limit_ore <= after:
        decided[TURN] = IS_EXHAUSTED
    elif before * 100 < limit_ore * ledger.desk.batch[LOW_PERCENT] <= after * 100:
        decided[TURN] = IS_LOW
    years[year + YEAR_SUM], years[year + YEAR_REST] = after, years[year + YEAR_REST] + excess_ore
    years[year + YEAR_ENTRIES] += 1
    years[year + OVER_CAP] += excess_ore
    if covered_ore > 0 and read[PAID_ON] > covered_to:
        years[year + COVERED_TO] = read[PAID_ON]
    years[year + IS_TOUCHED] = 1
    decided[YEAR_COVERED], decided[YEAR_EXCESS] = after, years[year + YEAR_REST]
