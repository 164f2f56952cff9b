"""Time, passed in: our clock, never set back, and the business calendar of Denmark."""

import datetime as dt
from typing import Protocol

from frikort_contracts.types import COPENHAGEN


class Clock(Protocol):
    """Tells the time in UTC, never earlier than it told before."""

    def now(self) -> dt.datetime:
        """Give the present moment, aware, in UTC."""
        ...


class SystemClock:
    """The machine's clock, held where it was when the machine's is set back."""

    def __init__(self) -> None:
        self._last = dt.datetime.min.replace(tzinfo=dt.UTC)

    def now(self) -> dt.datetime:
        """Give the present moment, aware, in UTC."""
        self._last = max(self._last, dt.datetime.now(dt.UTC))
        return self._last


def business_date(moment: dt.datetime) -> dt.date:
    """Give the Danish calendar date of a moment (R44)."""
    return moment.astimezone(COPENHAGEN).date()
