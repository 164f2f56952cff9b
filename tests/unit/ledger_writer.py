"""One citizen as grants and payroll write of them, ahead of the ledger: told twice, to both.

What grants and payroll would refuse is not written: the ledger never meets it.
"""

import datetime as dt
from collections import defaultdict, deque
from typing import Any

from frikort_contracts.types import format_moment
from services.chassis.inbox import Message
from tests.unit.ledger_cases import Story, identity
from tests.unit.naive_ledger import (
    NaiveEmployment,
    NaiveGrant,
    NaiveReversal,
    NaiveWage,
    responsible,
)

MUNICIPALITIES = ("751", "101")
EMPLOYERS = ("shop", "farm")
STOPPING = {"deactivated", "closed"}
COVERING = {"issued", "reactivated", "overturned"}


class Writer(Story):
    """Writes a citizen's events; `queues` hold by topic what the ledger has not been given yet."""

    def __init__(self, name: str, card_no: str) -> None:
        super().__init__(name, card_no)
        self.grants: list[NaiveGrant] = []
        self.seen_by_payroll = 1
        self.employments: dict[str, NaiveEmployment] = {}
        self.wages: dict[str, NaiveWage] = {}
        self.reversed: set[str] = set()
        self.queues: dict[str, deque[tuple[Message, Any]]] = defaultdict(deque)

    def wage_id(self, name: str) -> str:
        """Give the identity of a wage, for two citizens have wages of one name."""
        return identity(f"{self.citizen_id} {name}")

    def issue(self, valid_from: dt.date) -> None:
        self.grants.append(NaiveGrant("issued", valid_from))
        self._write(self.issued(valid_from.isoformat()), self.grants[-1])

    def may_change(self, change: str, on: dt.date) -> bool:
        """Tell whether grants would take a change of the card with effect from a date."""
        dated = [g for g in self.grants if g.change in COVERING | STOPPING]
        last, last_by_then = _last(dated), _last([g for g in dated if g.on <= on])
        if any(grant.change == "closed" for grant in self.grants):
            return False
        match change:
            case "deactivated":
                return last is not None and last.change in COVERING and last.on <= on
            case "reactivated":
                return last is not None and last.change in STOPPING and last.on <= on
            case "overturned":
                return last_by_then is not None and last_by_then.change in STOPPING
            case "closed":
                return on >= max(g.on for g in dated if g.change in COVERING)
            case _:
                return True

    def change(self, change: str, on: dt.date) -> None:
        """Write a change of the card; a transfer is decided by the municipality that it leaves."""
        at = responsible(self.grants, MUNICIPALITIES[0])
        dates = {"effective_on": on.isoformat(), "decided_on": on.isoformat()}
        grant = NaiveGrant(change, on)
        self.municipality_code = at
        match change:
            case "overturned":
                more = {"outcome": "overturned", "overturns": "grant-deactivated"}
                message = self._grant("appeal-decided", **dates, **more)
            case "closed":
                message = self._grant("grant-closed", **dates, cause="death")
            case "transferred":
                (grant.to,) = {*MUNICIPALITIES} - {at}
                towns = {"from_municipality_code": at, "to_municipality_code": grant.to}
                message = self._grant("grant-transferred", **dates, **towns)
            case _:
                message = self._grant(f"grant-{change}", **dates)
        self.grants.append(grant)
        self._write(message, grant)

    def employ(self, name: str, starts_on: dt.date, ends_on: dt.date | None) -> None:
        """Write that somebody works for one more employer, beside the others."""
        naive = NaiveEmployment(name, starts_on, ends_on, self._read_grants(), self.recorded_at)
        self.employments[name] = naive
        until = {} if ends_on is None else {"ends_on": ends_on.isoformat()}
        message = self._payroll(
            "employment-registered",
            naive.sees,
            known_at=format_moment(naive.known_at),
            employment_id=identity(name),
            cvr="25313763",
            sector="shop",
            starts_on=starts_on.isoformat(),
            **until,
        )
        self._write(message, naive)

    def end(self, name: str, ends_on: dt.date) -> None:
        """Write an employment's last day, be it another than was known."""
        naive = NaiveEmployment(name, None, ends_on, self._read_grants(), self.recorded_at)
        message = self._payroll(
            "employment-ended",
            naive.sees,
            employment_id=identity(name),
            ends_on=ends_on.isoformat(),
        )
        self._write(message, naive)

    def pay(self, paid_on: dt.date, amount: int, employment: str, known_at: dt.datetime) -> None:
        wage = NaiveWage(
            name=f"wage {len(self.wages)}",
            employment=employment,
            paid_on=paid_on,
            amount=amount,
            sees=self._read_grants(),
            municipality=self.municipality_code,
            known_at=known_at,
            recorded_at=self.recorded_at,
        )
        self.wages[wage.name] = wage
        message = self._payroll(
            "wage-paid",
            wage.sees,
            known_at=format_moment(known_at),
            wage_id=self.wage_id(wage.name),
            employment_id=identity(employment),
            paid_on=paid_on.isoformat(),
            amount_ore=amount,
        )
        self._write(message, wage)

    def take_back(self, wage: NaiveWage) -> None:
        self.reversed.add(wage.name)
        sees = self._read_grants()
        naive = NaiveReversal(wage.name, sees, self.municipality_code, self.recorded_at)
        message = self._payroll(
            "wage-reversed",
            sees,
            known_at=format_moment(self.recorded_at),
            wage_id=self.wage_id(wage.name),
            paid_on=wage.paid_on.isoformat(),
            amount_ore=wage.amount,
            reversed_on=wage.paid_on.isoformat(),
        )
        self._write(message, naive)

    def _read_grants(self) -> int:
        """Give how far payroll has read grants, which is also how it knows whose citizen it is."""
        read = self.grants[: self.seen_by_payroll]
        self.municipality_code = responsible(read, MUNICIPALITIES[0])
        return self.seen_by_payroll

    def _write(self, message: Message, naive: Any) -> None:
        self.queues[message.topic].append((message, naive))


def _last(dated: list[NaiveGrant]) -> NaiveGrant | None:
    """Give the change that takes effect last, of equals the one decided later."""
    return max(reversed(dated), key=lambda grant: grant.on, default=None)
