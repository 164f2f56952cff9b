"""CPR numbers: a date and a century, and never a check digit (DOMAIN 6.1).

Since 1 October 2007 valid numbers may fail modulus 11, so it is not looked at. Fictitious
numbers have the day plus 60; they are the only ones taken in test mode's data and are refused
in production.
"""

import datetime as dt
import re

from services.chassis.errors import Rejection

FICTITIOUS_DAY_OFFSET = 60
ADULT_AGE = 18


class CprMalformed(Rejection):
    """Not a CPR number."""

    code = "cpr-format"
    field = "cpr"


class CprFictitious(Rejection):
    """A made-up number in production."""

    code = "cpr-fictitious"
    field = "cpr"


class CitizenUnder18(Rejection):
    """A card is for citizens of 18 and older (DOMAIN 2.8, R34)."""

    code = "citizen-under-18"
    field = "cpr"


def check_cpr(cpr: str, *, production: bool) -> None:
    """Refuse what is no CPR number, and in production what is a fictitious one.

    Raises:
        CprMalformed: not ten digits with a birth date.
        CprFictitious: day + 60 in production.
    """
    if re.fullmatch(r"\d{10}", cpr) is None:
        raise CprMalformed("a CPR number is ten digits, DDMMYYNNNN, without hyphen")
    if int(cpr[:2]) > FICTITIOUS_DAY_OFFSET and production:
        raise CprFictitious("day + 60 numbers are for tests; production takes real ones")
    try:
        birth_date(cpr)
    except ValueError as error:
        raise CprMalformed("the first six digits are a birth date, DDMMYY") from error


def check_adult(cpr: str, on: dt.date) -> None:
    """Refuse who is not 18 on a date; `cpr` was checked. Born on 29 February: on 1 March.

    Raises:
        CitizenUnder18: the 18th birthday is later.
    """
    born = birth_date(cpr)
    birthday_to_come = (on.month, on.day) < (born.month, born.day)
    if on.year - born.year - birthday_to_come < ADULT_AGE:
        raise CitizenUnder18(f"a card is valid from the citizen's {ADULT_AGE}th birthday or later")


def birth_date(cpr: str) -> dt.date:
    """Read the birth date of ten digits, fictitious ones too.

    Raises:
        ValueError: they hold no date.
    """
    day = int(cpr[:2])
    if day > FICTITIOUS_DAY_OFFSET:
        day -= FICTITIOUS_DAY_OFFSET
    return dt.date(_century(cpr) + int(cpr[4:6]), int(cpr[2:4]), day)


def _century(cpr: str) -> int:
    """Give the century by digit 7 and the year ([WIKI], DOMAIN 6.2)."""
    year, seventh = int(cpr[4:6]), int(cpr[6])
    if seventh <= 3:  # noqa: PLR2004 - the table's own figures
        return 1900
    if seventh in {4, 9}:
        return 2000 if year <= 36 else 1900  # noqa: PLR2004
    return 2000 if year <= 57 else 1800  # noqa: PLR2004
