"""What looks odd about a wage that is taken. Pure; warnings tell the caller and decide nothing.

They rest on what payroll has read of the grants so far; what is covered, the ledger decides.
"""

import datetime as dt
from dataclasses import dataclass

from services.payroll.domain import Citizen, PaidWage, RegisterWage

REGISTERED_LATE_DAYS = 60
"""No deadline is known (R38); two months are past any month's payroll."""


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

    def is_active_on(self, date: dt.date) -> bool:
        """Fold the dated changes up to a date: the latest effective one holds."""
        active = True
        for change in sorted(self.changes, key=lambda change: change.effective_on):
            if change.effective_on <= date:
                active = change.active
        return active


def warn_about(command: RegisterWage, citizen: Citizen, card: Card) -> tuple[str, ...]:
    """Name what looks odd, in a fixed order; `citizen` is the state before the wage."""
    days_late = (command.learned_on - command.paid_on).days
    odd = {
        "before-grant": command.paid_on < card.valid_from,
        "grant-inactive": not card.is_active_on(command.paid_on),
        "outside-employment": not citizen.employments[command.employment_id].includes(
            command.paid_on
        ),
        "likely-duplicate": _is_registered(command, citizen),
        "registered-late": days_late > REGISTERED_LATE_DAYS,
    }
    return tuple(code for code, is_so in odd.items() if is_so)


def _is_registered(command: RegisterWage, citizen: Citizen) -> bool:
    """Tell whether a wage of the same card, employer, date and amount stands already (R28)."""
    return any(
        isinstance(wage, PaidWage)
        and (wage.paid_on, wage.amount_ore, wage.card_no)
        == (command.paid_on, command.amount_ore, command.card_no)
        and citizen.employments[wage.employment_id].cvr == command.cvr
        for wage in citizen.wages.values()
    )
