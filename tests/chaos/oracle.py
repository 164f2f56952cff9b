"""What must stand in the end: the answered commands alone, folded by the naive ledger.

The order is the one the services gave (stream versions) and each wage rests on the grants it
names; everything else is what was sent. It asks neither a database nor a topic.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from tests.chaos.commands import Answered, Book
from tests.unit.naive_ledger import (
    NaiveCap,
    NaiveCitizen,
    NaiveEmployment,
    NaiveGrant,
    NaiveLaw,
    NaiveReversal,
    NaiveWage,
)

COPENHAGEN: Final = ZoneInfo("Europe/Copenhagen")
CAPS: Final = (
    # year, øre, in force from, known at
    (2022, 20_000_00, "2022-01-01", "2021-12-29"),
    (2023, 20_000_00, "2023-01-01", "2022-12-28"),
    (2023, 40_000_00, "2023-07-01", "2023-06-20"),
    (2024, 41_000_00, "2024-01-01", "2023-12-01"),
    (2025, 42_000_00, "2025-01-01", "2024-12-01"),
)
"""What each year allows; 2023's was raised within the year (DOMAIN 1.2), the last two made up."""
CHANGES: Final = {
    "grant": "issued",
    "deactivation": "deactivated",
    "reactivation": "reactivated",
    "review": "transferred",  # as naive a change as this one: a day's coverage stays as it is
}


class Decision(NamedTuple):
    """What of a wage is covered, and why."""

    covered_ore: int
    excess_ore: int
    reason: str


class Year(NamedTuple):
    """A citizen's year: what stands, and how many wages and reversals were entered."""

    covered_ore: int
    excess_ore: int
    entries: int


@dataclass(slots=True)
class Expected:
    """What the ledger must have: by wage, and by citizen and year."""

    decisions: dict[str, Decision]
    years: dict[tuple[str, int], Year]


def expect(book: Book, now: dt.datetime) -> Expected:
    """Fold every accepted command; `now` is what a fact without a date of its own is known at."""
    citizens: defaultdict[str, NaiveCitizen] = defaultdict(NaiveCitizen)
    wage_ids: dict[str, str] = {}
    for answered in _in_order(book.accepted("grants")):
        citizens[answered.citizen_id].grants.append(_grant(answered))
    for answered in _in_order(book.accepted("payroll")):
        citizen = citizens[answered.citizen_id]
        match answered.command.kind:
            case "wage":
                wage_ids[answered.command.body["wage_ref"]] = answered.answer["wage_id"]
                citizen.payroll.append(_wage(answered, now))
            case "reversal":
                citizen.payroll.append(_reversal(answered, now))
            case "employment":
                citizen.payroll.append(_employment(answered, now))
    law = NaiveLaw(now, caps=[_cap(*cap) for cap in CAPS])
    expected = Expected({}, {})
    for citizen_id, citizen in citizens.items():
        citizen.settle(law)
        for wage in citizen.wages():
            covered = wage.covered or 0
            expected.decisions[wage_ids[wage.name]] = Decision(
                covered, wage.amount - covered, wage.reason
            )
        expected.years |= {(citizen_id, year): y for year, y in _years(citizen).items()}
    return expected


def _in_order(answered: Iterable[Answered]) -> list[Answered]:
    return sorted(answered, key=lambda one: (one.citizen_id, one.version))


def _years(citizen: NaiveCitizen) -> dict[int, Year]:
    reversed_wages = {one.name for one in citizen.payroll if isinstance(one, NaiveReversal)}
    found: dict[int, Year] = {}
    for wage in citizen.wages():
        was_reversed = wage.name in reversed_wages
        before = found.get(wage.paid_on.year, Year(0, 0, 0))
        covered = 0 if was_reversed else wage.covered or 0
        excess = 0 if was_reversed else wage.amount - covered
        found[wage.paid_on.year] = Year(
            before.covered_ore + covered,
            before.excess_ore + excess,
            before.entries + 1 + was_reversed,
        )
    return found


def _grant(answered: Answered) -> NaiveGrant:
    body = answered.command.body
    on = body.get("effective_on") or body["valid_from"]
    return NaiveGrant(CHANGES[answered.command.kind], dt.date.fromisoformat(on))


def _wage(answered: Answered, now: dt.datetime) -> NaiveWage:
    body = answered.command.body
    return NaiveWage(
        name=body["wage_ref"],
        employment=body["employment_ref"],
        paid_on=dt.date.fromisoformat(body["paid_on"]),
        amount=body["amount_ore"],
        sees=answered.answer["grants_version"],
        municipality="",
        known_at=_learned(answered, now),
        recorded_at=now,
    )


def _reversal(answered: Answered, now: dt.datetime) -> NaiveReversal:
    ref = answered.command.path.split("/")[3]
    return NaiveReversal(ref, answered.answer["grants_version"], "", now)


def _employment(answered: Answered, now: dt.datetime) -> NaiveEmployment:
    body = answered.command.body
    return NaiveEmployment(
        name=body["employment_ref"],
        starts_on=dt.date.fromisoformat(body["starts_on"]),
        ends_on=None,
        sees=answered.answer["grants_version"],
        known_at=_learned(answered, now),
    )


def _learned(answered: Answered, now: dt.datetime) -> dt.datetime:
    registered_at = answered.command.body.get("registered_at")
    return now if registered_at is None else midnight(registered_at)


def _cap(year: int, amount_ore: int, in_force_from: str, known_at: str) -> NaiveCap:
    return NaiveCap(year, amount_ore, dt.date.fromisoformat(in_force_from), midnight(known_at))


def midnight(date: str) -> dt.datetime:
    """Read a date as its 00:00 in Denmark."""
    return dt.datetime.combine(dt.date.fromisoformat(date), dt.time(), COPENHAGEN)
