"""The hours in which nobody is texted (R43). Pure: no clock, no input or output."""

import datetime as dt
from dataclasses import dataclass
from typing import Self

from frikort_contracts.types import COPENHAGEN

NEVER = "none"


class QuietHoursUnreadableError(ValueError):
    """The hours are not given as HH:MM-HH:MM or `none`."""


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From a time of the day up to another, by Danish clocks; past midnight if it is earlier.

    What a clock on the wall shows decides, so that summer time needs no rule of its own.
    """

    begin: dt.time
    end: dt.time

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read `21:00-08:00`; None if nobody is to be left in peace (`none`).

        Raises:
            QuietHoursUnreadableError: it is neither.
        """
        if text == NEVER:
            return None
        begin, _, end = text.partition("-")
        try:
            hours = cls(dt.time.fromisoformat(begin), dt.time.fromisoformat(end))
        except ValueError as error:
            raise QuietHoursUnreadableError(
                f"{text!r} is not HH:MM-HH:MM, as 21:00-08:00, or {NEVER}"
            ) from error
        if hours.begin.tzinfo or hours.end.tzinfo or hours.begin == hours.end:
            raise QuietHoursUnreadableError(
                f"{text!r} begins and ends at two Danish times without an offset, or is {NEVER}"
            )
        return hours

    def cover(self, moment: dt.datetime) -> bool:
        """Tell whether a moment lies in them; the end does not."""
        time = moment.astimezone(COPENHAGEN).time()
        if self.begin < self.end:
            return self.begin <= time < self.end
        return time >= self.begin or time < self.end
