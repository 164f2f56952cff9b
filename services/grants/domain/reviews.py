"""When a card is to be reviewed next: the two readings of LOV 616 section 3(1) (R33)."""

import datetime as dt
from typing import Literal, TypeAlias

ReviewReading: TypeAlias = Literal["safe", "literal"]
_YEARS: dict[ReviewReading, int] = {"safe": 1, "literal": 2}


def review_due_on(reading: ReviewReading, assessed_on: dt.date) -> dt.date:
    """Give the last day of the year by which the conditions are to be checked again.

    `assessed_on` is when the municipality last decided that they are met: the issue, a review
    or a reactivation. The law asks for a check "at least once every second calendar year", not
    in the year of issue (DOMAIN 2.12). Read to the letter, two calendar years follow the year of
    the decision and the check may come in either: a card of 2025 is due by 31 December 2027. The
    safe reading has no two calendar years in a row end without one: 31 December 2026 (R33).
    """
    return dt.date(assessed_on.year + _YEARS[reading], 12, 31)
