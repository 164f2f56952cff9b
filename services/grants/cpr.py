"""CPR numbers: a date and a century, and never a check digit (DOMAIN 6.1).

Since 1 October 2007 valid numbers may fail modulus 11, so it is not looked at. Fictitious
numbers have the day plus 60; they are the only ones taken in test mode's data and are refused
in production.
"""

import datetime as dt
import re

from services.chassis.errors import Rejection

FICTITIOUS_DAY_OFFSET = 60


class CprMalformed(Rejection):
    """Not a CPR number."""

    code = "cpr-format"
    field = "cpr"


class CprFictitious(Rejection):
    """A made-up number in production."""

    code = "cpr-fictitious"
    field = "cpr"


def check_cpr(cpr: str, *, production: bool) -> None:
    """Refuse what is no CPR number, and in production what is a fictitious one.

    Raises:
        CprMalformed: not ten digits with a birth date.
        CprFictitious: day + 60 in production.
    """
    if re.fullmatch(r"\d{10}", cpr) is None:
        raise CprMalformed("a CPR number is ten digits, DDMMYYNNNN, without hyphen")
    day = int(cpr[:2])
    fictitious = day > FICTITIOUS_DAY_OFFSET
    if fictitious and production:
        raise CprFictitious("day + 60 numbers are for tests; production takes real ones")
    if fictitious:
        day -= FICTITIOUS_DAY_OFFSET
    try:
        dt.date(_century(cpr) + int(cpr[4:6]), int(cpr[2:4]), day)
    except ValueError as error:
        raise CprMalformed("the first six digits are a birth date, DDMMYY") from error


def _century(cpr: str) -> int:
    """Give the century by digit 7 and the year ([WIKI], DOMAIN 6.2)."""
    year, seventh = int(cpr[4:6]), int(cpr[6])
    if seventh <= 3:  # noqa: PLR2004 - the table's own figures
        return 1900
    if seventh in {4, 9}:
        return 2000 if year <= 36 else 1900  # noqa: PLR2004
    return 2000 if year <= 57 else 1800  # noqa: PLR2004
