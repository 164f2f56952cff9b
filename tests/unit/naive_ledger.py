"""A naive reading of the ledger's rules, in plain lists and loops.

Written from DESIGN and DOMAIN alone, without the ledger's code, so that it can judge it. One
citizen's messages are kept in full and gone through again whenever anything has changed.
"""

import datetime as dt
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo


@dataclass
class NaiveCap:
    """A year's cap as it was set."""

    year: int
    amount: int
    in_force_from: dt.date
    known_at: dt.datetime


@dataclass
class NaiveGrant:
    """A dated change of a card: `issued`, `deactivated` or `reactivated`."""

    change: str
    on: dt.date


@dataclass
class NaiveWage:
    """A wage, and what became of it; `covered` is None while it waits."""

    name: str
    paid_on: dt.date
    amount: int
    sees: int
    known_at: dt.datetime
    covered: int | None = None
    reason: str = ""


@dataclass
class NaiveReversal:
    """A wage is taken back; `done` when that has been entered."""

    name: str
    sees: int
    done: bool = False


@dataclass
class NaiveCitizen:
    """What has arrived of one citizen, in the order of each topic."""

    grants: list[NaiveGrant] = field(default_factory=list)
    payroll: list[NaiveWage | NaiveReversal] = field(default_factory=list)

    def wages(self) -> list[NaiveWage]:
        """Give the wages that have been decided."""
        return [
            one for one in self.payroll if isinstance(one, NaiveWage) and one.covered is not None
        ]

    def taken_back(self) -> set[str]:
        """Name the wages whose reversal has been entered."""
        return {one.name for one in self.payroll if isinstance(one, NaiveReversal) and one.done}

    def covered_in(self, year: int) -> int:
        """Sum what is covered of a year, reversed wages left out."""
        gone = self.taken_back()
        return sum(
            wage.covered or 0
            for wage in self.wages()
            if wage.paid_on.year == year and wage.name not in gone
        )

    def settle(self, caps: list[NaiveCap]) -> None:
        """Apply whatever can be applied now, first come first served."""
        waiting_years: set[int] = set()
        waiting_wages: set[str] = set()
        for one in self.payroll:
            if one.sees > len(self.grants):
                return  # it rests on a grant that is not here; what follows waits behind it
            if isinstance(one, NaiveReversal):
                one.done = one.done or one.name not in waiting_wages
            elif one.covered is None:
                cap = _cap_of(caps, one)
                if cap is None or one.paid_on.year in waiting_years:
                    waiting_years.add(one.paid_on.year)
                    waiting_wages.add(one.name)
                else:
                    self._decide(one, cap.amount)

    def _decide(self, wage: NaiveWage, cap: int) -> None:
        state = "before-grant"
        dated = [grant for grant in self.grants[: wage.sees] if grant.on <= wage.paid_on]
        for grant in sorted(dated, key=lambda grant: grant.on):
            state = "grant-inactive" if grant.change == "deactivated" else ""
        room = max(0, cap - self.covered_in(wage.paid_on.year))
        covered = 0 if state else min(wage.amount, room)
        wage.reason = state or ("within-cap" if covered == wage.amount else "over-cap")
        wage.covered = covered


def _cap_of(caps: list[NaiveCap], wage: NaiveWage) -> NaiveCap | None:
    """Choose the year's cap in force and known when the wage became known."""
    of_year = [cap for cap in caps if cap.year == wage.paid_on.year]
    day = wage.known_at.astimezone(ZoneInfo("Europe/Copenhagen")).date()
    now = [cap for cap in of_year if cap.known_at <= wage.known_at and cap.in_force_from <= day]
    if now:
        return max(now, key=lambda cap: (cap.in_force_from, cap.known_at))
    later = [cap for cap in of_year if cap.known_at > wage.known_at]
    return min(later or of_year, key=lambda cap: cap.known_at) if of_year else None
