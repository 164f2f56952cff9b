"""Wages taken back: wrong amounts with their replacement, double registrations, no-shows.

Corrected are citizens and years with room to spare, so that nothing hangs on whether a
replacement is read before or after the reversal.
"""

import dataclasses
import datetime as dt
import random
from collections import defaultdict
from dataclasses import dataclass
from typing import Literal

from deploy.demo.cast import Use
from deploy.demo.days import LAST_DAY, office_moment, plus, workday_on_or_before
from deploy.demo.jobs import Job
from deploy.demo.wages import CAP_ORE, Wage, make_wage


@dataclass(frozen=True, slots=True, kw_only=True)
class Reversal:
    """A wage taken back, and why."""

    wage: Wage
    reason: str
    reversed_on: dt.date
    registered_at: dt.datetime


_CORRECTIONS = 44
_WAGES_MIN = 4
_ROOM_ORE = 3_000_00
_LATEST = dt.datetime(2023, 5, 5, tzinfo=dt.UTC)
_WITHDRAWN_ON = dt.date(2023, 2, 10)
_WRONG_AMOUNT = "Forkert beløb, ny registrering følger"
_PAID_BACK = "Udbetalt ved en fejl, betalt tilbage"
_TWICE = "Registreret to gange"
_NOT_PAID = "Lønnen blev ikke udbetalt"
_NO_SHOW = "Borgeren mødte ikke, lønnen blev ikke udbetalt"

_Kind = Literal["amount", "twice", "unpaid"]


def correct(
    rng: random.Random, employed: list[tuple[Use, list[Job]]], wages: list[Wage]
) -> tuple[list[Wage], list[Reversal]]:
    """Take wages back. Returns the wages added by it, and the reversals as learned."""
    added: list[Wage] = []
    reversals: list[Reversal] = []
    for wage in rng.sample(_correctable(wages), _CORRECTIONS):
        kinds: tuple[_Kind, ...] = ("amount", "twice", "unpaid")
        _correct(rng, wage, rng.choices(kinds, (30, 8, 6))[0], added, reversals)
    last_of_2023 = [wage for wage in _last_of_years(wages) if wage.paid_on.year == LAST_DAY.year]
    restored = next(wage for wage in last_of_2023 if wage.steered == "restored")
    beyond = next(wage for wage in last_of_2023 if wage.steered == "beyond")
    reversals += [_reversal(rng, restored, _NOT_PAID), _reversal(rng, beyond, _PAID_BACK)]
    for use, jobs in employed:
        if use.part.withdrawn:
            added.append(make_wage(rng, jobs[-1], _WITHDRAWN_ON, 562_50))
            reversals.append(_reversal(rng, added[-1], _NO_SHOW))
    return added, sorted(reversals, key=lambda reversal: reversal.registered_at)


def _years(wages: list[Wage]) -> dict[tuple[str, int], list[Wage]]:
    years: dict[tuple[str, int], list[Wage]] = defaultdict(list)
    for wage in wages:
        years[wage.job.card.card_no, wage.paid_on.year].append(wage)
    return years


def _correctable(wages: list[Wage]) -> list[Wage]:
    """Find one wage of each citizen and year with room, among others that stay."""
    return [
        min(of_year[1:-1], key=lambda wage: wage.amount_ore)
        for of_year in _years(wages).values()
        if len(of_year) >= _WAGES_MIN
        and all(wage.steered is None for wage in of_year)
        and all(wage.registered_at < _LATEST for wage in of_year)
        and sum(wage.amount_ore for wage in of_year) <= CAP_ORE - _ROOM_ORE
    ]


def _last_of_years(wages: list[Wage]) -> list[Wage]:
    return [max(of_year, key=lambda wage: wage.paid_on) for of_year in _years(wages).values()]


def _correct(
    rng: random.Random, wage: Wage, kind: _Kind, added: list[Wage], reversals: list[Reversal]
) -> None:
    """Take one wage back, or its double."""
    if kind == "unpaid":
        reversals.append(_reversal(rng, wage, _NOT_PAID))
        return
    if kind == "twice":
        seen_again = wage.registered_at + dt.timedelta(seconds=rng.randint(20, 600))
        added.append(dataclasses.replace(wage, external_ref="", registered_at=seen_again))
        reversals.append(_reversal(rng, added[-1], _TWICE))
        return
    reversal = _reversal(rng, wage, _WRONG_AMOUNT)
    reversals.append(reversal)
    right_ore = round(wage.amount_ore * rng.choice((0.5, 0.75, 0.9, 1.25, 1.5)))
    replaced = make_wage(rng, wage.job, wage.paid_on, right_ore)
    minutes_later = dt.timedelta(minutes=rng.randint(2, 50))
    added.append(
        dataclasses.replace(replaced, registered_at=reversal.registered_at + minutes_later)
    )


def _reversal(rng: random.Random, wage: Wage, reason: str) -> Reversal:
    """Reverse a wage some days after it was registered, within the history."""
    registered_on = wage.registered_at.date()
    day = workday_on_or_before(min(plus(registered_on, rng.randint(2, 20)), LAST_DAY))
    moment = office_moment(rng, max(day, registered_on))
    return Reversal(
        wage=wage,
        reason=reason,
        reversed_on=max(day, registered_on),
        registered_at=max(moment, wage.registered_at + dt.timedelta(minutes=5)),
    )
