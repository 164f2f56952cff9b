"""Whom a person must look at, seen again: the cases that the rules do not decide (R8 to R38).

In the order in which entries name them. Of years that were closed, nothing comes here.
"""

from typing import Final

from cli.compiled import reading, sends
from cli.compiled.book import Book, limit_at, limit_for
from cli.compiled.cards import (
    CHANGE,
    CHANGE_VERSION,
    CHANGES,
    COVERS,
    EFFECTIVE_ON,
    ENDS,
    ENDS_ON,
    NO_DAY,
    STARTS_ON,
    find_job,
    is_about,
    ruling,
    turns_day,
)
from cli.compiled.deciding import (
    CARD_AT,
    CARD_SIZE,
    IS_OVER_CAP,
    STANDS,
    WAGE,
    WAGE_AT,
    WAGE_COVERED,
    WAGE_PAID_ON,
    WAGE_YEAR,
    Account,
    day_of,
    text_at,
)
from cli.compiled.reading import ID_BYTES
from services.chassis.compiled.copies import NULL
from services.chassis.compiled.jit import Array, Pointer, compiled
from services.chassis.compiled.members import (
    CARD_NO,
    EMPLOYMENT_ID,
    GRANTS_VERSION,
    HOLIDAY_PAY_ORE,
    WAGE_ID,
    number_of,
)
from services.chassis.compiled.members import STARTS_ON as STARTS_ON_MEMBER
from services.chassis.compiled.text import NOWHERE, ascii_of
from services.chassis.compiled.times import DAY_US, HOUR_US

WORK_PERIOD_DAYS: Final = 31
"""A wage is for the month before it at the most (R8, R11)."""
_CHANGED_SINCE, _WAGE_LATE = ascii_of("grant-changed-since"), ascii_of("wage-late")
_CAP_CHANGED, _CLOSED = ascii_of("cap-changed-excess"), ascii_of("citizen-closed-late-wage")
_OUTSIDE, _BEFORE_GRANT = ascii_of("outside-employment"), ascii_of("work-before-grant")
_HOLIDAY = ascii_of("holiday-pay-after-deactivation")
_BEFORE_STOP = ascii_of("work-before-deactivation")
_EMPLOYED_LATE, _MISREPORTED = ascii_of("employment-late"), ascii_of("wage-misreported")


@compiled
def about_wage(data: Pointer, account: Account, book: Book, row: int, start: int) -> None:
    """Expect what a person must look at in a wage that was just decided."""
    entry, holder, wage = account.entry, account.holder, row * WAGE
    card_at, card_size = account.wages[wage + CARD_AT], account.wages[wage + CARD_SIZE]
    paid_on, of_year = account.wages[wage + WAGE_PAID_ON], account.wages[wage + WAGE_YEAR]
    version = number_of(data, entry.payload, GRANTS_VERSION, NULL)
    changed, closed = False, False
    for change in range(0, holder.counts[CHANGES] * CHANGE, CHANGE):
        if is_about(holder, data, change, card_at, card_size):
            if holder.changes[change + CHANGE_VERSION] > version:
                changed = changed or turns_day(holder, data, change, paid_on)
            elif holder.changes[change + ENDS]:
                closed = True
    if changed:
        _about(data, account, row, _CHANGED_SINCE)
    if account.wages[wage + IS_OVER_CAP]:
        if _is_late(account, start, row, of_year, paid_on):
            _about(data, account, row, _WAGE_LATE)
        if _is_raised(account, book, of_year):
            _about(data, account, row, _CAP_CHANGED)
    if closed:
        _about(data, account, row, _CLOSED)
    _about_work(data, account, row, ruling(holder, data, card_at, card_size, paid_on, version))


@compiled
def about_change(data: Pointer, account: Account, change: int, start: int, row: int) -> None:
    """Expect the wages that stand and that a card's change would have decided otherwise (R14)."""
    for other in range(start * WAGE, row * WAGE, WAGE):
        if not account.wages[other + STANDS]:
            continue
        at, size = account.wages[other + CARD_AT], account.wages[other + CARD_SIZE]
        if not is_about(account.holder, data, change, at, size):
            continue
        if turns_day(account.holder, data, change, account.wages[other + WAGE_PAID_ON]):
            wage_at, year = account.wages[other + WAGE_AT], account.wages[other + WAGE_YEAR]
            sends.case_about(
                data, account.entry, account.cursor, _CHANGED_SINCE, at, size, wage_at, year
            )


@compiled
def about_employment(data: Pointer, account: Account) -> bool:
    """Expect the case of an employment that was registered late (R36); False if in doubt.

    It is late from the first instant of the day after it began, in Denmark: 22 or 23 o'clock.
    """
    starts_on = day_of(data, account.entry, STARTS_ON_MEMBER)
    if starts_on == NULL or text_at(account.entry, CARD_NO, 0) < 0:
        return False
    since = account.entry.read[reading.KNOWN_AT] - starts_on * DAY_US
    if since >= 23 * HOUR_US:
        sends.case(data, account.entry, account.cursor, _EMPLOYED_LATE, NULL, NULL)
    return bool(since < 22 * HOUR_US or since >= 23 * HOUR_US)


@compiled
def about_misreported(data: Pointer, account: Account) -> bool:
    """Expect the case of a wage that was sent to eIndkomst by mistake (R29); False if in doubt."""
    wage_at = text_at(account.entry, WAGE_ID, ID_BYTES)
    if wage_at < 0 or text_at(account.entry, CARD_NO, 0) < 0:
        return False
    sends.case(data, account.entry, account.cursor, _MISREPORTED, wage_at, NULL)
    return True


@compiled
def _about(data: Pointer, account: Account, row: int, code: Array) -> None:
    wage_at, year = account.wages[row * WAGE + WAGE_AT], account.wages[row * WAGE + WAGE_YEAR]
    sends.case(data, account.entry, account.cursor, code, wage_at, year)


@compiled
def _is_late(account: Account, start: int, row: int, of_year: int, paid_on: int) -> bool:
    """Tell whether a wage of the year that was paid later has been covered already."""
    for other in range(start * WAGE, row * WAGE, WAGE):
        is_of_year = account.wages[other + STANDS] and account.wages[other + WAGE_YEAR] == of_year
        is_covered = is_of_year and account.wages[other + WAGE_COVERED] > 0
        if is_covered and account.wages[other + WAGE_PAID_ON] > paid_on:
            return True
    return False


@compiled
def _is_raised(account: Account, book: Book, of_year: int) -> bool:
    """Tell whether the cap is higher now than the one a wage was decided under."""
    read = account.entry.read
    version = read[reading.RULES_VERSION]
    limit_ore = limit_for(book, of_year, read[reading.KNOWN_AT], version)
    return limit_at(book, of_year, read[reading.RECORDED_AT], version) > limit_ore


@compiled
def _about_work(data: Pointer, account: Account, row: int, rules: int) -> None:
    """Expect what the employment's days say against the wage's (R8, R11, R27)."""
    entry, holder = account.entry, account.holder
    job_at = text_at(entry, EMPLOYMENT_ID, ID_BYTES)
    job = find_job(holder, data, job_at) if job_at >= 0 else NOWHERE
    if job < 0:
        return
    starts_on, ends_on = holder.jobs[job + STARTS_ON], holder.jobs[job + ENDS_ON]
    paid_on = account.wages[row * WAGE + WAGE_PAID_ON]
    if paid_on < starts_on or ends_on < paid_on:
        _about(data, account, row, _OUTSIDE)
    if rules < 0 or starts_on >= holder.changes[rules + EFFECTIVE_ON]:
        return
    since = holder.changes[rules + EFFECTIVE_ON]
    ended_before = ends_on != NO_DAY and ends_on < since
    if not ended_before and paid_on >= since + WORK_PERIOD_DAYS:
        return
    if holder.changes[rules + COVERS]:
        _about(data, account, row, _BEFORE_GRANT)
    elif ended_before and number_of(data, entry.payload, HOLIDAY_PAY_ORE, 0) != 0:
        _about(data, account, row, _HOLIDAY)
    else:
        _about(data, account, row, _BEFORE_STOP)
