"""What a person must look at: cases that the rules do not decide. Pure.

Raised as an event of the entry that shows it, never a silent guess and never a second decision.
Where a fact may come before or after another, whichever is entered second raises it.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from frikort_contracts.types import ApportionReason, AttentionCode
from services.allowance.domain import (
    COVERING,
    Apportionment,
    CardChange,
    Wage,
    YearBalance,
    latest_change,
    uncovered_reason,
)

WORK_PERIOD = dt.timedelta(days=31)
"""A wage is for the month before it at the most; no source says when its work was done."""


class Attention(NamedTuple):
    """A case for a person, and what it is about."""

    code: AttentionCode
    card_no: str | None = None
    year: int | None = None
    wage_id: str | None = None

    def content(self) -> dict[str, str | int]:
        """Give what an entry's bytes say of the case; absent is left out."""
        found = self._asdict() | {"code": self.code.value}
        return {name: value for name, value in found.items() if value is not None}


class Employment(NamedTuple):
    """The days of an employment, both included."""

    starts_on: dt.date
    ends_on: dt.date | None = None


class DecidedWage(NamedTuple):
    """A wage that stands: whose card, and what was decided about it."""

    card_no: str
    apportionment: Apportionment


def about_wage(
    wage: Wage,
    decided: Apportionment,
    *,
    changes: Sequence[CardChange],
    grants_version: int,
    before: YearBalance,
    employment: Employment | None,
    limit_ore: int,
    limit_now_ore: int | None,
    pays_holiday: bool,
) -> list[AttentionCode]:
    """Name what a person must look at in a wage just decided, in a fixed order.

    `changes` are all that have come, up to `grants_version`; `before` is the year before the
    wage, `limit_ore` the cap it was decided with and `limit_now_ore` the one in force now.
    """
    codes: list[AttentionCode] = []
    if decided.reason is ApportionReason.YEAR_CLOSED:
        codes.append(AttentionCode.WAGE_IN_CLOSED_YEAR)
    elif grants_version > wage.grants_version and _changed_since(wage, changes):
        codes.append(AttentionCode.GRANT_CHANGED_SINCE)
    if decided.reason is ApportionReason.OVER_CAP:
        if before.covered_to is not None and wage.paid_on < before.covered_to:
            codes.append(AttentionCode.WAGE_LATE)
        if limit_now_ore is not None and limit_now_ore > limit_ore:
            codes.append(AttentionCode.CAP_CHANGED_EXCESS)
    if len(changes) > 1 and _is_closed(wage, changes):
        codes.append(AttentionCode.CITIZEN_CLOSED_LATE_WAGE)
    if employment is not None:
        codes.extend(_about_work(wage, decided, changes, employment, pays_holiday=pays_holiday))
    return codes


def about_reversal(
    original: Apportionment, after: YearBalance, *, in_closed_year: bool
) -> list[AttentionCode]:
    """Name what a person must look at once a wage was taken back (R21, R38)."""
    codes = [AttentionCode.REVERSAL_IN_CLOSED_YEAR] if in_closed_year else []
    if original.covered_ore > 0 and after.over_cap_ore > 0:
        codes.append(AttentionCode.ROOM_REAPPEARED)
    return codes


def about_change(
    change: CardChange, changes: Sequence[CardChange], wages: Mapping[str, DecidedWage]
) -> list[Attention]:
    """Name the wages that stand and were decided otherwise than the change would have them.

    `changes` end with this one. They stay as decided (R14, `grant-changed-since`).
    """
    return [
        Attention(AttentionCode.GRANT_CHANGED_SINCE, wage.card_no, wage.apportionment.year, wage_id)
        for wage_id, wage in wages.items()
        if wage.card_no == change.card_no
        and wage.apportionment.reason is not ApportionReason.YEAR_CLOSED
        and _turns_date(change, changes, wage.apportionment.paid_on)
    ]


def is_registered_late(employment: Employment, known_on: dt.date) -> bool:
    """Tell whether an employment was learned of after its first day (R36, DOMAIN 3.2)."""
    return known_on > employment.starts_on


def latest_covered(wages: Iterable[DecidedWage], year: int) -> dt.date | None:
    """Give the latest `paid_on` of a year's wages of which something is covered."""
    return max(
        (
            wage.apportionment.paid_on
            for wage in wages
            if wage.apportionment.year == year and wage.apportionment.covered_ore > 0
        ),
        default=None,
    )


def _changed_since(wage: Wage, changes: Sequence[CardChange]) -> bool:
    """Tell whether a change the wage does not name turns its date (DESIGN, Causality)."""
    return any(
        change.version > wage.grants_version
        and change.card_no == wage.card_no
        and _turns_date(change, changes, wage.paid_on)
        for change in changes
    )


def _turns_date(change: CardChange, changes: Sequence[CardChange], on: dt.date) -> bool:
    """Tell whether a date is covered with the change and was not without it, or the reverse."""
    if change.effective_on > on:
        return False
    with_it, without_it = (
        uncovered_reason(changes, card_no=change.card_no, on=on, grants_version=version) is None
        for version in (change.version, change.version - 1)
    )
    return with_it is not without_it


def _is_closed(wage: Wage, changes: Sequence[CardChange]) -> bool:
    """Tell whether the wage was recorded after its card had ended for good (R34)."""
    return any(
        change.kind == "closed"
        and change.card_no == wage.card_no
        and change.version <= wage.grants_version
        for change in changes
    )


def _about_work(
    wage: Wage,
    decided: Apportionment,
    changes: Sequence[CardChange],
    employment: Employment,
    *,
    pays_holiday: bool,
) -> Iterator[AttentionCode]:
    """Name what the employment's days say against the wage's (R8, R11, R27)."""
    starts_on, ends_on = employment
    paid_on = wage.paid_on
    has_ended = ends_on is not None and ends_on < paid_on
    if has_ended or paid_on < starts_on:
        yield AttentionCode.OUTSIDE_EMPLOYMENT
    if decided.reason is ApportionReason.YEAR_CLOSED:
        return
    if not any(change.effective_on > starts_on for change in changes):
        return  # so of nearly every wage: the work began under the card as it stands
    since = latest_change(
        changes, card_no=wage.card_no, on=paid_on, grants_version=wage.grants_version
    )
    if since is None or starts_on >= since.effective_on:
        return
    ended_before = ends_on is not None and ends_on < since.effective_on
    if not ended_before and paid_on >= since.effective_on + WORK_PERIOD:
        return
    if since.kind in COVERING:
        yield AttentionCode.WORK_BEFORE_GRANT
    elif ended_before and pays_holiday:
        yield AttentionCode.HOLIDAY_PAY_AFTER_DEACTIVATION
    else:
        yield AttentionCode.WORK_BEFORE_DEACTIVATION
