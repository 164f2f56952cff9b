"""The value types of the published language: identifiers, dates, money.

Every type refuses with a stable kebab-case code and a sentence that says what would be
right. It refuses to normalise silently what could mean two things.
"""

import datetime as dt
import re
from enum import StrEnum
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer
from pydantic_core import PydanticCustomError

COPENHAGEN = ZoneInfo("Europe/Copenhagen")
"""Business dates are calendar dates of this zone (R44)."""

SHORT_TEXT_MAX = 40
"""A sector and a consultant travel on the bus, so they are short."""
FREE_TEXT_MAX = 500
AMOUNT_ORE_MAX = 10**12
"""Ten billion kroner: an upper bound that leaves sums inside a signed 64-bit integer."""
CVR_WEIGHTS = (2, 7, 6, 5, 4, 3, 2, 1)


class Contract(BaseModel):
    """A message or request of the published language: immutable, and growing only.

    Unknown fields are ignored, so that readers survive new optional fields.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")


class Request(Contract):
    """What a caller sends in: unknown fields are refused, for they would be lost."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Benefit(StrEnum):
    """What the citizen lives on when the card is granted."""

    KONTANTHJAELP = "kontanthjaelp"
    FOERTIDSPENSION = "foertidspension"
    RESSOURCEFORLOEBSYDELSE = "ressourceforloebsydelse"
    FOLKEPENSION = "folkepension"
    OTHER = "other"
    NONE = "none"


class AgeGroup(StrEnum):
    """How the municipality organises its offices; never checked against the CPR."""

    UNDER_30 = "under-30"
    FROM_30 = "30-plus"


class PaymentMethod(StrEnum):
    """How the wage was paid (DOMAIN 3.12)."""

    BANK = "bank"
    CASH = "cash"
    MOBILEPAY = "mobilepay"


class ApportionReason(StrEnum):
    """Why the ledger covered what it covered."""

    WITHIN_CAP = "within-cap"
    OVER_CAP = "over-cap"
    BEFORE_GRANT = "before-grant"
    GRANT_INACTIVE = "grant-inactive"
    YEAR_CLOSED = "year-closed"
    WAGE_REVERSED = "wage-reversed"


def _matches(pattern: str, code: str, expected: str) -> AfterValidator:
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if compiled.fullmatch(value) is None:
            raise PydanticCustomError(code, "{expected}", {"expected": expected})
        return value

    return AfterValidator(check)


def _check_cvr(value: str) -> str:
    """Refuse a CVR number whose mod-11 check digit is wrong (Erhvervsstyrelsen, [ERST])."""
    weighted = sum(int(digit) * weight for digit, weight in zip(value, CVR_WEIGHTS, strict=True))
    if weighted % 11:
        raise PydanticCustomError(
            "cvr-check-digit",
            "the check digit of this CVR number is wrong; look it up at virk.dk",
        )
    return value


def _municipality(value: Any) -> Any:
    """Drop the padding zero that some systems write: 0751 is 751."""
    return value[1:] if isinstance(value, str) and re.fullmatch(r"0\d{3}", value) else value


def _amount(value: int) -> int:
    if not 0 < value <= AMOUNT_ORE_MAX:
        raise PydanticCustomError(
            "amount-not-positive", "an amount is more than 0; a mistake is corrected by a reversal"
        )
    return value


def _no_time(value: Any) -> Any:
    """Accept a calendar date only: a time would have to be cut, in an unnamed zone."""
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value) is None:
        raise PydanticCustomError("date-format", "a date is written YYYY-MM-DD")
    return value


def moment(value: Any) -> Any:
    """Read a date as its 00:00 in Europe/Copenhagen, a time with its offset as it is."""
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        try:
            value = dt.date.fromisoformat(value)
        except ValueError as error:
            raise PydanticCustomError("date-format", "there is no such date") from error
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return dt.datetime.combine(value, dt.time(), tzinfo=COPENHAGEN).astimezone(dt.UTC)
    return value


def _aware(value: dt.datetime) -> dt.datetime:
    if value.tzinfo is None:
        raise PydanticCustomError(
            "time-without-offset",
            "a time carries its offset, as in 2023-05-31T12:00:00+02:00",
        )
    return value.astimezone(dt.UTC)


def format_moment(value: dt.datetime) -> str:
    """Write a moment as RFC 3339 in UTC, always with six decimals."""
    return value.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


CardNo = Annotated[
    str, _matches(r"\d{5}", "card-no-format", "a card number is five digits; leading zeros count")
]
Cvr = Annotated[
    str,
    _matches(r"\d{8}", "cvr-format", "a CVR number is eight digits"),
    AfterValidator(_check_cvr),
]
MunicipalityCode = Annotated[
    str,
    BeforeValidator(_municipality),
    _matches(
        r"[1-8]\d{2}", "municipality-code-format", "a municipality code is three digits, 101-860"
    ),
]
AmountOre = Annotated[int, Field(strict=True), AfterValidator(_amount)]
NaturalOre = Annotated[int, Field(strict=True, ge=0, le=AMOUNT_ORE_MAX)]
SignedOre = Annotated[int, Field(strict=True, ge=-AMOUNT_ORE_MAX, le=AMOUNT_ORE_MAX)]
ShortText = Annotated[str, Field(min_length=1, max_length=SHORT_TEXT_MAX)]
FreeText = Annotated[str, Field(min_length=1, max_length=FREE_TEXT_MAX)]
Code = Annotated[str, _matches(r"[a-z0-9]+(-[a-z0-9]+)*", "code-format", "a code is kebab-case")]
Year = Annotated[int, Field(strict=True, ge=2019, le=9999)]
Version = Annotated[int, Field(strict=True, ge=0)]
BusinessDate = Annotated[dt.date, BeforeValidator(_no_time)]
Moment = Annotated[
    dt.datetime,
    BeforeValidator(moment),
    AfterValidator(_aware),
    PlainSerializer(format_moment, return_type=str, when_used="json"),
]
