"""What looks odd about a wage or an employment that is taken. Pure; warnings decide nothing.

They tell the caller, and rest on what payroll has read of the grants so far; what is covered,
the ledger decides. Which days were worked is registered nowhere (DOMAIN 3.2), so what depends
on them is told from the employment's period, and from how long a wage may lag behind its work.
"""

import datetime as dt
from dataclasses import dataclass

from services.payroll.domain import Citizen, Employment, PaidWage, RegisterWage

REGISTERED_LATE_DAYS = 60
"""No deadline is known (R38); two months are past any month's payroll."""
WAGE_PERIOD_DAYS = 31
"""A wage may pay for work up to a month before it: the longest period in use."""
JANUARY = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class CardChange:
    """From `effective_on` on, included, the card is active or is not."""

    effective_on: dt.date
    active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A card as grants' events have told of it; changes in the order they were decided."""

    citizen_id: str
    valid_from: dt.date
    changes: tuple[CardChange, ...] = ()

    def latest_change(self, date: dt.date) -> CardChange | None:
        """Give the change that holds on a date, the grant being the first; None before it."""
        granted = CardChange(effective_on=self.valid_from, active=True)
        effective = [each for each in (granted, *self.changes) if each.effective_on <= date]
        # Of equal ones `max` takes the first it sees: of one day's decisions the last one holds.
        return max(reversed(effective), key=lambda each: each.effective_on, default=None)

    def is_active_on(self, date: dt.date) -> bool:
        """Tell whether the card was not made inactive by a date; before the grant none was."""
        latest = self.latest_change(date)
        return latest is None or latest.active


def warn_about(command: RegisterWage, citizen: Citizen, card: Card) -> tuple[str, ...]:
    """Name what looks odd about a wage, in a fixed order; `citizen` is the state before it.

    The ledger raises attention under the same codes for what a person must look at.
    """
    paid_on, employment = command.paid_on, citizen.employments[command.employment_id]
    since = card.latest_change(paid_on)
    odd = {
        "before-grant": since is None,
        "grant-inactive": not card.is_active_on(paid_on),
        "outside-employment": not employment.includes(paid_on),
        "year-crossing": _crosses_year(command, citizen, employment),
        "likely-duplicate": _is_registered(command, citizen),
        "registered-late": (command.learned_on - paid_on).days > REGISTERED_LATE_DAYS,
    }
    about_work = _about_work(command, employment, since)
    return tuple(code for code, is_so in odd.items() if is_so) + about_work


def warn_about_employment(
    *, starts_on: dt.date, learned_on: dt.date, attested: bool
) -> tuple[str, ...]:
    """Name what looks odd about an employment, in a fixed order.

    It is to be registered before the work starts (R36, DOMAIN 3.2), and to be ordinary and
    unsubsidised by the employer's word (R30).
    """
    odd = {"employment-late": learned_on > starts_on, "attestation-missing": not attested}
    return tuple(code for code, is_so in odd.items() if is_so)


def _about_work(
    command: RegisterWage, employment: Employment, since: CardChange | None
) -> tuple[str, ...]:
    """Name that a wage may pay for work before the card became what it was on the day.

    The work began before that, and ended before it or was paid within a wage's period after it:
    before a grant (R8) or a deactivation (R11), or it is holiday pay of then (R27).
    """
    if since is None or employment.starts_on >= since.effective_on:
        return ()
    ended = employment.ends_on is not None and employment.ends_on < since.effective_on
    if not ended and (command.paid_on - since.effective_on).days >= WAGE_PERIOD_DAYS:
        return ()
    if since.active:
        return ("work-before-grant",)
    if ended and command.holiday_pay_ore:
        return ("holiday-pay-after-deactivation",)
    return ("work-before-deactivation",)


def _crosses_year(command: RegisterWage, citizen: Citizen, employment: Employment) -> bool:
    """Tell whether the work may lie in another year than the payment, which decides (R2, R3).

    Later: the employment ended in an earlier year; or it goes on from one, and this is the
    first wage of the year and paid in January. Earlier: paid in a year before it starts.
    """
    year = command.paid_on.year
    if employment.starts_on.year > year:
        return True
    if employment.ends_on is not None and employment.ends_on.year < year:
        return True
    goes_on = employment.starts_on.year < year and command.paid_on.month == JANUARY
    return goes_on and not any(
        wage.employment_id == command.employment_id
        and dt.date(year, JANUARY, 1) <= wage.paid_on < command.paid_on
        for wage in citizen.wages.values()
        if isinstance(wage, PaidWage)
    )


def _is_registered(command: RegisterWage, citizen: Citizen) -> bool:
    """Tell whether a wage of the same card, employer, date and amount stands already (R28)."""
    return any(
        isinstance(wage, PaidWage)
        and (wage.paid_on, wage.amount_ore, wage.card_no)
        == (command.paid_on, command.amount_ore, command.card_no)
        and citizen.employments[wage.employment_id].cvr == command.cvr
        for wage in citizen.wages.values()
    )
