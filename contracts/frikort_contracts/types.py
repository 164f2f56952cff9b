"""The value types of the published language: identifiers, dates, money.

Every type refuses with a stable kebab-case code and a sentence that says what would be
right. It refuses to normalise silently what could mean two things.
"""

import datetime as dt
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainSerializer,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

COPENHAGEN = ZoneInfo("Europe/Copenhagen")
"""Business dates are calendar dates of this zone (R44)."""

SHORT_TEXT_MAX = 40
"""A sector and a consultant travel on the bus, so they are short."""
FREE_TEXT_MAX = 500
AMOUNT_ORE_MAX = 10**12
"""Ten billion kroner: an upper bound that leaves sums inside a signed 64-bit integer."""
CVR_WEIGHTS = (2, 7, 6, 5, 4, 3, 2, 1)
MOMENT_YEARS = range(1900, 9999)
"""The years a moment may lie in: four digits in every zone, and older than anyone's records."""
MOMENT_PATTERN = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z"
"""How a moment is written on the wire."""
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ].+")


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


class AttentionCode(StrEnum):
    """Why a person must look: the codes of `attention-raised`. More may come; none changes."""

    GRANT_CHANGED_SINCE = "grant-changed-since"
    WAGE_LATE = "wage-late"
    ROOM_REAPPEARED = "room-reappeared"
    CAP_CHANGED_EXCESS = "cap-changed-excess"
    CAP_MISSING = "cap-missing"
    WORK_BEFORE_GRANT = "work-before-grant"
    WORK_BEFORE_DEACTIVATION = "work-before-deactivation"
    HOLIDAY_PAY_AFTER_DEACTIVATION = "holiday-pay-after-deactivation"
    EMPLOYMENT_LATE = "employment-late"
    OUTSIDE_EMPLOYMENT = "outside-employment"
    WAGE_MISREPORTED = "wage-misreported"
    CITIZEN_CLOSED_LATE_WAGE = "citizen-closed-late-wage"
    WAGE_IN_CLOSED_YEAR = "wage-in-closed-year"
    REVERSAL_IN_CLOSED_YEAR = "reversal-in-closed-year"


@dataclass(frozen=True, slots=True)
class _Matches:
    """Refuse a text that is not `pattern` from end to end, with our own code."""

    pattern: str
    code: str
    expected: str

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**handler(schema), "pattern": f"^{self.pattern}$"}

    def _check(self, value: str) -> str:
        if re.fullmatch(self.pattern, value) is None:
            raise PydanticCustomError(self.code, "{expected}", {"expected": self.expected})
        return value


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
    return value[1:] if isinstance(value, str) and re.fullmatch(r"0[0-9]{3}", value) else value


def _amount(value: int) -> int:
    if not 0 < value <= AMOUNT_ORE_MAX:
        raise PydanticCustomError(
            "amount-not-positive", "an amount is more than 0; a mistake is corrected by a reversal"
        )
    return value


def _without_controls(value: str) -> str:
    if _CONTROL.search(value):  # PostgreSQL's JSON takes no NUL; the others are typing errors
        raise PydanticCustomError("text-format", "a short text is one line, without control codes")
    return value


def _no_time(value: Any) -> Any:
    """Accept a calendar date only: a time would have to be cut, in an unnamed zone."""
    if isinstance(value, str) and _DATE.fullmatch(value):
        return _calendar_date(value)
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value
    raise PydanticCustomError("date-format", "a date is written YYYY-MM-DD")


def moment(value: Any) -> Any:
    """Read a date as its 00:00 in Europe/Copenhagen, a time with its offset as it is.

    A number is refused: it could be a date without hyphens or seconds of some epoch.
    """
    if isinstance(value, str) and _DATE.fullmatch(value):
        value = _calendar_date(value)
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return dt.datetime.combine(value, dt.time(), tzinfo=COPENHAGEN)
    if not (isinstance(value, dt.datetime) or (isinstance(value, str) and _TIME.fullmatch(value))):
        raise PydanticCustomError(
            "time-format", "a moment is a date or a time, as in 2023-05-31T12:00:00+02:00"
        )
    return value


def _calendar_date(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError as error:
        raise PydanticCustomError("date-format", "there is no such date") from error


def _aware(value: dt.datetime) -> dt.datetime:
    if value.tzinfo is None:
        raise PydanticCustomError(
            "time-without-offset",
            "a time carries its offset, as in 2023-05-31T12:00:00+02:00",
        )
    if value.year not in MOMENT_YEARS:
        raise PydanticCustomError("time-out-of-range", "a moment lies in the years 1900 to 9998")
    return value.astimezone(dt.UTC)


def format_moment(value: dt.datetime) -> str:
    """Write a moment as RFC 3339 in UTC, always with six decimals."""
    return value.astimezone(dt.UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


CardNo = Annotated[
    str,
    _Matches("[0-9]{5}", "card-no-format", "a card number is five digits; leading zeros count"),
]
Cvr = Annotated[
    str,
    _Matches("[0-9]{8}", "cvr-format", "a CVR number is eight digits"),
    AfterValidator(_check_cvr),
]
MunicipalityCode = Annotated[
    str,
    BeforeValidator(_municipality),
    _Matches(
        "[1-8][0-9]{2}",
        "municipality-code-format",
        "a municipality code is three digits, 101-860",
    ),
]
Identifier = Annotated[
    str,
    _Matches(
        "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
        "identifier-format",
        "an identifier is a UUID in lower case",
    ),
]
Sha256 = Annotated[
    str, _Matches("[0-9a-f]{64}", "sha256-format", "a SHA-256 is 64 hexadecimal digits")
]
AmountOre = Annotated[
    int,
    Field(strict=True, json_schema_extra={"minimum": 1, "maximum": AMOUNT_ORE_MAX}),
    AfterValidator(_amount),
]
NaturalOre = Annotated[int, Field(strict=True, ge=0, le=AMOUNT_ORE_MAX)]
SignedOre = Annotated[int, Field(strict=True, ge=-AMOUNT_ORE_MAX, le=AMOUNT_ORE_MAX)]
ShortText = Annotated[
    str, Field(min_length=1, max_length=SHORT_TEXT_MAX), AfterValidator(_without_controls)
]
FreeText = Annotated[str, Field(min_length=1, max_length=FREE_TEXT_MAX)]
Code = Annotated[str, _Matches("[a-z0-9]+(-[a-z0-9]+)*", "code-format", "a code is kebab-case")]
Year = Annotated[int, Field(strict=True, ge=2019, le=9999)]
Version = Annotated[int, Field(strict=True, ge=0)]
BusinessDate = Annotated[dt.date, BeforeValidator(_no_time)]
Moment = Annotated[
    dt.datetime,
    BeforeValidator(moment),
    AfterValidator(_aware),
    PlainSerializer(format_moment, return_type=str, when_used="json"),
    WithJsonSchema(
        {"type": "string", "format": "date-time", "pattern": f"^{MOMENT_PATTERN}$"},
        mode="serialization",
    ),
]
