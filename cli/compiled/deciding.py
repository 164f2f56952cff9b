"""A citizen's wages decided again from their own sources, and their reversals.

Whatever the rules make rare is not decided here but doubted: a year that was closed, two wages of
one id. Written from DESIGN and DOMAIN section 12, as `cli/replay_decide.py` is.
"""

from typing import Final, NamedTuple

import numpy as np

from cli.compiled import reading, sends
from cli.compiled.book import Book, is_closed, limit_for
from cli.compiled.cards import (
    BEFORE_GRANT,
    Holder,
    HolderRoom,
    coverage,
    holder_of,
    new_holder_room,
)
from cli.compiled.reading import ID_BYTES, Entry, EntryRoom, entry_of, new_entry_room
from cli.compiled.sends import Cursor, CursorRoom, cursor_of, new_cursor_room
from cli.compiled.years import (
    AMOUNT_ORE_MAX,
    COVERED,
    ENTRIES,
    EXCESS,
    FOLD,
    OF_YEAR,
    OVER_CAP,
    YEARS_MAX,
)
from services.chassis.compiled.copies import NULL
from services.chassis.compiled.jit import Array, Pointer, compiled, pointer_to
from services.chassis.compiled.members import (
    ABSENT,
    AMOUNT_ORE,
    CARD_NO,
    GRANTS_VERSION,
    HOLIDAY_PAY_ORE,
    KIND,
    NUMBER,
    PAID_ON,
    SIZE,
    SPAN,
    START,
    STRING,
    WAGE_ID,
    number_of,
)
from services.chassis.compiled.text import NOWHERE, ascii_of, is_equal, literal, scattered
from services.chassis.compiled.times import read_date, year_at

LOW_PERCENT: Final = 80
FIRST_DAY: Final = -7305
"""1 January 1980: since then Denmark has been one or two hours ahead of UTC."""
LAST_DAY: Final = 365_242
"""1 January 3000."""
(STANDS, CARD_AT, CARD_SIZE, WAGE_AT, WAGE_YEAR) = range(5)
(WAGE_PAID_ON, WAGE_COVERED, WAGE_EXCESS, IS_OVER_CAP, WAGE_KNOWN_AT, WAGE) = range(5, 11)
"""What is kept of a decision: whether it is a wage that stands, and as what it was decided."""
WITHIN, OVER, BEFORE, GRANT_INACTIVE = range(4)
_WITHIN, _OVER = ascii_of("within-cap"), ascii_of("over-cap")
_BEFORE, _INACTIVE = ascii_of("before-grant"), ascii_of("grant-inactive")
_REVERSED = ascii_of("wage-reversed")
_APPORTIONED, _GIVEN_BACK = ascii_of("wage-apportioned"), ascii_of("apportionment-reversed")
_OPENED, _EXHAUSTED = ascii_of("allowance-opened"), ascii_of("allowance-exhausted")
_RESTORED, _LOW = ascii_of("allowance-restored"), ascii_of("allowance-low")
_ROOM_REAPPEARED = ascii_of("room-reappeared")


class AccountRoom(NamedTuple):
    """The arrays of an `Account`."""

    entry: EntryRoom
    cursor: CursorRoom
    holder: HolderRoom
    years: Array
    wages: Array
    slots: Array


class Account(NamedTuple):
    """A citizen as far as the entries are read: what the next one is decided on.

    `wages` has one record for each row; `slots` finds that of a wage: its row and one more.
    """

    entry: Entry
    cursor: Cursor
    holder: Holder
    years: Pointer
    wages: Pointer
    slots: Pointer
    slots_mask: int


def new_account_room(rows: int) -> AccountRoom:
    """Give room for so many rows."""
    slots = np.zeros(1 << max(4, (2 * rows).bit_length()), np.int64)
    years, wages = np.zeros(YEARS_MAX * FOLD, np.int64), np.zeros(rows * WAGE, np.int64)
    rooms = new_entry_room(), new_cursor_room(), new_holder_room()
    return AccountRoom(*rooms, years, wages, slots)


@compiled
def account_of(room: AccountRoom) -> Account:
    """Give room to compiled code; it must outlive it."""
    return Account(
        entry_of(room.entry),
        cursor_of(room.cursor),
        holder_of(room.holder),
        pointer_to(room.years),
        pointer_to(room.wages),
        pointer_to(room.slots),
        len(room.slots) - 1,
    )


@compiled
def text_at(entry: Entry, name: int, size: int) -> int:
    """Give where a string of the payload starts; NOWHERE if it is none, or not of that size."""
    span = name * SPAN
    if entry.payload[span + KIND] != STRING or (size and entry.payload[span + SIZE] != size):
        return NOWHERE
    return int(entry.payload[span + START])


@compiled
def day_of(data: Pointer, entry: Entry, name: int) -> int:
    """Give a date of the payload as its day; NULL if it has none, or one of another age."""
    at = text_at(entry, name, 10)
    found, day = read_date(data, at, at + 10)
    return day if found >= 0 and FIRST_DAY <= day <= LAST_DAY else NULL


@compiled
def is_number_or_absent(entry: Entry, name: int) -> bool:
    """Tell whether a value of the payload is an integer, or not there."""
    kind = entry.payload[name * SPAN + KIND]
    return bool(kind in (NUMBER, ABSENT))


@compiled
def decide_wage(
    data: Pointer, account: Account, book: Book, row: int, start: int, years: int
) -> int:
    """Cover as far as there is room under the cap (R17); give how many years are open then."""
    entry, read = account.entry, account.entry.read
    card_at, wage_at = text_at(entry, CARD_NO, 0), text_at(entry, WAGE_ID, ID_BYTES)
    paid_on = day_of(data, entry, PAID_ON)
    amount_ore = number_of(data, entry.payload, AMOUNT_ORE, NULL)
    grants_version = number_of(data, entry.payload, GRANTS_VERSION, NULL)
    if card_at < 0 or wage_at < 0:
        return NOWHERE
    if paid_on == NULL or amount_ore == NULL or grants_version == NULL:
        return NOWHERE
    if abs(amount_ore) > AMOUNT_ORE_MAX or not is_number_or_absent(entry, HOLIDAY_PAY_ORE):
        return NOWHERE
    of_year, version = year_at(data, text_at(entry, PAID_ON, 10)), read[reading.RULES_VERSION]
    limit_ore = limit_for(book, of_year, read[reading.KNOWN_AT], version)
    slot = find_wage(data, account, start, wage_at)
    if limit_ore == NULL or is_closed(book, of_year, version) or account.slots[slot] > start:
        return NOWHERE
    years, year = open_year(account, years, of_year)
    if year < 0:
        return NOWHERE
    card_size = entry.payload[CARD_NO * SPAN + SIZE]
    covers = coverage(account.holder, data, card_at, card_size, paid_on, grants_version)
    covered_ore = 0
    if not covers:
        covered_ore = min(amount_ore, max(0, limit_ore - account.years[year + COVERED]))
    reason = WITHIN if covered_ore == amount_ore else OVER
    if covers:
        reason = BEFORE if covers == BEFORE_GRANT else GRANT_INACTIVE
    excess_ore = amount_ore - covered_ore
    if not _is_decision(entry, of_year, covered_ore, excess_ore) or not _is_reason(
        data, entry, reason
    ):
        return NOWHERE
    _send_turned(data, account, year, _APPORTIONED, covered_ore, limit_ore)
    account.slots[slot] = row + 1
    wage = row * WAGE
    account.wages[wage + STANDS], account.wages[wage + IS_OVER_CAP] = 1, reason == OVER
    account.wages[wage + CARD_AT], account.wages[wage + CARD_SIZE] = card_at, card_size
    account.wages[wage + WAGE_AT], account.wages[wage + WAGE_YEAR] = wage_at, of_year
    _keep(account, wage, paid_on, covered_ore, excess_ore)
    _fold(account, year, covered_ore, excess_ore, excess_ore if reason == OVER else 0)
    return years


@compiled
def decide_reversal(
    data: Pointer, account: Account, book: Book, row: int, start: int, years: int
) -> int:
    """Give back exactly what the wage took, in its own year (R5)."""
    entry, read, wages = account.entry, account.entry.read, account.wages
    wage_at = text_at(entry, WAGE_ID, ID_BYTES)
    if wage_at < 0 or text_at(entry, CARD_NO, 0) < 0:
        return NOWHERE
    found = account.slots[find_wage(data, account, start, wage_at)]
    paid = (found - 1) * WAGE
    if found <= start or not wages[paid + STANDS]:
        return NOWHERE
    of_year, version = wages[paid + WAGE_YEAR], read[reading.RULES_VERSION]
    covered_ore, excess_ore = -wages[paid + WAGE_COVERED], -wages[paid + WAGE_EXCESS]
    if is_closed(book, of_year, version):
        return NOWHERE
    if not _is_decision(entry, of_year, covered_ore, excess_ore):
        return NOWHERE
    end = read[reading.REASON_END]
    if literal(data, read[reading.REASON_AT], end, _REVERSED) != end:
        return NOWHERE
    paid_on = day_of(data, entry, PAID_ON)
    if paid_on == NULL and entry.payload[PAID_ON * SPAN + KIND] != ABSENT:
        return NOWHERE
    limit_ore = limit_for(book, of_year, read[reading.KNOWN_AT], version)
    limit_ore = 0 if limit_ore == NULL else limit_ore
    years, year = open_year(account, years, of_year)
    _send_turned(data, account, year, _GIVEN_BACK, covered_ore, limit_ore)
    _fold(account, year, covered_ore, excess_ore, excess_ore if wages[paid + IS_OVER_CAP] else 0)
    if covered_ore < 0 and account.years[year + OVER_CAP] > 0:
        sends.case(data, entry, account.cursor, _ROOM_REAPPEARED, wage_at, of_year)
    wages[paid + STANDS] = 0
    wages[row * WAGE + WAGE_YEAR] = of_year
    _keep(account, row * WAGE, paid_on, covered_ore, excess_ore)
    return years


@compiled
def find_wage(data: Pointer, account: Account, start: int, wage_at: int) -> int:
    """Find the slot of a wage: its own, or the free one where it would be put.

    A slot that holds a row of a citizen before is free.
    """
    mask = account.slots_mask
    slot = scattered(data, wage_at) & mask
    while account.slots[slot] > start and not is_equal(
        data, account.wages[(account.slots[slot] - 1) * WAGE + WAGE_AT], data, wage_at, ID_BYTES
    ):
        slot = (slot + 1) & mask
    return slot


@compiled
def open_year(account: Account, years: int, of_year: int) -> tuple[int, int]:
    """Find a year, or open it; give how many are open, and where it stands."""
    for year in range(0, years * FOLD, FOLD):
        if account.years[year + OF_YEAR] == of_year:
            return years, year
    if years == YEARS_MAX:
        return years, NOWHERE
    for column in range(FOLD):
        account.years[years * FOLD + column] = 0
    account.years[years * FOLD + OF_YEAR] = of_year
    return years + 1, years * FOLD


@compiled
def _is_decision(entry: Entry, year: int, covered_ore: int, excess_ore: int) -> bool:
    read = entry.read
    if read[reading.COVERED] != covered_ore or read[reading.EXCESS] != excess_ore:
        return False
    return bool(read[reading.OF_YEAR] == year)


@compiled
def _is_reason(data: Pointer, entry: Entry, reason: int) -> bool:
    at, end = entry.read[reading.REASON_AT], entry.read[reading.REASON_END]
    if reason == WITHIN:
        return bool(literal(data, at, end, _WITHIN) == end)
    if reason == OVER:
        return bool(literal(data, at, end, _OVER) == end)
    expected = _BEFORE if reason == BEFORE else _INACTIVE
    return bool(literal(data, at, end, expected) == end)


@compiled
def _send_turned(
    data: Pointer, account: Account, year: int, own: Array, covered_ore: int, limit_ore: int
) -> None:
    """Expect what an entry sends: the year opens, the decision, then what the limit makes of it."""
    before, entry, cursor = account.years[year + COVERED], account.entry, account.cursor
    after = before + covered_ore
    if not account.years[year + ENTRIES]:
        sends.turned(data, entry, cursor, _OPENED)
    sends.turned(data, entry, cursor, own)
    if before < limit_ore <= after:
        sends.turned(data, entry, cursor, _EXHAUSTED)
    elif after < limit_ore <= before:
        sends.turned(data, entry, cursor, _RESTORED)
    elif before * 100 < limit_ore * LOW_PERCENT <= after * 100:
        sends.turned(data, entry, cursor, _LOW)


@compiled
def _keep(account: Account, wage: int, day: int, covered_ore: int, excess_ore: int) -> None:
    account.wages[wage + WAGE_PAID_ON] = day
    account.wages[wage + WAGE_COVERED], account.wages[wage + WAGE_EXCESS] = covered_ore, excess_ore


@compiled
def _fold(account: Account, year: int, covered_ore: int, excess_ore: int, over_cap: int) -> None:
    account.years[year + COVERED] += covered_ore
    account.years[year + EXCESS] += excess_ore
    account.years[year + ENTRIES] += 1
    account.years[year + OVER_CAP] += over_cap
