"""The wages: when each employer paid, how much, and when it registered that.

A year's allowance is planned per citizen, whoever pays: most citizens stay well below the
cap, some work until it is used up. What the ledger makes of it is not written anywhere.
"""

import dataclasses
import datetime as dt
import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from deploy.demo.cast import Ending, Use
from deploy.demo.days import (
    LAST_DAY,
    is_workday,
    office_moment,
    plus,
    workday_between,
    workday_on_or_before,
)
from deploy.demo.jobs import MONTHLY, Job

CAP_ORE = 20_000_00
"""What citizens and employers of 2019 to May 2023 steer by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wage:
    """A wage as registered; `amount_ore` includes holiday pay and pension.

    `steered` wages belong to a year that the citizen meant to use up: they are not corrected.
    """

    job: Job
    paid_on: dt.date
    amount_ore: int
    holiday_pay_ore: int | None
    pension_ore: int | None
    voucher_ref: str
    external_ref: str
    registered_at: dt.datetime
    steered: Ending | None = None


_CURRENT_YEAR = LAST_DAY.year
_SKIPPED_SHARE = 0.22
_SKIPPED_SHARE_STEERED = 0.06
_CARELESS_WAGES_MAX = 2
_USED_UP_SHARE = 0.13
_USED_UP_PAYMENTS_MIN = 17
_MARGIN_ORE = 60_00
_LAST_WAGE_MIN_ORE = 150_00
_PARTIAL_KR = (700, 19_300, 6_500)
_MEAN_WAGE_MAX_KR = 1_500
_LATE_SHARE = 0.012
_BEFORE_EMPLOYMENT_SHARE = 0.25
_DELAYS = ((0, 1, 2, 3, 4, 6, 9), (26, 26, 16, 12, 10, 6, 4))
_EXTERNAL_SHARE = 0.9


def pay_wages(rng: random.Random, employed: list[tuple[Use, list[Job]]]) -> list[Wage]:
    """Pay every citizen of the cast, idle ones apart. Not yet in the order of registration."""
    return [
        wage for use, jobs in employed if not use.part.idle for wage in _wages_of(rng, use, jobs)
    ]


def make_wage(
    rng: random.Random,
    job: Job,
    paid_on: dt.date,
    amount_ore: int,
    *,
    steered: Ending | None = None,
) -> Wage:
    """Write down one wage, its holiday pay and pension being parts of the amount."""
    base_ore = round(amount_ore / (1 + 0.125 * job.holiday_pay + 0.08 * job.pension))
    voucher = f"B{paid_on:%y}-{rng.randrange(1000, 10_000)}" if job.paid_by == "cash" else ""
    external = f"SFK{rng.randrange(10**8):08d}" if rng.random() < _EXTERNAL_SHARE else ""
    return Wage(
        job=job,
        paid_on=paid_on,
        amount_ore=amount_ore,
        holiday_pay_ore=round(base_ore * 0.125) if job.holiday_pay else None,
        pension_ore=round(base_ore * 0.08) if job.pension else None,
        voucher_ref=voucher,
        external_ref=external,
        registered_at=_registered(rng, job, paid_on, may_be_late=steered is None),
        steered=steered,
    )


def _wages_of(rng: random.Random, use: Use, jobs: list[Job]) -> Iterator[Wage]:
    paydays = sorted(
        ((day, job) for job in jobs for day in _paydays(rng, use, job)),
        key=lambda payday: (payday[0], payday[1].employment_ref),
    )
    active = [payday for payday in paydays if use.standing.is_active(payday[0])]
    in_current_year = any(day.year == _CURRENT_YEAR for day, _ in active)
    if not active or (use.part.current and not in_current_year):
        active.append((_some_payday(rng, use), jobs[0]))
    years: dict[int, list[tuple[dt.date, Job]]] = defaultdict(list)
    for day, job in active:
        years[day.year].append((day, job))
    for year, days in years.items():
        yield from _wages_of_year(rng, days, _ending(rng, use, year, len(days)))
    if use.part.careless or use.part.eager:
        yield from _careless_wages(rng, use, paydays)


def _paydays(rng: random.Random, use: Use, job: Job) -> Iterator[dt.date]:
    """List the days on which an employer pays, weeks without work left out."""
    skipped = _SKIPPED_SHARE_STEERED if use.part.ending else _SKIPPED_SHARE
    friday = plus(job.starts_on, (4 - job.starts_on.weekday()) % 7)
    for days in range(0, (job.paid_until - friday).days + 1, job.every_days):
        day = plus(friday, days)
        if job.every_days == MONTHLY:
            day = _last_workday(day)
        if job.starts_on < day <= job.paid_until and is_workday(day) and rng.random() > skipped:
            yield day


def _last_workday(day: dt.date) -> dt.date:
    next_month = plus(day.replace(day=28), 4).replace(day=1)
    return workday_on_or_before(plus(next_month, -1))


def _some_payday(rng: random.Random, use: Use) -> dt.date:
    """Draw a payday for somebody whose weeks without work left none."""
    first, last = plus(max(use.first, use.standing.card.valid_from), 4), use.last
    if use.part.current:
        first = max(first, dt.date(_CURRENT_YEAR, 1, 5))
    if use.standing.inactive_from is not None and first < use.standing.inactive_from:
        last = min(last, plus(use.standing.inactive_from, -1))
    return workday_between(rng, first, max(first, last))


def _ending(rng: random.Random, use: Use, year: int, payments: int) -> Ending | None:
    if year == _CURRENT_YEAR:
        return use.part.ending
    if payments < _USED_UP_PAYMENTS_MIN or rng.random() > _USED_UP_SHARE:
        return None
    endings: tuple[Ending, ...] = ("exact", "split", "beyond")
    return rng.choices(endings, (5, 4, 2))[0]


def _wages_of_year(
    rng: random.Random, days: list[tuple[dt.date, Job]], ending: Ending | None
) -> list[Wage]:
    """Pay one citizen's wages of one year, up to the cap or well below it."""
    if ending is None:
        total_kr = min(int(rng.triangular(*_PARTIAL_KR)), len(days) * _MEAN_WAGE_MAX_KR)
        amounts = _amounts(rng, [job for _, job in days], total_kr * 100)
        while sum(amounts) > CAP_ORE - _MARGIN_ORE:
            amounts.pop()
    else:
        spare = 2 if ending == "beyond" else 1
        jobs = [job for _, job in days[: len(days) - spare]]
        amounts = _amounts(rng, jobs, CAP_ORE * len(jobs) // (len(jobs) + 1))
        while sum(amounts) > CAP_ORE - _LAST_WAGE_MIN_ORE:
            amounts.pop()
        amounts += _last_amounts(rng, CAP_ORE - sum(amounts), ending)
    wages = [
        make_wage(rng, job, day, amount, steered=ending)
        for (day, job), amount in zip(days, amounts, strict=False)
    ]
    return wages if ending is None else _in_order(wages)


def _in_order(wages: list[Wage]) -> list[Wage]:
    """Let the wages be registered in the order in which they were paid."""
    ordered = wages[:1]
    for wage in wages[1:]:
        earliest = ordered[-1].registered_at + dt.timedelta(minutes=1)
        moment = max(wage.registered_at, earliest)
        ordered.append(dataclasses.replace(wage, registered_at=moment))
    return ordered


def _amounts(rng: random.Random, jobs: list[Job], total_ore: int) -> list[int]:
    """Share a total out as wages of half hours at the firms' rates, one an entry of `jobs`."""
    weights = [rng.uniform(0.6, 1.4) for _ in jobs]
    share = total_ore / sum(weights)
    return [
        _hours_ore(job, max(2, round(2 * weight * share / _rate_ore(job))))
        for job, weight in zip(jobs, weights, strict=True)
    ]


def _rate_ore(job: Job) -> float:
    """Say what an hour costs, holiday pay and pension included."""
    return job.firm.hourly_ore * (1 + 0.125 * job.holiday_pay + 0.08 * job.pension)


def _hours_ore(job: Job, half_hours: int) -> int:
    return round(_rate_ore(job) * half_hours / 2)


def _last_amounts(rng: random.Random, left_ore: int, ending: Ending) -> list[int]:
    """Pay what uses up the allowance: to the øre, or beyond it."""
    match ending:
        case "exact" | "restored":
            return [left_ore]
        case "split":
            return [left_ore + rng.randrange(60_00, 700_00, 2_50)]
        case "beyond":
            return [left_ore, rng.randrange(280_00, 900_00, 2_50)]


def _careless_wages(
    rng: random.Random, use: Use, paydays: list[tuple[dt.date, Job]]
) -> Iterator[Wage]:
    """Pay outside the card's active time: the employer did not know, or did not wait."""
    outside = [payday for payday in paydays if not use.standing.is_active(payday[0])]
    for day, job in outside[:_CARELESS_WAGES_MAX]:
        yield make_wage(rng, job, day, _hours_ore(job, rng.randint(4, 12)))


def _registered(
    rng: random.Random, job: Job, paid_on: dt.date, *, may_be_late: bool
) -> dt.datetime:
    """Draw when the wage was registered: within days, now and then months late (R38).

    An employer that was late with the employment may be early with the wage (R36).
    """
    days = rng.choices(*_DELAYS)[0]
    if may_be_late and rng.random() < _LATE_SHARE:
        days = rng.randint(25, 120)
    day = min(workday_on_or_before(plus(paid_on, days)), LAST_DAY)
    moment = office_moment(rng, max(day, paid_on))
    employed_late = job.registered_at.date() > job.starts_on
    if employed_late and rng.random() < _BEFORE_EMPLOYMENT_SHARE:
        return max(moment, office_moment(rng, plus(job.card.registered_at, 1)))
    return max(moment, job.registered_at + dt.timedelta(hours=1))
