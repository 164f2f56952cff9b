"""The employments: who hired whom, from when on, and who brought them together."""

import dataclasses
import datetime as dt
import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass

from deploy.demo.cards import Card
from deploy.demo.cast import Use
from deploy.demo.days import LAST_DAY, office_moment, plus, workday_on_or_before
from deploy.demo.firms import Firm
from deploy.demo.published import CONSULTANT

WEEKLY, FORTNIGHTLY, MONTHLY = 7, 14, 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """An employment. `paid_until` and the terms of pay are not in the files."""

    employment_ref: str
    card: Card
    firm: Firm
    starts_on: dt.date
    ends_on: dt.date | None
    consultant: str
    registered_at: dt.datetime
    paid_until: dt.date
    every_days: int
    holiday_pay: bool
    pension: bool
    paid_by: str


_OWN_JOBS = ((1, 2, 3), (64, 27, 9))
_ROOM_FOR_TWO_DAYS = 80
_LATE_SHARE = 0.06
_FIXED_TERM_SHARE = 0.3
_FIXED_TERM_DAYS_MAX = 150


def employ(
    rng: random.Random, uses: list[Use], firms: dict[str, list[Firm]]
) -> list[tuple[Use, list[Job]]]:
    """Give every citizen of the cast their employments, the consultant's in every trade."""
    sectors = list(firms)
    rng.shuffle(sectors)
    led = itertools.cycle(sectors)
    employed = [(use, list(_jobs(rng, use, firms, led))) for use in uses]
    return _numbered(employed)


def _jobs(
    rng: random.Random, use: Use, firms: dict[str, list[Firm]], led: Iterator[str]
) -> Iterator[Job]:
    starts = _starts(rng, use)
    hired: set[str] = set()
    for index, starts_on in enumerate(starts):
        sector = next(led) if use.part.led else rng.choice(list(firms))
        firm = rng.choice([firm for firm in firms[sector] if firm.cvr not in hired])
        hired.add(firm.cvr)
        moves_on = index + 1 < len(starts) and rng.random() < 1 / 2
        paid_until = plus(starts[index + 1], -1) if moves_on else use.last
        yield _job(rng, use, firm, starts_on, paid_until)


def _starts(rng: random.Random, use: Use) -> list[dt.date]:
    """Draw when the employments start, the first of them with the use of the card."""
    length = (use.last - use.first).days
    count = use.part.led or rng.choices(*_OWN_JOBS)[0]
    if use.part.idle or (not use.part.led and length < _ROOM_FOR_TWO_DAYS):
        count = 1
    later = sorted(rng.sample(range(12, max(length - 7, 14)), count - 1))
    return [use.first, *(min(plus(use.first, days), plus(LAST_DAY, -9)) for days in later)]


def _job(rng: random.Random, use: Use, firm: Firm, starts_on: dt.date, paid_until: dt.date) -> Job:
    brief = (paid_until - starts_on).days <= _FIXED_TERM_DAYS_MAX
    ends_on = max(starts_on, plus(paid_until, rng.choice((-5, 0, 3, 14, 14))))
    fixed_term = brief and not use.part.careless and rng.random() < _FIXED_TERM_SHARE
    cadences = (WEEKLY, FORTNIGHTLY, MONTHLY)
    often = use.part.ending or use.part.careless or use.part.eager
    every_days = WEEKLY if often else rng.choices(cadences, (45, 40, 15))[0]
    return Job(
        employment_ref="",
        card=use.standing.card,
        firm=firm,
        starts_on=starts_on,
        ends_on=ends_on if fixed_term else None,
        consultant=CONSULTANT if use.part.led else "",
        registered_at=_registered(rng, use, starts_on),
        paid_until=paid_until,
        every_days=every_days,
        holiday_pay=rng.random() < 4 / 5,
        pension=firm.sector in {"supermarket", "cleaning", "warehouse"} and rng.random() < 1 / 4,
        paid_by=rng.choices(("bank", "mobilepay", "cash", ""), (74, 14, 8, 4))[0],
    )


def _registered(rng: random.Random, use: Use, starts_on: dt.date) -> dt.datetime:
    """Draw when the employment was registered: before it starts, as a rule (R36)."""
    day = workday_on_or_before(plus(starts_on, -rng.randint(1, 9)))
    if not use.part.led and rng.random() < _LATE_SHARE:
        day = workday_on_or_before(plus(starts_on, rng.randint(3, 21)))
    granted = plus(use.standing.card.registered_at, 1)
    return office_moment(rng, min(max(day, granted), LAST_DAY))


def _numbered(employed: list[tuple[Use, list[Job]]]) -> list[tuple[Use, list[Job]]]:
    """Number the employments in the order in which they were registered."""
    jobs = sorted(
        (job for _, jobs in employed for job in jobs),
        key=lambda job: (job.registered_at, job.card.card_no, job.starts_on),
    )
    refs = {id(job): f"A-{number:05d}" for number, job in enumerate(jobs, 1)}
    return [
        (use, [dataclasses.replace(job, employment_ref=refs[id(job)]) for job in jobs])
        for use, jobs in employed
    ]
