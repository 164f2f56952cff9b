"""Who uses the card, from when to when, and how far: the cast of the history.

The numbers here are what the generator aims at. Whether the history comes out so is for
the system that reads it to say.
"""

import datetime as dt
import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from deploy.demo.changes import Fate, Standing
from deploy.demo.days import LAST_DAY, plus

Ending = Literal["exact", "split", "beyond", "restored"]
"""How a year's allowance runs out: to the øre; with the last wage split at the cap; with one
more wage after it; to the øre, but the last wage is taken back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part in the history, played by `count` citizens.

    `led` counts the employments that the consultant made; `careless` employers pay outside
    the card's active time too; `idle` citizens have an employment, but no wage yet.
    """

    count: int
    fate: Fate = "kept"
    benefit: str | None = None
    granted_from: dt.date = dt.date(2019, 1, 1)
    granted_to: dt.date = LAST_DAY
    current: bool = False
    led: int = 0
    ending: Ending | None = None
    careless: bool = False
    eager: bool = False
    idle: bool = False
    withdrawn: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """A citizen at work: wages are paid from `first` to `last`."""

    part: Part
    standing: Standing
    first: dt.date
    last: dt.date


_LED_FROM = dt.date(2021, 4, 1)
_OLD_ENOUGH = dt.date(2022, 10, 31)
_OLD = dt.date(2022, 9, 30)
_BEFORE_2023 = dt.date(2022, 12, 21)


def _led(count: int, benefit: str, led: int = 1, ending: Ending | None = None) -> Part:
    return Part(
        count=count,
        benefit=benefit,
        led=led,
        ending=ending,
        current=True,
        granted_from=_LED_FROM,
        granted_to=_OLD_ENOUGH if ending else _BEFORE_2023,
    )


def _led_earlier(count: int, benefit: str) -> Part:
    return Part(
        count=count,
        benefit=benefit,
        led=1,
        granted_from=_LED_FROM,
        granted_to=dt.date(2022, 6, 30),
    )


def _idle(count: int, benefit: str | None, led: int, *, granted_from: dt.date = _LED_FROM) -> Part:
    return Part(count=count, benefit=benefit, led=led, idle=True, granted_from=granted_from)


def _own(count: int, ending: Ending | None = None, *, eager: bool = False) -> Part:
    granted_to = _OLD_ENOUGH if ending or eager else LAST_DAY
    return Part(count=count, current=True, ending=ending, eager=eager, granted_to=granted_to)


_FOERTID, _KONTANT, _FORLOEB = "foertidspension", "kontanthjaelp", "ressourceforloebsydelse"
_CAST = (
    # The consultant's: 79 employments of 66 citizens, 6 of whom exhaust 2023.
    _led(1, "none"),
    _led(2, _FORLOEB, led=2),
    _led(1, _FORLOEB, ending="exact"),
    _led(3, _FORLOEB),
    _led(2, _FOERTID, ending="exact"),
    _led(1, _FOERTID, ending="split"),
    _led(6, _FOERTID, led=2),
    _led(18, _FOERTID),
    _led(1, _KONTANT, ending="exact"),
    _led(1, _KONTANT, ending="beyond"),
    _led(5, _KONTANT, led=2),
    _led(13, _KONTANT),
    _led_earlier(2, _FORLOEB),
    _led_earlier(5, _FOERTID),
    _led_earlier(3, _KONTANT),
    _idle(1, _FOERTID, 1),
    _idle(1, _KONTANT, 1),
    # Found without the consultant, in use in 2023: 86, 10 of whom exhaust it.
    Part(count=2, fate="stopped", current=True, granted_to=dt.date(2022, 11, 18)),
    Part(count=2, fate="stopped", current=True, granted_to=dt.date(2022, 11, 18), careless=True),
    Part(count=14, fate="new", current=True, granted_to=dt.date(2023, 4, 6)),
    _own(5, "exact"),
    _own(4, "split"),
    _own(1, "beyond"),
    _own(1, "restored"),
    _own(3, eager=True),
    # Used in earlier years only: 100.
    Part(count=4, fate="gone", careless=True),
    Part(count=2, fate="gone"),
    Part(count=3, fate="paused", careless=True),
    Part(count=2, fate="paused"),
    Part(count=15, fate="stopped", granted_to=_OLD),
    Part(count=2, eager=True, granted_to=_OLD),
    Part(count=1, withdrawn=True, granted_to=_OLD),
    Part(count=71, granted_to=_OLD),
    # The rest of those in use in 2023; their cards may be as young as they like.
    Part(count=54, current=True, granted_to=_BEFORE_2023),
    _idle(8, None, 0, granted_from=dt.date(2022, 6, 1)),
)
_FIRST_LED = dt.date(2021, 6, 14)
_STOPPED_MIN = dt.date(2023, 2, 20)
_GONE_MAX = dt.date(2022, 11, 1)
_LAST_OF_2022 = dt.date(2022, 12, 30)


def cast_uses(rng: random.Random, standings: Iterable[Standing]) -> list[Use]:
    """Cast the citizens; most cards are cast nowhere, for they are not used."""
    pool = list(standings)
    rng.shuffle(pool)
    uses = []
    for part in _CAST:
        fitting = [standing for standing in pool if _fits(part, standing)][: part.count]
        if len(fitting) < part.count:
            message = f"{len(fitting)} citizens for a part of {part}"
            raise LookupError(message)
        for standing in fitting:
            pool.remove(standing)
            uses.append(_use(rng, part, standing))
    return uses


def _fits(part: Part, standing: Standing) -> bool:
    card = standing.card
    if standing.fate != part.fate or part.benefit not in {None, card.benefit}:
        return False
    if not part.granted_from <= card.valid_from <= part.granted_to:
        return False
    if part.fate == "stopped":
        off = standing.inactive_from
        return standing.active_again is None and off is not None and off >= _STOPPED_MIN
    if part.fate == "gone" and part.careless:
        return standing.inactive_from is not None and standing.inactive_from <= _GONE_MAX
    return True


def _use(rng: random.Random, part: Part, standing: Standing) -> Use:
    if part.current:
        first, last = _current_span(rng, part, standing)
    elif part.idle:
        first, last = dt.date(2023, 5, 8), LAST_DAY
    else:
        first, last = _earlier_span(rng, part, standing)
    return Use(part=part, standing=standing, first=first, last=last)


def _start(rng: random.Random, part: Part, valid_from: dt.date, latest: dt.date) -> dt.date:
    """Draw when the work begins: the card finds its use after weeks or months."""
    if part.eager:
        return plus(valid_from, -24)
    drawn = plus(valid_from, 10 + min(int(rng.expovariate(1 / 80)), 300))
    first = min(drawn, max(latest, plus(valid_from, 10)))
    return max(first, _FIRST_LED) if part.led else first


def _current_span(rng: random.Random, part: Part, standing: Standing) -> tuple[dt.date, dt.date]:
    latest = dt.date(2022, 12, 1) if part.ending else dt.date(2023, 4, 17)
    if standing.inactive_from is not None:
        latest = dt.date(2022, 12, 12)
    first = _start(rng, part, standing.card.valid_from, latest)
    if standing.inactive_from is not None:
        return first, plus(standing.inactive_from, 40 if part.careless else -1)
    if part.ending or rng.random() < 3 / 4:
        return first, LAST_DAY
    earliest = max(plus(first, 28), dt.date(2023, 2, 1))
    return first, plus(earliest, rng.randint(0, (LAST_DAY - earliest).days))


def _earlier_span(rng: random.Random, part: Part, standing: Standing) -> tuple[dt.date, dt.date]:
    latest = dt.date(2022, 11, 1)
    if part.fate in {"gone", "paused"} and standing.inactive_from is not None:
        latest = plus(standing.inactive_from, -45)
    first = _start(rng, part, standing.card.valid_from, latest)
    last = plus(first, rng.randint(40, 520))
    if part.fate == "gone" and standing.inactive_from is not None:
        last = plus(standing.inactive_from, 40 if part.careless else -1)
    elif standing.fate == "paused" and standing.active_again is not None:
        last = plus(standing.active_again, 50)
    return first, min(last, _LAST_OF_2022)
