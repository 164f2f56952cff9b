"""The notations in which files write amounts, dates and times, each value read by itself.

Refuses to guess: what could mean two things is an error that says what to write instead.
Surrounding blanks are the caller's to strip.
"""

import datetime as dt
import re
from typing import Final

CELL_LENGTH_MAX: Final = 40
"""No amount, date or time is longer; a longer one is refused before it is looked into."""

# Blank, no-break space, thin space, narrow no-break space: what systems put between thousands.
_BLANKS: Final = " \u00a0\u2009\u202f"
_MINUS_SIGNS: Final = "-\u2212"
_PLAIN: Final = re.compile(r"(?P<kroner>[0-9]+)(?:[.,](?P<oere>[0-9]{1,2}))?")
_GROUPED: Final = (
    re.compile(r"(?P<kroner>[1-9][0-9]{0,2}(?:\.[0-9]{3})+)(?:,(?P<oere>[0-9]{1,2}))?"),
    re.compile(r"(?P<kroner>[1-9][0-9]{0,2}(?:,[0-9]{3})+)\.(?P<oere>[0-9]{1,2})"),
    re.compile(r"(?P<kroner>[1-9][0-9]{0,2}(?:,[0-9]{3}){2,})(?P<oere>)"),
    re.compile(
        rf"(?P<kroner>[1-9][0-9]{{0,2}}(?:[{_BLANKS}][0-9]{{3}})+)(?:[.,](?P<oere>[0-9]{{1,2}}))?"
    ),
)
_AMBIGUOUS: Final = re.compile(r"[0-9]+[.,][0-9]{3}")

_ISO_DATE: Final = re.compile(r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})")
_DANISH_DATE: Final = re.compile(r"(?P<day>[0-9]{2})-(?P<month>[0-9]{2})-(?P<year>[0-9]{4})")
_TIME: Final = re.compile(
    r"(?P<date>[0-9-]{10})[T ]"
    r"(?P<clock>[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?)"
    r" ?(?P<offset>Z|[+-][0-9]{2}:?[0-9]{2})?"
)
# A moment is turned into UTC, which the calendar's first and last days do not survive.
_MOMENT_YEARS: Final = range(1900, 9999)


HOLIDAY_PAY_PER_MILLE: Final = 125
"""Holiday pay that is paid out with the wage: 12.5 % of it (DOMAIN 1.3.7)."""


class ValueRefused(ValueError):  # noqa: N818 - a refusal is an answer, no error
    """A value that cannot be read; `code` is stable, the message says what would be right."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def parse_amount(text: str) -> int:
    """Read an amount in kroner and give it in øre.

    The decimal sign is `,` or `.` with one or two digits after it. Thousands may be separated
    by `.`, by blanks (a no-break space too), or by `,` where a decimal dot or a second comma
    shows that it separates. A minus is read, so that it can be refused as what it is.

    Raises:
        ValueRefused: `amount-ambiguous` or `amount-format`.
    """
    digits, sign = _take_sign(text)
    if len(text) <= CELL_LENGTH_MAX:
        for notation in (_PLAIN, *_GROUPED):
            if match := notation.fullmatch(digits):
                kroner = int(re.sub(r"[^0-9]", "", match["kroner"]))
                return sign * (kroner * 100 + int((match["oere"] or "").ljust(2, "0")))
        if _AMBIGUOUS.fullmatch(digits):
            raise ValueRefused("amount-ambiguous", _say_both_meanings(digits))
    raise ValueRefused(
        "amount-format",
        "an amount is written in kroner as 1250,50 or 1.250,50 or 1250.50, without a currency",
    )


def format_amount(amount_ore: int) -> str:
    """Write øre as kroner in Danish notation: 125050 is `1.250,50`."""
    kroner, oere = divmod(abs(amount_ore), 100)
    grouped = f"{kroner:,}".replace(",", ".")
    return f"{'-' if amount_ore < 0 else ''}{grouped},{oere:02d}"


def parse_date(text: str) -> dt.date:
    """Read `YYYY-MM-DD` or `DD-MM-YYYY`.

    Raises:
        ValueRefused: `date-format`, also for a day that the calendar does not have.
    """
    match = _ISO_DATE.fullmatch(text) or _DANISH_DATE.fullmatch(text)
    if match is None:
        raise ValueRefused("date-format", "a date is written YYYY-MM-DD or DD-MM-YYYY")
    try:
        return dt.date(int(match["year"]), int(match["month"]), int(match["day"]))
    except ValueError as error:
        raise ValueRefused("date-format", "there is no such date in the calendar") from error


def parse_moment(text: str) -> str:
    """Read a date, or a time with its offset, and give it in ISO 8601.

    A date stays a date: who asks decides whether its first or its last instant is meant.

    Raises:
        ValueRefused: `date-format`, `time-format` or `time-without-offset`.
    """
    if (match := _TIME.fullmatch(text)) is None:
        return _within_moments(parse_date(text)).isoformat()
    date = _within_moments(parse_date(match["date"]))
    if match["offset"] is None:
        raise ValueRefused(
            "time-without-offset", "a time carries its offset, as in 2023-05-31T12:00:00+02:00"
        )
    written = f"{date.isoformat()}T{match['clock']}{match['offset']}"
    try:
        return dt.datetime.fromisoformat(written).isoformat()
    except ValueError as error:
        raise ValueRefused("time-format", "there is no such time of day") from error


def _take_sign(text: str) -> tuple[str, int]:
    """Split a leading or trailing minus from the digits."""
    if text[:1] in _MINUS_SIGNS and text:
        return text[1:].lstrip(_BLANKS), -1
    if text[-1:] in _MINUS_SIGNS and text:
        return text[:-1].rstrip(_BLANKS), -1
    return text, 1


def _say_both_meanings(digits: str) -> str:
    whole, fraction = re.split(r"[.,]", digits)
    return (
        f"this can be read as {whole}{fraction} kr or as {whole} kr and a fraction: write "
        f"{whole}{fraction} for the former, one or two digits after the sign for the latter"
    )


def _within_moments(date: dt.date) -> dt.date:
    if date.year not in _MOMENT_YEARS:
        raise ValueRefused("date-format", "such a date cannot be when a fact was learned")
    return date


def holiday_pay(wage_ore: int) -> int:
    """Give the holiday pay of a wage of no less than 0, in øre, rounded half up (R25)."""
    return (wage_ore * HOLIDAY_PAY_PER_MILLE + 500) // 1000
