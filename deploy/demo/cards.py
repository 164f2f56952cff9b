"""Whom the municipality granted a card: made-up citizens, fictitious CPR numbers.

One citizen has one card. CPR numbers carry the day of birth plus 60, so that they lie
outside the outcome space of the real ones (DOMAIN 6.6), and keep the rule of centuries (6.2).
"""

import datetime as dt
import random
from dataclasses import dataclass

from deploy.demo.days import plus, workday_between, workday_on_or_before

UNDER_30 = "under-30"
FROM_30 = "30-plus"


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A granted card, as the municipality's case system knows it."""

    card_no: str
    cpr: str
    valid_from: dt.date
    decided_on: dt.date
    benefit: str
    age_group: str
    decision_ref: str
    registered_at: dt.date


@dataclass(frozen=True, slots=True)
class _Wave:
    first: dt.date
    last: dt.date
    cards: int


_ACT_IN_EFFECT = dt.date(2019, 1, 2)
_WAVES_TO_2022 = (
    _Wave(_ACT_IN_EFFECT, dt.date(2019, 12, 20), 30),
    _Wave(dt.date(2020, 1, 6), dt.date(2020, 12, 18), 50),
    _Wave(dt.date(2021, 1, 4), dt.date(2021, 5, 28), 40),
    _Wave(dt.date(2021, 6, 7), dt.date(2021, 12, 22), 130),
    _Wave(dt.date(2022, 1, 3), dt.date(2022, 12, 21), 315),
)
"""120 cards when the consultant began, and ever more of them since."""
_WAVES_2023 = (_Wave(dt.date(2023, 1, 9), dt.date(2023, 5, 26), 131),)
_UNDER_30_TO_2022 = 215
_UNDER_30_2023 = 45

_BENEFITS = {
    UNDER_30: {
        "kontanthjaelp": 150,
        "foertidspension": 45,
        "ressourceforloebsydelse": 40,
        "other": 17,
        "none": 8,
    },
    FROM_30: {
        "kontanthjaelp": 142,
        "foertidspension": 217,
        "ressourceforloebsydelse": 44,
        "folkepension": 18,
        "other": 9,
        "none": 6,
    },
}
_AGES = {UNDER_30: (18, 29), FROM_30: (30, 64)}
_AGES_FOLKEPENSION = (68, 76)
_CENTURY_2000 = 2000
_SERIALS_TRIED = 5


def grant_cards(rng: random.Random) -> list[Card]:
    """Grant every card of the history, in the order of `valid_from`."""
    dated = [
        *_dated(rng, _WAVES_TO_2022, _UNDER_30_TO_2022),
        *_dated(rng, _WAVES_2023, _UNDER_30_2023),
    ]
    numbers = rng.sample(range(100, 100_000), len(dated))
    benefits = {group: _dealt(rng, counts) for group, counts in _BENEFITS.items()}
    taken: set[str] = set()
    return [
        _card(rng, number, valid_from, group, benefits[group].pop(), taken)
        for number, (valid_from, group) in zip(numbers, dated, strict=True)
    ]


def _dated(
    rng: random.Random, waves: tuple[_Wave, ...], under_30: int
) -> list[tuple[dt.date, str]]:
    days = sorted(
        workday_between(rng, wave.first, wave.last) for wave in waves for _ in range(wave.cards)
    )
    groups = [UNDER_30] * under_30 + [FROM_30] * (len(days) - under_30)
    rng.shuffle(groups)
    return list(zip(days, groups, strict=True))


def _dealt(rng: random.Random, counts: dict[str, int]) -> list[str]:
    dealt = [name for name, count in counts.items() for _ in range(count)]
    rng.shuffle(dealt)
    return dealt


def _card(
    rng: random.Random, number: int, valid_from: dt.date, group: str, benefit: str, taken: set[str]
) -> Card:
    letter_days = rng.choice((0, 0, 0, 1, 2))
    decided_on = max(workday_on_or_before(plus(valid_from, -letter_days)), _ACT_IN_EFFECT)
    youngest, oldest = _AGES_FOLKEPENSION if benefit == "folkepension" else _AGES[group]
    cpr = _cpr(rng, _born(rng, valid_from, rng.randint(youngest, oldest)), taken)
    return Card(
        card_no=f"{number:05d}",
        cpr=cpr,
        valid_from=valid_from,
        decided_on=decided_on,
        benefit=benefit,
        age_group=group,
        decision_ref=f"SFK-{decided_on.year}-{rng.randrange(1, 10_000):04d}-{number % 97:02d}",
        registered_at=plus(decided_on, rng.choice((0, 0, 1, 1, 2, 3))),
    )


def _born(rng: random.Random, on: dt.date, age: int) -> dt.date:
    """Draw a birth date of somebody who is `age` years old on a day."""
    birthday = on.replace(year=on.year - age, day=min(on.day, 28))
    return plus(birthday, -rng.randrange(365))


def _cpr(rng: random.Random, born: dt.date, taken: set[str]) -> str:
    """Make up a CPR number that nobody else has: day of birth plus 60."""
    centuries = "456789" if born.year >= _CENTURY_2000 else "0123"
    stem = f"{born.day + 60:02d}{born:%m%y}{rng.choice(centuries)}"
    serials = rng.sample(range(1000), _SERIALS_TRIED)
    chosen = next(cpr for serial in serials if (cpr := f"{stem}{serial:03d}") not in taken)
    taken.add(chosen)
    return chosen
