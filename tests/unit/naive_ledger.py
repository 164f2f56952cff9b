"""A naive reading of the ledger's rules, in plain lists and loops.

Written from DESIGN and DOMAIN alone, without the ledger's code, so that it can judge it. One
citizen's messages are kept in full and gone through again whenever anything has changed.
"""

import datetime as dt
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

COPENHAGEN = ZoneInfo("Europe/Copenhagen")


@dataclass
class NaiveCap:
    """A year's cap as it was set."""

    year: int
    amount: int
    in_force_from: dt.date
    known_at: dt.datetime


@dataclass
class NaiveClosing:
    """A municipality has closed a year."""

    municipality: str
    year: int
    recorded_at: dt.datetime


@dataclass
class NaiveLaw:
    """What holds for everybody, and what the clock says."""

    now: dt.datetime
    caps: list[NaiveCap] = field(default_factory=list)
    closings: list[NaiveClosing] = field(default_factory=list)

    def has_closed(self, municipality: str, year: int, recorded_at: dt.datetime) -> bool:
        """Tell whether payroll recorded something of a year after that was closed (R38)."""
        return any(
            (closing.municipality, closing.year) == (municipality, year)
            and closing.recorded_at < recorded_at
            for closing in self.closings
        )

    def cap_of(self, wage: "NaiveWage") -> NaiveCap | None:
        """Choose the year's cap in force and known when the wage became known."""
        of_year = [cap for cap in self.caps if cap.year == wage.paid_on.year]
        later = [cap for cap in of_year if cap.known_at > wage.known_at]
        earliest = min(later or of_year, key=lambda cap: cap.known_at, default=None)
        return _newest(of_year, wage.known_at, _day(wage.known_at)) or earliest

    def allows_more_now(self, cap: NaiveCap) -> bool:
        """Tell whether the year's cap is higher today than the one a wage was decided with."""
        known = [other for other in self.caps if other.year == cap.year]
        known = [other for other in known if other.known_at <= self.now]
        first_day = min((other.in_force_from for other in known), default=dt.date.max)
        newest = _newest(known, self.now, max(first_day, _day(self.now)))
        return newest is not None and newest.amount > cap.amount


@dataclass
class NaiveGrant:
    """A dated change of a card: `issued`, `deactivated`, `overturned`, `transferred`, …"""

    change: str
    on: dt.date
    to: str = ""


@dataclass
class NaiveEmployment:
    """Somebody works for an employer, or (without `starts_on`) ceases to; `done` when noted."""

    name: str
    starts_on: dt.date | None
    ends_on: dt.date | None
    sees: int
    known_at: dt.datetime
    done: bool = False


@dataclass
class NaiveWage:
    """A wage, and what became of it; `covered` is None while it waits."""

    name: str
    employment: str
    paid_on: dt.date
    amount: int
    sees: int
    municipality: str
    known_at: dt.datetime
    recorded_at: dt.datetime
    covered: int | None = None
    reason: str = ""

    def excess_over_cap(self) -> int:
        """Give what the cap alone left uncovered."""
        return self.amount - (self.covered or 0) if self.reason == "over-cap" else 0


@dataclass
class NaiveReversal:
    """A wage is taken back; `done` when that has been entered."""

    name: str
    sees: int
    municipality: str
    recorded_at: dt.datetime
    done: bool = False


@dataclass
class NaiveCitizen:
    """What has arrived of one citizen, in the order of each topic, and what a person must see."""

    grants: list[NaiveGrant] = field(default_factory=list)
    payroll: list[NaiveWage | NaiveReversal | NaiveEmployment] = field(default_factory=list)
    attention: list[tuple[str, str]] = field(default_factory=list)

    def wages(self) -> list[NaiveWage]:
        """Give the wages that have been decided."""
        return [
            one for one in self.payroll if isinstance(one, NaiveWage) and one.covered is not None
        ]

    def standing(self, year: int) -> list[NaiveWage]:
        """Give the wages of a year that have been decided and not taken back since."""
        gone = {one.name for one in self.payroll if isinstance(one, NaiveReversal) and one.done}
        return [w for w in self.wages() if w.paid_on.year == year and w.name not in gone]

    def covered_in(self, year: int) -> int:
        """Sum what is covered of a year, reversed wages left out."""
        return sum(wage.covered or 0 for wage in self.standing(year))

    def receive_grant(self, grant: NaiveGrant) -> None:
        """Keep what grants say; a wage decided otherwise stays, and a person must look."""
        self.grants.append(grant)
        for year in {wage.paid_on.year for wage in self.wages()}:
            for wage in self.standing(year):
                if wage.reason != "year-closed" and self._turns(len(self.grants), wage.paid_on):
                    self.attention.append(("grant-changed-since", wage.name))

    def settle(self, law: NaiveLaw) -> None:
        """Apply whatever can be applied now, first come first served."""
        waiting_years: set[int] = set()
        waiting_wages: set[str] = set()
        for one in self.payroll:
            if one.sees > len(self.grants):
                return  # it rests on a grant that is not here; what follows waits behind it
            if isinstance(one, NaiveReversal):
                if not one.done and one.name not in waiting_wages:
                    self._take_back(one, law)
            elif isinstance(one, NaiveEmployment):
                self._note(one)
            elif one.covered is None:
                cap = law.cap_of(one)
                if cap is None or one.paid_on.year in waiting_years:
                    waiting_years.add(one.paid_on.year)
                    waiting_wages.add(one.name)
                else:
                    self._decide(one, cap, law)

    def _decide(self, wage: NaiveWage, cap: NaiveCap, law: NaiveLaw) -> None:
        year = wage.paid_on.year
        state = self._uncovered(wage.paid_on, wage.sees)
        if law.has_closed(wage.municipality, year, wage.recorded_at):
            state = "year-closed"
        before = self.standing(year)
        room = max(0, cap.amount - self.covered_in(year))
        covered = 0 if state else min(wage.amount, room)
        wage.reason = state or ("within-cap" if covered == wage.amount else "over-cap")
        wage.covered = covered
        self._look_at(wage, cap, before, law)

    def _look_at(
        self, wage: NaiveWage, cap: NaiveCap, before: list[NaiveWage], law: NaiveLaw
    ) -> None:
        """Say what a person must look at: the rules R8 to R38 that do not decide a case."""
        changes = range(wage.sees + 1, len(self.grants) + 1)
        if wage.reason == "year-closed":
            self.attention.append(("wage-in-closed-year", wage.name))
        elif any(self._turns(version, wage.paid_on) for version in changes):
            self.attention.append(("grant-changed-since", wage.name))
        if wage.reason == "over-cap":
            if any(other.covered and other.paid_on > wage.paid_on for other in before):
                self.attention.append(("wage-late", wage.name))
            if law.allows_more_now(cap):
                self.attention.append(("cap-changed-excess", wage.name))
        if any(grant.change == "closed" for grant in self.grants[: wage.sees]):
            self.attention.append(("citizen-closed-late-wage", wage.name))
        if not self._works_on(wage.paid_on, wage.employment):
            self.attention.append(("outside-employment", wage.name))

    def _take_back(self, reversal: NaiveReversal, law: NaiveLaw) -> None:
        (wage,) = [wage for wage in self.wages() if wage.name == reversal.name]
        year = wage.paid_on.year
        reversal.done = True
        if law.has_closed(reversal.municipality, year, reversal.recorded_at):
            self.attention.append(("reversal-in-closed-year", wage.name))
        if wage.covered and any(other.excess_over_cap() for other in self.standing(year)):
            self.attention.append(("room-reappeared", wage.name))

    def _note(self, employment: NaiveEmployment) -> None:
        known_on = _day(employment.known_at)
        if not employment.done and employment.starts_on and employment.starts_on < known_on:
            self.attention.append(("employment-late", ""))
        employment.done = True

    def _works_on(self, day: dt.date, employment: str) -> bool:
        """Tell whether a day is in an employment; of one that is not known, nothing is told."""
        starts_on, ends_on = dt.date.min, dt.date.max
        for one in self.payroll:
            if isinstance(one, NaiveEmployment) and one.done and one.name == employment:
                starts_on = one.starts_on or starts_on
                ends_on = one.ends_on or ends_on
        return starts_on <= day <= ends_on

    def _turns(self, version: int, day: dt.date) -> bool:
        """Tell whether a change of a card lets a day be covered that was not, or the reverse."""
        return bool(self._uncovered(day, version)) != bool(self._uncovered(day, version - 1))

    def _uncovered(self, day: dt.date, version: int) -> str:
        """Say why the card covers nothing on a day, as far as grants were read; "" if it does."""
        change = self.ruling(day, version)
        if not change:
            return "before-grant"
        return "grant-inactive" if change in {"deactivated", "closed"} else ""

    def ruling(self, day: dt.date, version: int) -> str:
        """Name the change that says whether a day is covered: the latest by its date."""
        dated = [g for g in self.grants[:version] if g.on <= day and g.change != "transferred"]
        return "".join([grant.change for grant in sorted(dated, key=lambda g: g.on)][-1:])


def responsible(grants: list[NaiveGrant], first: str) -> str:
    """Name the municipality that the card has come to; a transfer is decided by the old one."""
    return next((grant.to for grant in reversed(grants) if grant.to), first)


def _newest(of_year: list[NaiveCap], at: dt.datetime, day: dt.date) -> NaiveCap | None:
    """Give the year's cap that is known by then and in force on a day, the latest of several."""
    now = [cap for cap in of_year if cap.known_at <= at and cap.in_force_from <= day]
    return max(now, key=lambda cap: (cap.in_force_from, cap.known_at), default=None)


def _day(moment: dt.datetime) -> dt.date:
    return moment.astimezone(COPENHAGEN).date()
