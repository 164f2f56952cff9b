"""How much of a wage is covered. Pure: no clock, no randomness, no input or output.

A wage is a fact and always recorded; what is decided is how much of it is covered and how much
is excess, an ordinary wage. First recorded, first covered; a decision is never made again.
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, NamedTuple, TypeAlias

from frikort_contracts.types import COPENHAGEN, ApportionReason

LOW_PERCENT = 80
"""An allowance is low when this much of the limit is covered."""

Turn: TypeAlias = Literal[
    "allowance-opened", "allowance-low", "allowance-exhausted", "allowance-restored"
]
CardChangeKind: TypeAlias = Literal["issued", "deactivated", "reactivated", "overturned", "closed"]
"""`overturned`: an appeal lets the card cover, be it backwards (R14)."""
WageOf: TypeAlias = tuple[str, str]
"""A wage by its citizen and its id: nobody takes back what is another's."""
COVERING = frozenset({"issued", "reactivated", "overturned"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """A year's cap: in force from a date, known from a moment, as rule number `version`."""

    version: int
    year: int
    amount_ore: int
    in_force_from: dt.date
    known_at: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CardChange:
    """A dated change of a card's coverage, with the grants version that brought it."""

    version: int
    card_no: str
    kind: CardChangeKind
    effective_on: dt.date


class Wage(NamedTuple):
    """A wage to apportion. `grants_version` names the grant state it is decided with."""

    card_no: str
    paid_on: dt.date
    amount_ore: int
    grants_version: int
    known_at: dt.datetime

    @property
    def year(self) -> int:
        """The calendar year of `paid_on` alone (R1)."""
        return self.paid_on.year


class Apportionment(NamedTuple):
    """What was decided about a wage, or given back by its reversal (then negative)."""

    year: int
    paid_on: dt.date
    covered_ore: int
    excess_ore: int
    reason: ApportionReason

    @property
    def amount_ore(self) -> int:
        """Covered and excess together: the whole wage (I1)."""
        return self.covered_ore + self.excess_ore


class YearBalance(NamedTuple):
    """A citizen's year: sums net of reversals, and how many wages and reversals made them.

    `over_cap_ore` is what of the excess the cap alone left uncovered; `covered_to` the latest
    `paid_on` of a wage of which something is covered.
    """

    covered_ore: int = 0
    excess_ore: int = 0
    entries: int = 0
    over_cap_ore: int = 0
    covered_to: dt.date | None = None

    def after(self, apportionment: Apportionment) -> "YearBalance":
        """Give the balance once a wage's apportionment has counted."""
        _, paid_on, covered_ore, excess_ore, reason = apportionment
        covered_to = self.covered_to
        if covered_ore > 0 and (covered_to is None or paid_on > covered_to):
            covered_to = paid_on
        over_cap_ore = self.over_cap_ore
        if excess_ore and reason is ApportionReason.OVER_CAP:
            over_cap_ore += excess_ore
        return YearBalance(
            self.covered_ore + covered_ore,
            self.excess_ore + excess_ore,
            self.entries + 1,
            over_cap_ore,
            covered_to,
        )

    def after_reversal(self, original: Apportionment, covered_to: dt.date | None) -> "YearBalance":
        """Give the balance once a wage is taken back; what is covered now reaches `covered_to`."""
        over_cap_ore = original.excess_ore if original.reason is ApportionReason.OVER_CAP else 0
        return YearBalance(
            self.covered_ore - original.covered_ore,
            self.excess_ore - original.excess_ore,
            self.entries + 1,
            self.over_cap_ore - over_cap_ore,
            covered_to,
        )

    def remaining_ore(self, limit_ore: int) -> int:
        """Give what is left under a limit, never below zero."""
        return max(0, limit_ore - self.covered_ore)


class Citizen(NamedTuple):
    """What deciding needs to know of a citizen; years without wages are left out."""

    grants_version: int = 0
    changes: tuple[CardChange, ...] = ()
    years: Mapping[int, YearBalance] = MappingProxyType({})

    def year(self, year: int) -> YearBalance:
        """Give a year's balance, an empty one if it has not opened."""
        return self.years.get(year, EMPTY)

    def with_year(self, year: int, balance: YearBalance) -> "Citizen":
        """Give the citizen with another balance of a year."""
        return Citizen(self.grants_version, self.changes, {**self.years, year: balance})


EMPTY = YearBalance()


def cap_for(caps: Sequence[Cap], known_at: dt.datetime) -> Cap | None:
    """Choose the cap a wage of the year is decided under, of the caps of that year.

    The one in force and known when the wage became known, the latest in force if several;
    if none was, the first known after it. None if the year has no cap yet (the wage waits).
    """
    if len(caps) <= 1:
        return caps[0] if caps else None
    today = known_at.astimezone(COPENHAGEN).date()
    usable = [cap for cap in caps if cap.known_at <= known_at and cap.in_force_from <= today]
    if usable:
        return max(usable, key=lambda cap: (cap.in_force_from, cap.known_at, cap.version))
    later = [cap for cap in caps if cap.known_at > known_at]
    return min(later or caps, key=lambda cap: (cap.known_at, cap.in_force_from, cap.version))


def cap_in_force(caps: Iterable[Cap], on: dt.date, known_by: dt.datetime) -> Cap | None:
    """Choose a year's cap on a date as far as was known by a moment, None if none was.

    Before the year's first cap is in force, the one counts that its first day will have.
    """
    known = [cap for cap in caps if cap.known_at <= known_by]
    if not known:
        return None
    day = max(on, min(cap.in_force_from for cap in known))
    in_force = [cap for cap in known if cap.in_force_from <= day]
    return max(in_force, key=lambda c: (c.in_force_from, c.known_at, c.version))


def limit_in_force(caps: Iterable[Cap], on: dt.date, known_by: dt.datetime) -> int | None:
    """Give the amount of a year's cap on a date, as `cap_in_force` chooses it."""
    cap = cap_in_force(caps, on, known_by)
    return None if cap is None else cap.amount_ore


def latest_change(
    changes: Iterable[CardChange], *, card_no: str, on: dt.date, grants_version: int
) -> CardChange | None:
    """Fold a card's dated changes, in the order of their versions: the one that rules a date.

    The latest effective one up to the date and the grants version; of one date the last decided.
    """
    latest: CardChange | None = None
    for change in changes:
        if (
            change.card_no == card_no
            and change.version <= grants_version
            and change.effective_on <= on
            and (latest is None or change.effective_on >= latest.effective_on)
        ):
            latest = change
    return latest


def uncovered_reason(
    changes: Iterable[CardChange], *, card_no: str, on: dt.date, grants_version: int
) -> ApportionReason | None:
    """Fold a card's dated changes up to a grants version: why it does not cover a date.

    None if it does. `valid_from` and a reactivation's date are covered, a deactivation's is
    the first day that is not (R7, R9, R12, R13, R14).
    """
    latest = latest_change(changes, card_no=card_no, on=on, grants_version=grants_version)
    if latest is None:
        return ApportionReason.BEFORE_GRANT
    return None if latest.kind in COVERING else ApportionReason.GRANT_INACTIVE


def apportion(wage: Wage, citizen: Citizen, limit_ore: int) -> Apportionment:
    """Decide a wage: covered as far as there is room under the limit, the rest is excess (R17)."""
    card_no, paid_on, amount_ore, grants_version, _ = wage
    reason = uncovered_reason(
        citizen.changes, card_no=card_no, on=paid_on, grants_version=grants_version
    )
    covered_ore = 0
    if reason is None:
        room_ore = citizen.year(paid_on.year).remaining_ore(limit_ore)
        if amount_ore <= room_ore:
            covered_ore, reason = amount_ore, ApportionReason.WITHIN_CAP
        else:
            covered_ore, reason = room_ore, ApportionReason.OVER_CAP
    return Apportionment(paid_on.year, paid_on, covered_ore, amount_ore - covered_ore, reason)


def leave_uncovered(wage: Wage, reason: ApportionReason) -> Apportionment:
    """Record a wage of which nothing can be covered, whatever room there is (R38)."""
    return Apportionment(wage.year, wage.paid_on, 0, wage.amount_ore, reason)


def reverse(original: Apportionment) -> Apportionment:
    """Give back exactly what a wage took, in its own year (R5)."""
    return Apportionment(
        original.year,
        original.paid_on,
        -original.covered_ore,
        -original.excess_ore,
        ApportionReason.WAGE_REVERSED,
    )


def turns(before: YearBalance, after: YearBalance, limit_ore: int) -> list[Turn]:
    """Name what an apportionment turned: opened, low, exhausted or restored.

    Judged under the cap the wage was decided with; what exhausts is not also low.
    """
    found: list[Turn] = [] if before.entries else ["allowance-opened"]
    if before.covered_ore < limit_ore <= after.covered_ore:
        found.append("allowance-exhausted")
    elif after.covered_ore < limit_ore <= before.covered_ore:
        found.append("allowance-restored")
    elif before.covered_ore * 100 < limit_ore * LOW_PERCENT <= after.covered_ore * 100:
        found.append("allowance-low")
    return found
