"""Citizens' entries decided again, one after another, and compared with what was decided.

It tells of each citizen whether all comes out the same, to the byte, and never what differs: that,
`cli/replay_decide.py` says of whoever is in doubt. So it may doubt too much, and never too little.
"""

from typing import Final, NamedTuple

import numpy as np

from cli.compiled import cards, reading, sends
from cli.compiled.book import Book
from cli.compiled.cards import NO_DAY, add_change, add_job, find_job
from cli.compiled.cases import about_change, about_employment, about_misreported, about_wage
from cli.compiled.deciding import (
    WAGE,
    WAGE_COVERED,
    WAGE_EXCESS,
    WAGE_KNOWN_AT,
    WAGE_PAID_ON,
    WAGE_YEAR,
    Account,
    AccountRoom,
    account_of,
    day_of,
    decide_reversal,
    decide_wage,
    text_at,
)
from cli.compiled.reading import BYTES, HASH, ID_BYTES, read_entry
from cli.proof_parts import CHAIN_TAG
from services.chassis.compiled.copies import NULL, Rows, Table, is_same, place, size_of, table_of
from services.chassis.compiled.digests import sha256
from services.chassis.compiled.jit import Array, Pointer, compiled, pointer_to
from services.chassis.compiled.members import (
    ABSENT,
    CARD_NO,
    EMPLOYMENT_ID,
    ENDS_ON,
    GRANTS_VERSION,
    KIND,
    NUMBER,
    OUTCOME,
    SIZE,
    SPAN,
    STARTS_ON,
    STRING,
    VALID_FROM,
    is_value,
)
from services.chassis.compiled.members import EFFECTIVE_ON as SINCE
from services.chassis.compiled.text import NOWHERE, ascii_of, is_equal, literal

YEARS: Final = 10_000
ENTRIES, CITIZENS, DECISIONS = range(3)
"""What `totals` counts."""
_HASH_BYTES: Final = 32
_TAG_BYTES: Final = len(CHAIN_TAG)
_WAGE_PAID, _REVERSED = ascii_of("wage-paid"), ascii_of("wage-reversed")
_ISSUED, _REACTIVATED = ascii_of("grant-issued"), ascii_of("grant-reactivated")
_DEACTIVATED, _CLOSED = ascii_of("grant-deactivated"), ascii_of("grant-closed")
_APPEAL, _OVERTURNED = ascii_of("appeal-decided"), ascii_of("overturned")
_REGISTERED, _ENDED = ascii_of("employment-registered"), ascii_of("employment-ended")
_MISREPORTED, _CAP_SET = ascii_of("wage-misreported"), ascii_of("annual-cap-set")


class Replay(NamedTuple):
    """What came of it: where each citizen's rows start and whether all came out the same.

    `totals` and `sums[year]` (covered, excess, decisions) count only what came out the same, was
    known by `known_at` and paid by `as_of`.
    """

    starts: Array
    sound: Array
    totals: Array
    sums: Array
    before: Array


def new_replay(rows: int) -> Replay:
    """Give room for the outcome."""
    starts, sound = np.zeros(rows, np.int64), np.zeros(rows, np.bool_)
    before = np.frombuffer(CHAIN_TAG + bytes(_HASH_BYTES), np.uint8).copy()
    return Replay(starts, sound, np.zeros(3, np.int64), np.zeros((YEARS, 3), np.int64), before)


@compiled
def replay(
    rows: Rows, book: Book, room: AccountRoom, outcome: Replay, as_of: int, known_at: int
) -> int:
    """Decide all entries again, given citizen by citizen; give how many citizens there are."""
    table, account = table_of(rows), account_of(room)
    before = pointer_to(outcome.before)
    count, start = 0, 0
    while start < table.rows:
        end = start + 1
        while end < table.rows and is_same(table, start, 0, table, end, 0):
            end += 1
        sound = _replay_citizen(table, start, end, account, book, before)
        outcome.starts[count], outcome.sound[count] = start, sound
        if sound:
            outcome.totals[CITIZENS] += 1
            _count(account, start, end, outcome, as_of, known_at)
        count += 1
        start = end
    return count


@compiled
def _count(
    account: Account, start: int, end: int, outcome: Replay, as_of: int, known_at: int
) -> None:
    for wage in range(start * WAGE, end * WAGE, WAGE):
        is_known = account.wages[wage + WAGE_KNOWN_AT] <= known_at
        if not is_known or account.wages[wage + WAGE_PAID_ON] > as_of:
            continue
        outcome.totals[ENTRIES] += 1
        year = account.wages[wage + WAGE_YEAR]
        if year != NULL:
            outcome.totals[DECISIONS] += 1
            outcome.sums[year, 0] += account.wages[wage + WAGE_COVERED]
            outcome.sums[year, 1] += account.wages[wage + WAGE_EXCESS]
            outcome.sums[year, 2] += 1


@compiled
def _replay_citizen(
    table: Table, start: int, end: int, account: Account, book: Book, before: Pointer
) -> bool:
    data, read = table.data, account.entry.read
    account.holder.counts[cards.CHANGES] = account.holder.counts[cards.JOBS] = 0
    years = 0
    for row in range(start, end):
        if not read_entry(table, row, account.entry, row - start + 1):
            return False
        if not _is_chained(table, row, start, account, before):
            return False
        wage = row * WAGE
        account.wages[wage + WAGE_KNOWN_AT] = read[reading.KNOWN_AT]
        account.wages[wage + WAGE_YEAR] = account.wages[wage + WAGE_PAID_ON] = NULL
        if _is(data, account, _CAP_SET):
            if read[reading.COVERED] != NULL:
                return False
            continue
        years = _decide(data, account, book, row, start, years)
        if years < 0 or not sends.is_all(account.entry, account.cursor):
            return False
    return True


@compiled
def _decide(data: Pointer, account: Account, book: Book, row: int, start: int, years: int) -> int:
    """Decide an entry again, and expect what it sends; give how many years are open then."""
    sends.begin(data, account.entry, account.cursor)
    if _is(data, account, _WAGE_PAID):
        years = decide_wage(data, account, book, row, start, years)
        if years >= 0:
            about_wage(data, account, book, row, start)
        return years
    if _is(data, account, _REVERSED):
        return decide_reversal(data, account, book, row, start, years)
    if account.entry.read[reading.COVERED] != NULL or not _note(data, account, start, row):
        return NOWHERE
    return years


@compiled
def _is(data: Pointer, account: Account, kind: Array) -> bool:
    read = account.entry.read
    end = read[reading.TYPE_END]
    return bool(literal(data, read[reading.TYPE_AT], end, kind) == end)


@compiled
def _is_chained(table: Table, row: int, start: int, account: Account, before: Pointer) -> bool:
    """Tell whether a row's hash is that of its bytes behind the hash of the row before."""
    data, cursor = table.data, account.cursor
    if size_of(table, row, HASH) != _HASH_BYTES:
        return False
    for i in range(_HASH_BYTES):
        value = 0 if row == start else data[place(table, row - 1, HASH) + i]
        before[_TAG_BYTES + i] = value
    at, size = place(table, row, BYTES), size_of(table, row, BYTES)
    sha256(cursor.context, before, _TAG_BYTES + _HASH_BYTES, data, at, size, cursor.digest)
    return is_equal(data, place(table, row, HASH), cursor.digest, 0, _HASH_BYTES)


@compiled
def _note(data: Pointer, account: Account, start: int, row: int) -> bool:
    """Let a fact beside wages count; False if in doubt. What names no grants is no grant's."""
    kind = account.entry.payload[GRANTS_VERSION * SPAN + KIND]
    is_registered, is_ended = _is(data, account, _REGISTERED), _is(data, account, _ENDED)
    is_misreported = _is(data, account, _MISREPORTED)
    if kind == ABSENT:
        if is_registered or is_ended or is_misreported:
            return False
        return _change(data, account, start, row)
    if kind == NUMBER and is_registered:
        return _register(data, account) and about_employment(data, account)
    if kind == NUMBER and is_ended:
        return _end(data, account)
    if kind == NUMBER and is_misreported:
        return about_misreported(data, account)
    return bool(kind == NUMBER)


@compiled
def _register(data: Pointer, account: Account) -> bool:
    """Note an employment's days."""
    entry, jobs = account.entry, account.holder.jobs
    job_at, starts_on = text_at(entry, EMPLOYMENT_ID, ID_BYTES), day_of(data, entry, STARTS_ON)
    ends_on = NO_DAY
    if entry.payload[ENDS_ON * SPAN + KIND] != ABSENT:
        ends_on = day_of(data, entry, ENDS_ON)
    if job_at < 0 or starts_on == NULL or ends_on == NULL:
        return False
    job = add_job(account.holder, data, job_at)
    if job < 0:
        return False
    jobs[job + cards.STARTS_ON], jobs[job + cards.ENDS_ON] = starts_on, ends_on
    return True


@compiled
def _end(data: Pointer, account: Account) -> bool:
    """Note the last day of an employment that is known."""
    entry, holder = account.entry, account.holder
    job_at, ends_on = text_at(entry, EMPLOYMENT_ID, ID_BYTES), day_of(data, entry, ENDS_ON)
    if job_at < 0 or ends_on == NULL:
        return False
    job = find_job(holder, data, job_at)
    if job >= 0:
        holder.jobs[job + cards.ENDS_ON] = ends_on
    return True


@compiled
def _change(data: Pointer, account: Account, start: int, row: int) -> bool:
    """Note what a grant's event changes about its card's coverage, if anything (R9 to R14)."""
    entry, changes = account.entry, account.holder.changes
    closes, issues = _is(data, account, _CLOSED), _is(data, account, _ISSUED)
    stops = closes or _is(data, account, _DEACTIVATED)
    starts = issues or _is(data, account, _REACTIVATED)
    if _is(data, account, _APPEAL):
        if entry.payload[OUTCOME * SPAN + KIND] != STRING:
            return False
        size = len(_OVERTURNED)
        starts = is_value(data, entry.payload, OUTCOME, pointer_to(_OVERTURNED), 0, size)
    if not (stops or starts):
        return True
    card_at, day = text_at(entry, CARD_NO, 0), day_of(data, entry, VALID_FROM if issues else SINCE)
    change = add_change(account.holder)
    if card_at < 0 or day == NULL or change < 0:
        return False
    changes[change + cards.CHANGE_VERSION] = entry.read[reading.VERSION]
    changes[change + cards.CHANGE_CARD_AT] = card_at
    changes[change + cards.CHANGE_CARD_SIZE] = entry.payload[CARD_NO * SPAN + SIZE]
    changes[change + cards.EFFECTIVE_ON], changes[change + cards.COVERS] = day, starts
    changes[change + cards.ENDS] = closes
    about_change(data, account, change, start, row)
    return True
