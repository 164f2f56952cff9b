"""The days of the demo's history: working days and office hours in Denmark."""

import datetime as dt
import random
from zoneinfo import ZoneInfo

COPENHAGEN = ZoneInfo("Europe/Copenhagen")
LAST_DAY = dt.date(2023, 5, 31)
"""Nothing in the history happens, or is learned, later."""

_SATURDAY = 5
_CLOSED = {(12, 24), (12, 25), (12, 26), (12, 31), (1, 1)}
_OPENS_H = 8
_OPEN_S = 9 * 3600


def is_workday(day: dt.date) -> bool:
    """Say whether offices and banks are open, movable feasts apart."""
    return day.weekday() < _SATURDAY and (day.month, day.day) not in _CLOSED


def workday_on_or_before(day: dt.date) -> dt.date:
    """Find the nearest working day, looking back."""
    return next(
        earlier for step in range(10) if is_workday(earlier := day - dt.timedelta(days=step))
    )


def plus(day: dt.date, days: int) -> dt.date:
    """Move a number of days on; a negative number moves back."""
    return day + dt.timedelta(days=days)


def workday_between(rng: random.Random, first: dt.date, last: dt.date) -> dt.date:
    """Draw a working day of the range, both ends included (`first` itself if it has none)."""
    drawn = workday_on_or_before(plus(first, rng.randint(0, (last - first).days)))
    return max(first, drawn)


def office_moment(rng: random.Random, day: dt.date) -> dt.datetime:
    """Draw a moment within the office hours of a day."""
    opening = dt.datetime.combine(day, dt.time(_OPENS_H), tzinfo=COPENHAGEN)
    return opening + dt.timedelta(seconds=rng.randrange(_OPEN_S))
